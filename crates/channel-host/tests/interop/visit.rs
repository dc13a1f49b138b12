//! Work orders in radicale, a CalDAV server, read back by vobject.

use std::path::Path;
use std::process::Command;

use recoup_channel::wire::{
    CancelKind, CancelRequest, Collector, Destination, Outcome, PostalAddress, SendRequest,
    StatusKind, StatusRequest, destination,
};
use recoup_channel::{Call, DynChannel};
use recoup_channel_host::LoadedChannel;
use serde_json::{Value, json};

use crate::peer::{Running, free_port, script};
use crate::support::{START_UNIX_MS, Setup, call, message_about, plugin};
use crate::tools;

const FROM_UNIX_MS: i64 = START_UNIX_MS + 86_400_000;
const TO_UNIX_MS: i64 = FROM_UNIX_MS + 7_200_000;
const SUBJECT: &str = "外访 张三";
const BODY: &str = "两人同行；出示证件, 不得进入室内;\n逾期 \\ 第二次。请先致电，再上门，并在当日回报结果，\
                    不得向邻居或家人提及任何与借款有关的情况。";

struct Team {
    channel: LoadedChannel,
    /// A calendar user of its own.
    reader: Running,
    calendar: String,
    setup: Setup,
    _radicale: Running,
    _folder: tempfile::TempDir,
}

impl Team {
    /// Radicale with one user, one calendar of theirs, and the plugin; `None` where a peer is missing.
    async fn start(user: &str) -> Option<Self> {
        let python = tools::python()?;
        let folder = tempfile::tempdir().expect("a folder for the peers");
        let port = free_port();
        let mut command = Command::new(&python);
        command.args(["-m", "radicale", "--config"]);
        command.arg(radicale_conf(folder.path(), port));
        let mut radicale = Running::start("radicale", &mut command, folder.path());
        radicale.listens(port).await;
        let mut command = Command::new(&python);
        command.arg(script("events.py"));
        let reader = Running::start("reader", &mut command, folder.path());
        let calendar = format!("http://127.0.0.1:{port}/collector/team-1/");
        let config = json!({
            "collection_url": calendar, "domain": "lender.test",
            "username": user, "password_secret": "pass",
        });
        let setup = Setup::new(&plugin("visit"), &config.to_string());
        Some(Self {
            channel: setup.load().await,
            reader,
            calendar,
            setup,
            _radicale: radicale,
            _folder: folder,
        })
    }

    fn call(&self) -> Call {
        call(&self.setup.spec.clock, 30_000).0
    }

    async fn does(&mut self, what: &str, place: &str) -> Value {
        let url = format!("{}{place}", self.calendar);
        let order = json!({
            "do": what, "url": url, "user": "collector", "password": "s3cret-word",
        });
        self.reader.ask(&order).await
    }

    /// What the calendar shows of the order, asked in both ways.
    async fn shown(&mut self) -> Value {
        let got = self.does("get", "key-1.ics").await;
        assert_eq!(got["status"], 200);
        let listed = self.does("report", "").await;
        assert_eq!(
            (&listed["status"], &listed["events"]),
            (&json!(207), &got["events"])
        );
        got["events"][0].clone()
    }

    async fn status(&self) -> (StatusKind, Option<Outcome>) {
        let request = StatusRequest {
            contact_id: "c-1".to_owned(),
            idempotency_key: "key-1".to_owned(),
            ..StatusRequest::default()
        };
        let status = DynChannel::status(&self.channel, &self.call(), request).await;
        let status = status.expect("the calendar answers");
        (status.kind(), status.outcome.map(|_| status.outcome()))
    }

    async fn cancel(&self) -> CancelKind {
        let order = order();
        let request = CancelRequest {
            contact_id: order.contact_id,
            idempotency_key: order.idempotency_key,
            effect_from_unix_ms: FROM_UNIX_MS,
            effect_to_unix_ms: TO_UNIX_MS,
            subject: SUBJECT.to_owned(),
            collectors: order.collectors,
            destination: order.destination,
            ..CancelRequest::default()
        };
        let cancelled = DynChannel::cancel(&self.channel, &self.call(), request).await;
        cancelled.expect("the calendar answers").kind()
    }
}

fn radicale_conf(folder: &Path, port: u16) -> std::path::PathBuf {
    let users = folder.join("users");
    std::fs::write(&users, "collector:s3cret-word\n").expect("written");
    let (users, storage) = (users.display(), folder.join("calendars"));
    let storage = storage.display();
    let text = format!(
        "[server]\nhosts = 127.0.0.1:{port}\n\
         [auth]\ntype = htpasswd\nhtpasswd_filename = {users}\nhtpasswd_encryption = plain\n\
         delay = 0\n\
         [storage]\nfilesystem_folder = {storage}\n"
    );
    let config = folder.join("radicale.ini");
    std::fs::write(&config, text).expect("written");
    config
}

