//! What the engine does is what the model of the protocol permits: lives of one case with a text and a visit, by chance
//! of a seed. The journal and what the carriers were given, in their order, must be a path of the model, whose every
//! state `recoup-model` looks at.

mod support;

use jiff::Timestamp;
use jiff::civil::date;
use recoup_channel::ChannelError;
use recoup_channel::wire::{self, Receipt};
use recoup_domain::CaseEvent;
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{CaseId, ContactId};
use recoup_domain::journal::{ContactEvent, What};
use recoup_domain::money::{Currency, Money};
use recoup_engine::commands::PaymentInput;
use recoup_engine::types::Answered;
use recoup_model::{Protocol, SEQS, Seen, TEXT, VISIT, Walk, slot};
use recoup_store::{JournalFilter, Recorded};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use support::{Rig, at};
use tempfile::TempDir;

/// Lives that are lived where `RECOUP_MODEL_LIVES` names no other number.
const LIVES: u64 = 48;

/// One text, one visit; each may be tried again where the carrier refused it.
const ONE_EACH: &str = r#"
name: cn-microloan
stages:
  - name: remind
    enter: case.dpd >= 1
    steps: [{channel: sms, template: reminder, max: 1}]
  - name: visit
    enter: contacts.any.made >= 1 && case.dpd >= 30 && case.overdue_in("CNY") >= 100
    steps: [{channel: visit, template: visit_brief, max: 1}]
"#;

/// Numbers that a seed gives.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        // xorshift64*, Vigna 2016.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A life, and what was seen of it beside the journal.
struct Life {
    chance: Chance,
    case: CaseId,
    paid: bool,
    kills: u8,
    /// Contacts given to carriers, each behind a position of the journal.
    submitted: Vec<(u64, ContactId)>,
    killed: Vec<u64>,
    refused: Vec<ContactClass>,
}

impl Life {
    /// Lives until an instant, or until the process is killed: what it leaves then.
    async fn until(&mut self, rig: &Arc<Rig>, dir: &Path, until: Timestamp) -> Option<TempDir> {
        let mut text = rig.channel(ContactClass::Sms).hold();
        let mut visit = rig.channel(ContactClass::Visit).hold();
        let mut running = tokio::spawn({
            let rig = rig.clone();
            async move { rig.run_until(until).await }
        });
        loop {
            let (class, held) = tokio::select! {
                () = text.reached() => (ContactClass::Sms, &mut text),
                () = visit.reached() => (ContactClass::Visit, &mut visit),
                ended = &mut running => {
                    ended.unwrap();
                    return None;
                }
            };
            if self.chance.one_in(4) {
                self.pay(rig).await;
            }
            if self.kills < 2 && self.chance.one_in(4) {
                // The carrier has it, and nobody is there to hear of it.
                self.kills += 1;
                let left = left_by(dir);
                self.note_submitted(rig, class, true);
                self.killed.push(*rig.engine.store().newest().borrow());
                running.abort();
                return Some(left);
            }
            let answer = self.answer(class);
            let arrived = !matches!(&answer, Err(e) if e.proves_not_sent());
            self.note_submitted(rig, class, arrived);
            *rig.channel(class).answer.lock().unwrap() = answer;
            let next = rig.channel(class).hold();
            std::mem::replace(held, next).release();
        }
    }

    async fn pay(&mut self, rig: &Rig) {
        if std::mem::replace(&mut self.paid, true) {
            return;
        }
        let payment = PaymentInput {
            reference: "p".into(),
            amount: Money::new(60_000, Currency::new("CNY").unwrap()),
            received_at: None,
            balance_after: None,
        };
        let ana = rig.as_of("ana");
        let paid = rig
            .engine
            .record_payment(&ana, self.case, payment, &|_| vec![]);
        paid.await.unwrap();
    }

