//! What could happen to a case, for property tests.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use recoup_domain::contact::ContactClass;
use recoup_domain::outcome::Outcome;
use recoup_store::conformance::fold::Command;

/// One command; contacts and their moves come up as often as all else together.
pub fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => (-1_i64..120_000).prop_map(Command::Pay),
        2 => (0_i64..50_000, -1_i32..95).prop_map(|(amount, days)| Command::Promise(amount, days)),
        1 => (-1_i64..48).prop_map(Command::Hold),
        1 => Just(Command::Release),
        1 => Just(Command::Reverse),
        1 => any::<bool>().prop_map(Command::Dispute),
        1 => any::<(bool, bool)>().prop_map(|(stands, sent)| Command::Settle(stands, sent)),
        1 => Just(Command::Complain),
        1 => any::<bool>().prop_map(Command::Answer),
        2 => Just(Command::Timers),
        1 => prop_oneof![Just(0), -1_i64..200_000].prop_map(Command::Overdue),
        1 => Just(Command::NothingDue),
        1 => (0_u8..4).prop_map(Command::Repin),
        // Rare: little can happen to a closed case.
        1 => prop_oneof![9 => Just(Command::Timers), 1 => Just(Command::Close)],
        5 => Just(Command::Intend),
        8 => (any::<u8>(), option::of(select(&Outcome::ALL[..])))
            .prop_map(|(state, outcome)| Command::Move(state, outcome)),
        1 => select(&ContactClass::ALL[..]).prop_map(Command::OptOut),
        1 => Just(Command::Cease),
        2 => any::<u8>().prop_map(Command::Right),
        3 => (1_i64..72).prop_map(Command::Wait),
    ]
}

/// A history of up to `length` commands.
pub fn history(length: usize) -> impl Strategy<Value = Vec<Command>> {
    vec(command(), 0..=length)
}
