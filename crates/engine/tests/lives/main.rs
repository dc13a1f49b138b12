//! A replayed life held against the engine's own. A portfolio is replayed, and everything that came from outside in it
//! (what carriers and visitors said, payments, promises, approvals, opt-outs, ceases, due dates) is told to an engine
//! on a real store and a stepped clock, with channels that answer as carriers did in the replay. Each contact has to
//! be the same then, and each case has to end the same.
//!
//! One thing is kept out, by the hours of the policy that people with two cases are under: where both want a contact in
//! the same slot, a replay does one after the other with all that comes of it, and the engine decides them together.

mod life;
mod portfolio;
mod script;
#[path = "../support/mod.rs"]
mod support;

use life::{differences, live};
use portfolio::set_up;
use recoup_compliance::Packs;
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::ContactId;
use recoup_domain::{Outcome, PastContact};
use recoup_simulate::{Behaviour, DEFAULT_BEHAVIOUR, Fact};
use script::{Script, replay};
use std::collections::BTreeMap;
use support::{Rig, at};

/// 08:00 in Shanghai, Saturday evening in America.
const START: &str = "2026-03-01T00:00:00Z";

/// People who do more of everything than the ones that ship: more numbers that do not work, more who stand on their
/// rights, promises that are kept as often as not.
fn lively() -> Behaviour {
    let mut text = DEFAULT_BEHAVIOUR.to_owned();
    for (usual, lively) in [
        (
            "rights: {opts_out: 60, ceases: 15}",
            "rights: {opts_out: 500, ceases: 150}",
        ),
        (
            "points: {dead: 350, wrong: 150}",
            "points: {dead: 1500, wrong: 1000}",
        ),
        ("promises: 3000", "promises: 7000"),
        ("approval_hours: [1, 8]", "approval_hours: [1, 120]"),
    ] {
        assert!(text.contains(usual), "{usual}");
        text = text.replace(usual, lively);
    }
    Behaviour::parse(&text).unwrap()
}

async fn rig(dir: &std::path::Path) -> Rig {
    // Nothing waits for room here, as in a replay.
    let rig = Rig::open_with(dir, at(START), Packs::builtin().clone(), 256).await;
    set_up(&rig).await;
    rig
}

fn same(policy: &str) -> String {
    policy.to_owned()
}

/// How much happened in all, so that nothing is compared with nothing.
fn is_full_of_life(scripts: &[Script]) {
    let all: BTreeMap<ContactId, &PastContact> = scripts
        .iter()
        .flat_map(|s| s.contacts.iter().map(|(id, c)| (*id, c)))
        .collect();
    let contacts = |is: &dyn Fn(&PastContact) -> bool| all.values().filter(|c| is(c)).count();
    let facts = || scripts.iter().flat_map(|s| &s.told).map(|t| t.fact);
    let told = |is: &dyn Fn(&Fact) -> bool| facts().filter(is).count();
    for (what, n, least) in [
        ("texts", contacts(&|c| c.class == ContactClass::Sms), 50),
        ("calls", contacts(&|c| c.class == ContactClass::Phone), 100),
        ("mails", contacts(&|c| c.class == ContactClass::Email), 20),
        ("visits", contacts(&|c| c.class == ContactClass::Visit), 10),
        (
            "referrals",
            contacts(&|c| c.class == ContactClass::Legal),
            5,
        ),
        (
            "contacts called off",
            contacts(&|c| c.state == Some(ContactState::Cancelled)),
            1,
        ),
        (
            "dead numbers",
            contacts(&|c| c.outcome == Some(Outcome::NotInService)),
            1,
        ),
        ("payments", told(&|f| matches!(f, Fact::Paid(..))), 20),
        ("promises", told(&|f| matches!(f, Fact::Promised(..))), 10),
        ("due dates", told(&|f| matches!(f, Fact::Due(..))), 5),
        ("approvals", told(&|f| matches!(f, Fact::Approved(..))), 5),
        ("opt-outs", told(&|f| matches!(f, Fact::OptedOut(..))), 2),
        ("ceases", told(&|f| matches!(f, Fact::Ceased(..))), 1),
    ] {
        assert!(n >= least, "{what}: {n} of {least} at least");
    }
}

/// Three spans: each is replayed from the portfolio as it stands then, with contacts under way, promises, what waits
/// for approval and all that was done before, and with another luck.
#[tokio::test]
async fn a_replayed_life_is_the_engines_own_contact_by_contact() {
    let dir = tempfile::tempdir().unwrap();
    let rig = rig(dir.path()).await;
    let mut scripts = Vec::new();
    for (days, seed) in [(14, 1), (20, 2), (40, 3)] {
        let script = replay(&rig, &lively(), (days, seed), same).await;
        let refused = live(&rig, &script, days).await;
        assert_eq!(refused, [""; 0], "what the engine did not take");
        assert_eq!(differences(&rig, &script).await, [""; 0], "seed {seed}");
        scripts.push(script);
    }
    is_full_of_life(&scripts);
}

/// The comparison finds what differs: a replay under a policy that is not the one that is in force, an answer that
/// was another one, and money that the engine never heard of.
#[tokio::test]
async fn what_differs_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let rig = rig(dir.path()).await;
    let same_luck = replay(&rig, &lively(), (14, 1), same).await;
    let milder = |policy: &str| policy.replace("every: 1h", "every: 2h");
    let other = replay(&rig, &lively(), (14, 1), milder).await;
    let mut script = replay(&rig, &lively(), (14, 1), same).await;
    let paid = script
        .told
        .iter()
        .position(|t| matches!(t.fact, Fact::Paid(..)));
    let Fact::Paid(unpaid, _) = script.told.remove(paid.unwrap()).fact else {
        unreachable!("it was found as a payment")
    };
    let call = script.told.iter_mut().find_map(|t| match &mut t.fact {
        Fact::Settled(id, outcome @ Outcome::NoAnswer) => {
            *outcome = Outcome::Busy;
            Some(*id)
        }
        _ => None,
    });
    live(&rig, &script, 14).await;
    let found = differences(&rig, &same_luck).await;
    let names = |id: &str| found.iter().any(|d| d.contains(id));
    assert!(names(&unpaid.to_string()), "{found:#?}");
    assert!(names(&call.unwrap().to_string()), "{found:#?}");
    let under_another = differences(&rig, &other).await;
    assert!(under_another.len() > found.len() + 3, "{under_another:#?}");
}
