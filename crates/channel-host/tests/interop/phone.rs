//! Call-backs signed and judged by the voice provider's own library, npm twilio.

use std::process::Command;

use recoup_channel::wire::inbound::What;
use recoup_channel::wire::{Inbounds, Outcome, Pair, RawCallback};
use recoup_channel::{ChannelError, DynChannel};
use recoup_channel_host::LoadedChannel;
use serde_json::{Value, json};

use crate::listener::{Listener, pairs};
use crate::peer::{Running, script};
use crate::support::{START_UNIX_MS, Setup, call, message, plugin};
use crate::tools;

/// The account's token: the secret `pass` of every [`Setup`].
const TOKEN: &str = "s3cret-word";
const TEXT: &str = "张三先生，您的借款已逾期 <请> & 'call'。";

type Form = Vec<(&'static str, &'static str)>;

struct Desk {
    channel: LoadedChannel,
    provider: Listener,
    twilio: Running,
    setup: Setup,
    _folder: tempfile::TempDir,
}

impl Desk {
    /// `None` where the peer is missing.
    async fn start() -> Option<Self> {
        let modules = tools::node_modules()?;
        let folder = tempfile::tempdir().expect("a folder for the peer");
        let mut node = Command::new("node");
        node.arg(script("twilio.js")).env("NODE_PATH", modules);
        let taken = r#"{"sid": "CA77", "status": "queued"}"#;
        let provider = Listener::start(201, "application/json", taken).await;
        let config = json!({
            "base_url": provider.base, "account_sid": "AC1", "auth_token_secret": "pass",
            "from": "+861012345678",
        });
        let setup = Setup::new(&plugin("phone"), &config.to_string());
        Some(Self {
            channel: setup.load().await,
            provider,
            twilio: Running::start("twilio", &mut node, folder.path()),
            setup,
            _folder: folder,
        })
    }

    async fn sign(&mut self, token: &str, url: &str, form: &Form) -> String {
        let ask = json!({"do": "sign", "token": token, "url": url, "params": params(form)});
        let value = self.twilio.ask(&ask).await["value"].clone();
        value.as_str().expect("a signature").to_owned()
    }

    /// What the provider's library says of a call-back.
    async fn valid(&mut self, signature: &str, url: &str, form: &Form) -> bool {
        let ask = json!({
            "do": "validate", "token": TOKEN, "url": url, "params": params(form),
            "signature": signature,
        });
        self.twilio.ask(&ask).await["value"] == true
    }

    /// What the plugin says of it.
    async fn read(
        &self,
        signature: &str,
        url: &str,
        form: &Form,
    ) -> Result<Inbounds, ChannelError> {
        let (cx, _) = call(&self.setup.spec.clock, 30_000);
        let callback = callback(signature, url, form);
        DynChannel::parse_callback(&self.channel, &cx, callback).await
    }

    /// Calls the debtor; gives the URL that the pressed digit goes to.
    async fn call_debtor(&mut self) -> String {
        let mut request = message(TEXT);
        request.locale = "zh-Hans-CN".to_owned();
        request.callback_url = "https://cb.example.test/cb/the-token".to_owned();
        let (cx, _) = call(&self.setup.spec.clock, 30_000);
        let receipt = DynChannel::send(&self.channel, &cx, request).await;
        assert_eq!(receipt.expect("taken").provider_ref, "CA77");
        let asked = self.provider.next().await;
        let form = pairs(&asked.body);
        let twiml = form.iter().find(|pair| pair.name == "Twiml");
        let twiml = &twiml.expect("a script").value;
        let (_, rest) = twiml.split_once(" action=\"").expect("a question");
        let (action, _) = rest.split_once('"').expect("a URL");
        action.replace("&amp;", "&")
    }
}

/// The form as a web framework gives it to the library: repeats of a name as a list.
fn params(form: &Form) -> Value {
    let mut params = json!({});
    for (name, value) in form {
        match &mut params[*name] {
            place @ Value::Null => *place = json!(value),
            Value::Array(values) => values.push(json!(value)),
            one => *one = json!([one.clone(), value]),
        }
    }
    params
}

