//! Import: a case a row, safe to say twice.

use super::Decided;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::types::{Answered, Caller, CaseInput};
use crate::vault::VaultError;
use recoup_domain::ids::CaseId;

/// A row that is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The case.
    pub case: CaseId,
    /// It was open before: of an earlier try of the same import, or of another one.
    pub already_open: bool,
}

impl Engine {
    /// Opens a case for a row, or finds the open one of the same loan: a row may be said again after a broken
    /// import. What the row says of a case that is open changes nothing.
    ///
    /// # Errors
    /// As [`open_case`](Self::open_case), but for CaseExists; RequestReused where the same row of the same batch
    /// said something else before.
    pub async fn import_case(&self, who: &Caller, input: CaseInput) -> Done<Imported> {
        let encode = |row: &Imported| row.case.to_bytes().to_vec();
        let done = self.command(who, &encode, || async {
            self.must_have_no_open_case(who, &input.lender_case_ref)
                .await?;
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            let facts = self.draft_case(&mut draft, who, &input).await?;
            self.schedule_next(&mut draft, &facts).await;
            let result = Imported {
                case: facts.case.id,
                already_open: false,
            };
            let key = self.0.keys.of_answer(facts.case.borrower).await?;
            Ok(Decided { draft, result, key })
        });
        match done.await {
            Ok(Answered::Now(row)) => Ok(row),
            Ok(Answered::Before(kept)) => said_before(kept),
            Err(CommandError::CaseExists(case)) => Ok(Imported {
                case,
                already_open: true,
            }),
            Err(refusal) => Err(refusal),
        }
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
