//! Import: a case a row, safe to say twice. Rows come in by the hundred: what stands already is read for all of
//! them at once, and they are committed together.

use super::{Committing, Decided};
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::many::take_turns;
use crate::types::{Answered, Caller, CaseInput};
use crate::vault::VaultError;
use recoup_domain::ids::CaseId;
use recoup_store::{Change, Standing};

/// Rounds in which rows that others overtook are decided together, in their order; what is left then goes one by one.
const ROUNDS: usize = 3;
/// Rows whose standing is read at once: who is behind them in the queue of a reader waits for all of them.
const READ_AT_ONCE: usize = 64;

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
        let mut answers: Vec<_> = rows.iter().map(|_| None).collect();
        let mut left: Vec<usize> = (0..rows.len()).collect();
        for round in 0..ROUNDS {
            let these: Vec<_> = left.iter().map(|n| &rows[*n]).collect();
            // One row that cannot be read must not take the others with it: each goes by itself then.
            let Some(done) = self.import_round(&these, round == 0).await else {
                break;
            };
            for (n, answer) in left.iter().zip(done) {
                answers[*n] = answer;
            }
            left.retain(|n| answers[*n].is_none());
            if left.is_empty() {
                break;
            }
        }
        let mut done = Vec::with_capacity(rows.len());
        for ((who, row), answer) in rows.iter().zip(answers) {
            done.push(match answer {
                Some(answer) => answer,
                None => self.import_case(who, row).await,
            });
        }
        done
    }

    /// Decides rows on what stands, and commits them together. None of a row that is to be decided anew: another
    /// one of the same borrower or loan was faster, or, in the first round, it names a person whom a row before it
    /// may tell. None of all where what stands cannot be read.
    async fn import_round(
        &self,
        rows: &[&(Caller, CaseInput)],
        first: bool,
    ) -> Option<Vec<Option<Done<Imported>>>> {
        let mut standing = Vec::with_capacity(rows.len());
        for some in rows.chunks(READ_AT_ONCE) {
            let sought: Vec<_> = some
                .iter()
                .map(|(who, row)| self.sought(who, row))
                .collect();
            standing.extend(self.0.store.standing(&sought).await.ok()?);
        }
        let (changes, waiting) = self.decide_rows(rows, standing).await;
        let mut outcomes = self.0.store.commit_all(changes).await.into_iter();
        let mut answers = Vec::with_capacity(rows.len());
        for ((who, _), decided) in rows.iter().zip(waiting) {
            let answer = match decided {
                Err(CommandError::NotFound { .. }) if first => Ok(None),
                Err(refusal) => self.answered_meanwhile(who, refusal).await.map(Some),
                Ok(committing) => match outcomes.next() {
                    Some(outcome) => self.committed(committing, outcome).await,
                    None => Ok(None),
                },
            };
            answers.push(answer.transpose().map(imported));
        }
        Some(answers)
    }

    /// The changes of the rows that can be opened, and of every row what waits for its change, or why it has none.
    async fn decide_rows(
        &self,
        rows: &[&(Caller, CaseInput)],
        standing: Vec<Standing>,
    ) -> (Vec<Change>, Vec<Done<Committing<Imported>>>) {
        let mut changes = Vec::with_capacity(rows.len());
        let mut waiting = Vec::with_capacity(rows.len());
        for (n, ((who, row), standing)) in rows.iter().zip(standing).enumerate() {
            take_turns(n).await;
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