/// As the core hands it over.
fn callback(signature: &str, url: &str, form: &Form) -> RawCallback {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let path = place.splitn(4, '/').nth(3).unwrap_or_default();
    let header = |name: &str, value: &str| Pair {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    RawCallback {
        method: "POST".to_owned(),
        path: format!("/{path}"),
        query: pairs(query.as_bytes()),
        headers: vec![
            header("content-type", "application/x-www-form-urlencoded"),
            header("x-twilio-signature", signature),
        ],
        body: body.into_bytes(),
        received_at_unix_ms: START_UNIX_MS,
        contact_id: "c-1".to_owned(),
        url: place.to_owned(),
        ..RawCallback::default()
    }
}

fn outcome(read: &Inbounds) -> Option<Outcome> {
    match read.items.first()?.what.as_ref()? {
        What::Report(report) => Some(report.outcome()),
        What::Reply(_) => None,
    }
}

#[tokio::test]
async fn the_digit_that_the_provider_signs_is_heard_and_no_other() {
    let Some(mut desk) = Desk::start().await else {
        return;
    };
    let url = desk.call_debtor().await;
    let pressed = |digit| {
        vec![
            ("CallSid", "CA77"),
            ("AccountSid", "AC1"),
            ("From", "+861012345678"),
            ("To", "+8613800000001"),
            ("Digits", digit),
        ]
    };
    let (one, two) = (pressed("1"), pressed("2"));
    let signature = desk.sign(TOKEN, &url, &one).await;
    let read = desk.read(&signature, &url, &one).await.expect("signed");
    assert_eq!(outcome(&read), Some(Outcome::Conversation));
    let said = String::from_utf8(read.answer).expect("a script");
    assert!(said.contains("您的借款已逾期 &lt;请&gt; &amp; "), "{said}");

    // The signature of the other digit, of another token, of another contact's URL, and none.
    let other_digit = desk.sign(TOKEN, &url, &two).await;
    let other_token = desk.sign("s3cret-wore", &url, &one).await;
    let other_url = url.replace("the-token", "another");
    let other_url = desk.sign(TOKEN, &other_url, &one).await;
    for forged in [&other_digit, &other_token, &other_url, ""] {
        let error = desk.read(forged, &url, &one).await.expect_err("forged");
        assert_eq!(error.kind(), "rejected", "{forged}: {error}");
    }
    let read = desk.read(&other_digit, &url, &two).await.expect("signed");
    assert_eq!(outcome(&read), None, "a 2 confirms nothing");
    let said = String::from_utf8(read.answer).expect("a script");
    assert!(!said.contains("借款"), "{said}");
}

#[tokio::test]
async fn the_plugin_and_the_providers_library_judge_alike() {
    let Some(mut desk) = Desk::start().await else {
        return;
    };
    let ended: Form = vec![
        ("CallSid", "CA77"),
        ("CallStatus", "completed"),
        ("AnsweredBy", "machine_start"),
        ("Duration", ""),
        ("CalledCity", "Bei jing + 北京 & 'x' =%41"),
        ("a", "lower sorts after upper"),
        ("Z", "upper"),
        ("Twice", "b"),
        ("Twice", "a"),
        ("Twice", "a"),
    ];
    let busy: Form = vec![("CallSid", "CA77"), ("CallStatus", "busy")];
    let bare = "https://cb.example.test/cb/the-token";
    let with_port = "https://cb.example.test:8443/cb/the-token";
    let standard_port = "https://cb.example.test:443/cb/the-token";
    let plain_port = "http://cb.example.test:80/cb/the-token";
    let plain = "http://cb.example.test/cb/the-token";
    let bracketed = "https://[2001:db8::1]:8443/cb/the-token";
    let unbracketed = "https://[2001:db8::1]/cb/the-token";
    // The URL that was signed, and the one that was called.
    let urls = [
        (bare, bare),
        (with_port, with_port),
        (bare, with_port),
        (standard_port, bare),
        (bare, standard_port),
        (with_port, bare),
        (plain_port, plain),
        (plain, plain_port),
        (plain, bare),
        (bracketed, bracketed),
        (unbracketed, bracketed),
        ("https://cb.example.test/cb/the-token?x=1", bare),
        ("https://cb.example.test/cb/the-tokeN", bare),
    ];
    let mut accepted = 0;
    for (signed, called) in urls {
        for (signed_form, form) in [(&ended, &ended), (&busy, &busy), (&ended, &busy)] {
            let signature = desk.sign(TOKEN, signed, signed_form).await;
            let valid = desk.valid(&signature, called, form).await;
            let read = desk.read(&signature, called, form).await;
            assert_eq!(read.is_ok(), valid, "{signed} as {called}: {read:?}");
            let wanted = if form == &busy {
                Outcome::Busy
            } else {
                Outcome::Voicemail
            };
            if let Ok(read) = read {
                accepted += 1;
                assert_eq!(outcome(&read), Some(wanted));
            }
        }
    }
    assert_eq!(accepted, 2 * 9, "nine pairs of URLs stand for one place");
}
