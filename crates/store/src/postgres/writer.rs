//! The one task that writes: it takes what waits, commits it together, and answers afterwards. No timer: while one
//! commit reaches the disk, the next group gathers.

use super::commit::{Failed, Fate, Group as Decided, Outcome, attempt, fate};
use super::connect::{Fault, away};
use crate::codec::Prepared;
use crate::figures::Groups;
use crate::tally::Tally;
use crate::waiting::{Group, Job, Waiting};
use crate::{CommitError, Read, StoreError};
use deadpool_postgres::{Object, Pool};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, watch};

/// How long a group is tried again while the server is away, before who waits for it is told so.
const TRIED_FOR: Duration = Duration::from_secs(5);
/// The pause before the next try.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a group is tried again because somebody else was in its way, before it is told so.
const IN_THE_WAY_MAX: u32 = 20;

/// The writer's side of the store.
pub(super) struct Writer {
    pub(super) pool: Pool,
    /// The process's epoch.
    pub(super) owner: i64,
    pub(super) tally: Arc<Mutex<Tally>>,
    pub(super) groups: Arc<Groups>,
    /// Word of the newest position; gone once nothing is written any more, which whoever listens hears.
    pub(super) newest: Arc<Mutex<Option<watch::Sender<u64>>>>,
    /// Asks the session to tell other processes that there is something new.
    pub(super) told: Arc<Notify>,
    pub(super) batch_max: usize,
    pub(super) broken: Option<String>,
}

/// Why a group was not committed.
enum Failure {
    /// The server is away, or others were in the way too often. Nothing was written.
    Away(String),
    /// It, or a change in it, can never be committed. Nothing was written.
    Unfit(StoreError),
    /// Nobody knows what was written.
    Broken(String),
}

