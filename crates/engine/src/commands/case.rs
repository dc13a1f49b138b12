//! Commands on cases: open, facts, money, evidence, the end.

use super::read::{ShowCase, ShowPayment};
use super::{Decided, check_etag};
use crate::beside::Beside;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done, Violation};
use crate::render::CasePlain;
use crate::types::{Answered, Caller, CaseInput, CaseView, Encode};
use jiff::Timestamp;
use recoup_domain::case::{
    self, Amounts, CaseParty, CloseReason, Document, DueDate, NotDueYet, Opening, PauseReason,
    PauseRequest, PolicyPin, Scores,
};
use recoup_domain::ids::{CaseId, PartyId};
use recoup_domain::money::{Currency, Money};
use recoup_domain::{Case, CaseEvent};
use recoup_store::{Facts, Sought, Standing};

/// What the lender's ledger says now; none of a field means it did not change.
#[derive(Clone, Debug, Default)]
pub struct FactsInput {
    /// All amounts, in `currency`.
    pub amounts: Option<Amounts>,
    /// Their currency.
    pub currency: Option<Currency>,
    /// Oldest unpaid due date.
    pub oldest_unpaid_due: Option<DueDate>,
    /// Days that do not count as past due.
    pub pause_days: Option<u32>,
    /// Both scores.
    pub scores: Option<Scores>,
    /// All labels.
    pub tags: Option<Vec<String>>,
    /// The etag the caller saw; none writes without looking.
    pub etag: Option<String>,
    /// From when it holds; none means now.
    pub effective_at: Option<Timestamp>,
}

/// Money that came in.
#[derive(Clone, Debug)]
pub struct PaymentInput {
    /// The lender's reference of the payment.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// When the lender received it; none means now.
    pub received_at: Option<Timestamp>,
    /// What is overdue after it, where the lender knows; it rules then.
    pub balance_after: Option<Money>,
}

/// Money that came in and was taken back.
#[derive(Clone, Debug)]
pub struct ReversalInput {
    /// The lender's reference of the payment.
    pub reference: String,
    /// Why; kept sealed.
    pub reason: String,
    /// What is overdue after it, where the lender knows; it rules then.
    pub balance_after: Option<Money>,
}

/// The end of a case, as told.
#[derive(Clone, Debug)]
pub struct CloseInput {
    /// Why.
    pub reason: CloseReason,
    /// For people; kept sealed.
    pub note: String,
    /// The etag the caller saw; none writes without looking.
    pub etag: Option<String>,
}

impl Engine {
    /// Opens a case, with its borrower where that is told with it.
    ///
    /// # Errors
    /// CaseExists where the loan has an open case; NoPolicy where no active policy fits; Jurisdiction where no
    /// pack binds it; NotFound for a borrower that was never told.
    pub async fn open_case(
        &self,
        who: &Caller,
        input: CaseInput,
        encode: Encode<'_, CaseView>,
    ) -> Done<Answered<CaseView>> {
        self.command(who, encode, || async {
            let standing = self.standing(who, &input).await?;
            let (draft, facts) = self.opening(who, &input, standing).await?;
            let result = self.view_in(&draft, &facts).await?;
            let key = self.0.keys.of_answer(facts.case.borrower).await?;
            Ok(Decided { draft, result, key })
        })
        .await
    }

    /// How the store finds what stands already of a case that is to be opened.
    pub(crate) fn sought(&self, who: &Caller, input: &CaseInput) -> Sought {
        let vault = &self.0.vault;
        Sought {
            tenant: who.tenant.clone(),
            case_ref: vault.keyed(&who.tenant, "case", &input.lender_case_ref),
            borrower: self.sought_party(&who.tenant, &input.borrower),
        }
    }

    /// What stands already of one case that is to be opened.
    pub(crate) async fn standing(&self, who: &Caller, input: &CaseInput) -> Done<Standing> {
        let mut all = self.0.store.standing(&[self.sought(who, input)]).await?;
        Ok(all.pop().unwrap_or_default())
    }

    /// The opening of a case where nothing of the loan is open, and its facts as they are then.
    pub(crate) async fn opening(
        &self,
        who: &Caller,
        input: &CaseInput,
        standing: Standing,
    ) -> Done<(Draft, Facts)> {
        if let Some(open) = &standing.case {
            return Err(CommandError::CaseExists(open.id));
        }
        let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
        let facts = self.draft_case(&mut draft, who, input, standing).await?;
        self.schedule_next(&mut draft, &facts).await;
        alarm_for_no_stage(&mut draft, facts.case.id);
        Ok((draft, facts))
    }

