//! CaseService.

use prost::Message;
use recoup_domain::case::{Amounts, DueDate, Scores};
use recoup_domain::ids::CaseId;
use recoup_engine::commands::{CaseName, CloseInput, FactsInput, PaymentInput, ReversalInput};
use recoup_engine::error::{CommandError, Done};
use recoup_engine::explain::Mode;
use recoup_engine::types::{Answered, Caller, CaseView, Encode, PartyName};
use recoup_store::CaseFilter;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::{Asked, Call, Edge, answer, ids};
use crate::api::recoup::v1::case_service_server::CaseService;
use crate::api::recoup::v1::{self, ErrorReason};
use crate::convert::filter::{CASES, Filter};
use crate::convert::page::{self, Binding};
use crate::convert::read::Bad;
use crate::convert::{case, event, explain, party, value, words};
use crate::status;

/// How often facts are laid over a case that somebody else writes at the same time.
const FACTS_ATTEMPTS_MAX: usize = 8;
/// Rows read at once for one page of a filtered list.
const SCAN_CHUNK: usize = 200;
/// Rows read at most for one page: a sparse filter answers short pages instead of running on.
pub(super) const SCAN_MAX: usize = 10_000;

#[async_trait]
impl CaseService for Edge {
    async fn open_case(
        &self,
        request: Request<v1::OpenCaseRequest>,
    ) -> Result<Response<v1::OpenCaseResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "OpenCase",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let borrower = borrower(&mut bad, body.borrower.as_ref());
        let input = case::input(&mut bad, "upsert", borrower, body.case.as_ref());
        let input = bad.check(input)?;
        let render = |v: &CaseView| v1::OpenCaseResponse {
            case: Some(case::render(v)),
        };
        let encode = |v: &CaseView| render(v).encode_to_vec();
        answer(self.engine.open_case(&caller, input, &encode).await, render)
    }

    async fn import_cases(
        &self,
        request: Request<Streaming<v1::ImportCasesRequest>>,
    ) -> Result<Response<BoxStream<v1::ImportCasesResponse>>, Status> {
        let (who, rows) = self.open(request)?;
        Ok(Response::new(self.import(who, rows)))
    }

    async fn get_case(
        &self,
        request: Request<v1::GetCaseRequest>,
    ) -> Result<Response<v1::GetCaseResponse>, Status> {
        use v1::get_case_request::Ref;
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let name = match &body.r#ref {
            None => {
                bad.missing("case_id");
                None
            }
            Some(Ref::CaseId(id)) => bad.id("case_id", id).map(CaseName::Id),
            Some(Ref::LenderCaseRef(text)) => bad
                .text("lender_case_ref", text, 128)
                .map(CaseName::Reference),
        };
        let name = bad.check(name)?;
        let view = self
            .engine
            .case(&who.tenant, &name)
            .await
            .map_err(status::of_command)?;
        Ok(Response::new(v1::GetCaseResponse {
            case: Some(case::render(&view)),
        }))
    }

    async fn list_cases(
        &self,
        request: Request<v1::ListCasesRequest>,
    ) -> Result<Response<v1::ListCasesResponse>, Status> {
        let (who, body) = self.open(request)?;
        let asked = Asked {
            method: "ListCases",
            filter: &body.filter,
            page_size: body.page_size,
            page_token: &body.page_token,
        };
        let list = self.listing(&who, asked, CASES)?;
        let after = list.after.as_ref().and_then(|id| id.parse::<CaseId>().ok());
        let (cases, next) = self
            .scan_cases(&who.tenant, &list.filter, after, list.size)
            .await?;
        let next_page_token = list.token(next);
        Ok(Response::new(v1::ListCasesResponse {
            cases,
            next_page_token,
        }))
    }

    async fn update_case_facts(
        &self,
        request: Request<v1::UpdateCaseFactsRequest>,
    ) -> Result<Response<v1::UpdateCaseFactsResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "UpdateCaseFacts",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.id::<CaseId>("case_id", &body.case_id);
        let told = Told::read(&mut bad, &body, self.now());
        let (id, told) = bad.check(id.zip(told))?;
        let render = |v: &CaseView| v1::UpdateCaseFactsResponse {
            case: Some(case::render(v)),
        };
        let encode = |v: &CaseView| render(v).encode_to_vec();
        let done = self
            .write_facts(&caller, id, &told, &body.etag, &encode)
            .await;
        let done = done.map_err(|e| status::of_command_at(e, "facts"))?;
        answer(Ok(done), render)
    }

    async fn record_payment(
        &self,
        request: Request<v1::RecordPaymentRequest>,
    ) -> Result<Response<v1::RecordPaymentResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "RecordPayment",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.id::<CaseId>("case_id", &body.case_id);
        let input = payment(&mut bad, &body, self.now());
        let (id, input) = bad.check(id.zip(input))?;
        let encode = |v: &CaseView| paid(v).encode_to_vec();
        let done = self
            .engine
            .record_payment(&caller, id, input, &encode)
            .await;
        let done = done.map_err(|e| status::of_command_at(e, "amount.currency_code"))?;
        answer(Ok(done), paid)
    }

    async fn add_document(
        &self,
        request: Request<v1::AddDocumentRequest>,
    ) -> Result<Response<v1::AddDocumentResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "AddDocument",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.id::<CaseId>("case_id", &body.case_id);
        let document = match &body.document {
            Some(document) => case::document(&mut bad, "document", document),
            None => {
                bad.missing("document");
                None
            }
        };
        let (id, document) = bad.check(id.zip(document))?;
        let render = |v: &CaseView| v1::AddDocumentResponse {
            case: Some(case::render(v)),
        };
        let encode = |v: &CaseView| render(v).encode_to_vec();
        answer(
            self.engine
                .add_document(&caller, id, document, &encode)
                .await,
            render,
        )
    }

    async fn hold_case(
        &self,
        request: Request<v1::HoldCaseRequest>,
    ) -> Result<Response<v1::HoldCaseResponse>, Status> {
        self.hold(request).await
    }

    async fn release_hold(
        &self,
        request: Request<v1::ReleaseHoldRequest>,
    ) -> Result<Response<v1::ReleaseHoldResponse>, Status> {
        self.release(request).await
    }

    async fn raise_dispute(
        &self,
        request: Request<v1::RaiseDisputeRequest>,
    ) -> Result<Response<v1::RaiseDisputeResponse>, Status> {
        self.dispute(request).await
    }

    async fn resolve_dispute(
        &self,
        request: Request<v1::ResolveDisputeRequest>,
    ) -> Result<Response<v1::ResolveDisputeResponse>, Status> {
        self.settle_dispute(request).await
    }

    async fn file_complaint(
        &self,
        request: Request<v1::FileComplaintRequest>,
    ) -> Result<Response<v1::FileComplaintResponse>, Status> {
        self.complain(request).await
    }

    async fn resolve_complaint(
        &self,
        request: Request<v1::ResolveComplaintRequest>,
    ) -> Result<Response<v1::ResolveComplaintResponse>, Status> {
        self.settle_complaint(request).await
    }

    async fn reverse_payment(
        &self,
        request: Request<v1::ReversePaymentRequest>,
    ) -> Result<Response<v1::ReversePaymentResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "ReversePayment",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.id::<CaseId>("case_id", &body.case_id);
        let reference = bad.text("payment_ref", &body.payment_ref, 128);
        let reason = bad.text("reason", &body.reason, 500);
        let balance = match &body.balance_after {
            Some(balance) => value::money(&mut bad, "balance_after", balance).map(Some),
            None => Some(None),
        };
        let read = id.zip(reference).zip(reason).zip(balance);
        let (((id, reference), reason), balance_after) = bad.check(read)?;
        let render = |v: &CaseView| v1::ReversePaymentResponse {
            case: Some(case::render(v)),
        };
        let encode = |v: &CaseView| render(v).encode_to_vec();
        let input = ReversalInput {
            reference,
            reason,
            balance_after,
        };
        let done = self
            .engine
            .reverse_payment(&caller, id, input, &encode)
            .await;
        let done = done.map_err(|e| status::of_command_at(e, "balance_after.currency_code"))?;
        answer(Ok(done), render)
    }

    async fn close_case(
        &self,
        request: Request<v1::CloseCaseRequest>,
    ) -> Result<Response<v1::CloseCaseResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "CloseCase",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let id = bad.id::<CaseId>("case_id", &body.case_id);
        let reason = bad.word::<v1::CloseReason>("reason", body.reason);
        if reason == Some(v1::CloseReason::Cured) {
            bad.invalid(
                "reason",
                "CURED follows from money alone: record the payment",
            );
        }
        let note = bad.short("note", &body.note, 500);
        let reason = reason.and_then(words::close_reason);
        let ((id, reason), note) = bad.check(id.zip(reason).zip(note))?;
        let render = |v: &CaseView| v1::CloseCaseResponse {
            case: Some(case::render(v)),
            cancelling_contact_ids: ids(&v.cancelling),
        };
        let encode = |v: &CaseView| render(v).encode_to_vec();
        let input = CloseInput {
            reason,
            note,
            etag: Some(body.etag.clone()).filter(|e| !e.is_empty()),
        };
        answer(
            self.engine.close_case(&caller, id, input, &encode).await,
            render,
        )
    }

    async fn get_timeline(
        &self,
        request: Request<v1::GetTimelineRequest>,
    ) -> Result<Response<v1::GetTimelineResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let size = page::size(&mut bad, body.page_size);
        let bound = Binding {
            vault: self.engine.vault(),
            tenant: &who.tenant,
            method: "GetTimeline",
            filter: &body.case_id,
        };
        let place = bound.place(&mut bad, &body.page_token);
        let id = bad.id::<CaseId>("case_id", &body.case_id);
        let (place, id) = bad.check(place.zip(id))?;
        let after = place.and_then(|p| p.parse().ok()).unwrap_or(0);
        let page = self.engine.timeline(&who.tenant, id, after, size).await;
        let page = page.map_err(status::of_command)?;
        let last = page
            .rows
            .last()
            .filter(|_| page.more)
            .map(|item| item.position);
        let next_page_token = last.map_or_else(String::new, |at| bound.token(&at.to_string()));
        let sees_people = who.sees_people();
        let entries = page.rows.iter();
        let entries = entries
            .map(|item| event::timeline_entry(item, sees_people))
            .collect();
        Ok(Response::new(v1::GetTimelineResponse {
            entries,
            next_page_token,
        }))
    }

    async fn explain_case(
        &self,
        request: Request<v1::ExplainCaseRequest>,
    ) -> Result<Response<v1::ExplainCaseResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let id = bad.id::<CaseId>("case_id", &body.case_id);
        let mode = match bad.word_or_unset::<v1::ExplainMode>("mode", body.mode) {
            Some(v1::ExplainMode::AsCorrected) => Mode::AsCorrected,
            _ => Mode::AsRecorded,
        };
        let at = body.as_of.as_ref();
        let at = at.and_then(|at| value::instant(&mut bad, "as_of", at));
        let tongue = explain::tongue(&mut bad, &body.language_code);
        let id = bad.check(id)?;
        let found = match (at, mode) {
            (None, Mode::AsRecorded) => self.engine.explain(&who.tenant, id).await,
            (at, mode) => self.engine.explain_then(&who.tenant, id, at, mode).await,
        };
        let found = found.map_err(status::of_command)?;
        let packs = self.engine.packs();
        Ok(Response::new(explain::render(&found, packs, tongue)))
    }
}