    /// What the carrier will say of what it has now. Each refuses once at most: a step is tried again twice, and the
    /// model knows of one.
    fn answer(&mut self, class: ContactClass) -> Result<Receipt, ChannelError> {
        let accepted = |immediate: Option<wire::Outcome>| Receipt {
            provider_ref: "r".into(),
            immediate: immediate.map(Into::into),
            ..Receipt::default()
        };
        let effect = match class {
            ContactClass::Visit => wire::Outcome::Visited,
            _ => wire::Outcome::Delivered,
        };
        match self.chance.below(6) {
            0 => Err(ChannelError::unknown("cut")),
            1 | 2 if !self.refused.contains(&class) => {
                self.refused.push(class);
                Err(ChannelError::retryable("refused"))
            }
            3 => Ok(accepted(Some(effect))),
            _ => Ok(accepted(None)),
        }
    }

    /// What the carriers were given since it was last asked. Refused before it arrived is not given.
    fn note_submitted(&mut self, rig: &Rig, class: ContactClass, arrived: bool) {
        let told = rig.channel(class);
        let given = std::mem::take(&mut *told.submitted.lock().unwrap());
        if arrived {
            let parsed = given.into_iter().map(|(at, id)| (at, id.parse().unwrap()));
            self.submitted.extend(parsed);
        }
    }
}

async fn begin(dir: &Path, seed: u64) -> (Rig, Life) {
    let rig = Rig::new(dir, at("2026-03-01T00:00:00Z")).await;
    let (ana, ben) = (rig.as_of("ana"), rig.as_of("ben"));
    let created = rig.engine.create_policy(&ana, ONE_EACH.into(), &|_| vec![]);
    let Answered::Now(created) = created.await.unwrap() else {
        panic!("no request id was given")
    };
    let stored = &created.policy.stored;
    let note = String::new();
    let active = rig
        .engine
        .activate_policy(&ben, &stored.name, stored.version, note, &|_| vec![]);
    active.await.unwrap();
    let life = Life {
        chance: Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
        case: rig.open_case("1", date(2026, 3, 1)).await,
        paid: false,
        kills: 0,
        submitted: Vec::new(),
        killed: Vec::new(),
        refused: Vec::new(),
    };
    (rig, life)
}

/// The disk as a kill leaves it.
fn left_by(dir: &Path) -> TempDir {
    let left = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(dir).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), left.path().join(file.file_name())).unwrap();
        }
    }
    left
}

/// Lives until each of some instants, whatever happens at each send; between them the borrower may pay.
async fn live(seed: u64) -> Vec<Seen> {
    let mut dir = tempfile::tempdir().unwrap();
    let (rig, mut life) = begin(dir.path(), seed).await;
    let mut rig = Arc::new(rig);
    for until in [
        "2026-03-02T06:00:00Z",
        "2026-03-31T12:00:00Z",
        "2026-04-30T00:00:00Z",
    ] {
        while let Some(left) = life.until(&rig, dir.path(), at(until)).await {
            let now = recoup_engine::clock::Wall::now(&rig.wall);
            rig = Arc::new(Rig::open(left.path(), now).await);
            dir = left;
        }
        if life.chance.one_in(4) {
            life.pay(&rig).await;
            rig.engine.activity().until_quiet().await;
        }
    }
    let entries = rig
        .engine
        .store()
        .journal(&JournalFilter::default(), 0, 10_000)
        .await
        .unwrap();
    seen(entries, &life)
}

