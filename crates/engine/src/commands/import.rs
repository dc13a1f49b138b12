//! Import: a case a row, safe to say twice.

use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::types::{Answered, Caller, CaseInput};
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
        let _work = self.0.activity.begin();
        let key = self
            .0
            .vault
            .keyed(&who.tenant, "case", &input.lender_case_ref);
        for _ in 0..super::ATTEMPTS_MAX {
            if let Some(before) = self.answered::<Imported>(who).await?.and_then(said_before) {
                return Ok(before);
            }
            let known = self.0.store.case_by_ref(&who.tenant, key).await?;
            if let Some(open) = known.filter(|c| c.closed.is_none()) {
                return Ok(Imported {
                    case: open.id,
                    already_open: true,
                });
            }
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            let facts = self.draft_case(&mut draft, who, &input).await?;
            self.schedule_next(&mut draft, &facts).await;
            let row = Imported {
                case: facts.case.id,
                already_open: false,
            };
            let encode = |row: &Imported| row.case.to_bytes().to_vec();
            match self.commit_command(who, draft, row, &encode).await? {
                Some(Answered::Now(row)) => return Ok(row),
                Some(Answered::Before(_)) | None => {}
            }
        }
        Err(CommandError::Contended)
    }
}

/// The case that this row of this batch opened before.
fn said_before(answered: Answered<Imported>) -> Option<Imported> {
    let bytes: [u8; 16] = answered.into_before()?.try_into().ok()?;
    Some(Imported {
        case: CaseId::from_bytes(bytes),
        already_open: true,
    })
}
