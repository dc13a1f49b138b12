//! The email channel through its trait, against a loopback mail server.

#[path = "../../shared/peer.rs"]
mod peer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use peer::{NOW_UNIX_MS, TestHost};
use recoup_channel::wire::send_request::Content;
use recoup_channel::wire::{
    Attachment, DebtorMessage, Destination, Receipt, SendRequest, destination,
};
use recoup_channel::{Channel, ChannelError, ChannelFactory};
use recoup_email::EmailChannel;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// At which command the server does something else than to go on, and what it says then; "" cuts
/// the connection. `TEXT` is the end of the mail's text.
type Fault = Option<(&'static str, &'static str)>;

struct Server {
    port: u16,
    lines: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // How a connection ends is the test's affair.
                let _ = serve(stream, fault, &kept).await;
            }
        });
        Self { port, lines, task }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("not poisoned").clone()
    }

    /// The lines that begin so.
    fn count(&self, start: &str) -> usize {
        self.lines()
            .iter()
            .filter(|line| line.starts_with(start))
            .count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, fault: Fault, kept: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 test ESMTP\r\n").await?;
    let mut in_text = false;
    while let Some(line) = lines.next_line().await? {
        kept.lock().expect("not poisoned").push(line.clone());
        let verb = match (in_text, line.as_str()) {
            (true, ".") => "TEXT",
            (true, _) => continue,
            (false, line) => line.split(' ').next().unwrap_or_default(),
        };
        in_text = verb == "DATA";
        let answer = match (fault, verb) {
            (Some((at, "")), verb) if at == verb => return Ok(()),
            (Some((at, says)), verb) if at == verb => says,
            (_, "EHLO") => "250-test\r\n250 8BITMIME",
            (_, "DATA") => "354 go on",
            (_, "QUIT") => "221 bye",
            _ => "250 2.0.0 ok",
        };
        in_text &= answer.starts_with("354");
        writer.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

fn request() -> SendRequest {
    SendRequest {
        contact_id: "0192-c1".to_owned(),
        idempotency_key: "key-1".to_owned(),
        destination: Some(Destination {
            to: Some(destination::To::Email("zhang@mail.test".to_owned())),
            display_name: "张三".to_owned(),
        }),
        content: Some(Content::Debtor(DebtorMessage {
            subject: "还款提醒：合同 2026-01".to_owned(),
            body: "您好，张三。\n.\n请联系我们。".to_owned(),
            ..DebtorMessage::default()
        })),
        ..SendRequest::default()
    }
}

fn channel(host: &Arc<TestHost>, port: u16) -> EmailChannel {
    let config = format!(
        r#"{{"host": "127.0.0.1", "port": {port}, "tls": "none", "from": "客服 <care@lender.test>",
            "bounce_domain": "bounce.lender.test",
            "list_unsubscribe": "<mailto:stop@lender.test>"}}"#
    );
    EmailChannel::create(&config, host.host()).expect("a valid configuration")
}

struct Sent {
    server: Server,
    began: Arc<AtomicU64>,
    result: Result<Receipt, ChannelError>,
}

async fn send(fault: Fault, request: SendRequest) -> Sent {
    let host = TestHost::new(&[]);
    let server = Server::start(fault).await;
    let channel = channel(&host, server.port);
    let (call, began) = host.call(&request.idempotency_key);
    let result = Channel::send(&channel, &call, request).await;
    Sent {
        server,
        began,
        result,
    }
}

#[tokio::test]
async fn a_mail_carries_its_key_and_its_return_path() {
    let sent = send(None, request()).await;
    let receipt = sent.result.expect("taken");
    assert_eq!(receipt.provider_ref, "<key-1@lender.test>");
    assert_eq!(receipt.immediate, None, "a 250 is acceptance, not delivery");
    assert_eq!(sent.began.load(Ordering::SeqCst), 1);
    let lines = sent.server.lines();
    let has = |line: &str| assert!(lines.iter().any(|l| l == line), "{line} not in {lines:#?}");
    has("MAIL FROM:<bounces+0192-c1@bounce.lender.test>");
    has("RCPT TO:<zhang@mail.test>");
    has("Message-ID: <key-1@lender.test>");
    has("List-Unsubscribe: <mailto:stop@lender.test>");
    has("Auto-Submitted: auto-generated");
    has("Date: Tue, 24 Nov 2026 02:00:00 +0000");
    // The words are encoded (RFC 2047), so a plain search would find nothing.
    assert_eq!(sent.server.count("Subject: =?utf-8?b?"), 1, "{lines:#?}");
    assert_eq!(
        sent.server
            .count("To: =?utf-8?b?5byg5LiJ?= <zhang@mail.test>"),
        1,
        "{lines:#?}"
    );
    assert!(lines.iter().all(|line| line.is_ascii()), "{lines:#?}");
    assert_eq!(
        sent.server.count("."),
        1,
        "only the end is a lone dot: {lines:#?}"
    );
}

