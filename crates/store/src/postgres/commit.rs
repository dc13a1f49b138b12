//! One group of changes in one transaction: heads are locked and read, changes decided, rows written, positions
//! given, committed. Where the answer to the commit is lost, the server is asked what became of it.

use super::connect::{Fault, rows, run};
use super::load::{Unloaded, load};
use super::put::Rows;
use super::sql;
use crate::codec::Prepared;
use crate::figures::Fact;
use crate::tally::Moves;
use crate::{CommitError, Committed, Read, StoreError};
use deadpool_postgres::Object;
use tokio_postgres::Error;

/// What became of one change of a group.
pub(super) type Outcome = Result<Committed, CommitError>;

/// A group that was decided, and is committed or about to be.
pub(super) struct Group {
    pub(super) outcomes: Vec<Outcome>,
    /// What happened in it, to be counted.
    pub(super) facts: Vec<Fact>,
    /// The newest position when it was committed.
    pub(super) position: u64,
}

/// How a try to commit a group ended, where it did not succeed.
pub(super) enum Failed {
    /// Nothing was written.
    Before(Fault),
    /// A row that a change names cannot be read; nothing was written.
    Unreadable(StoreError),
    /// The commit was sent and its answer lost. The transaction's number says what became of it.
    InDoubt(Box<Group>, String, Fault),
}

impl From<Unloaded> for Failed {
    fn from(why: Unloaded) -> Self {
        match why {
            Unloaded::Fault(fault) => Self::Before(fault),
            Unloaded::Unreadable(e) => Self::Unreadable(e),
        }
    }
}

impl From<Error> for Failed {
    fn from(e: Error) -> Self {
        Self::Before(e.into())
    }
}

/// Tries to commit a group, as the process with the epoch `owner`.
pub(super) async fn attempt(
    conn: &Object,
    changes: &[Read<Prepared>],
    owner: i64,
) -> Result<Group, Failed> {
    conn.batch_execute("BEGIN").await?;
    let sound = || changes.iter().filter_map(|c| c.as_ref().ok());
    let mut view = load(conn, sound(), owner).await?;
    let (mut moves, mut rows, mut outcomes) = (Moves::default(), Rows::default(), Vec::new());
    let mut applied = Vec::new();
    for change in changes {
        let outcome = match change {
            Ok(change) => view.apply(change).map(|moved| {
                moves.add(moved);
                rows.add(change);
                applied.push(change);
                Committed { position: 0 }
            }),
            // Who asked is told by the writer, which has the error.
            Err(_) => Err(CommitError::Store(StoreError::Closed)),
        };
        outcomes.push(outcome);
    }
    rows.put(conn, &view, owner).await?;
    let (position, transaction) = number(conn, &applied, &mut outcomes).await?;
    put_counts(conn, &moves).await?;
    let facts = applied.iter().flat_map(|c| c.facts.clone()).collect();
    let group = Group {
        outcomes,
        facts,
        position,
    };
    match conn.batch_execute("COMMIT").await {
        Ok(()) => Ok(group),
        Err(e) => Err(Failed::InDoubt(Box::new(group), transaction, e.into())),
    }
}

/// Gives positions to all entries, and writes them with their leaves. From here to the commit nobody else has any.
async fn number(
    conn: &Object,
    applied: &[&Prepared],
    outcomes: &mut [Outcome],
) -> Result<(u64, String), Error> {
    let entries: usize = applied.iter().map(|c| c.entries.len()).sum();
    let taken = i64::try_from(entries).unwrap_or(i64::MAX);
    let statement = conn.prepare_cached(sql::TAKE_POSITIONS).await?;
    let row = conn.query_one(&statement, &[&taken]).await?;
    let last = row.get::<_, i64>(0);
    let mut position = last - taken;
    let mut journal = Journal::default();
    let mut done = outcomes.iter_mut().flatten();
    for change in applied {
        for entry in &change.entries {
            position += 1;
            journal.add(position, entry);
        }
        if let Some(committed) = done.next() {
            committed.position = position.cast_unsigned();
        }
    }
    journal.put(conn).await?;
    Ok((last.cast_unsigned(), row.get(1)))
}

/// Columns of entries and leaves.
#[derive(Default)]
struct Journal<'a> {
    positions: Vec<i64>,
    tenants: Vec<&'a str>,
    kinds: Vec<i16>,
    cases: Vec<Option<Vec<u8>>>,
    parties: Vec<Option<Vec<u8>>>,
    at: Vec<i64>,
    bodies: Vec<&'a [u8]>,
    sealed: Vec<&'a [u8]>,
    inner: Vec<&'a [u8]>,
    leaves: Vec<Vec<u8>>,
}

impl<'a> Journal<'a> {
    fn add(&mut self, position: i64, entry: &'a crate::codec::EntryRow) {
        self.positions.push(position);
        self.tenants.push(entry.tenant.as_str());
        self.kinds.push(entry.kind.into());
        self.cases.push(entry.case.map(|id| id.to_bytes().to_vec()));
        self.parties
            .push(entry.party.map(|id| id.to_bytes().to_vec()));
        self.at.push(entry.row.at_us);
        self.bodies.push(&entry.row.body);
        self.sealed.push(&entry.row.sealed);
        self.inner.push(&entry.row.inner);
        let leaf = entry.row.leaf(position.cast_unsigned());
        self.leaves.push(leaf.to_vec());
    }

    async fn put(&self, conn: &Object) -> Result<(), Error> {
        if self.positions.is_empty() {
            return Ok(());
        }
        let j = self;
        #[rustfmt::skip]
        run(conn, sql::JOURNAL_PUT, &[&j.positions, &j.tenants, &j.kinds, &j.cases, &j.parties, &j.at,
            &j.bodies, &j.sealed, &j.inner]).await?;
        run(conn, sql::LEAF_PUT, &[&j.positions, &j.leaves]).await?;
        Ok(())
    }
}

async fn put_counts(conn: &Object, moves: &Moves) -> Result<(), Error> {
    let sums = moves.sums();
    if sums.is_empty() {
        return Ok(());
    }
    let tenants: Vec<&str> = sums.keys().map(|(tenant, ..)| tenant.as_str()).collect();
    let kinds: Vec<i16> = sums.keys().map(|(_, kind, _)| *kind).collect();
    let codes: Vec<i16> = sums.keys().map(|(.., code)| *code).collect();
    let by: Vec<i64> = sums.values().copied().collect();
    run(conn, sql::TALLY_MOVE, &[&tenants, &kinds, &codes, &by]).await?;
    Ok(())
}

/// What became of a transaction whose commit was sent.
pub(super) enum Fate {
    Committed,
    Aborted,
    /// Its server process is still at it.
    Open,
    /// The server does not know it: it is another one, or was restored.
    Unknown,
}

/// Asks what became of a transaction.
pub(super) async fn fate(conn: &Object, transaction: &str) -> Result<Fate, Fault> {
    let asked = rows(conn, sql::XACT_STATUS, &[&transaction]).await;
    let found = match asked.map_err(Fault::from) {
        // A number that lies in the server's future: it has lost what it said.
        Err(Fault::Unfit(_)) => return Ok(Fate::Unknown),
        other => other?,
    };
    let status: Option<String> = found.first().and_then(|row| row.get(0));
    Ok(match status.as_deref() {
        Some("committed") => Fate::Committed,
        Some("aborted") => Fate::Aborted,
        Some(_) => Fate::Open,
        None => Fate::Unknown,
    })
}
