//! The model walked through, and seen to notice what is left out of it.

use recoup_domain::contact::ContactState as S;
use recoup_model::{Flaw, Protocol, Seen, Walk, World};
use stateright::{Checker, Model};

/// Steps that are taken where `RECOUP_MODEL_STEPS` names no other number. One in eight or so comes to a state that was
/// not seen before.
const STEPS: usize = 60_000_000;
/// States that must be looked at, unless there are no more.
const STATES: usize = 5_000_000;

fn steps() -> usize {
    let given = std::env::var("RECOUP_MODEL_STEPS").ok();
    given.map_or(STEPS, |n| n.parse().expect("a number of steps"))
}

#[test]
fn no_state_breaks_a_promise() {
    let protocol = Protocol {
        kills: 2,
        lapses: 1,
        flaw: None,
    };
    let checker = protocol
        .checker()
        .threads(2)
        .symmetry_fn(World::representative)
        .target_state_count(steps())
        .spawn_dfs()
        .join();
    println!(
        "{} steps, {} states, {} steps deep",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth()
    );
    checker.assert_properties();
    let ended = checker.state_count() < steps();
    assert!(ended || checker.unique_state_count() >= STATES);
}

#[test]
fn each_flaw_breaks_one() {
    for flaw in Flaw::ALL {
        let protocol = Protocol {
            kills: 1,
            lapses: 1,
            flaw: Some(flaw),
        };
        let checker = protocol
            .checker()
            .threads(2)
            .finish_when(stateright::HasDiscoveries::AnyFailures)
            .spawn_bfs()
            .join();
        let broken: Vec<_> = checker
            .discoveries()
            .into_iter()
            .filter(|(name, _)| name.starts_with('I') || name.starts_with("an effect"))
            .map(|(name, path)| (name, path.into_actions()))
            .collect();
        let [(name, path), ..] = &broken[..] else {
            panic!("nobody notices {flaw:?}");
        };
        println!(
            "{flaw:?} breaks `{name}` within {} steps: {path:?}",
            path.len()
        );
    }
}

#[test]
fn runs_are_followed_and_strange_ones_are_not() {
    let walk = Walk::new(Protocol {
        kills: 1,
        lapses: 0,
        flaw: None,
    });
    let (text, visit) = (0, 2);
    let sent = [
        Seen::Moved(text, S::Dispatching),
        Seen::Submitted(text),
        Seen::Moved(text, S::Accepted),
        Seen::Moved(visit, S::Dispatching),
        Seen::Moved(text, S::Effected),
    ];
    assert_eq!(walk.follow(&sent), Ok(()));
    let killed = [
        Seen::Moved(text, S::Dispatching),
        Seen::Submitted(text),
        Seen::Killed,
        Seen::Moved(text, S::Unknown),
        Seen::Stopped,
    ];
    assert_eq!(walk.follow(&killed), Ok(()));
    let called_off = [
        Seen::Moved(visit, S::Dispatching),
        Seen::Submitted(visit),
        Seen::Moved(visit, S::Accepted),
        Seen::Stopped,
        Seen::Moved(visit, S::Cancelling),
        Seen::Moved(visit, S::Cancelled),
    ];
    assert_eq!(walk.follow(&called_off), Ok(()));
    // Its time was over: nothing is left to be called off.
    let mut over = called_off[..3].to_vec();
    over.extend([Seen::Passed(visit), Seen::Stopped]);
    assert_eq!(walk.follow(&over), Ok(()));
    let strange = [
        (&[Seen::Submitted(text)][..], 0),
        (
            &[
                Seen::Moved(text, S::Dispatching),
                Seen::Moved(text, S::Unknown),
                Seen::Moved(1, S::Dispatching),
            ],
            2,
        ),
        (&[Seen::Stopped, Seen::Moved(text, S::Dispatching)], 1),
        (
            &[
                Seen::Moved(text, S::Dispatching),
                Seen::Submitted(text),
                Seen::Submitted(text),
            ],
            2,
        ),
        (
            &[
                Seen::Moved(text, S::Dispatching),
                Seen::Submitted(text),
                Seen::Moved(text, S::RejectedProven),
            ],
            2,
        ),
    ];
    let uncalled = [
        Seen::Moved(visit, S::Dispatching),
        Seen::Submitted(visit),
        Seen::Moved(visit, S::Accepted),
        Seen::Stopped,
    ];
    let strange = strange.into_iter().chain([(&uncalled[..], 3)]);
    for (run, followed) in strange {
        let stray = walk.follow(run).expect_err("a strange run");
        assert_eq!(
            (stray.followed, stray.strange),
            (followed, run[followed]),
            "{run:?}"
        );
    }
}
