//! The voice provider.

use recoup_sandbox::{Channel, Endpoints, Outcome};
use serde_json::Value;

use crate::support::{Recorder, http, percent, rule, start_stepped};

/// base64 of `ACsandbox:sandbox-token`.
const BASIC: &str = "Basic QUNzYW5kYm94OnNhbmRib3gtdG9rZW4=";

fn calls(at: &Endpoints) -> String {
    format!("{}/2010-04-01/Accounts/ACsandbox/Calls", at.voice)
}

async fn post(url: &str, auth: &str, form: &str) -> (u16, Value) {
    let headers = [
        ("authorization", auth),
        ("content-type", "application/x-www-form-urlencoded"),
        ("idempotency-key", "k1"),
    ];
    let (status, body) = http(url, "POST", &headers, form.as_bytes())
        .await
        .expect("an answer");
    (status, serde_json::from_str(&body).expect("JSON"))
}

fn form(service: &str) -> String {
    let script = format!(
        "<Response><Gather numDigits=\"1\" action=\"{service}/gather?m=1&amp;c=2\"><Say>请按1</Say></Gather></Response>"
    );
    format!(
        "To=%2B8613800000001&From=%2B861069&Twiml={}&StatusCallback={}&MachineDetection=Enable",
        percent(&script),
        percent(&format!("{service}/status")),
    )
}

#[tokio::test]
async fn calls_are_reported_as_they_went() {
    let cases = [
        (Outcome::Conversation, "completed", Some("human"), "200"),
        (
            Outcome::AnsweredUnconfirmed,
            "completed",
            Some("human"),
            "200",
        ),
        (
            Outcome::Voicemail,
            "completed",
            Some("machine_end_beep"),
            "200",
        ),
        (Outcome::NoAnswer, "no-answer", None, "480"),
        (Outcome::Busy, "busy", None, "486"),
        (Outcome::Declined, "busy", None, "603"),
        (Outcome::NotInService, "failed", None, "404"),
    ];
    for (outcome, status, by, sip) in cases {
        let (world, mut clock) =
            start_stepped(|o| o.rules = vec![rule("", Channel::Phone, outcome)]).await;
        let mut service = Recorder::start().await;
        let url = format!("{}.json", calls(&world.at));
        let (code, call) = post(&url, BASIC, &form(&service.url)).await;
        assert_eq!((code, call["status"].as_str()), (201, Some("queued")));
        let sid = call["sid"].as_str().expect("a sid").to_owned();
        assert!(sid.starts_with("CA") && sid.len() == 34, "{sid}");
        let receipt = &world.of_type("receipt")[0];
        assert_eq!(
            (&receipt["text"], &receipt["key"]),
            (&"请按1".into(), &"k1".into())
        );

        let rang_us = clock.step().await;
        let ended_us = clock.step().await;
        if outcome == Outcome::Conversation {
            let got = service.next().await;
            assert_eq!(got.line, "POST /gather?m=1&c=2 HTTP/1.1");
            assert!(
                got.body.contains("Digits=1") && got.body.contains(&sid),
                "{}",
                got.body
            );
            assert_eq!(got.headers["x-twilio-signature"].len(), 28);
            got.answer(200);
        }
        let got = service.next().await;
        assert_eq!(got.line, "POST /status HTTP/1.1");
        assert_eq!(got.headers["x-twilio-signature"].len(), 28);
        let has = |pair: &str| got.body.split('&').any(|p| p == pair);
        assert!(has(&format!("CallStatus={status}")), "{}", got.body);
        assert!(has(&format!("SipResponseCode={sip}")), "{}", got.body);
        assert_eq!(
            by.is_some(),
            got.body.contains("AnsweredBy="),
            "{}",
            got.body
        );
        assert!(
            by.is_none_or(|by| has(&format!("AnsweredBy={by}"))),
            "{}",
            got.body
        );
        got.answer(200);
        assert_eq!(clock.quiet().await, None);

        let told = world.of_type("outcome");
        assert_eq!(told.len(), 1);
        assert_eq!(
            told[0]["outcome"],
            serde_json::to_value(outcome).expect("a name")
        );
        // The person is reached when it rings, not when the report comes.
        assert_eq!(told[0]["at_us"].as_i64(), Some(rang_us));
        assert!(ended_us > rang_us);
        let one = format!("{}/{sid}.json", calls(&world.at));
        let (_, shown) = http(&one, "GET", &[("authorization", BASIC)], b"")
            .await
            .expect("an answer");
        assert!(
            shown.contains(&format!("\"status\":\"{status}\"")),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn errors_have_the_providers_shape() {
    let (world, _clock) =
        start_stepped(|o| o.rules = vec![rule("+0", Channel::Phone, Outcome::InvalidAddress)])
            .await;
    let url = format!("{}.json", calls(&world.at));
    let cases = [
        ("Basic x", "To=%2B1&From=%2B2&Twiml=x", 401, 20003),
        (BASIC, "From=%2B2&Twiml=x", 400, 21201),
        (BASIC, "To=%2B1&Twiml=x", 400, 21213),
        (BASIC, "To=%2B1&From=%2B2", 400, 21205),
        (BASIC, "To=%2B0&From=%2B2&Twiml=x", 400, 21211),
    ];
    for (auth, form, status, code) in cases {
        let (got, error) = post(&url, auth, form).await;
        assert_eq!(
            (got, error["code"].as_i64()),
            (status, Some(code)),
            "{form}"
        );
        assert_eq!(error["status"].as_u64(), Some(u64::from(status)));
    }
    assert!(
        world
            .of_type("receipt")
            .iter()
            .all(|r| r["effect"] == false)
    );
}

#[tokio::test]
async fn a_call_is_cancelled_until_it_rings() {
    let (world, mut clock) =
        start_stepped(|o| o.rules = vec![rule("", Channel::Phone, Outcome::Busy)]).await;
    let mut service = Recorder::start().await;
    let url = format!("{}.json", calls(&world.at));
    let mut sids = Vec::new();
    for _ in 0..2 {
        let (_, call) = post(&url, BASIC, &form(&service.url)).await;
        sids.push(call["sid"].as_str().expect("a sid").to_owned());
    }
    let one = |i: usize| format!("{}/{}.json", calls(&world.at), sids[i]);
    let (status, call) = post(&one(0), BASIC, "Status=canceled").await;
    assert_eq!((status, call["status"].as_str()), (200, Some("canceled")));
    assert!(service.take().await.1.contains("CallStatus=canceled"));
    while !world
        .of_type("outcome")
        .iter()
        .any(|line| line["outcome"] == "busy")
    {
        clock.step().await;
        while clock.ask().await.is_none() {
            tokio::task::yield_now().await;
        }
    }
    let (status, error) = post(&one(1), BASIC, "Status=canceled").await;
    assert_eq!((status, error["code"].as_i64()), (400, Some(21220)));
    let outcomes: Vec<_> = world
        .of_type("outcome")
        .iter()
        .map(|line| line["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["cancelled", "busy"]);
    let ops: Vec<_> = world
        .of_type("receipt")
        .iter()
        .map(|r| (r["op"].clone(), r["answer"].as_u64(), r["effect"].as_bool()))
        .collect();
    let line = |op: &str, answer, effect| (op.into(), Some(answer), Some(effect));
    assert_eq!(
        ops,
        [
            line("send", 201, true),
            line("send", 201, true),
            line("cancel", 200, false),
            line("cancel", 400, false)
        ]
    );
}