    /// Puts the opening of a case on a draft: parties first, then the case, then its policy.
    pub(crate) async fn draft_case(
        &self,
        draft: &mut Draft,
        who: &Caller,
        input: &CaseInput,
        standing: Standing,
    ) -> Done<Facts> {
        let known = standing.borrower;
        let borrower = self.draft_known(draft, &input.borrower, known).await?;
        self.follow_told_points(draft, borrower).await?;
        let mut parties = Vec::new();
        for (name, relation) in &input.parties {
            let party = self.draft_party(draft, name).await?;
            self.follow_told_points(draft, party).await?;
            parties.push(CaseParty {
                party,
                relation: *relation,
            });
        }
        self.must_follow(draft, borrower, input).await?;
        let key = self.0.keys.of(borrower).await?;
        let plain = CasePlain {
            lender_ref: input.lender_case_ref.clone(),
        };
        let missing = || CommandError::NotFound {
            what: "party",
            id: borrower.to_string(),
        };
        let party = draft.party(borrower).cloned().ok_or_else(missing)?;
        let opening = Opening {
            id: self.0.ids.case(),
            tenant: who.tenant.clone(),
            lender_ref: self
                .0
                .vault
                .keyed(&who.tenant, "case", &input.lender_case_ref),
            borrower,
            parties,
            jurisdiction: input.jurisdiction.clone(),
            lender_kind: input.lender_kind,
            borrower_kind: input.borrower_kind.unwrap_or(party.kind),
            product: input.product.clone(),
            currency: input.currency,
            amounts: input.amounts,
            oldest_unpaid_due: input.oldest_unpaid_due,
            scores: input.scores,
            tags: input.tags.clone(),
            documents: input.documents.clone(),
            previous: input.previous,
            sealed: plain.seal(&key)?,
        };
        let (overdue, due) = (input.amounts.overdue, input.oldest_unpaid_due);
        case::check_due(overdue, due, &party.zones, draft.now)
            .map_err(|e| not_due("case.facts", e))?;
        let opened = case::open(opening, draft.now)?;
        let CaseEvent::Opened(row) = &opened else {
            return Err(CommandError::Contended);
        };
        let row = (**row).clone();
        self.0
            .library
            .binding(&row, &party)
            .map_err(|e| CommandError::Jurisdiction {
                given: e.given.clone(),
                known: e.known.clone(),
            })?;
        let pin = self.pin(&row, input.policy.as_deref())?;
        draft.make_case(opened);
        draft.case_event(row.id, CaseEvent::PolicyPinned(pin));
        if let Some(until) = party.hardship_until.filter(|until| *until > draft.now) {
            let request = PauseRequest {
                id: self.0.ids.pause(),
                reason: PauseReason::Hardship,
                owner: who.principal.clone(),
                until,
            };
            let events = case::pause(&row, request, draft.now)?;
            draft.case_events(row.id, events);
        }
        // A right of the person that is told at the same time must be seen: the opening is decided anew then.
        draft.guard_all();
        self.facts_in(draft, row.id, borrower, &standing.others)
            .await
    }

    /// The case that a new one follows is a closed one of the same loan, or of the same borrower.
    async fn must_follow(&self, draft: &Draft, borrower: PartyId, input: &CaseInput) -> Done<()> {
        let Some(id) = input.previous else {
            return Ok(());
        };
        let missing = || CommandError::NotFound {
            what: "case",
            id: id.to_string(),
        };
        let facts = self.facts_of(id).await?.ok_or_else(missing)?;
        let before = Some(facts.case).filter(|c| c.tenant == *draft.tenant());
        let before = before.ok_or_else(missing)?;
        let loan = self
            .0
            .vault
            .keyed(draft.tenant(), "case", &input.lender_case_ref);
        let problem = if before.closed.is_none() {
            "names a case that is open; a new case follows a closed one"
        } else if before.lender_ref != loan && before.borrower != borrower {
            "names a case of another loan and another borrower"
        } else {
            return Ok(());
        };
        let violation = Violation::new("case.previous_case_id", problem);
        Err(CommandError::Invalid(vec![violation]))
    }

