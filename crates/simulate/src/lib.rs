//! Replays a policy over a portfolio under a virtual clock: the same [`step`](recoup_decide::step) and gate as the
//! engine's, people who answer as a declared [`Behaviour`] says, and nothing sent.
//!
//! Start at [`simulate`], which replays a [`Portfolio`] on some threads, or at [`Replay`], which replays one
//! [`Person`]. A life goes from one instant at which something happens to the next ([`life`]); what comes of it is
//! folded into [`Totals`] and a few bytes a case, the [`Trail`], from which [`Difference`] tells two policies apart.
//! [`Summary`] is all of it as plain data, [`report`] and [`csv`] put that into words.
//!
//! Same portfolio, policy, behaviour and seed: the same bytes, on any number of threads. Whatever looks like chance is
//! a function of the seed and of what it is drawn for, and of nothing else. No clock is read here and nothing waits.

mod behaviour;
mod chance;
mod compact;
pub mod csv;
mod difference;
mod labels;
mod life;
mod person;
pub mod report;
mod run;
mod summary;
mod totals;
mod trail;
mod watch;

pub use behaviour::{Behaviour, BehaviourError, DEFAULT_BEHAVIOUR};
pub use compact::{CaseToAdd, Compact};
pub use difference::{CHANGES, Change, Counted, Difference, NAMED_MAX};
pub use life::{Replay, Setting};
pub use person::{LoanCase, Person};
pub use run::{Cancelled, Portfolio, Progress, simulate};

pub use summary::{
    Amount, Buckets, ChangedCases, Channel, Compared, Day, DayMoney, Named, PeakOf, PolicySummary,
    Summary, Tried, summarize,
};
pub use totals::{Excluded, Peak, Totals};
pub use trail::{NEVER_DAY, Trail};
pub use watch::{Fact, Watch};

/// The most days that are replayed.
pub const DAYS_MAX: u32 = 400;
