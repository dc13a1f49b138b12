//! A monitor scrapes the real binary: what it reads is what docs/metrics.md says, and moves as the work does.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use recoup::api::recoup::v1;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use v1::ContactState;

use crate::support::process::{Folder, until};
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, Loan, ONE_TEXT};
use crate::support::server::{Server, Setup, launch};

/// What a monitor read.
pub(crate) struct Scrape {
    text: String,
    /// Kinds by name, as the text says them.
    kinds: BTreeMap<String, String>,
    /// Values by what stands before them.
    values: BTreeMap<String, f64>,
}

impl Scrape {
    pub(crate) async fn of(server: &Server) -> Self {
        let (head, text) = get(server.metrics(), "/metrics").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("application/openmetrics-text"), "{head}");
        Self::read(text)
    }

    /// Reads the text as strictly as its specification has it, as far as it is used here.
    fn read(text: String) -> Self {
        let (mut kinds, mut values) = (BTreeMap::new(), BTreeMap::new());
        let mut family = String::new();
        let body = text.strip_suffix("# EOF\n").expect("the text is whole");
        for line in body.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a name and a kind");
                let is_new = kinds.insert(name.to_owned(), kind.to_owned()).is_none();
                assert!(is_new, "{name} is there twice");
                family = name.to_owned();
            } else if !line.starts_with("# HELP ") {
                let (series, value) = line.rsplit_once(' ').expect("a series and a value");
                assert!(series.starts_with(&family), "{line} is no {family}");
                let value: f64 = value.parse().unwrap_or_else(|e| panic!("{line}: {e}"));
                let is_new = values.insert(series.to_owned(), value).is_none();
                assert!(is_new, "{series} is there twice");
            }
        }
        Self {
            text,
            kinds,
            values,
        }
    }

    pub(crate) fn get(&self, series: &str) -> f64 {
        self.values.get(series).copied().unwrap_or(0.0)
    }
}

/// One request of HTTP/1.1: its head and its body.
async fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: recoup\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut all = String::new();
    stream.read_to_string(&mut all).await.expect("an answer");
    let (head, body) = all.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_owned(), body.to_owned())
}

fn watched(sandbox: &Sandbox) -> Setup {
    let mut setup = Setup::default().with("sms", sandbox);
    let listener = "[metrics]\nlisten = \"127.0.0.1:0\"\n";
    setup.tables.insert_str(0, listener);
    setup
}

#[tokio::test]
async fn a_contact_moves_the_figures_and_every_metric_has_its_line_in_the_docs() {
    let folder = Folder::new();
    let sandbox = Sandbox::live(folder.path(), 42).await;
    let server = Server::start(folder.path(), &watched(&sandbox)).await;
    let (ana, ben) = (server.ana(), server.ben());
    scenes::set_up(&ana, &ben, ONE_TEXT).await;
    let before = Scrape::of(&server).await;
    assert_eq!(before.get("recoup_channel_loaded{channel=\"sms\"}"), 1.0);
    assert_eq!(before.get("recoup_cases{status=\"open\"}"), 0.0);
    assert!(before.get("recoup_store_free_bytes") > 0.0);

    let loan = Loan::at_noon(1);
    let case = scenes::open(&ana, &loan).await;
    scenes::until_contact(&ana, &case.case_id, ContactState::Effected).await;
    let nobody = server.nobody().cases().open_case(loan.open()).await;
    nobody.expect_err("nobody may");
    // The gateway reports that it took the text, and then that it came; the second is answered after it counts.
    let after = until("both reports to be answered", async || {
        let scrape = Scrape::of(&server).await;
        let answered = scrape.get("recoup_callbacks_total{answer=\"2xx\"}");
        (answered == 2.0).then_some(scrape)
    })
    .await;

    let moved = |series: &str| after.get(series) - before.get(series);
    for series in [
        "recoup_cases_opened_total",
        "recoup_contact_states_total{channel=\"sms\",state=\"DISPATCHING\"}",
        "recoup_contact_states_total{channel=\"sms\",state=\"ACCEPTED\"}",
        "recoup_contact_states_total{channel=\"sms\",state=\"EFFECTED\"}",
        "recoup_contact_outcomes_total{channel=\"sms\",outcome=\"delivered\"}",
        "recoup_channel_sends_total{channel=\"sms\",result=\"accepted\"}",
        "recoup_channel_call_seconds_count{channel=\"sms\",operation=\"send\"}",
        "recoup_channel_call_seconds_bucket{le=\"+Inf\",channel=\"sms\",operation=\"send\"}",
        "recoup_contacts{class=\"sms\",state=\"EFFECTED\"}",
        "recoup_cases{status=\"open\"}",
        "recoup_calls_total{method=\"CaseService/OpenCase\",code=\"OK\"}",
        "recoup_calls_total{method=\"CaseService/OpenCase\",code=\"UNAUTHENTICATED\"}",
    ] {
        assert_eq!(moved(series), 1.0, "{series}: {}", after.text);
    }
    assert_eq!(after.get("recoup_calls_under_way"), 0.0);
    assert_eq!(after.get("recoup_lag_seconds"), 0.0);
    let position = moved("recoup_journal_position");
    assert!(position >= 4.0, "{position}");
    let groups = moved("recoup_store_group_seconds_count");
    assert!(groups >= 3.0 && groups == moved("recoup_store_group_changes_count"));

    // Neither who is contacted nor about what.
    for secret in [&loan.mobile(), "Li Wei", &case.case_id, "demo"] {
        assert!(!after.text.contains(secret), "{secret}: {}", after.text);
    }
    assert_eq!(documented(), after.kinds);
}