    /// The facts of a new case as the draft holds them, with what the person's past brings along.
    async fn facts_in(
        &self,
        draft: &Draft,
        id: CaseId,
        borrower: recoup_domain::PartyId,
        others: &[Case],
    ) -> Done<Facts> {
        let missing = || CommandError::NotFound {
            what: "case",
            id: id.to_string(),
        };
        let case = draft.case(id).cloned().ok_or_else(missing)?;
        let party = draft.party(borrower).cloned().ok_or_else(missing)?;
        let contacts = match others.first() {
            Some(other) => self
                .facts_of(other.id)
                .await?
                .map(|f| f.contacts)
                .unwrap_or_default(),
            None => Vec::new(),
        };
        let (overrides_version, overrides) = self.wide_overrides(draft.tenant()).await?;
        Ok(Facts {
            case,
            borrower: party,
            contacts,
            overrides,
            overrides_version,
            position: *self.0.store.newest().borrow(),
        })
    }

    /// The policy version a new case runs under: by name, or the newest active one; a case of a challenger's
    /// share runs under the challenger.
    fn pin(&self, case: &Case, name: Option<&str>) -> Done<PolicyPin> {
        let library = &self.0.library;
        let none = |what: String| CommandError::NoPolicy(what);
        let (stored, policy) = library
            .active(&case.tenant, name, case.currency)
            .ok_or_else(|| match name {
                Some(name) => none(format!("no active policy `{name}` takes {}", case.currency)),
                None => none(format!("no policy that takes {} is active", case.currency)),
            })?;
        let arm = policy.arm(case.id);
        let challenger = arm.policy.as_deref().map(|name| {
            library
                .active(&case.tenant, Some(name), case.currency)
                .ok_or_else(|| {
                    none(format!(
                        "arm `{}` of `{}` names `{name}`, which is not active",
                        arm.name, stored.name
                    ))
                })
        });
        let pinned = challenger
            .transpose()?
            .map_or(stored, |(challenger, _)| challenger);
        Ok(PolicyPin {
            name: pinned.name,
            version: pinned.version,
            hash: pinned.hash,
            arm: arm.name.clone(),
        })
    }

    /// Takes over what the lender's ledger says now.
    ///
    /// # Errors
    /// Refused where the case is closed or a value cannot be; Stale where somebody else wrote in between.
    pub async fn update_case_facts(
        &self,
        who: &Caller,
        id: CaseId,
        input: FactsInput,
        encode: Encode<'_, CaseView>,
    ) -> Done<Answered<CaseView>> {
        let act = |draft: &mut Draft, facts: &Facts| {
            check_etag("case", input.etag.as_deref(), facts.case.version)?;
            check_currency(&facts.case, input.currency)?;
            let (amounts, due) = (input.amounts, input.oldest_unpaid_due);
            case::check_due_after(&facts.case, amounts, due, &facts.borrower.zones, draft.now)
                .map_err(|e| not_due("facts", e))?;
            let events = case::update_facts(
                &facts.case,
                input.amounts,
                input.oldest_unpaid_due,
                input.pause_days,
                input.scores,
                input.tags.clone(),
            )?;
            draft.effective(input.effective_at.unwrap_or(draft.now));
            draft.case_events(id, events);
            Ok(())
        };
        self.on_case(who, id, encode, act, ShowCase).await
    }

    /// Records money that came in. A payment recorded before changes nothing.
    ///
    /// # Errors
    /// Refused where the amount cannot be, or the reference was recorded with another one.
    pub async fn record_payment(
        &self,
        who: &Caller,
        id: CaseId,
        input: PaymentInput,
        encode: Encode<'_, CaseView>,
    ) -> Done<Answered<CaseView>> {
        let reference = self.0.vault.keyed(&who.tenant, "payment", &input.reference);
        let borrower = self.stored_case(&who.tenant, id).await?.borrower;
        let told = Beside {
            payment_ref: input.reference.clone(),
            ..Beside::default()
        };
        let sealed = told.sealed_for(borrower, &self.0.keys).await?;
        let act = |draft: &mut Draft, facts: &Facts| {
            if let Some(balance) = input.balance_after {
                check_currency(&facts.case, Some(balance.currency))?;
            }
            let received = input.received_at.unwrap_or(draft.now);
            if received > draft.now {
                let problem = format!("{received} lies ahead of now ({})", draft.now);
                return Err(CommandError::Invalid(vec![Violation::new(
                    "received_time",
                    problem,
                )]));
            }
            let events = case::record_payment(
                &facts.case,
                reference,
                input.amount.minor,
                input.amount.currency,
                received,
                input.balance_after.map(|b| b.minor),
            )?;
            draft.effective(received);
            for event in events {
                let is_payment = matches!(event, CaseEvent::PaymentRecorded(_));
                draft.case_event(id, event);
                if is_payment {
                    draft.seal_last(sealed.clone());
                    draft.follows();
                }
            }
            Ok(())
        };
        self.on_case(who, id, encode, act, ShowPayment(reference))
            .await
    }

