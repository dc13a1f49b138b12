//! Rollouts of channels: what each step leads to, and what holds after any steps.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use recoup_domain::ids::{CaseId, ContactId};
use recoup_domain::rollout::{
    GenerationState as S, Made, Refusal, Rollout, Step, Vouched, is_in_share,
};

fn made(settings: &str) -> Made {
    Made {
        sha256: "d".repeat(64),
        bytes: 1,
        settings: settings.to_owned(),
        plugin: "org.recoup.sms".to_owned(),
        plugin_version: "1.0.0".to_owned(),
        signature: None,
        vouched: Vouched::Nobody,
        older: false,
    }
}

fn first() -> Rollout {
    Rollout::first("sms", "a".to_owned(), made("{}"), Timestamp::UNIX_EPOCH)
}

fn begin(to: u32, shares: &[u8]) -> Step {
    Step::Begin {
        to,
        shares: shares.to_vec(),
        hold: SignedDuration::from_secs(60),
        judged_min: 10,
    }
}

fn take(rollout: &Rollout, steps: &[Step]) -> Result<Rollout, Refusal> {
    let mut now = rollout.clone();
    for step in steps {
        now = now.take(step, "operator", Timestamp::UNIX_EPOCH)?;
    }
    Ok(now)
}

fn states(rollout: &Rollout) -> Vec<(u32, S)> {
    let all = rollout.generations.iter();
    all.map(|g| (g.number, g.state)).collect()
}

fn back() -> Step {
    Step::RollBack {
        why: "worse".to_owned(),
    }
}

#[test]
fn a_swap_goes_by_its_shares_and_back() {
    let start = take(&first(), &[Step::Stage(made("{}")), begin(2, &[1, 100])]).unwrap();
    assert_eq!((start.share(1), start.share(2), start.version), (99, 1, 2));
    let all = take(&start, &[Step::Advance]).unwrap();
    assert_eq!((all.share(1), all.share(2)), (0, 100));
    assert_eq!(
        states(&all),
        [(1, S::Live), (2, S::Canary)],
        "until it was held"
    );
    let done = take(&all, &[Step::Advance]).unwrap();
    assert_eq!(states(&done), [(1, S::Draining), (2, S::Live)]);
    assert_eq!((done.live(), done.before, done.share(2)), (2, Some(1), 100));
    let ended = take(&done, &[Step::Retire(1)]).unwrap();
    assert!(ended.keeps(1), "it may be gone back to");
    let undone = take(&ended, &[back()]).unwrap();
    assert_eq!(states(&undone), [(1, S::Live), (2, S::Faulted)]);
    assert_eq!(undone.generation(2).unwrap().why, "worse");
    assert_eq!(take(&undone, &[back()]), Err(Refusal::NothingBefore));
    let again = take(&undone, &[begin(2, &[100])]).unwrap();
    assert_eq!(states(&again), [(1, S::Live), (2, S::Canary)]);
}

#[test]
fn a_swap_that_is_rolled_back_leaves_the_live_one() {
    let start = take(
        &first(),
        &[Step::Stage(made("{}")), begin(2, &[1, 10, 100])],
    )
    .unwrap();
    let undone = take(&start, &[Step::Advance, back()]).unwrap();
    assert_eq!(states(&undone), [(1, S::Live), (2, S::Faulted)]);
    assert_eq!((undone.swap.as_ref(), undone.share(1)), (None, 100));
    let gone = take(&undone, &[Step::Drain(2), Step::Retire(2)]).unwrap();
    assert!(!gone.keeps(2));
}

#[test]
fn what_a_swap_cannot_do_is_said() {
    let staged = take(
        &first(),
        &[Step::Stage(made("{}")), Step::Stage(made("{}"))],
    )
    .unwrap();
    let tried = take(&staged, &[begin(2, &[1, 100])]).unwrap();
    for (from, step, wanted) in [
        (&staged, begin(7, &[100]), "there is no generation 7"),
        (
            &staged,
            begin(1, &[100]),
            "generation 1 is LIVE; it would have to be STAGED or FAULTED",
        ),
        (
            &staged,
            begin(2, &[10, 10, 100]),
            "shares [10, 10, 100] do not rise from 1 or more to 100",
        ),
        (&staged, begin(2, &[0, 100]), "shares [0, 100] do not rise"),
        (&staged, begin(2, &[10]), "shares [10] do not rise"),
        (&staged, begin(2, &[]), "shares [] do not rise"),
        (&staged, Step::Advance, "no generation is being tried"),
        (&staged, back(), "there is no generation to go back to"),
        (
            &staged,
            Step::Drain(1),
            "generation 1 is LIVE; it would have to be STAGED, FAULTED or",
        ),
        (
            &staged,
            Step::Retire(2),
            "generation 2 is STAGED; it would have to be DRAINING",
        ),
        (&tried, begin(3, &[100]), "generation 2 is being tried"),
        (&tried, Step::Drain(2), "generation 2 is CANARY"),
    ] {
        let refused = take(from, std::slice::from_ref(&step))
            .unwrap_err()
            .to_string();
        assert!(refused.starts_with(wanted), "{step:?}: {refused}");
    }
}