#[tokio::test]
async fn a_file_goes_along_only_if_it_is_the_one_that_was_named() {
    let bytes = b"%PDF-1.7 letter";
    let good: [u8; 32] = Sha256::digest(bytes).into();
    for (served_under, named, want) in [(good, good, None), ([7; 32], [7; 32], Some("differs"))] {
        let host = TestHost::new(&[]);
        host.put_blob(served_under, bytes);
        let server = Server::start(None).await;
        let channel = channel(&host, server.port);
        let attachment = Attachment {
            name: "函.pdf".to_owned(),
            media_type: "application/pdf".to_owned(),
            sha256: named.to_vec(),
            size_bytes: bytes.len() as u64,
        };
        let mut request = request();
        if let Some(Content::Debtor(message)) = &mut request.content {
            message.attachments = vec![attachment];
        }
        let (call, began) = host.call("key-1");
        let got = Channel::send(&channel, &call, request).await;
        match want {
            None => {
                got.expect("taken");
                assert_eq!(server.count("Content-Type: application/pdf"), 1);
            }
            Some(want) => {
                let got = got.expect_err("another file");
                assert!(
                    got.message().contains(want) && got.proves_not_sent(),
                    "{got}"
                );
                assert_eq!((began.load(Ordering::SeqCst), server.count("EHLO")), (0, 0));
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_proven_is_unknown() {
    let cases = [
        (("EHLO", ""), "retryable"),
        (("MAIL", ""), "retryable"),
        (("RCPT", ""), "retryable"),
        (
            ("RCPT", "550 5.1.1 <zhang@mail.test>: no such user"),
            "rejected",
        ),
        (("RCPT", "452 4.2.2 full"), "retryable"),
        (("MAIL", "530 5.7.0 log in first"), "auth"),
        (("DATA", ""), "retryable"),
        (("DATA", "554 5.5.1 no"), "permanent"),
        (("TEXT", ""), "unknown"),
        (("TEXT", "<<%&{]"), "unknown"),
        (("TEXT", "421 4.3.0 closing"), "unknown"),
        (("TEXT", "452 4.3.1 no room"), "retryable"),
        (("TEXT", "550 5.7.1 refused"), "rejected"),
    ];
    for (fault, want) in cases {
        let sent = send(Some(fault), request()).await;
        let got = sent.result.expect_err(want);
        assert_eq!(got.kind(), want, "{fault:?}: {got}");
        assert!(
            sent.server.count("EHLO") <= 1,
            "never sent again: {fault:?}"
        );
        assert!(
            !got.message().contains("zhang@"),
            "an address in an error: {got}"
        );
    }
}

#[tokio::test]
async fn a_refused_connection_is_proven_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    let host = TestHost::new(&[]);
    let (call, began) = host.call("key-1");
    let got = Channel::send(&channel(&host, port), &call, request()).await;
    let got = got.expect_err("nobody listens");
    assert_eq!(got.kind(), "retryable", "{got}");
    assert_eq!(began.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn nothing_about_the_person_leaves_after_not_after() {
    let host = TestHost::new(&[]);
    let server = Server::start(None).await;
    let (call, began) = host.call("key-1");
    let call = call.with_not_after(NOW_UNIX_MS);
    let got = Channel::send(&channel(&host, server.port), &call, request()).await;
    let got = got.expect_err("too late");
    assert!(got.proves_not_sent(), "{got}");
    assert_eq!(began.load(Ordering::SeqCst), 0);
    assert_eq!(
        (
            server.count("MAIL"),
            server.count("RCPT"),
            server.count("DATA")
        ),
        (0, 0, 0)
    );
}

#[tokio::test]
async fn without_starttls_nothing_is_sent_in_the_clear() {
    let host = TestHost::new(&[("mail", "secret")]);
    let server = Server::start(None).await;
    let config = format!(
        r#"{{"host": "127.0.0.1", "port": {}, "from": "care@lender.test",
            "username": "u", "password_secret": "mail"}}"#,
        server.port
    );
    let channel = EmailChannel::create(&config, host.host()).expect("valid");
    let (call, _) = host.call("key-1");
    let got = Channel::send(&channel, &call, request())
        .await
        .expect_err("no STARTTLS");
    assert!(
        got.proves_not_sent() && got.message().contains("STARTTLS"),
        "{got}"
    );
    assert_eq!((server.count("AUTH"), server.count("MAIL")), (0, 0));
}

#[tokio::test]
async fn a_line_end_in_a_header_is_refused() {
    let message = DebtorMessage {
        subject: "a\r\nBcc: x@y.test".to_owned(),
        body: "b".to_owned(),
        ..DebtorMessage::default()
    };
    let request = SendRequest {
        content: Some(Content::Debtor(message)),
        ..request()
    };
    let sent = send(None, request).await;
    let got = sent.result.expect_err("a line end");
    assert_eq!(got.kind(), "permanent", "{got}");
    assert_eq!(sent.server.lines().len(), 0);
}