impl Edge {
    /// Writes facts over what the case holds now. Where the caller saw no version and somebody else
    /// writes in between, the facts are laid over the newer case.
    async fn write_facts(
        &self,
        caller: &Caller,
        id: CaseId,
        told: &Told,
        etag: &str,
        encode: Encode<'_, CaseView>,
    ) -> Done<Answered<CaseView>> {
        let name = CaseName::Id(id);
        for _ in 0..FACTS_ATTEMPTS_MAX {
            let now = self.engine.case(&caller.tenant, &name).await?;
            let input = told.over(&now, etag);
            match self
                .engine
                .update_case_facts(caller, id, input, encode)
                .await
            {
                Err(CommandError::Stale { .. }) if etag.is_empty() => {}
                done => return done,
            }
        }
        Err(CommandError::Contended)
    }

    /// A page of cases that pass a filter, and where the next one begins.
    async fn scan_cases(
        &self,
        tenant: &recoup_domain::TenantId,
        filter: &Filter<v1::Case>,
        mut after: Option<CaseId>,
        size: usize,
    ) -> Result<(Vec<v1::Case>, Option<CaseId>), Status> {
        let narrow = CaseFilter {
            status: filter.equals("status").map(str::to_lowercase),
            borrower: filter.equals("party_id").and_then(|id| id.parse().ok()),
            ..CaseFilter::default()
        };
        let mut found = Vec::new();
        let mut scanned = 0;
        loop {
            let chunk = self
                .engine
                .cases(tenant, &narrow, after, SCAN_CHUNK.min(size.max(20)))
                .await;
            let chunk = chunk.map_err(status::of_command)?;
            scanned += chunk.rows.len();
            let last = chunk.rows.len();
            for (i, view) in chunk.rows.iter().enumerate() {
                after = Some(view.case.id);
                let row = case::render(view);
                if filter.holds(&row) {
                    found.push(row);
                }
                if found.len() == size {
                    return Ok((found, after.filter(|_| chunk.more || i + 1 < last)));
                }
            }
            if !chunk.more || chunk.rows.is_empty() {
                return Ok((found, None));
            }
            if scanned >= SCAN_MAX {
                return Ok((found, after));
            }
        }
    }
}