impl Writer {
    /// Works until nobody can send any more.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut waiting = Waiting::new(self.batch_max);
        loop {
            if waiting.is_empty() {
                match queue.recv().await {
                    Some(job) => waiting.push(job),
                    None => return,
                }
            }
            while !waiting.is_full()
                && let Ok(job) = queue.try_recv()
            {
                waiting.push(job);
            }
            self.work(&mut waiting).await;
        }
    }

    async fn work(&mut self, waiting: &mut Waiting) {
        let Group { changes, shares } = waiting.group();
        let (count, begun) = (changes.len(), Instant::now());
        let mut outcomes = self.outcomes(changes).await.into_iter();
        self.groups.note(begun.elapsed(), count);
        waiting.settle(shares, || {
            let missing = || Err(in_doubt("no outcome"));
            outcomes.next().unwrap_or_else(missing)
        });
    }

    /// What becomes of each change of a group.
    async fn outcomes(&mut self, changes: Vec<Read<Prepared>>) -> Vec<Outcome> {
        let count = changes.len();
        if let Some(why) = &self.broken {
            return (0..count).map(|_| Err(in_doubt(why))).collect();
        }
        let outcomes = match self.commit(&changes).await {
            Ok(outcomes) => outcomes,
            Err(Failure::Away(why)) => (0..count).map(|_| Err(unavailable(&why))).collect(),
            Err(Failure::Unfit(error)) if count == 1 => vec![Err(error.into())],
            // One of them stands in the way of the others.
            Err(Failure::Unfit(_)) => {
                let mut outcomes = Vec::with_capacity(count);
                for change in changes {
                    outcomes.extend(Box::pin(self.outcomes(vec![change])).await);
                }
                return outcomes;
            }
            Err(Failure::Broken(why)) => {
                tracing::error!(%why, "the store failed: nothing is written any more");
                lock(&self.newest).take();
                let outcomes = (0..count).map(|_| Err(in_doubt(&why))).collect();
                self.broken = Some(why);
                outcomes
            }
        };
        let told = |(outcome, change): (Outcome, Read<Prepared>)| match change {
            Err(unfit) => Err(CommitError::Store(unfit)),
            Ok(_) => outcome,
        };
        outcomes.into_iter().zip(changes).map(told).collect()
    }

    /// Commits a group, however often it takes.
    async fn commit(&self, changes: &[Read<Prepared>]) -> Result<Vec<Outcome>, Failure> {
        let begun = Instant::now();
        let mut in_the_way = 0;
        loop {
            let fault = match self.attempt(changes).await {
                Ok(done) => return Ok(self.done(*done)),
                Err(Failed::InDoubt(done, transaction, fault)) => {
                    tracing::warn!(
                        transaction,
                        "the answer to a commit was lost; the server is asked what became of it"
                    );
                    if self.is_committed(&transaction).await? {
                        return Ok(self.done(*done));
                    }
                    fault
                }
                Err(Failed::Unreadable(error)) => return Err(Failure::Unfit(error)),
                Err(Failed::Before(fault)) => fault,
            };
            match fault {
                Fault::InTheWay(e) if in_the_way >= IN_THE_WAY_MAX => {
                    return Err(Failure::Away(text(&e)));
                }
                Fault::InTheWay(_) => in_the_way += 1,
                Fault::Away(e) if begun.elapsed() >= TRIED_FOR => {
                    return Err(Failure::Away(text(&*e)));
                }
                Fault::Away(_) => tokio::time::sleep(PAUSE).await,
                Fault::Unfit(e) => {
                    let why = format!("the database takes no such row: {}", text(&e));
                    return Err(Failure::Unfit(StoreError::Refused(why)));
                }
                Fault::Broken(e) => return Err(Failure::Broken(text(&e))),
            }
        }
    }

    async fn attempt(&self, changes: &[Read<Prepared>]) -> Result<Box<Decided>, Failed> {
        let conn = self.pool.get().await;
        let conn = conn.map_err(|e| Failed::Before(e.into()))?;
        let done = attempt(&conn, changes, self.owner).await;
        if done.is_err() && conn.batch_execute("ROLLBACK").await.is_err() {
            // Whatever it still has open ends with it.
            drop(Object::take(conn));
        }
        done.map(Box::new)
    }

    /// Asks until it is known: whoever waits must not believe either way. While the server is away so is the answer.
    async fn is_committed(&self, transaction: &str) -> Result<bool, Failure> {
        loop {
            let asked = match self.pool.get().await {
                Ok(conn) => fate(&conn, transaction).await,
                Err(e) => Err(e.into()),
            };
            match asked {
                Ok(Fate::Committed) => return Ok(true),
                Ok(Fate::Aborted) => return Ok(false),
                Ok(Fate::Unknown) => {
                    let why = format!(
                        "the server does not know transaction {transaction} any more, whose commit it did not answer"
                    );
                    return Err(Failure::Broken(why));
                }
                Err(Fault::Broken(e)) => return Err(Failure::Broken(text(&e))),
                Ok(Fate::Open) | Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Tells of what was committed.
    fn done(&self, done: Decided) -> Vec<Outcome> {
        lock(&self.tally).tell(done.facts);
        if let Some(newest) = &*lock(&self.newest) {
            raise(newest, done.position);
        }
        self.told.notify_one();
        done.outcomes
    }
}

/// Lets `newest` grow, never shrink: word comes from this process's commits and of others'.
pub(super) fn raise(newest: &watch::Sender<u64>, position: u64) {
    newest.send_if_modified(|newest| {
        let grew = *newest < position;
        *newest = (*newest).max(position);
        grew
    });
}

/// What an error says, with what the server said of it.
pub(super) fn text(e: &(dyn std::error::Error + 'static)) -> String {
    let mut text = e.to_string();
    let mut source = e.source();
    while let Some(e) = source {
        text = format!("{text}: {e}");
        source = e.source();
    }
    text
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unavailable(why: &str) -> CommitError {
    CommitError::Store(away("committing a group of changes", why.to_owned()))
}

fn in_doubt(why: &str) -> CommitError {
    CommitError::Store(StoreError::Broken {
        what: "committing a group of changes",
        source: why.to_owned().into(),
    })
}