#[test]
fn another_configuration_is_live_at_once() {
    let tried = take(&first(), &[Step::Stage(made("{}")), begin(2, &[1, 100])]).unwrap();
    let step = Step::Configure {
        made: made("{\"a\":1}"),
        configured: "b".to_owned(),
    };
    let now = take(&tried, &[step]).unwrap();
    assert_eq!(
        states(&now),
        [(1, S::Draining), (2, S::Faulted), (3, S::Live)]
    );
    assert_eq!((now.configured.as_str(), now.before), ("b", Some(1)));
}

#[test]
fn a_share_of_contacts_is_about_that_and_stays_the_same() {
    let contact = |n: u32| ContactId {
        case: CaseId::from_bytes(u128::from(n / 4).to_be_bytes()),
        seq: n % 4 + 1,
    };
    for share in [1, 10, 50, 100] {
        let taken = (0..100_000).filter(|n| is_in_share(contact(*n), 2, share));
        let taken = taken.count() as f64 / 1000.0;
        assert!((taken - f64::from(share)).abs() < 0.5, "{share}: {taken}");
    }
    for n in 0..10_000 {
        let at_ten = is_in_share(contact(n), 2, 10);
        assert!(
            !at_ten || is_in_share(contact(n), 2, 50),
            "who was in it stays in it"
        );
        assert!(!is_in_share(contact(n), 2, 0));
    }
    // Of another generation it is others.
    let both =
        (0..10_000).filter(|n| is_in_share(contact(*n), 2, 10) && is_in_share(contact(*n), 3, 10));
    assert!((50..200).contains(&both.count()));
    // On every server, of every version: this is part of the contract.
    let known: Vec<u32> = (0..400)
        .filter(|n| is_in_share(contact(*n), 2, 1))
        .collect();
    assert_eq!(known, KNOWN);
}

const KNOWN: [u32; 7] = [38, 46, 54, 57, 185, 188, 346];

fn step() -> impl Strategy<Value = Step> {
    let number = 1_u32..6;
    prop_oneof![
        Just(Step::Stage(made("{}"))),
        number.clone().prop_map(|to| begin(to, &[1, 10, 100])),
        Just(Step::Advance),
        Just(back()),
        number.clone().prop_map(Step::Drain),
        number.prop_map(Step::Retire),
        Just(Step::Configure {
            made: made("{}"),
            configured: "b".to_owned()
        }),
    ]
}

proptest! {
    #[test]
    fn every_contact_has_a_generation_after_any_steps(steps in proptest::collection::vec(step(), 0..80)) {
        let mut now = first();
        for step in steps {
            let Ok(next) = now.take(&step, "operator", Timestamp::UNIX_EPOCH) else {
                continue;
            };
            prop_assert_eq!(next.version, now.version + 1);
            now = next;
            let count = |state| now.generations.iter().filter(|g| g.state == state).count();
            prop_assert_eq!(count(S::Live), 1, "{:?}", now);
            prop_assert_eq!(count(S::Canary), usize::from(now.swap.is_some()));
            let shares: u32 = now.generations.iter().map(|g| u32::from(now.share(g.number))).sum();
            prop_assert_eq!(shares, 100);
            prop_assert!(now.before.is_none_or(|n| now.keeps(n) && now.share(n) == 0), "{:?}", now);
            prop_assert!(now.generations.iter().all(|g| g.number < now.next));
            prop_assert!(now.generations.len() <= 64);
            let written = serde_json::to_string(&now).unwrap();
            prop_assert_eq!(serde_json::from_str::<Rollout>(&written).unwrap(), now.clone());
        }
    }
}