fn borrower(bad: &mut Bad, given: Option<&v1::open_case_request::Borrower>) -> Option<PartyName> {
    use v1::open_case_request::Borrower;
    match given {
        None => {
            bad.missing("borrower");
            None
        }
        Some(Borrower::Party(name)) => party::reference(bad, "party", Some(name)),
        Some(Borrower::Upsert(told)) => party::told(bad, "upsert", told, true),
    }
}

fn payment(
    bad: &mut Bad,
    body: &v1::RecordPaymentRequest,
    now: jiff::Timestamp,
) -> Option<PaymentInput> {
    let reference = bad.text("payment_ref", &body.payment_ref, 128);
    let amount = value::positive(bad, "amount", body.amount.as_ref());
    if body.received_time.is_none() {
        bad.missing("received_time");
    }
    let received = value::past(bad, "received_time", body.received_time.as_ref(), now);
    let balance = match &body.balance_after {
        Some(balance) => value::money(bad, "balance_after", balance).map(Some),
        None => Some(None),
    };
    if let (Some(amount), Some(Some(balance))) = (amount, balance)
        && amount.currency != balance.currency
    {
        // Which of them is wrong nobody here knows.
        for (field, amount) in [("amount", amount), ("balance_after", balance)] {
            let problem = format!("is {}; both are in one currency", amount.currency.code());
            let field = format!("{field}.currency_code");
            bad.note(ErrorReason::CurrencyMismatch, &field, problem);
        }
    }
    Some(PaymentInput {
        reference: reference?,
        amount: amount?,
        received_at: received?,
        balance_after: balance?,
    })
}

