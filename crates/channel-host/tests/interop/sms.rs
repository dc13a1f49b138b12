//! Texts through Kannel, a whole SMS gateway, to a message centre of npm smpp.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;

use recoup_channel::wire::inbound::What;
use recoup_channel::wire::{Outcome, RawCallback, Receipt, Reply, destination};
use recoup_channel::{ChannelError, DynChannel};
use recoup_channel_host::LoadedChannel;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::listener::Listener;
use crate::peer::{Running, free_port, script};
use crate::support::{Setup, call, message, sms};
use crate::tools;

/// The plugin, Kannel and the message centre; and the listener that Kannel calls back.
struct Chain {
    channel: LoadedChannel,
    listener: Listener,
    smsc: Running,
    _bearerbox: Running,
    _smsbox: Running,
    setup: Setup,
    _folder: TempDir,
}

impl Chain {
    /// `None` where a peer is missing. The gateway's password is `s3cret-word`.
    async fn start(username: &str) -> Option<Self> {
        let modules = tools::node_modules()?;
        let (bearerbox, smsbox) = (tools::program("bearerbox")?, tools::program("smsbox")?);
        let listener = Listener::start(200, "text/plain", "").await;
        let folder = tempfile::tempdir().expect("a folder for the peers");
        let mut node = Command::new("node");
        node.arg(script("smsc.js")).env("NODE_PATH", modules);
        let mut smsc = Running::start("smsc", &mut node, folder.path());
        let port = smsc.event("listening").await["port"].clone();

        let (smsbox_port, send_port) = (free_port(), free_port());
        let config = folder.path().join("kannel.conf");
        let text = kannel_conf(&port, (smsbox_port, send_port), &listener.base);
        std::fs::write(&config, text).expect("written");
        let boxed = |program: &Path| {
            let mut command = Command::new(program);
            command.args(["-v", "1"]).arg(&config);
            command
        };
        let mut bearer = Running::start("bearerbox", &mut boxed(&bearerbox), folder.path());
        bearer.listens(smsbox_port).await;
        let mut sender = Running::start("smsbox", &mut boxed(&smsbox), folder.path());
        sender.listens(send_port).await;
        smsc.event("bound").await;

        let config = json!({
            "endpoint": format!("http://127.0.0.1:{send_port}/cgi-bin/sendsms"),
            "username": username, "password_secret": "pass", "from": "10690",
        });
        let setup = Setup::new(&sms(), &config.to_string());
        Some(Self {
            channel: setup.load().await,
            listener,
            smsc,
            _bearerbox: bearer,
            _smsbox: sender,
            setup,
            _folder: folder,
        })
    }

    async fn send(&self, to: &str, body: &str) -> Result<Receipt, ChannelError> {
        let mut request = message(body);
        let to = destination::To::E164(to.to_owned());
        request.destination.as_mut().expect("set").to = Some(to);
        request.callback_url = format!("{}/cb/the-token", self.listener.base);
        let (cx, began) = call(&self.setup.spec.clock, 30_000);
        let sent = DynChannel::send(&self.channel, &cx, request).await;
        assert_eq!(began.load(Ordering::SeqCst), 1);
        sent
    }

    /// All parts of the next text, as they reached the message centre.
    async fn parts(&mut self) -> Vec<Value> {
        let mut parts = vec![self.smsc.event("submit").await];
        // A concatenation header: 0, 3, reference, total, index.
        let total = parts[0]["part"].get(3).and_then(Value::as_u64).unwrap_or(1);
        for index in 2..=total {
            let part = self.smsc.event("submit").await;
            assert_eq!(part["part"][4], index, "{part}");
            parts.push(part);
        }
        parts
    }

    /// The next call-back, as the plugin reads it.
    async fn told(&mut self) -> (RawCallback, Option<What>) {
        let mut callback = self.listener.next().await;
        match callback.path.as_str() {
            "/cb/the-token" => callback.contact_id = "c-1".to_owned(),
            "/in" => callback.account = "sms".to_owned(),
            other => panic!("called at {other}"),
        }
        let (cx, _) = call(&self.setup.spec.clock, 30_000);
        let read = DynChannel::parse_callback(&self.channel, &cx, callback.clone()).await;
        let read = read.expect("the plugin reads what Kannel says");
        assert!(read.answer.is_empty(), "Kannel would send it on");
        let what = read.items.into_iter().next().and_then(|item| item.what);
        (callback, what)
    }