/// Names and kinds as docs/metrics.md lists them.
fn documented() -> BTreeMap<String, String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
    let page = std::fs::read_to_string(path).expect("the page");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `recoup_")?.split(" | ");
        let name = format!("recoup_{}", cells.next()?.trim_end_matches('`'));
        let kind = cells.next()?.to_owned();
        Some((name.trim_end_matches("_total").to_owned(), kind))
    });
    rows.collect()
}

#[tokio::test]
async fn stops_and_refusals_are_seen() {
    let folder = Folder::new();
    let sandbox = Sandbox::live(folder.path(), 42).await;
    let mut setup = watched(&sandbox);
    setup
        .tables
        .insert_str(0, "[limits]\naddress_connections_max = 2\n");
    let server = Server::start(folder.path(), &setup).await;
    let request = v1::PauseDispatchRequest {
        request_id: "stop".into(),
        scope: Some(v1::DispatchScope {
            scope: Some(v1::dispatch_scope::Scope::All(true)),
        }),
        reason: "a drill".into(),
    };
    let paused = server.ana().admin().pause_dispatch(request).await;
    paused.expect("a stop");
    let scrape = Scrape::of(&server).await;
    assert_eq!(scrape.get("recoup_dispatch_pauses{scope=\"all\"}"), 1.0);
    assert_eq!(scrape.get("recoup_dispatch_pauses{scope=\"channel\"}"), 0.0);

    // The caller's own connection would take one of the two places.
    until("the caller's connection to be gone", async || {
        let scrape = Scrape::of(&server).await;
        (scrape.get("recoup_connections_open") == 0.0).then_some(())
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(TcpStream::connect(server.api()).await.expect("connected"));
    }
    until("a refused connection", async || {
        let scrape = Scrape::of(&server).await;
        let refused = scrape.get("recoup_connections_total{result=\"refused\"}");
        (refused >= 1.0 && scrape.get("recoup_connections_open") == 2.0).then_some(())
    })
    .await;
    let (head, _) = get(server.metrics(), "/").await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
}

#[tokio::test]
async fn what_a_stop_holds_back_is_counted_and_so_is_how_streams_end() {
    let folder = Folder::new();
    let sandbox = Sandbox::live(folder.path(), 42).await;
    let server = Server::start(folder.path(), &watched(&sandbox)).await;
    let (ana, ben) = (server.ana(), server.ben());
    scenes::set_up(&ana, &ben, ONE_TEXT).await;
    let scope = || v1::DispatchScope {
        scope: Some(v1::dispatch_scope::Scope::Channel("sms".into())),
    };
    let stop = v1::PauseDispatchRequest {
        request_id: "stop".into(),
        scope: Some(scope()),
        reason: "a drill".into(),
    };
    let stopped = ana.admin().pause_dispatch(stop).await;
    stopped.expect("a stop");
    let before = Scrape::of(&server).await;
    assert_eq!(before.get("recoup_dispatch_held_cases"), 0.0);
    for number in 1..=3 {
        scenes::open(&ana, &Loan::at_noon(number)).await;
    }
    let after = until("three cases to be held back", async || {
        let scrape = Scrape::of(&server).await;
        (scrape.get("recoup_dispatch_held_cases") >= 3.0).then_some(scrape)
    })
    .await;
    let sent = "recoup_contact_states_total{channel=\"sms\",state=\"DISPATCHING\"}";
    assert_eq!(after.get(sent), 0.0, "{}", after.text);

    let ends = async |method: &str, code: &str| {
        let series = format!("recoup_stream_ends_total{{method=\"{method}\",code=\"{code}\"}}");
        Scrape::of(&server).await.get(&series)
    };
    let watch = |end_at_present| v1::WatchEventsRequest {
        end_at_present,
        ..v1::WatchEventsRequest::default()
    };
    let read = ana.events().watch_events(watch(true)).await;
    let mut read = read.expect("a stream").into_inner();
    while read.message().await.expect("it goes on").is_some() {}
    assert_eq!(ends("EventService/WatchEvents", "OK").await, 1.0);
    let mut left = ana.events().watch_events(watch(false)).await;
    let first = left.as_mut().expect("a stream").get_mut().message().await;
    assert!(first.expect("an event").is_some());
    assert_eq!(ends("EventService/WatchEvents", "ABANDONED").await, 0.0);
    drop(left);
    until("the watcher that left to be counted", async || {
        let left = ends("EventService/WatchEvents", "ABANDONED").await;
        (left == 1.0).then_some(())
    })
    .await;
    let none = tokio_stream::empty::<v1::ImportCasesRequest>();
    let import = ana.cases().import_cases(none).await;
    let mut import = import.expect("a stream").into_inner();
    assert_eq!(import.message().await.expect("no row, no answer"), None);
    assert_eq!(ends("CaseService/ImportCases", "OK").await, 1.0);
}

#[tokio::test]
async fn nothing_listens_without_being_told_and_off_loopback_only_by_a_second_word() {
    let folder = Folder::new();
    let server = Server::start(folder.path(), &Setup::default()).await;
    assert!(server.told("metrics").is_null());
    drop(server);
    let setup = Setup {
        tables: "[metrics]\nlisten = \"0.0.0.0:0\"\n".into(),
        ..Setup::default()
    };
    let mut process = launch(folder.path(), &setup);
    let status = process.wait().await;
    let said = process.stderr();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("off_loopback = true"), "{said}");
    let setup = Setup {
        tables: "[metrics]\nlisten = \"0.0.0.0:0\"\noff_loopback = true\n".into(),
        ..Setup::default()
    };
    let server = Server::start(folder.path(), &setup).await;
    let address = server.metrics();
    assert!(address.ip().is_unspecified());
    let scrape = get(([127, 0, 0, 1], address.port()).into(), "/metrics").await;
    let names: BTreeSet<String> = Scrape::read(scrape.1).kinds.into_keys().collect();
    assert!(names.contains("recoup_build_info"), "{names:?}");
}

