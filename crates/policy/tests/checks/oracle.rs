//! Against crate `cel`: random expressions of the right types over everything conditions can ask, and random facts.
//! Both come to the same: true, false, or an error.
//!
//! `RECOUP_ORACLE=100000` asks of so many expressions; without it, of some thousand.

#[path = "oracle/tree.rs"]
mod tree;
#[path = "oracle/world.rs"]
mod world;

use crate::support::{ladder, parsed};
use cel::parser::PrattParser;
use cel::{Context, ExecutionError, Value};
use recoup_policy::{Facts, FullTrace, NoTrace, Note, Policy};
use tree::{E, For, Kind, asks_of_the_absent, grow};
use world::World;

const EXPRESSIONS: usize = 4_000;
/// Expressions of one policy, each the condition of a stage.
const OF_ONE_POLICY: usize = 25;
/// Bytes of an expression; longer ones are drawn anew.
const BYTES_MAX: usize = 900;

/// Numbers from a seed: the same seed, the same expressions.
pub(crate) struct Dice(u64);

impl Dice {
    /// From 0 to `n`, not included.
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Answer {
    True,
    False,
    Error,
}

/// What a condition of ours comes to; whoever watches sees the same.
fn ours(policy: &Policy, stage: u8, world: &World) -> Answer {
    let facts = Facts {
        case: &world.case,
        borrower: &world.borrower,
        contacts: &world.contacts,
    };
    let env = policy.env(&facts, world.now);
    let mut trace = FullTrace::default();
    let holds = policy.enters(&env, stage, &mut trace);
    assert_eq!(holds, policy.enters(&env, stage, &mut NoTrace), "watched");
    // The whole condition is the last part told, but for a mere `true` or `false`.
    let whole = trace.notes.iter().rev().find_map(|note| match note {
        Note::Part { value, .. } => Some(value.as_str()),
        Note::Stage { .. } => None,
    });
    match whole.is_some_and(|value| value.starts_with("error")) {
        true => Answer::Error,
        false if holds => Answer::True,
        false => Answer::False,
    }
}

fn theirs(text: &str, context: &Context<'_, '_>) -> Answer {
    let tree = PrattParser::default()
        .parse(text)
        .unwrap_or_else(|e| panic!("{text}: {e}"));
    match context.resolve(&tree) {
        Ok(Value::Bool(true)) => Answer::True,
        Ok(Value::Bool(false)) => Answer::False,
        Ok(other) => panic!("{text} is {other:?}"),
        Err(ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_)) => {
            Answer::Error
        }
        Err(ExecutionError::Overflow(..)) => Answer::Error,
        Err(other) => panic!("{text}: {other}"),
    }
}

#[derive(Debug, Default)]
struct Tally {
    expressions: usize,
    holds: usize,
    fails: usize,
    errors: usize,
    of_the_absent: usize,
}

/// As many expressions as fit a policy.
fn expressions(dice: &mut Dice) -> Vec<(E, String)> {
    let mut all = Vec::new();
    while all.len() < OF_ONE_POLICY {
        let depth = dice.below(5) as u32;
        let e = grow(dice, Kind::Bool, depth);
        let text = For::Us.write(&e);
        if text.len() <= BYTES_MAX {
            all.push((e, text));
        }
    }
    all
}

#[test]
fn conditions_come_to_what_cel_says() {
    let asked = std::env::var("RECOUP_ORACLE");
    let asked = asked.map_or(EXPRESSIONS, |n| n.parse().expect("a number of expressions"));
    let mut tally = Tally::default();
    for seed in 0.. {
        if tally.expressions >= asked {
            break;
        }
        let mut dice = Dice(seed);
        let all = expressions(&mut dice);
        let texts: Vec<&str> = std::iter::once("true")
            .chain(all.iter().map(|(_, text)| text.as_str()))
            .collect();
        let policy = parsed(&ladder(&texts));
        let world = World::new(&mut dice);
        let context = world.context();
        for (stage, (e, text)) in (1..).zip(&all) {
            let translated = For::Oracle(&world.truth).write(e);
            let (ours, theirs) = (ours(&policy, stage, &world), theirs(&translated, &context));
            assert_eq!(
                ours, theirs,
                "seed {seed}: {text}\nfor the oracle: {translated}\nwhere {:#?}",
                world.truth
            );
            tally.expressions += 1;
            match ours {
                Answer::True => tally.holds += 1,
                Answer::False => tally.fails += 1,
                Answer::Error => tally.errors += 1,
            }
            tally.of_the_absent += usize::from(asks_of_the_absent(e, &world.truth));
        }
    }
    println!("{tally:?}");
    // What hardly occurs is not compared.
    for n in [tally.holds, tally.fails, tally.errors, tally.of_the_absent] {
        assert!(n * 50 >= tally.expressions, "{tally:?}");
    }
}
