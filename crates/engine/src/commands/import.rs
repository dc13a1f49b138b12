//! Import: a case a row, safe to say twice. Rows come in by the hundred: what stands already is read for all of
//! them at once, and they are committed together.

use super::{Committing, Decided};
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::types::{Answered, Caller, CaseInput};
use crate::vault::VaultError;
use recoup_domain::ids::CaseId;
use recoup_store::{Change, Standing};

/// Rows that are decided before others have a turn on the thread.
const DECIDED_AT_ONCE: usize = 8;

/// A row that is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The case.
    pub case: CaseId,
    /// It was open before: of an earlier try of the same import, or of another one.
    pub already_open: bool,
}

impl Engine {
    /// Opens a case for each row, or finds the open one of the same loan: a row may be said again after a broken
    /// import. What the row says of a case that is open changes nothing. Answers in the order of the rows; one
    /// that is refused takes no other with it.
    ///
    /// # Errors
    /// Of a row: as [`open_case`](Self::open_case), but for CaseExists; RequestReused where the same row of the
    /// same batch said something else before.
    pub async fn import_cases(&self, rows: &[(Caller, CaseInput)]) -> Vec<Done<Imported>> {
        let _work = self.0.activity.begin();
        let sought: Vec<_> = rows
            .iter()
            .map(|(who, row)| self.sought(who, row))
            .collect();
        let mut answers = Vec::with_capacity(rows.len());
        let Ok(standing) = self.0.store.standing(&sought).await else {
            // One row that cannot be read must not take the others with it.
            for (who, row) in rows {
                answers.push(self.import_case(who, row).await);
            }
            return answers;
        };
        let (changes, waiting) = self.decide_rows(rows, standing).await;
        let mut outcomes = self.0.store.commit_all(changes).await.into_iter();
        for ((who, row), decided) in rows.iter().zip(waiting) {
            let answer = match decided {
                Err(refusal) => self.answered_meanwhile(who, refusal).await.map(Some),
                Ok(committing) => match outcomes.next() {
                    Some(outcome) => self.committed(committing, outcome).await,
                    None => Ok(None),
                },
            };
            answers.push(match answer {
                // Another row, or another caller, was faster: this one is decided anew, by itself.
                Ok(None) => self.import_case(who, row).await,
                Ok(Some(answer)) => imported(Ok(answer)),
                Err(refusal) => imported(Err(refusal)),
            });
        }
        answers
    }

    /// The changes of the rows that can be opened, and of every row what waits for its change, or why it has none.
    async fn decide_rows(
        &self,
        rows: &[(Caller, CaseInput)],
        standing: Vec<Standing>,
    ) -> (Vec<Change>, Vec<Done<Committing<Imported>>>) {
        let mut changes = Vec::with_capacity(rows.len());
        let mut waiting = Vec::with_capacity(rows.len());
        for (n, ((who, row), standing)) in rows.iter().zip(standing).enumerate() {
            if n > 0 && n.is_multiple_of(DECIDED_AT_ONCE) {
                tokio::task::yield_now().await;
            }
            let decided = self.decide_row(who, row, standing).await;
            let change = decided.and_then(|decided| self.answering(who, decided, &encode));
            waiting.push(change.map(|(change, committing)| {
                changes.push(change);
                committing
            }));
        }
        (changes, waiting)
    }

    /// One row, by itself.
    ///
    /// # Errors
    /// As of a row of [`import_cases`](Self::import_cases).
    pub async fn import_case(&self, who: &Caller, row: &CaseInput) -> Done<Imported> {
        let done = self.command(who, &encode, || async {
            let standing = self.standing(who, row).await?;
            self.decide_row(who, row, standing).await
        });
        imported(done.await)
    }

    async fn decide_row(
        &self,
        who: &Caller,
        row: &CaseInput,
        standing: Standing,
    ) -> Done<Decided<Imported>> {
        let (draft, facts) = self.opening(who, row, standing).await?;
        let result = Imported {
            case: facts.case.id,
            already_open: false,
        };
        let key = self.0.keys.of_answer(facts.case.borrower).await?;
        Ok(Decided { draft, result, key })
    }
}

/// What is recorded of a row that is in.
fn encode(row: &Imported) -> Vec<u8> {
    row.case.to_bytes().to_vec()
}

/// What a row is answered: a case that is open is no error.
fn imported(done: Done<Answered<Imported>>) -> Done<Imported> {
    match done {
        Ok(Answered::Now(row)) => Ok(row),
        Ok(Answered::Before(kept)) => said_before(kept),
        Err(CommandError::CaseExists(case)) => Ok(Imported {
            case,
            already_open: true,
        }),
        Err(refusal) => Err(refusal),
    }
}

/// The case that this row of this batch opened before.
fn said_before(kept: Vec<u8>) -> Done<Imported> {
    let bytes: [u8; 16] = kept
        .try_into()
        .map_err(|_| VaultError::Forged("an import's answer"))?;
    Ok(Imported {
        case: CaseId::from_bytes(bytes),
        already_open: true,
    })
}
