//! Mails to aiosmtpd, read back by Python's own email package.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use recoup_channel::wire::send_request::Content;
use recoup_channel::wire::{Attachment, Receipt, SendRequest, destination};
use recoup_channel::{ChannelError, DynChannel};
use recoup_channel_host::LoadedChannel;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::peer::{Running, script};
use crate::support::{Blobs, START_UNIX_MS, Setup, call, message_about, plugin};
use crate::tools;

const SUBJECT: &str =
    "【小贷】张三先生：您尾号1234的账单已到期，请于三个工作日内与我们联系（第二次通知）";
const BODY: &str = "张三先生：\n\n您的账单已到期。\n.\n..两点开头\nFrom 甲方 — café\n\n此致\n";
const FILE: &[u8] = b"%PDF-1.7\r\n.\r\n\x00\xff statement \n";
const FILE_NAME: &str = "对账单 2026年11月.pdf";

struct Post {
    channel: LoadedChannel,
    server: Running,
    setup: Setup,
    _folder: tempfile::TempDir,
}

impl Post {
    /// `None` where the peer is missing.
    async fn start() -> Option<Self> {
        let python = tools::python()?;
        let folder = tempfile::tempdir().expect("a folder for the peer");
        let mut command = Command::new(python);
        command.arg(script("smtp.py"));
        let mut server = Running::start("aiosmtpd", &mut command, folder.path());
        let port = server.event("listening").await["port"].clone();
        let config = json!({
            "host": "127.0.0.1", "port": port, "tls": "none", "hello_name": "recoup.test",
            "from": "催收中心 <collect@lender.test>", "reply_to": "客服 <help@lender.test>",
            "bounce_domain": "bounce.lender.test",
            "list_unsubscribe": "<mailto:stop@lender.test>",
        });
        let mut setup = Setup::new(&plugin("email"), &config.to_string());
        let file = (Sha256::digest(FILE).into(), FILE.to_vec());
        setup.spec.blobs = Arc::new(Blobs(BTreeMap::from([file])));
        Some(Self {
            channel: setup.load().await,
            server,
            setup,
            _folder: folder,
        })
    }

    async fn send(&self, request: SendRequest) -> Result<Receipt, ChannelError> {
        let (cx, began) = call(&self.setup.spec.clock, 30_000);
        let sent = DynChannel::send(&self.channel, &cx, request).await;
        assert_eq!(began.load(Ordering::SeqCst), 1);
        sent
    }

    async fn refused(&self, to: &str) -> ChannelError {
        let error = self.send(mail(to)).await.expect_err(to);
        assert!(!error.to_string().contains(to), "{error}");
        error
    }
}

fn mail(to: &str) -> SendRequest {
    let mut request = message_about(BODY, SUBJECT);
    let destination = request.destination.as_mut().expect("set");
    destination.to = Some(destination::To::Email(to.to_owned()));
    destination.display_name = "张三".to_owned();
    request
}

fn with_file(mut request: SendRequest) -> SendRequest {
    let Some(Content::Debtor(message)) = &mut request.content else {
        panic!("a mail to the debtor");
    };
    message.attachments.push(Attachment {
        name: FILE_NAME.to_owned(),
        media_type: "application/pdf".to_owned(),
        sha256: Sha256::digest(FILE).to_vec(),
        size_bytes: FILE.len() as u64,
    });
    request
}

/// What every mail must be like.
fn check(seen: &Value) {
    assert_eq!(seen["defects"], json!([]), "{seen}");
    assert_eq!(seen["subject"], SUBJECT);
    assert_eq!(seen["sender"], json!([["催收中心", "collect@lender.test"]]));
    assert_eq!(seen["reply_to"], json!([["客服", "help@lender.test"]]));
    assert_eq!(seen["to"], json!([["张三", "zhang@bank.test"]]));
    assert_eq!(seen["message_id"], "<key-1@lender.test>");
    assert_eq!(seen["date"].as_f64(), Some(START_UNIX_MS as f64 / 1000.0));
    assert_eq!(seen["automatic"], "auto-generated");
    assert_eq!(seen["unsubscribe"], "<mailto:stop@lender.test>");
    let lines = BODY.replace('\n', "\r\n");
    assert_eq!(seen["body"], lines, "a mail's lines end in CRLF");
    // The envelope: bounces come back to the contact.
    assert_eq!(seen["mail_from"], "bounces+c-1@bounce.lender.test");
    assert_eq!(seen["rcpt_to"], json!(["zhang@bank.test"]));
    assert_eq!(seen["hello"], "recoup.test");
    assert_eq!(seen["ascii"], true, "no server need speak 8BITMIME");
    assert!(seen["longest"].as_u64() <= Some(998), "{seen}");
}

#[tokio::test]
async fn a_chinese_mail_is_read_as_it_was_written() {
    let Some(mut post) = Post::start().await else {
        return;
    };
    let receipt = post.send(mail("zhang@bank.test")).await.expect("taken");
    assert_eq!(receipt.provider_ref, "<key-1@lender.test>");
    assert_eq!(receipt.immediate, None, "taken is not delivered");
    let seen = post.server.event("mail").await;
    check(&seen);
    assert_eq!(seen["files"], json!([]));
}

#[tokio::test]
async fn an_attachment_arrives_whole_under_its_chinese_name() {
    let Some(mut post) = Post::start().await else {
        return;
    };
    let request = with_file(mail("zhang@bank.test"));
    post.send(request).await.expect("taken");
    let seen = post.server.event("mail").await;
    check(&seen);
    let sha256: String = Sha256::digest(FILE)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let file = json!({"name": FILE_NAME, "type": "application/pdf", "sha256": sha256});
    assert_eq!(seen["files"], json!([file]));
}

#[tokio::test]
async fn what_the_server_says_decides_what_is_proven() {
    let Some(mut post) = Post::start().await else {
        return;
    };
    let nobody = post.refused("nobody@bank.test").await;
    assert_eq!(nobody.kind(), "rejected", "{nobody}");
    assert!(nobody.message().contains("invalid_address"), "{nobody}");

    let policy = post.refused("policy@bank.test").await;
    assert_eq!(policy.kind(), "rejected", "{policy}");
    assert!(!policy.message().contains("invalid_address"), "{policy}");

    for full in ["full@bank.test", "late@bank.test"] {
        let full = post.refused(full).await;
        assert_eq!(full.kind(), "retryable", "{full}");
        assert!(full.proves_not_sent());
    }

    let dropped = post.refused("dropped@bank.test").await;
    assert_eq!(dropped.kind(), "unknown", "{dropped}");
    assert!(!dropped.proves_not_sent(), "it may have taken the mail");

    // None of them was a mail; the next event is the first mail.
    post.send(mail("zhang@bank.test")).await.expect("taken");
    check(&post.server.event("mail").await);
}