/// A zone where it is between 0:00 and 1:00: no contact is permitted there for hours.
fn midnight_zone() -> String {
    let hour = jiff::tz::TimeZone::UTC.to_datetime(scenes::now()).hour();
    // The sign of these zones is that of west, and they end at 12.
    format!("Etc/GMT{:+}", if hour <= 12 { hour } else { hour - 24 })
}

#[tokio::test]
async fn what_the_gate_refuses_is_counted_by_its_rule_and_blocks_by_it() {
    let folder = Folder::new();
    let sandbox = Sandbox::live(folder.path(), 42).await;
    let server = Server::start(folder.path(), &watched(&sandbox)).await;
    let (ana, ben) = (server.ana(), server.ben());
    scenes::set_up(&ana, &ben, ONE_TEXT).await;
    let loan = Loan {
        zone: midnight_zone(),
        ..Loan::at_noon(1)
    };
    scenes::open(&ana, &loan).await;
    let blocked = until("the gate to have refused it", async || {
        let status = ana.admin().get_status(v1::GetStatusRequest {}).await;
        let blocked = status.expect("a status").into_inner().blocked;
        (!blocked.is_empty()).then_some(blocked)
    })
    .await;
    let rules: Vec<&String> = blocked.keys().collect();
    assert_eq!((rules.len(), blocked[rules[0]]), (1, 1), "{blocked:?}");
    let scrape = Scrape::of(&server).await;
    let series = format!("recoup_gate_denials_total{{rule=\"{}\"}}", rules[0]);
    assert_eq!(scrape.get(&series), 1.0, "{series}: {}", scrape.text);
}
