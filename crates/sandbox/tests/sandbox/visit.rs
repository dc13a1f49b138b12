//! The calendar and the field app.

use recoup_sandbox::{Channel, Outcome};
use serde_json::Value;

use crate::support::{SECOND, T0, World, get, http, rule, start_stepped};

const HOUR: i64 = 3_600 * SECOND;

/// An event at 12:00 in Shanghai, two hours after [`T0`].
fn ics(status: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:k1@recoup\r\n\
         DTSTART;TZID=Asia/Shanghai:20261124T120000\r\nDTEND:20261124T050000Z\r\n\
         SUMMARY:外访 张三\r\nATTENDEE;CN=Li:mailto:li@x\r\nSTATUS:{status}\r\n\
         END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

async fn put(world: &World, body: &str, headers: &[(&str, &str)]) -> u16 {
    let url = format!("{}/crews/north/k1.ics", world.at.caldav);
    http(&url, "PUT", headers, body.as_bytes())
        .await
        .expect("an answer")
        .0
}

async fn reports(world: &World) -> Vec<Value> {
    let (_, body) = get(&format!("{}/control/visit-reports", world.at.control)).await;
    serde_json::from_str(&body).expect("JSON")
}

const ONLY_NEW: [(&str, &str); 1] = [("if-none-match", "*")];

#[tokio::test]
async fn a_visit_is_made_at_its_appointment_and_reported() {
    let (world, mut clock) = start_stepped(|o| {
        o.field_app = true;
        o.rules = vec![rule("crews/", Channel::Visit, Outcome::Visited)];
    })
    .await;
    assert_eq!(put(&world, &ics("CONFIRMED"), &ONLY_NEW).await, 201);
    assert_eq!(put(&world, &ics("CONFIRMED"), &ONLY_NEW).await, 412);
    let receipts = world.of_type("receipt");
    assert_eq!(receipts[0]["effect_from_us"].as_i64(), Some(T0 + 2 * HOUR));
    assert_eq!(receipts[0]["effect_to_us"].as_i64(), Some(T0 + 3 * HOUR));
    let effects: Vec<_> = receipts
        .iter()
        .map(|r| (r["answer"].as_u64(), r["effect"].as_bool()))
        .collect();
    assert_eq!(effects, [(Some(201), Some(true)), (Some(412), Some(false))]);
    assert_eq!(receipts[0]["dest"], "crews/north");
    let (status, stored) = get(&format!("{}/crews/north/k1.ics", world.at.caldav)).await;
    assert_eq!((status, stored), (200, ics("CONFIRMED")));

    assert_eq!(clock.step().await, T0 + 2 * HOUR);
    while world.of_type("outcome").is_empty() {
        assert_eq!(clock.ask().await, None);
    }
    // A report that nobody has fetched is work under way.
    assert_eq!(clock.ask().await, None);
    let told = loop {
        let told = reports(&world).await;
        if !told.is_empty() {
            break told;
        }
    };
    assert_eq!(told.len(), 1);
    let want = serde_json::json!({
        "key": "k1", "uid": "k1@recoup", "dest": "crews/north", "outcome": "visited",
        "at_us": T0 + 2 * HOUR, "collectors": ["Li"],
    });
    for (field, value) in want.as_object().expect("an object") {
        assert_eq!(&told[0][field], value, "{field}");
    }
    assert_eq!(
        told[0]["evidence"][0]["sha256"].as_str().map(str::len),
        Some(64)
    );
    assert_eq!(clock.quiet().await, None);
    assert!(reports(&world).await.is_empty(), "fetched is gone");
    // The visit was made: nothing can take it back.
    assert_eq!(put(&world, &ics("CANCELLED"), &[]).await, 204);
    assert_eq!(world.of_type("outcome").len(), 1);
}

#[tokio::test]
async fn a_cancelled_visit_is_not_made() {
    let (world, mut clock) = start_stepped(|o| o.field_app = true).await;
    assert_eq!(put(&world, &ics("CONFIRMED"), &ONLY_NEW).await, 201);
    assert_eq!(put(&world, &ics("CANCELLED"), &[]).await, 204);
    let receipt = &world.of_type("receipt")[1];
    assert_eq!(
        (&receipt["op"], &receipt["effect"]),
        (&"cancel".into(), &false.into())
    );
    clock.step().await;
    assert_eq!(clock.quiet().await, None);
    assert!(reports(&world).await.is_empty());
    let told = world.of_type("outcome");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["outcome"], "cancelled");
}

#[tokio::test]
async fn what_is_no_event_is_refused() {
    let (world, mut clock) = start_stepped(|_| {}).await;
    assert_eq!(put(&world, "BEGIN:VCALENDAR", &[]).await, 400);
    assert_eq!(world.of_type("receipt")[0]["effect"], false);
    for (method, path, want) in [
        ("MKCALENDAR", "/crews/north/", 201),
        ("MKCALENDAR", "/crews/north", 405),
        ("PROPFIND", "/crews/north/", 405),
        ("GET", "/crews/north/none.ics", 404),
        ("PUT", "/nowhere.ics", 409),
    ] {
        let url = format!("{}{path}", world.at.caldav);
        let (status, _) = http(&url, method, &[], b"").await.expect("an answer");
        assert_eq!(status, want, "{method} {path}");
    }
    assert_eq!(clock.quiet().await, None);
}
