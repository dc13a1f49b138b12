use super::*;
use proptest::prelude::*;

/// 2026-03-02, when every script begins.
const BEGIN: i64 = 1_772_420_000;

/// What the clocks do between two looks, in milliseconds.
#[derive(Clone, Copy, Debug)]
enum Do {
    /// Both go on.
    Wait(i64),
    /// The wall is set, by so much; a second passes.
    Set(i64),
    /// An operator accepts.
    Accept,
    /// The database tells its time, so far behind the wall.
    Hear(i64),
}
use Do::{Accept, Hear, Set, Wait};

struct Scene {
    at: Reading,
    guard: ClockGuard,
}

impl Scene {
    fn new(mark_ms: Option<i64>) -> Self {
        let at = Reading {
            wall: Timestamp::from_second(BEGIN).unwrap(),
            boot: SignedDuration::from_secs(5_000),
        };
        let mark = mark_ms.map(|ms| at.wall + SignedDuration::from_millis(ms));
        Self {
            at,
            guard: ClockGuard::new(mark, at),
        }
    }

    fn act(&mut self, what: Do) {
        let (wall, boot) = match what {
            Wait(ms) => (ms, ms),
            Set(ms) => (1_000 + ms, 1_000),
            Accept | Hear(_) => (0, 0),
        };
        self.at.wall += SignedDuration::from_millis(wall);
        self.at.boot += SignedDuration::from_millis(boot);
        self.guard = match what {
            Wait(_) | Set(_) => self.guard.look(self.at),
            Accept => self.guard.accept(self.at).look(self.at),
            Hear(behind) => {
                let told = self.at.wall - SignedDuration::from_millis(behind);
                self.guard
                    .hear(self.at, told, SignedDuration::from_millis(50))
            }
        };
    }

    /// Milliseconds of the service's time since the begin.
    fn now_ms(&self) -> i64 {
        self.guard.now().as_millisecond() - BEGIN * 1_000
    }

    fn trouble(&self) -> &'static str {
        self.guard.trouble().map_or("", Trouble::name)
    }
}

const HOUR: i64 = 3_600_000;

#[test]
fn what_becomes_of_a_clock() {
    // What the store has on record (ms after the begin), what happens, what is wrong then, the service's time.
    #[rustfmt::skip]
    let table: &[(Option<i64>, &[Do], &str, i64)] = &[
        (None, &[], "", 0),
        (None, &[Wait(HOUR)], "", HOUR),
        // Small steps do nothing, and time does not go back over them.
        (None, &[Set(1_000), Wait(1_000)], "", 3_000),
        (None, &[Set(-1_000), Wait(500)], "", 500),
        (None, &[Set(2_000)], "", 3_000),
        (None, &[Set(2_001)], "leapt", 1_000),
        // On by less than a minute: it mends itself once both have gone together for a while.
        (None, &[Set(30_000), Wait(9_999)], "leapt", 10_999),
        (None, &[Set(30_000), Wait(10_000)], "", 41_000),
        (None, &[Set(30_000), Wait(9_000), Set(5_000), Wait(9_000)], "leapt", 20_000),
        (None, &[Set(60_000), Wait(10_000)], "", 71_000),
        // On by more: somebody must say so. Meanwhile time goes on with what was trusted.
        (None, &[Set(60_001), Wait(HOUR)], "leapt", HOUR + 1_000),
        (None, &[Set(HOUR), Wait(1_000)], "leapt", 2_000),
        (None, &[Set(HOUR), Wait(1_000), Accept], "", HOUR + 2_000),
        (None, &[Set(HOUR), Set(-HOUR)], "", 2_000),
        (None, &[Set(HOUR), Hear(0)], "", HOUR + 1_000),
        (None, &[Set(HOUR), Hear(1_950)], "", HOUR + 1_000),
        (None, &[Set(HOUR), Hear(1_951)], "leapt", 1_000),
        (None, &[Set(HOUR), Hear(HOUR), Hear(HOUR), Set(-HOUR), Hear(0)], "", 2_000),
        (None, &[Set(HOUR), Hear(HOUR)], "skewed", 1_000),
        // Back: time stands until the wall is there again, or an earlier wall is accepted; then it stands, too.
        (None, &[Wait(5_000), Set(-4_000)], "behind", 5_000),
        (None, &[Wait(HOUR), Set(-HOUR), Wait(HOUR - 1_001)], "behind", HOUR),
        (None, &[Wait(HOUR), Set(-HOUR), Wait(HOUR - 1_000)], "", HOUR),
        (None, &[Wait(HOUR), Set(-HOUR), Wait(5_000), Set(HOUR)], "", HOUR + 7_000),
        (None, &[Wait(HOUR), Set(-HOUR), Set(3 * HOUR)], "leapt", HOUR + 2_000),
        (None, &[Wait(HOUR), Set(-HOUR), Hear(0)], "behind", HOUR),
        (None, &[Wait(HOUR), Set(-HOUR), Accept], "", HOUR),
        (None, &[Wait(HOUR), Set(-HOUR), Accept, Wait(HOUR)], "", HOUR + 1_000),
        (None, &[Wait(HOUR), Set(-HOUR), Accept, Set(-5_000)], "behind", HOUR),
        (None, &[Set(HOUR), Accept, Set(-HOUR)], "behind", HOUR + 1_000),
        // Two small steps back.
        (None, &[Wait(1_000), Set(-1), Wait(HOUR), Set(-1_500)], "", HOUR + 2_000 - 1),
        // At the start.
        (Some(-HOUR), &[], "", 0),
        (Some(2_000), &[], "", 2_000),
        (Some(2_001), &[], "behind", 2_001),
        (Some(HOUR), &[Wait(HOUR)], "", HOUR),
        (Some(HOUR), &[Accept, Wait(1_000)], "", HOUR),
        (Some(HOUR), &[Set(2 * HOUR)], "leapt", HOUR),
        // The database.
        (None, &[Hear(2_050)], "", 0),
        (None, &[Hear(2_051)], "skewed", 0),
        (None, &[Hear(-2_051)], "skewed", 0),
        (None, &[Hear(9_000), Accept], "skewed", 0),
        (None, &[Hear(9_000), Hear(100)], "", 0),
    ];
    for (mark, script, trouble, now) in table {
        let mut scene = Scene::new(*mark);
        script.iter().for_each(|what| scene.act(*what));
        let got = (scene.trouble(), scene.now_ms());
        assert_eq!(got, (*trouble, *now), "{mark:?} {script:?}");
    }
}

