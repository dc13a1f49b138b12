//! kill -9: the server is killed at random instants under load and started again on the same store, over and
//! over. At the end nobody was reached twice, nothing is lost, and whatever was answered OK is there.
//!
//! `RECOUP_KILLS` says how often (25; 200 where `RECOUP_STRICT` is set), `RECOUP_SEED` repeats a run.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use recoup::api::recoup::v1;
use serde_json::Value;

use crate::support::chance::Chance;
use crate::support::client::Client;
use crate::support::judge;
use crate::support::load::{Acked, Load};
use crate::support::process::{Folder, until_within};
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, now};
use crate::support::server::{Server, Setup};

/// Everything is due at once, so that every instant finds contacts under way.
pub(crate) const ALL_AT_ONCE: &str = "name: all-at-once
stages:
  - name: all
    enter: case.dpd >= 1
    steps:
      - {channel: sms, template: reminder, max: 1}
  - name: then
    enter: case.dpd >= 1 && contacts.any.made >= 1
    steps:
      - {channel: phone, template: first_call, max: 1}
      - {channel: email, template: statement_mail, max: 1}
      - {channel: visit, template: visit_brief, max: 1}
";
/// Callers at once.
const WORKERS: u32 = 6;
/// What a caller waits between two calls.
const PAUSE: Duration = Duration::from_millis(60);
/// A life of the server lasts from the first to the second, in milliseconds.
const LIFE_MS: (u64, u64) = (20, 600);
/// How long the end may take to settle: the sandbox tries a call-back for half a minute.
const SETTLE: Duration = Duration::from_secs(180);
/// How long nothing happens when all has settled: longer than the sandbox waits before it tries a call-back
/// again.
const STILL: Duration = Duration::from_secs(6);

fn kills() -> usize {
    let strict = std::env::var_os("RECOUP_STRICT").is_some_and(|v| v != "0");
    let given = std::env::var("RECOUP_KILLS").ok();
    let given = given.map(|v| v.parse().expect("RECOUP_KILLS is a number"));
    given.unwrap_or(if strict { 200 } else { 25 })
}

