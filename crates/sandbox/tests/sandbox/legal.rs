//! The law firm's desk.

use std::io::{Cursor, Write};

use recoup_sandbox::Endpoints;
use serde_json::Value;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;

use crate::support::{Recorder, SECOND, T0, World, http, start_stepped};

const DAY: i64 = 86_400 * SECOND;

fn pack() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let parts = [
        ("manifest.json", "{\"case\":1}"),
        ("letter.txt", "催告函"),
        ("a.pdf", "%PDF"),
    ];
    for (name, text) in parts {
        zip.start_file(name, SimpleFileOptions::default())
            .expect("a part");
        zip.write_all(text.as_bytes()).expect("written");
    }
    zip.finish().expect("a zip").into_inner()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

async fn refer(at: &Endpoints, key: &str, body: &[u8], hash: &str, back: &str) -> (u16, Value) {
    let headers = [
        ("idempotency-key", key),
        ("content-sha256", hash),
        ("desk", "Firm A"),
        ("callback-url", back),
        ("content-type", "application/zip"),
    ];
    json(
        http(
            &format!("{}/v1/referrals", at.legal),
            "POST",
            &headers,
            body,
        )
        .await,
    )
}

fn json(answer: Option<(u16, String)>) -> (u16, Value) {
    let (status, body) = answer.expect("an answer");
    (status, serde_json::from_str(&body).expect("JSON"))
}

async fn call(world: &World, method: &str, path: &str) -> (u16, Value) {
    json(
        http(
            &format!("{}/v1/referrals{path}", world.at.legal),
            method,
            &[],
            b"",
        )
        .await,
    )
}

#[tokio::test]
async fn a_referral_is_taken_once_and_filed_days_later() {
    let (world, mut clock) = start_stepped(|_| {}).await;
    let mut service = Recorder::start().await;
    let back = format!("{}/filed", service.url);
    let (body, hash) = (pack(), sha256(&pack()));
    let (status, first) = refer(&world.at, "k1", &body, &hash, &back).await;
    assert_eq!(status, 201);
    let (status, again) = refer(&world.at, "k1", &body, &hash, &back).await;
    assert_eq!((status, &again), (200, &first));
    let id = first["receipt_id"].as_str().expect("an id");
    let receipts = world.of_type("receipt");
    assert_eq!(
        receipts[0]["text"],
        "manifest.json\n{\"case\":1}\nletter.txt\n催告函\na.pdf\n"
    );
    assert_eq!(
        (&receipts[0]["dest"], &receipts[0]["outcome"]),
        (&"Firm A".into(), &"filed".into())
    );
    assert_eq!(
        (&receipts[0]["effect"], &receipts[1]["effect"]),
        (&true.into(), &false.into())
    );
    let (_, found) = call(&world, "GET", "?key=k1").await;
    assert_eq!(
        (&found["receipt_id"], &found["status"]),
        (&id.into(), &"received".into())
    );
    assert_eq!(call(&world, "GET", "?key=k2").await.0, 404);

    let at_us = clock.step().await;
    assert!((T0 + DAY..=T0 + 4 * DAY).contains(&at_us), "{at_us}");
    let (line, told) = service.take().await;
    assert_eq!(line, "POST /filed HTTP/1.1");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let want =
        serde_json::json!({"receipt_id": id, "key": "k1", "status": "filed", "at_us": at_us});
    assert_eq!(told, want);
    assert_eq!(clock.quiet().await, None);
    assert_eq!(call(&world, "DELETE", &format!("/{id}")).await.0, 409);
}

#[tokio::test]
async fn a_recalled_referral_is_not_filed() {
    let (world, mut clock) = start_stepped(|_| {}).await;
    let (_, first) = refer(
        &world.at,
        "k1",
        &pack(),
        &sha256(&pack()),
        "http://127.0.0.1:1/",
    )
    .await;
    let path = format!("/{}", first["receipt_id"].as_str().expect("an id"));
    assert_eq!(call(&world, "DELETE", &path).await.0, 200);
    assert_eq!(call(&world, "DELETE", "/r-0").await.0, 404);
    clock.step().await;
    assert_eq!(clock.quiet().await, None);
    let told = world.of_type("outcome");
    assert_eq!((told.len(), &told[0]["outcome"]), (1, &"cancelled".into()));
}

#[tokio::test]
async fn a_pack_that_is_not_what_it_says_is_refused() {
    let (world, _clock) = start_stepped(|_| {}).await;
    let (wrong, no_zip) = (sha256(b"other"), sha256(b"no zip"));
    assert_eq!(refer(&world.at, "k1", &pack(), &wrong, "x").await.0, 422);
    assert_eq!(refer(&world.at, "k1", b"no zip", &no_zip, "x").await.0, 422);
    assert_eq!(
        refer(&world.at, "", &pack(), &sha256(&pack()), "x").await.0,
        400
    );
    assert!(
        world
            .of_type("receipt")
            .iter()
            .all(|r| r["effect"] == false)
    );
}