/// The journal and the carriers' logs as one run.
fn seen(entries: Vec<Recorded>, life: &Life) -> Vec<Seen> {
    let mut slots = Slots::default();
    // At one position: whose time is over, what was committed, what left then, who died.
    let mut run: Vec<(u64, u8, Seen)> = Vec::new();
    for Recorded { position, entry } in entries {
        let over = slots.over_at(entry.at);
        run.extend(over.map(|slot| (position, 0, Seen::Passed(slot))));
        let seen = match entry.what {
            What::Case { event, .. } => {
                matches!(event, CaseEvent::Closed { .. }).then_some(Seen::Stopped)
            }
            What::Contact { id, event, .. } => slots.moved(id, &event),
            _ => None,
        };
        run.extend(seen.map(|seen| (position, 1, seen)));
        // Refused before it arrived is not given: nothing of it can pass.
        for (_, id) in life.submitted.iter().filter(|(at, _)| *at == position) {
            let slot = slots.of[id];
            slots.given.insert(slot);
            run.push((position, 2, Seen::Submitted(slot)));
        }
    }
    run.extend(
        life.killed
            .iter()
            .map(|position| (*position, 3, Seen::Killed)),
    );
    run.sort_by_key(|(position, rank, _)| (*position, *rank));
    run.into_iter().map(|(_, _, seen)| seen).collect()
}

/// The slots of the model that contacts have.
#[derive(Default)]
struct Slots {
    of: BTreeMap<ContactId, usize>,
    /// When the time of each is over.
    ends: BTreeMap<usize, Timestamp>,
    /// Those that a carrier has.
    given: BTreeSet<usize>,
}

impl Slots {
    fn moved(&mut self, id: ContactId, event: &ContactEvent) -> Option<Seen> {
        match event {
            ContactEvent::Intended(contact) => {
                let case = match contact.class {
                    ContactClass::Visit => VISIT,
                    _ => TEXT,
                };
                let before = self.of.values().filter(|s| **s / SEQS == case).count();
                assert!(before < SEQS, "a third contact of a step");
                let place = slot(case, u8::try_from(before).unwrap());
                self.of.insert(id, place);
                self.ends.insert(place, contact.effect.to);
                Some(Seen::Moved(place, contact.state))
            }
            ContactEvent::Moved { to } | ContactEvent::Settled { to, .. } => {
                let place = self.of[&id];
                if matches!(to, ContactState::Effected | ContactState::Cancelled) {
                    self.ends.remove(&place);
                }
                Some(Seen::Moved(place, *to))
            }
            _ => None,
        }
    }

    /// What a carrier has whose time is over by now, each once.
    fn over_at(&mut self, now: Timestamp) -> impl Iterator<Item = usize> + use<> {
        let is_over = |(slot, end): (&usize, &Timestamp)| {
            (self.given.contains(slot) && *end <= now).then_some(*slot)
        };
        let over: Vec<usize> = self.ends.iter().filter_map(is_over).collect();
        self.ends.retain(|slot, _| !over.contains(slot));
        over.into_iter()
    }
}

#[tokio::test]
async fn what_the_engine_does_is_a_path_of_the_model() {
    let given = std::env::var("RECOUP_MODEL_LIVES").ok();
    let lives = given.map_or(LIVES, |n| n.parse().expect("a number of lives"));
    let walk = Walk::new(Protocol {
        kills: 2,
        lapses: 0,
        flaw: None,
    });
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 1..=lives {
        let run = live(seed).await;
        if let Err(stray) = walk.follow(&run) {
            panic!("seed {seed}: {run:?} leaves the model: {stray:?}");
        }
        for seen in run {
            let kind = match seen {
                Seen::Moved(_, to) => format!("{to}"),
                Seen::Submitted(_) => "submitted".into(),
                Seen::Passed(_) => "passed".into(),
                Seen::Stopped => "stopped".into(),
                Seen::Killed => "killed".into(),
            };
            *counts.entry(kind).or_default() += 1;
        }
    }
    println!("{lives} lives: {counts:?}");
    for kind in [
        "passed",
        "killed",
        "stopped",
        "submitted",
        "ACCEPTED",
        "UNKNOWN",
        "REJECTED_PROVEN",
        "EFFECTED",
        "CANCELLED",
    ] {
        assert!(
            counts.contains_key(kind),
            "no life has `{kind}`: {counts:?}"
        );
    }
}