fn order() -> SendRequest {
    let place = PostalAddress {
        lines: vec!["2单元301室".to_owned(), "长安街1号".to_owned()],
        locality: "北京".to_owned(),
        country: "CN".to_owned(),
        latitude_e7: Some(399_042_000),
        longitude_e7: Some(1_164_074_000),
        ..PostalAddress::default()
    };
    let collector = |id: &str, name: &str| Collector {
        id: id.to_owned(),
        display_name: name.to_owned(),
    };
    SendRequest {
        destination: Some(Destination {
            to: Some(destination::To::Postal(place)),
            display_name: "张三".to_owned(),
        }),
        effect_from_unix_ms: FROM_UNIX_MS,
        effect_to_unix_ms: TO_UNIX_MS,
        collectors: vec![
            collector("col-7", "李 \"L\" 伟"),
            collector("col-9", "王芳"),
        ],
        ..message_about(BODY, SUBJECT)
    }
}

#[tokio::test]
async fn a_work_order_stands_in_the_calendar_once_until_it_is_called_off() {
    let Some(mut team) = Team::start("collector").await else {
        return;
    };
    assert_eq!(team.does("mkcalendar", "").await["status"], 201);
    assert_eq!(team.status().await, (StatusKind::NotFound, None));
    assert_eq!(team.cancel().await, CancelKind::NotFound);

    let cx = team.call();
    let receipt = DynChannel::send(&team.channel, &cx, order()).await;
    assert_eq!(receipt.expect("taken").provider_ref, "key-1@lender.test");
    let first = team.shown().await;
    let wanted = json!({
        "uid": "key-1@lender.test",
        "start": FROM_UNIX_MS as f64 / 1000.0,
        "end": TO_UNIX_MS as f64 / 1000.0,
        "sequence": "0",
        "status": "CONFIRMED",
        "class": "PRIVATE",
        "summary": SUBJECT,
        "description": BODY,
        "location": "2单元301室, 长安街1号, 北京, CN",
        "attendees": ["李 'L' 伟", "王芳"],
    });
    assert_eq!(first, wanted);
    assert_eq!(team.status().await, (StatusKind::Found, None));

    // The same key once more, with another text: accepted, and without an effect.
    let mut again = order();
    again.content = message_about("第二份", "另一次外访").content;
    let cx = team.call();
    let receipt = DynChannel::send(&team.channel, &cx, again).await;
    assert_eq!(
        receipt.expect("it is there").provider_ref,
        "key-1@lender.test"
    );
    assert_eq!(team.shown().await, first);

    for _ in 0..2 {
        assert_eq!(team.cancel().await, CancelKind::Cancelled);
        let called_off = team.shown().await;
        assert_eq!(called_off["status"], "CANCELLED");
        for same in ["uid", "start", "end", "summary", "location", "attendees"] {
            assert_eq!(called_off[same], first[same], "{same}");
        }
        let cancelled = Some(Outcome::Cancelled);
        assert_eq!(team.status().await, (StatusKind::Found, cancelled));
    }
}

#[tokio::test]
async fn an_amount_never_reaches_the_calendar() {
    let Some(mut team) = Team::start("collector").await else {
        return;
    };
    assert_eq!(team.does("mkcalendar", "").await["status"], 201);
    for body in ["欠款 1,234.50 元", "金额：￥88", "owes CNY500"] {
        let mut request = order();
        request.content = message_about(body, SUBJECT).content;
        let cx = team.call();
        let error = DynChannel::send(&team.channel, &cx, request).await;
        let error = error.expect_err(body);
        assert_eq!(error.kind(), "permanent", "{error}");
    }
    let listed = team.does("report", "").await;
    assert_eq!(listed["events"], json!([]));
}

#[tokio::test]
async fn what_the_calendar_refuses_is_named() {
    let Some(mut team) = Team::start("collector").await else {
        return;
    };
    // There is no calendar yet.
    let cx = team.call();
    let error = DynChannel::send(&team.channel, &cx, order()).await;
    let error = error.expect_err("no calendar");
    assert_eq!(error.kind(), "permanent", "{error}");
    assert!(error.message().contains("collection_url"), "{error}");
    assert_eq!(team.does("get", "key-1.ics").await["status"], 404);

    let stranger = Team::start("stranger").await.expect("it was there");
    let cx = stranger.call();
    let error = DynChannel::send(&stranger.channel, &cx, order()).await;
    let error = error.expect_err("not known there");
    assert_eq!(error.kind(), "auth", "{error}");
    assert!(error.proves_not_sent());
}