    /// Takes a recorded payment back. It stays in history; what is overdue grows back. One taken back before
    /// changes nothing.
    ///
    /// # Errors
    /// Refused where no payment has the reference.
    pub async fn reverse_payment(
        &self,
        who: &Caller,
        id: CaseId,
        input: ReversalInput,
        encode: Encode<'_, CaseView>,
    ) -> Done<Answered<CaseView>> {
        let reference = self.0.vault.keyed(&who.tenant, "payment", &input.reference);
        let borrower = self.stored_case(&who.tenant, id).await?.borrower;
        let told = Beside {
            payment_ref: input.reference.clone(),
            ..Beside::note(&input.reason)
        };
        let sealed = told.sealed_for(borrower, &self.0.keys).await?;
        let act = |draft: &mut Draft, facts: &Facts| {
            if let Some(balance) = input.balance_after {
                check_currency(&facts.case, Some(balance.currency))?;
            }
            let balance = input.balance_after.map(|b| b.minor);
            for event in case::reverse_payment(&facts.case, reference, balance)? {
                draft.case_event(id, event);
                draft.seal_last(sealed.clone());
            }
            Ok(())
        };
        self.on_case(who, id, encode, act, ShowCase).await
    }

    /// Adds evidence.
    ///
    /// # Errors
    /// Refused where the case is closed or the hash is none.
    pub async fn add_document(
        &self,
        who: &Caller,
        id: CaseId,
        document: Document,
        encode: Encode<'_, CaseView>,
    ) -> Done<Answered<CaseView>> {
        let act = |draft: &mut Draft, facts: &Facts| {
            draft.case_events(id, case::add_document(&facts.case, document.clone())?);
            Ok(())
        };
        self.on_case(who, id, encode, act, ShowCase).await
    }

    /// Closes a case. Final.
    ///
    /// # Errors
    /// Refused where it is closed; Stale where somebody else wrote in between.
    pub async fn close_case(
        &self,
        who: &Caller,
        id: CaseId,
        input: CloseInput,
        encode: Encode<'_, CaseView>,
    ) -> Done<Answered<CaseView>> {
        let borrower = self.stored_case(&who.tenant, id).await?.borrower;
        let told = Beside::note(&input.note);
        let sealed = told.sealed_for(borrower, &self.0.keys).await?;
        let act = |draft: &mut Draft, facts: &Facts| {
            check_etag("case", input.etag.as_deref(), facts.case.version)?;
            draft.case_events(id, case::close(&facts.case, input.reason)?);
            draft.seal_last(sealed.clone());
            Ok(())
        };
        self.on_case(who, id, encode, act, ShowCase).await
    }
}

/// Puts a new case before a person where something is overdue and its policy will never do anything by itself: it is
/// in no stage, and no time brings it into one. Most often it was meant for another policy.
fn alarm_for_no_stage(draft: &mut Draft, id: CaseId) {
    let Some(case) = draft.case(id) else {
        return;
    };
    let is_idle = draft.scheduled(id) == Some(None) && case.pauses.is_empty();
    if is_idle && case.stage.is_none() && case.worklist.is_none() && case.amounts.overdue > 0 {
        let policy = case.policy.as_ref();
        let policy = policy.map_or_else(String::new, |p| format!("{}@{}", p.name, p.version));
        draft.list(id, case::WorklistReason::NoStage { policy });
    }
}

fn not_due(path: &str, problem: NotDueYet) -> CommandError {
    let field = format!("{path}.oldest_unpaid_due_date");
    CommandError::Invalid(vec![Violation::new(field, problem.to_string())])
}

fn check_currency(case: &Case, given: Option<Currency>) -> Done<()> {
    match given.filter(|c| *c != case.currency) {
        Some(other) => Err(case::Refusal::from(recoup_domain::money::MoneyError::Mixed(
            case.currency,
            other,
        ))
        .into()),
        None => Ok(()),
    }
}