    /// The one report that says what became of a text. Beside it, before or after, comes the message
    /// centre's 8, which says nothing.
    async fn outcome(&mut self) -> Outcome {
        let (first, second) = (self.told().await, self.told().await);
        let (on_the_way, last) = match &first.1 {
            None => (first, second),
            Some(_) => (second, first),
        };
        assert_eq!((state(&on_the_way.0), &on_the_way.1), ("8", &None));
        let Some(What::Report(report)) = &last.1 else {
            panic!("no report: {last:?}")
        };
        assert!(report.r#final && report.contact_id == "c-1", "{report:?}");
        report.outcome()
    }
}

/// The text of all parts. A gateway may cut a surrogate pair, as Kannel does.
fn text_of(parts: &[Value]) -> String {
    let units = parts
        .iter()
        .flat_map(|part| part["units"].as_array().expect("units"))
        .map(|unit| u16::try_from(unit.as_u64().expect("a number")).expect("a unit"));
    String::from_utf16(&units.collect::<Vec<_>>()).expect("a text")
}

fn state(callback: &RawCallback) -> &str {
    let pair = callback.query.iter().find(|pair| pair.name == "st");
    pair.map_or("", |pair| &pair.value)
}

fn kannel_conf(smsc_port: &Value, (smsbox_port, send_port): (u16, u16), listener: &str) -> String {
    let admin_port = free_port();
    format!(
        r#"group = core
admin-port = {admin_port}
admin-interface = 127.0.0.1
admin-password = bar
smsbox-port = {smsbox_port}
smsbox-interface = 127.0.0.1
box-deny-ip = "*.*.*.*"
box-allow-ip = "127.0.0.1"

group = smsc
smsc = smpp
smsc-id = up
host = 127.0.0.1
port = {smsc_port}
transceiver-mode = true
system-type = ""
smsc-username = "foo"
smsc-password = "bar"
msg-id-type = 0

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {send_port}
sendsms-interface = 127.0.0.1
global-sender = 10690

group = sendsms-user
username = "u&1"
password = "s3cret-word"
concatenation = true
max-messages = 10
black-list-regex = "^\\+86139"

group = sms-service
keyword = default
post-url = "{listener}/in?from=%p&to=%P&t=%T"
max-messages = 0
catch-all = yes
"#
    )
}

#[tokio::test]
async fn a_chinese_text_goes_as_ucs2_and_its_delivery_comes_back() {
    let Some(mut chain) = Chain::start("u&1").await else {
        return;
    };
    let body = "【小贷】张三先生，您尾号1234的账单已到期。退订回T";
    let receipt = chain.send("+8613800000001", body).await.expect("taken");
    assert_eq!(receipt.parts, 1);
    let parts = chain.parts().await;
    assert_eq!(parts.len(), 1);
    let part = &parts[0];
    assert_eq!(text_of(&parts), body);
    assert_eq!((&part["coding"], &part["esm"]), (&json!(8), &json!(3)));
    // TON 1 is an international number, which goes without its plus.
    assert_eq!(
        (&part["to"], &part["to_ton"]),
        (&json!("8613800000001"), &json!(1))
    );
    assert_eq!(part["from"], "10690");
    assert_ne!(part["validity"], Value::Null, "`not_after` goes along");
    assert_eq!(chain.outcome().await, Outcome::Delivered);
}

#[tokio::test]
async fn a_number_that_fails_comes_back_as_undelivered() {
    let Some(mut chain) = Chain::start("u&1").await else {
        return;
    };
    let receipt = chain.send("+8613800000009", "hello").await;
    assert_eq!(receipt.expect("taken").parts, 1);
    assert_eq!(chain.parts().await[0]["coding"], 0);
    assert_eq!(chain.outcome().await, Outcome::Undelivered);
}

#[tokio::test]
async fn a_long_text_is_cut_as_the_plugin_counts_it() {
    let Some(mut chain) = Chain::start("u&1").await else {
        return;
    };
    let texts: [(&str, u32); 10] = [
        (&format!("{}end", "0123456789".repeat(17)), 2),
        (&"a".repeat(160), 1),
        (&"a".repeat(161), 2),
        (&"€".repeat(80), 1),
        (&"€".repeat(81), 2),
        ("@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà^{}\\[~]|€", 1),
        (&"债".repeat(70), 1),
        (&"债".repeat(71), 2),
        (&"😀".repeat(35), 1),
        (&"😀".repeat(36), 2),
    ];
    for (text, count) in texts {
        let receipt = chain.send("+8613800000001", text).await.expect("taken");
        let parts = chain.parts().await;
        assert_eq!(text_of(&parts), text);
        assert_eq!(parts.len(), count as usize, "{text}");
        assert_eq!(receipt.parts, count, "{text}");
        let outcome = chain.outcome().await;
        assert_eq!(outcome, Outcome::Delivered, "one for all parts");
    }
}

#[tokio::test]
async fn an_answer_of_a_person_arrives_as_it_was_written() {
    let Some(mut chain) = Chain::start("u&1").await else {
        return;
    };
    let text = "退订 & 我周五还 50%+";
    chain
        .smsc
        .tell(&json!({"from": "8613800000001", "to": "10690", "text": text}));
    let (callback, what) = chain.told().await;
    assert!(callback.contact_id.is_empty(), "Kannel knows no contact");
    let Some(What::Reply(Reply {
        from,
        to,
        text: read,
        ..
    })) = what
    else {
        panic!("no answer: {what:?}")
    };
    assert_eq!((from.as_str(), to.as_str()), ("+8613800000001", "10690"));
    assert_eq!(read, text);
}

#[tokio::test]
async fn an_account_that_the_gateway_does_not_know_is_refused() {
    let Some(chain) = Chain::start("somebody").await else {
        return;
    };
    let error = chain
        .send("+8613800000001", "hello")
        .await
        .expect_err("refused");
    assert_eq!(error.kind(), "auth", "{error}");
    assert!(error.proves_not_sent());
}

#[tokio::test]
async fn a_number_that_the_gateway_bars_is_rejected() {
    let Some(chain) = Chain::start("u&1").await else {
        return;
    };
    let error = chain
        .send("+8613900000001", "hello")
        .await
        .expect_err("barred");
    assert_eq!(error.kind(), "rejected", "{error}");
    assert!(error.proves_not_sent());
}
