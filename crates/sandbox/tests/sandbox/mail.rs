//! The mail server.

use recoup_sandbox::{Channel, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{World, guarded, rule, start, start_stepped};

/// Sends it all at once, as pipelining allows, and returns the first digits of each final line.
async fn talk(world: &World, text: &str) -> Vec<String> {
    let address = world.at.smtp.strip_prefix("smtp://").expect("smtp");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream
        .write_all(text.replace('\n', "\r\n").as_bytes())
        .await
        .expect("written");
    let mut said = String::new();
    let _ = guarded("the mail server", stream.read_to_string(&mut said)).await;
    said.lines()
        .filter(|line| line.as_bytes().get(3) != Some(&b'-'))
        .map(|line| line.chars().take(3).collect())
        .collect()
}

const MAIL: &str = "EHLO me\nMAIL FROM:<bounces+1@r.test> SIZE=100\nRCPT TO:<a@x.test>\nDATA\n\
    Message-ID: <k1@r.test>\nSubject: =?utf-8?B?5L2g?=\nContent-Type: text/plain; charset=utf-8\n\
    Content-Transfer-Encoding: quoted-printable\n\n..dot =E4=BD=A0\n.\nQUIT\n";

#[tokio::test]
async fn a_mail_is_taken_and_read() {
    let world = start(|o| o.rules = vec![rule("", Channel::Email, Outcome::Delivered)]).await;
    let said = talk(&world, MAIL).await;
    assert_eq!(said, ["220", "250", "250", "250", "354", "250", "221"]);
    let receipt = &world.of_type("receipt")[0];
    let want = serde_json::json!({
        "dest": "a@x.test", "key": "k1", "text": "你\n\n.dot 你", "answer": 250,
        "effect": true, "outcome": "delivered",
    });
    for (field, value) in want.as_object().expect("an object") {
        assert_eq!(&receipt[field], value, "{field}");
    }
    assert_eq!(world.of_type("outcome")[0]["outcome"], "delivered");
}

#[tokio::test]
async fn dead_addresses_bounces_and_disorder() {
    let (world, mut clock) = start_stepped(|o| {
        o.rules = vec![
            rule("dead", Channel::Email, Outcome::InvalidAddress),
            rule("", Channel::Email, Outcome::Undelivered),
        ];
    })
    .await;
    let said = talk(
        &world,
        "NOOP\nDATA\nRCPT TO:<a@x>\nMAIL FROM:<>\nRCPT TO:<dead@x>\nDATA\nRCPT TO:<a@x>\n\
         RSET\nDATA\nBDAT 1\nMAIL a\nQUIT\n",
    )
    .await;
    assert_eq!(
        said,
        [
            "220", "250", "503", "503", "250", "550", "503", "250", "250", "503", "502", "501",
            "221"
        ]
    );
    assert_eq!(
        talk(&world, MAIL).await,
        ["220", "250", "250", "250", "354", "250", "221"]
    );
    let receipts = world.of_type("receipt");
    let seen: Vec<_> = receipts
        .iter()
        .map(|r| (r["answer"].as_u64(), r["effect"].as_bool()))
        .collect();
    assert_eq!(seen, [(Some(550), Some(false)), (Some(250), Some(true))]);
    assert!(
        world.of_type("outcome").is_empty(),
        "the bounce comes later"
    );
    let at_us = clock.step().await;
    clock.quiet().await;
    let told = &world.of_type("outcome")[0];
    assert_eq!(told["outcome"], "undelivered");
    assert_eq!(told["at_us"].as_i64(), Some(at_us));
}

#[tokio::test]
async fn misbehaviour_fits_the_protocol() {
    let cases: [(&str, &[&str], u64, bool); 4] = [
        ("email:cut=1", &["220", "250", "250", "250", "354"], 0, true),
        (
            "email:error_500=1",
            &["220", "250", "250", "250", "354", "452", "221"],
            452,
            false,
        ),
        (
            "email:reject=1",
            &["220", "250", "250", "250", "354", "550", "221"],
            550,
            false,
        ),
        (
            "email:garbage=1",
            &["220", "250", "250", "250", "354", "<<%", "221"],
            200,
            true,
        ),
    ];
    for (text, want, logged, effect) in cases {
        let world = start(|o| {
            o.rules = vec![rule("", Channel::Email, Outcome::Delivered)];
            o.misbehave = text.parse().expect("valid text");
        })
        .await;
        assert_eq!(talk(&world, MAIL).await, want, "{text}");
        let receipt = &world.of_type("receipt")[0];
        assert_eq!(
            (&receipt["answer"], &receipt["effect"]),
            (&logged.into(), &effect.into())
        );
    }
}