#[test]
fn what_must_not_leave_too_late_is_held_against_the_latest_clock() {
    let latest = |script: &[Do]| {
        let mut scene = Scene::new(None);
        script.iter().for_each(|what| scene.act(*what));
        scene.guard.latest().as_millisecond() - BEGIN * 1_000
    };
    assert_eq!(latest(&[Wait(5_000)]), 5_000);
    assert_eq!(latest(&[Set(HOUR)]), HOUR + 1_000);
    // The wall went back, and three hours have passed all the same.
    assert_eq!(
        latest(&[Wait(HOUR), Set(-4 * HOUR), Wait(3 * HOUR)]),
        4 * HOUR + 1_000
    );
}

#[test]
fn an_earlier_wall_is_told_until_it_has_caught_up() {
    let mut scene = Scene::new(None);
    for what in [Wait(HOUR), Set(-HOUR), Accept] {
        scene.act(what);
    }
    assert_eq!(scene.guard.earlier(), Some(scene.at.wall));
    scene.act(Wait(HOUR - 2_000));
    assert_eq!(scene.guard.earlier(), None);
}

#[test]
fn a_clock_that_leaps_again_before_it_is_accepted_is_not_trusted() {
    let mut scene = Scene::new(None);
    scene.act(Set(HOUR));
    let seen = scene.at;
    scene.act(Set(HOUR));
    scene.guard = scene.guard.accept(seen).look(scene.at);
    assert_eq!(scene.trouble(), "leapt");
}

fn deed() -> impl Strategy<Value = Do> {
    let span = prop_oneof![
        0..3_000_i64,
        0..90_000_i64,
        0..40_000_000_i64,
        0..34_560_000_000_i64
    ];
    prop_oneof![
        4 => span.clone().prop_map(Wait),
        3 => span.clone().prop_map(Set),
        3 => span.prop_map(|ms| Set(-ms)),
        1 => Just(Accept),
        1 => (-5_000..5_000_i64).prop_map(Hear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever the clocks do: time never goes back, is never beyond what some clock has shown, and a set clock is
    /// never trusted at once.
    #[test]
    fn time_never_goes_back_and_a_leap_is_never_trusted(
        mark in proptest::option::of(-100_000_000..100_000_000_i64),
        script in proptest::collection::vec(deed(), 0..40),
    ) {
        let mut scene = Scene::new(mark);
        let mut highest = scene.at.wall.max(scene.guard.now());
        for what in script {
            let before = scene.guard;
            scene.act(what);
            prop_assert!(scene.guard.now() >= before.now());
            prop_assert!(scene.guard.latest() >= scene.guard.now());
            highest = highest.max(scene.at.wall);
            prop_assert!(scene.guard.now() <= highest);
            if let Set(by) = what && by.abs() > 2_000 && before.trouble().is_none() {
                prop_assert!(scene.guard.trouble().is_some());
            }
            // Between two looks that found it well, the wall has gone with the time since boot.
            if let Wait(_) = what && before.trouble().is_none() {
                prop_assert!(scene.guard.trouble().is_none());
            }
        }
    }
}