fn seed() -> u64 {
    let given = std::env::var("RECOUP_SEED").ok();
    let given = given.map(|v| v.parse().expect("RECOUP_SEED is a number"));
    given.unwrap_or_else(|| now().as_microsecond().unsigned_abs())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_instant_it_reaches_nobody_twice_and_loses_nothing() {
    run(kills(), "sqlite:data").await;
}

/// Kills a server with this store so many times.
pub(crate) async fn run(kills: usize, store: &str) {
    let seed = seed();
    println!("kills {kills}, seed {seed} (RECOUP_SEED={seed} repeats it)");
    let mut chance = Chance::new(seed);
    let folder = Folder::new();
    let mut sandbox = Sandbox::live(folder.path(), seed).await;
    let mut setup = ["sms", "phone", "email", "visit"]
        .iter()
        .fold(Setup::default(), |setup, name| setup.with(name, &sandbox));
    setup.top = setup.top.replace("sqlite:data", store);
    setup.top.push_str("log = \"warn\"\n");
    let mut server = Server::start(folder.path(), &setup).await;
    // It comes back where callers and providers know it.
    let (api, callbacks) = (server.api().to_string(), server.callbacks().to_string());
    setup.args = ["--listen", &api, "--callback-listen", &callbacks]
        .map(str::to_owned)
        .into();
    scenes::set_up(&server.ana(), &server.ben(), ALL_AT_ONCE).await;
    scenes::add_collectors(&server.ana()).await;

    let load = Load::start(server.ana(), WORKERS, seed, PAUSE);
    let mut kills_at = Vec::with_capacity(kills);
    for _ in 0..kills {
        let life = LIFE_MS.0 + chance.below(LIFE_MS.1 - LIFE_MS.0);
        tokio::time::sleep(Duration::from_millis(life)).await;
        let asked = now().as_microsecond();
        server.process().kill();
        kills_at.push((asked, now().as_microsecond()));
        server = Server::start(folder.path(), &setup).await;
    }
    let (acked, asked_again) = load.finish().await;
    let ana = server.ana();
    settle(&ana).await;
    all_there(&ana, &acked).await;
    sandbox.stop().await;
    let ledger = judge::export(&ana, folder.path()).await;
    let judged = judge::judge(sandbox.log(), &ledger, &[]);
    println!("{}", judged.text);
    let figures = Histogram::read(&ledger, &sandbox, &kills_at);
    let acks = acked.len();
    println!("{figures}{acks} changes answered OK, asked again {asked_again} times");
    assert_eq!(judged.status, Some(0), "seed {seed}: {}", judged.text);
    figures.check(kills, seed);
}

/// Waits until nothing is under way, nothing is due, and nothing has happened for a while.
pub(crate) async fn settle(ana: &Client) {
    let (mut position, mut since) = (0, Instant::now());
    until_within(SETTLE, "everything to be sent and settled", async || {
        let status = ana.admin().get_status(v1::GetStatusRequest {}).await;
        let status = status.expect("a status").into_inner();
        let under_way = ["DISPATCHING", "CANCELLING"];
        let under_way = under_way.map(|s| status.contacts.get(s).copied().unwrap_or(0));
        let newest = status.store.as_ref().map_or(0, |s| s.position);
        if under_way != [0, 0] || status.due > 0 || newest != position {
            (position, since) = (newest, Instant::now());
        }
        (since.elapsed() > STILL).then_some(())
    })
    .await;
}

/// Whatever was answered OK is there, and nothing that nobody asked for.
async fn all_there(ana: &Client, acked: &[Acked]) {
    let mut paid: HashMap<u32, i64> = HashMap::new();
    for ack in acked {
        if let Acked::Payment { number, units } = ack {
            *paid.entry(*number).or_default() += units;
        }
    }
    let mut cases = 0;
    for ack in acked {
        match ack {
            Acked::Case { number, case_id } => {
                cases += 1;
                let case = scenes::get(ana, &format!("L{number}")).await;
                assert_eq!(&case.case_id, case_id, "loan {number} has one case");
                let collected = case.collected.map_or(0, |m| m.units);
                let told = paid.get(number).copied().unwrap_or(0);
                assert_eq!(collected, told, "payments of loan {number}");
            }
            Acked::OptOut { number } => {
                let request = v1::GetBorrowerRequest {
                    party: Some(v1::PartyRef {
                        r#ref: Some(v1::party_ref::Ref::LenderRef(format!("B{number}"))),
                    }),
                };
                let party = ana.borrowers().get_borrower(request).await;
                let party = party.expect("a borrower").into_inner().party;
                assert!(
                    !party.expect("it").opt_outs.is_empty(),
                    "opt-out of {number}"
                );
            }
            Acked::Payment { .. } => {}
        }
    }
    println!("{cases} cases, {} paid", paid.len());
}

/// Where the contacts stood at the kills, read from their histories afterwards.
#[derive(Default)]
struct Histogram {
    /// Contacts by state, summed over the kills.
    states: BTreeMap<String, usize>,
    /// Contacts whose request had reached the provider and whose outcome was not written.
    between: usize,
    /// Kills that hit at least one contact between intent and outcome.
    kills_in_flight: usize,
    /// Contacts that were UNKNOWN at some time though no kill hit them under way.
    unknown_unhit: Vec<String>,
    /// Contacts that no kill hit under way: all, and those that a provider took.
    unhit: (usize, usize),
}

impl Histogram {
    fn read(ledger: &Path, sandbox: &Sandbox, kills_at: &[(i64, i64)]) -> Self {
        let received = sandbox.lines("receipt");
        let received: HashMap<&str, i64> = received
            .iter()
            .filter_map(|r| Some((r["key"].as_str()?, r["wall_us"].as_i64()?)))
            .collect();
        let text = std::fs::read_to_string(ledger).expect("the ledger");
        let lines = text.lines().map(|l| serde_json::from_str(l).expect("JSON"));
        let slots: Vec<Value> = lines.filter(|l: &Value| l["type"] == "slot").collect();
        let mut all = Self::default();
        for (asked, _) in kills_at {
            let mut in_flight = 0;
            for slot in &slots {
                let Some(state) = state_at(slot, *asked) else {
                    continue;
                };
                *all.states.entry(state.to_owned()).or_default() += 1;
                if state == "DISPATCHING" {
                    in_flight += 1;
                    let key = slot["key"].as_str().unwrap_or_default();
                    all.between += usize::from(received.get(key).is_some_and(|r| r <= asked));
                }
            }
            all.kills_in_flight += usize::from(in_flight > 0);
        }
        for slot in &slots {
            all.unhit(slot, kills_at);
        }
        all
    }

    fn unhit(&mut self, slot: &Value, kills_at: &[(i64, i64)]) {
        let states = slot["states"].as_array().map_or(&[][..], Vec::as_slice);
        let first = |state: &str| {
            let own = states.iter().filter(|s| s["state"] == state);
            own.filter_map(|s| s["at_us"].as_i64()).next()
        };
        let Some(begun) = first("DISPATCHING") else {
            return;
        };
        let ended = states.iter().filter_map(|s| s["at_us"].as_i64());
        let ended = ended.filter(|at| *at > begun).min().unwrap_or(i64::MAX);
        let hit = kills_at
            .iter()
            .any(|(asked, dead)| begun <= *dead && ended >= *asked);
        if hit {
            return;
        }
        self.unhit.0 += 1;
        // A provider that refuses with proof has answered too: numbers and mailboxes that do not exist.
        let answered = first("ACCEPTED").or(first("REJECTED_PROVEN"));
        self.unhit.1 += usize::from(answered.is_some());
        if first("UNKNOWN").is_some() {
            self.unknown_unhit.push(slot["contact"].to_string());
        }
    }

    /// A run that never hit anything under way shows nothing; nor does one in which all is doubtful.
    fn check(&self, kills: usize, seed: u64) {
        let of = |state: &str| self.states.get(state).copied().unwrap_or(0);
        let wanted = if kills >= 200 { 50 } else { 1 };
        for (what, found) in [
            ("DISPATCHING", of("DISPATCHING")),
            ("ACCEPTED", of("ACCEPTED")),
            ("between first byte and outcome", self.between),
        ] {
            assert!(
                found >= wanted,
                "seed {seed}: only {found} contacts {what} at the kills\n{self}"
            );
        }
        let doubtful = &self.unknown_unhit;
        assert!(
            doubtful.is_empty(),
            "seed {seed}: in doubt without a kill: {doubtful:?}"
        );
        let (all, answered) = self.unhit;
        assert!(
            answered * 100 >= all * 95,
            "seed {seed}: {answered} of {all} answered"
        );
    }
}

fn state_at(slot: &Value, at: i64) -> Option<&str> {
    let states = slot["states"].as_array()?;
    let mut past = states.iter().filter(|s| s["at_us"].as_i64() <= Some(at));
    past.next_back()?["state"].as_str()
}

impl std::fmt::Display for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "contacts by state at the kills:")?;
        for (state, count) in &self.states {
            writeln!(f, "  {state:<16} {count:>8}")?;
        }
        writeln!(f, "  between first byte and outcome: {}", self.between)?;
        let (all, answered) = self.unhit;
        writeln!(
            f,
            "  kills that hit a contact under way: {}",
            self.kills_in_flight
        )?;
        writeln!(f, "  never hit under way: {all}, answered {answered}")
    }
}
