//! A whole portfolio, on some threads. People are independent of each other, what is counted are sums, and each case's
//! trail has its place: the bytes are the same on any number of threads.

use crate::life::{Replay, Setting};
use crate::person::Person;
use crate::totals::Totals;
use crate::trail::Trail;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// People a thread takes at a time.
const CHUNK: usize = 256;

/// People with cases, each made when it is asked for.
pub trait Portfolio: Sync {
    /// How many people.
    fn people(&self) -> usize;
    /// How many cases the people before this one have; for `people()`, how many there are.
    fn cases_before(&self, person: usize) -> usize;
    /// A person.
    fn person(&self, person: usize) -> Person;
}

/// Is told how far it is, and says whether it goes on.
pub trait Progress: Sync {
    /// So many more cases are done. False: it is to end.
    fn goes_on(&self, cases: u64) -> bool;
}

impl<F: Fn(u64) -> bool + Sync> Progress for F {
    fn goes_on(&self, cases: u64) -> bool {
        self(cases)
    }
}

/// Somebody ended it before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the replay was cancelled")]
pub struct Cancelled;

/// Part of a portfolio, with the places of its trails.
struct Part<'t> {
    people: Range<usize>,
    trails: Vec<&'t mut [Trail]>,
}

/// Replays a portfolio under each of the settings (one, or two to compare) on `threads` threads.
///
/// # Errors
/// Where `progress` says that it is to end.
///
/// # Panics
/// Where a thread panics.
pub fn simulate(
    portfolio: &dyn Portfolio,
    settings: &[Setting<'_>],
    threads: usize,
    progress: &dyn Progress,
) -> Result<Vec<(Totals, Vec<Trail>)>, Cancelled> {
    let cases = portfolio.cases_before(portfolio.people());
    let mut trails: Vec<Vec<Trail>> = settings
        .iter()
        .map(|_| vec![Trail::NOTHING; cases])
        .collect();
    let parts = Mutex::new(parts(portfolio, &mut trails));
    let work = || -> Result<Vec<Totals>, Cancelled> {
        let mut replays: Vec<Replay<'_>> = settings.iter().map(|s| Replay::new(*s)).collect();
        loop {
            let part = parts
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            let Some(part) = part else {
                return Ok(replays.into_iter().map(|r| r.totals).collect());
            };
            live(portfolio, part, &mut replays, progress)?;
        }
    };
    let counted: Vec<Result<Vec<Totals>, Cancelled>> = std::thread::scope(|scope| {
        let threads = threads.clamp(1, 256);
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let others = others.into_iter().map(|thread| match thread.join() {
            Ok(counted) => counted,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        std::iter::once(own).chain(others).collect()
    });
    drop(parts);
    let new = |s: &Setting<'_>| Totals::new(s.days, s.policy.stages().len());
    let mut totals: Vec<Totals> = settings.iter().map(new).collect();
    for counted in counted {
        for (total, part) in totals.iter_mut().zip(counted?) {
            total.add(&part);
        }
    }
    Ok(totals.into_iter().zip(trails).collect())
}

fn parts<'t>(portfolio: &dyn Portfolio, trails: &'t mut [Vec<Trail>]) -> VecDeque<Part<'t>> {
    let mut rest: Vec<&'t mut [Trail]> = trails.iter_mut().map(Vec::as_mut_slice).collect();
    let mut parts = VecDeque::new();
    let people = portfolio.people();
    let mut from = 0;
    while from < people {
        let to = people.min(from + CHUNK);
        let cases = portfolio.cases_before(to) - portfolio.cases_before(from);
        let mut own = Vec::with_capacity(rest.len());
        for rest in &mut rest {
            let (first, behind) = std::mem::take(rest).split_at_mut(cases);
            own.push(first);
            *rest = behind;
        }
        parts.push_back(Part {
            people: from..to,
            trails: own,
        });
        from = to;
    }
    parts
}

fn live(
    portfolio: &dyn Portfolio,
    mut part: Part<'_>,
    replays: &mut [Replay<'_>],
    progress: &dyn Progress,
) -> Result<(), Cancelled> {
    let first = portfolio.cases_before(part.people.start);
    let last = replays.len().saturating_sub(1);
    for i in part.people {
        let from = portfolio.cases_before(i) - first;
        let to = portfolio.cases_before(i + 1) - first;
        let mut person = Some(portfolio.person(i));
        for (n, replay) in replays.iter_mut().enumerate() {
            let own = match n == last {
                true => person.take(),
                false => person.clone(),
            };
            if let Some(own) = own {
                replay.live(own, &mut part.trails[n][from..to]);
            }
        }
        if !progress.goes_on((to - from) as u64) {
            return Err(Cancelled);
        }
    }
    Ok(())
}
