//! Channels that break every rule they can, in one server beside good ones: the server stays, the good ones lose nothing,
//! and of a contact nobody claims more than the core can know.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use recoup::api::recoup::v1;
use serde_json::Value;

use crate::kill;
use crate::support::builds;
use crate::support::client::Client;
use crate::support::judge;
use crate::support::process::{Folder, until};
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, Loan};
use crate::support::server::{Server, Setup};

use v1::ContactState as S;

/// Name, library, its configuration, and how a contact may stand that was left to it; `{carrier}` listens.
const HOSTILE: [(&str, &str, &str, &[S]); 18] = [
    ("panic", "moody", r#"mood = "panic""#, &[S::Unknown]),
    ("abort", "rude", r#"mode = "abort""#, &[S::Unknown]),
    ("segfault", "rude", r#"mode = "segfault""#, &[S::Unknown]),
    ("exit", "rude", r#"mode = "exit""#, &[S::Unknown]),
    ("hang", "rude", r#"mode = "block""#, &[S::Unknown]),
    (
        "oversleep",
        "rude",
        r#"mode = "late""#,
        &[S::Accepted, S::Unknown],
    ),
    ("hog", "rude", r#"mode = "hog""#, &[S::Unknown]),
    (
        "leak",
        "rude",
        r#"mode = "leak more""#,
        &[S::Accepted, S::Unknown],
    ),
    ("fork", "rude", r#"mode = "fork""#, &[S::Accepted]),
    (
        "close",
        "rude",
        r#"mode = "close descriptors""#,
        &[S::Unknown],
    ),
    ("garbage", "rude", r#"mode = "garbage""#, &[S::Unknown]),
    ("oversized", "rude", r#"mode = "too large""#, &[S::Unknown]),
    ("late", "rude", r#"mode = "after the end""#, &[S::Accepted]),
    ("double", "rude", r#"mode = "double""#, &[S::Accepted]),
    ("foreign", "rude", r#"mode = "foreign ids""#, &[S::Accepted]),
    (
        "lie",
        "liar",
        r#"lie = "denies {carrier}""#,
        &[S::RejectedProven],
    ),
    ("print", "rude", r#"mode = "print""#, &[S::Accepted]),
    ("kill", "rude", r#"mode = "kill the core""#, &[S::Accepted]),
];
/// Libraries that are no channels of this core.
const REFUSED: [(&str, &str); 3] = [
    ("other-abi", "other_major"),
    ("no-entry", "no_entry"),
    ("no-table", "no_table"),
];
const GOOD: [&str; 2] = ["sms", "email"];
/// Contacts that each hostile channel is given, and cases of the good ones beside each of them.
const EACH: u32 = 3;
const BESIDE: u32 = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_channels_lose_nothing_beside_hostile_ones() {
    let folder = Folder::new();
    let mut sandbox = Sandbox::live(folder.path(), 42).await;
    let mut server = Server::start(folder.path(), &setup(&sandbox)).await;
    let (ana, ben) = (server.ana(), server.ben());
    scenes::set_up(&ana, &ben, &policy()).await;
    let before = processes(&ana).await;

    let mut loans = 0..;
    let mut cases: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for _ in 0..EACH {
        for (hostile, ..) in HOSTILE {
            let products = std::iter::once(hostile).chain((0..BESIDE).map(|_| "good"));
            for product in products {
                let loan = Loan::at_noon(loans.next().expect("a number"));
                let mut request = loan.open();
                let facts = request.case.as_mut().and_then(|case| case.facts.as_mut());
                facts.expect("facts").product = product.to_owned();
                let opened = ana.cases().open_case(request).await.expect("opened");
                let case = opened.into_inner().case.expect("the case");
                cases.entry(product).or_default().push(case.case_id);
            }
        }
    }
    let mut wrong = Vec::new();
    for (hostile, _, _, may) in HOSTILE {
        let states = settled(&ana, &cases[hostile]).await;
        if !states.iter().all(|state| may.contains(state)) {
            wrong.push(format!("{hostile}: {states:?}"));
        }
    }
    for state in settled(&ana, &cases["good"]).await {
        if state == S::Unknown {
            wrong.push("a good one in doubt".to_owned());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    kill::settle(&ana).await;

    let after = list(&ana).await;
    for (refused, _) in REFUSED {
        let found = after.iter().find(|c| c.name == refused);
        assert_eq!(
            found.map(v1::Channel::state),
            Some(v1::ChannelState::Refused)
        );
    }
    assert_eq!(
        processes(&ana).await,
        before,
        "the good ones were never restarted"
    );
    for channel in GOOD {
        let mut asked = sandbox.lines("receipt");
        asked.retain(|line| line["channel"] == channel);
        let people: BTreeSet<_> = asked.iter().map(|line| line["dest"].as_str()).collect();
        let counted = (asked.len(), people.len());
        let cases = cases["good"].len();
        assert_eq!(counted, (cases, cases), "each by {channel}, and once");
    }
    let said = server.process().stderr();
    assert!(!said.contains("thread 'main' panicked"), "{said}");
    let ledger = of_the_good(&judge::export(&ana, folder.path()).await, &cases["good"]);
    assert!(server.stop().await.success(), "it ends when it is told to");
    sandbox.stop().await;
    let judged = judge::judge(sandbox.log(), &ledger, &[]);
    assert_eq!(judged.status, Some(0), "{}", judged.text);
}

/// The ledger without the contacts that hostile channels had: what those say is not to be believed.
fn of_the_good(ledger: &Path, good: &[String]) -> PathBuf {
    let all = fs::read_to_string(ledger).expect("the ledger");
    let is_hostile = |line: &Value| {
        line["type"] == "slot" && !good.iter().any(|case| line["case"] == case.as_str())
    };
    let (mut text, mut left_out) = (String::new(), 0);
    for line in all.lines() {
        let mut read: Value = serde_json::from_str(line).expect("JSON");
        if is_hostile(&read) {
            left_out += 1;
            continue;
        }
        if let Some(slots) = read["counts"]["slot"].as_u64() {
            read["counts"]["slot"] = (slots - left_out).into();
        }
        writeln!(text, "{read}").expect("a string takes it");
    }
    let path = ledger.with_extension("good.jsonl");
    fs::write(&path, text).expect("a file");
    path
}

fn setup(sandbox: &Sandbox) -> Setup {
    let mut setup = GOOD
        .iter()
        .fold(Setup::default(), |setup, name| setup.with(name, sandbox));
    setup
        .top
        .push_str("log = \"error\"\n[engine]\ncall_timeout_ms = 2000\n");
    let carrier = carrier();
    for (name, library, config, _) in HOSTILE {
        let config = config.replace("{carrier}", &carrier);
        let config = format!("config = {{ {config} }}\nmemory_mib = 64");
        setup = setup.with_channel(name, &builds::hostile(library), &config);
    }
    for (name, library) in REFUSED {
        setup = setup.with_channel(name, &builds::hostile(library), "");
    }
    setup
}

/// The address of somebody who takes all that comes, and answers nothing.
fn carrier() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    address
}

fn policy() -> String {
    let mut yaml = String::from(
        "name: beside\nstages:\n  - name: good\n    enter: case.dpd >= 1\n    steps:\n      \
         - {channel: sms, template: reminder, max: 1}\n      - {channel: email, template: statement_mail, max: 1}\n",
    );
    for (name, ..) in HOSTILE {
        let stage = writeln!(
            yaml,
            "  - name: {name}\n    enter: case.dpd >= 1 && case.product == \"{name}\"\n    steps: [{{channel: {name}, \
             template: reminder, max: 1}}]"
        );
        stage.expect("a string takes it");
    }
    yaml
}

async fn list(ana: &Client) -> Vec<v1::Channel> {
    let request = v1::ListChannelsRequest {
        page_size: 1_000,
        // What was refused, too.
        show_all: true,
        ..v1::ListChannelsRequest::default()
    };
    let listed = ana.channels().list_channels(request).await;
    listed.expect("channels").into_inner().channels
}

/// The processes of the good channels.
async fn processes(ana: &Client) -> BTreeMap<String, i64> {
    let all = list(ana).await.into_iter();
    let good = all.filter(|c| GOOD.contains(&c.name.as_str()));
    good.map(|c| (c.name, c.process_id)).collect()
}

/// How the contacts of these cases stand once none is under way.
async fn settled(ana: &Client, cases: &[String]) -> Vec<S> {
    let mut states = Vec::new();
    for case in cases {
        let state = until("a contact that is under way no more", async || {
            let all = scenes::contacts_of(ana, case).await;
            all.into_iter()
                .map(|c| c.state())
                .find(|s| !matches!(s, S::Dispatching | S::Planned))
        });
        states.push(state.await);
    }
    states
}