fn paid(view: &CaseView) -> v1::RecordPaymentResponse {
    v1::RecordPaymentResponse {
        case: Some(case::render(view)),
        cured: view.cured,
        cancelling_contact_ids: ids(&view.cancelling),
    }
}

/// What UpdateCaseFacts changes: the fields in its mask.
struct Told {
    facts: case::Facts,
    paths: Vec<String>,
    effective_at: Option<jiff::Timestamp>,
}

impl Told {
    fn read(
        bad: &mut Bad,
        body: &v1::UpdateCaseFactsRequest,
        now: jiff::Timestamp,
    ) -> Option<Self> {
        let Some(given) = &body.facts else {
            bad.missing("facts");
            return None;
        };
        party::mask(bad, body.update_mask.as_ref(), &case::FACTS);
        let facts = case::facts(bad, "facts", given);
        if !given.product.is_empty() {
            bad.invalid(
                "facts.product",
                "a product is told when the case is opened, not later",
            );
        }
        let mut paths = body.update_mask.clone().unwrap_or_default().paths;
        if paths.is_empty() {
            paths = set_fields(given);
        }
        if given.overdue.is_none() && paths.iter().any(|p| p == "overdue") {
            bad.note(
                ErrorReason::FieldMaskInvalid,
                "update_mask",
                "`overdue` cannot be cleared",
            );
        }
        if paths.is_empty() {
            bad.note(
                ErrorReason::FieldMaskInvalid,
                "update_mask",
                "names no field, and none is set",
            );
        }
        let effective_at = value::past(bad, "effective_time", body.effective_time.as_ref(), now)?;
        Some(Self {
            facts,
            paths,
            effective_at,
        })
    }

    /// The engine's input: amounts and scores go whole, so what the mask leaves out is as it is now.
    fn over(&self, now: &CaseView, etag: &str) -> FactsInput {
        let names = |name: &str| self.paths.iter().any(|p| p == name);
        let minor = |m: Option<recoup_domain::Money>| m.map_or(0, |m| m.minor);
        let mut amounts: Amounts = now.case.amounts;
        for (name, told, field) in [
            ("principal", self.facts.principal, &mut amounts.principal),
            ("interest", self.facts.interest, &mut amounts.interest),
            ("fees", self.facts.fees, &mut amounts.fees),
            ("overdue", self.facts.overdue, &mut amounts.overdue),
        ] {
            if names(name) {
                *field = minor(told);
            }
        }
        let mut scores: Scores = now.case.scores;
        if names("ability") {
            scores.ability = self.facts.scores.ability;
        }
        if names("willingness") {
            scores.willingness = self.facts.scores.willingness;
        }
        let money = ["principal", "interest", "fees", "overdue"]
            .into_iter()
            .any(names);
        let scored = names("ability") || names("willingness");
        // What was read here must still be there when it is written, or half of it would be lost.
        let own = (money || scored).then(|| case::etag(&now.case));
        FactsInput {
            amounts: money.then_some(amounts),
            currency: self.facts.currency(),
            oldest_unpaid_due: names("oldest_unpaid_due_date")
                .then(|| self.facts.due.map_or(DueDate::Cleared, DueDate::On)),
            pause_days: None,
            scores: scored.then_some(scores),
            tags: names("tags").then(|| self.facts.tags.clone()),
            etag: Some(etag.to_owned()).filter(|e| !e.is_empty()).or(own),
            effective_at: self.effective_at,
        }
    }
}

fn set_fields(given: &v1::CaseFacts) -> Vec<String> {
    let set = [
        ("principal", given.principal.is_some()),
        ("interest", given.interest.is_some()),
        ("fees", given.fees.is_some()),
        ("overdue", given.overdue.is_some()),
        (
            "oldest_unpaid_due_date",
            given.oldest_unpaid_due_date.is_some(),
        ),
        ("ability", given.ability.is_some()),
        ("willingness", given.willingness.is_some()),
        ("tags", !given.tags.is_empty()),
    ];
    set.into_iter()
        .filter(|(_, set)| *set)
        .map(|(name, _)| name.to_owned())
        .collect()
}
