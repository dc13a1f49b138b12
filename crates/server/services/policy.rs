//! PolicyService.

use prost::Message;
use recoup_compliance::DutyRef;
use recoup_domain::case::LenderKind;
use recoup_domain::contact::{ContactClass, Reader};
use recoup_engine::commands::Migration;
use recoup_engine::types::{CheckedPolicy, PolicyQuestion, TemplateInput};
use recoup_store::StoredTemplate;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

use super::{Asked, Call, Edge, answer};
use crate::api::recoup::v1::policy_service_server::PolicyService;
use crate::api::recoup::v1::{self, ErrorReason};
use crate::convert::filter::{POLICIES, TEMPLATES};
use crate::convert::page::Binding;
use crate::convert::read::Bad;
use crate::convert::{contact, migration, party, policy, template, words};
use crate::status::{self, Problem};

/// The longest text of a policy, in characters; the message itself is bounded in bytes.
const YAML_MAX: usize = 1 << 20;

#[async_trait]
impl PolicyService for Edge {
    async fn check_policy(
        &self,
        request: Request<v1::CheckPolicyRequest>,
    ) -> Result<Response<v1::CheckPolicyResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let yaml = bad.text("yaml", &body.yaml, YAML_MAX);
        let regions = party::regions(&mut bad, "regions", &body.regions);
        bad.texts("languages", &body.languages, 16);
        let yaml = bad.check(yaml)?;
        let question = PolicyQuestion {
            regions,
            languages: body.languages,
        };
        let found = self
            .engine
            .check_policy(&who.tenant, &yaml, &question)
            .await;
        let found = found.map_err(status::of_command)?;
        Ok(Response::new(policy::checked(&found, &yaml)))
    }

    async fn create_policy(
        &self,
        request: Request<v1::CreatePolicyRequest>,
    ) -> Result<Response<v1::CreatePolicyResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "CreatePolicy",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let yaml = bad.text("yaml", &body.yaml, YAML_MAX);
        let yaml = bad.check(yaml)?;
        let render = |new: &CheckedPolicy| v1::CreatePolicyResponse {
            policy: Some(policy::render(&new.policy)),
            findings: new.warnings.iter().map(policy::finding).collect(),
            unchecked: new.unchecked.clone(),
            same_text_as: new.same_as.map_or_else(String::new, |version| {
                policy::policy_id(&new.policy.stored.name, version)
            }),
        };
        let encode = |new: &CheckedPolicy| render(new).encode_to_vec();
        let done = self.engine.create_policy(&caller, yaml, &encode).await;
        let done = done.map_err(|e| status::of_command_at(e, "yaml"))?;
        answer(Ok(done), render)
    }

    async fn activate_policy(
        &self,
        request: Request<v1::ActivatePolicyRequest>,
    ) -> Result<Response<v1::ActivatePolicyResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "ActivatePolicy",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let version = policy::version(&mut bad, "policy_id", &body.policy_id);
        let note = bad.short("note", &body.note, 500);
        let ((name, version), note) = bad.check(version.zip(note))?;
        let render = |active: &CheckedPolicy| v1::ActivatePolicyResponse {
            policy: Some(policy::render(&active.policy)),
            findings: active.warnings.iter().map(policy::finding).collect(),
            unchecked: active.unchecked.clone(),
        };
        let encode = |active: &CheckedPolicy| render(active).encode_to_vec();
        let done = self
            .engine
            .activate_policy(&caller, &name, version, note, &encode)
            .await;
        let done = done.map_err(|e| status::of_command_at(e, "policy_id"))?;
        answer(Ok(done), render)
    }

    async fn get_policy(
        &self,
        request: Request<v1::GetPolicyRequest>,
    ) -> Result<Response<v1::GetPolicyResponse>, Status> {
        use v1::get_policy_request::Ref;
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let wanted = match &body.r#ref {
            None => {
                bad.missing("policy_id");
                None
            }
            Some(Ref::PolicyId(id)) => {
                if body.version.is_some() {
                    bad.invalid("version", "goes with `name`; a `policy_id` says it already");
                }
                policy::version(&mut bad, "policy_id", id).map(|(name, v)| (name, Some(v)))
            }
            Some(Ref::Name(name)) => bad
                .text("name", name, 64)
                .zip(number(&mut bad, body.version)),
        };
        let (name, version) = bad.check(wanted)?;
        let found = self.engine.policy(&who.tenant, &name, version).await;
        let found = found.map_err(status::of_command)?;
        let policy = Some(policy::render(&found));
        Ok(Response::new(v1::GetPolicyResponse { policy }))
    }

    async fn diff_policies(
        &self,
        request: Request<v1::DiffPoliciesRequest>,
    ) -> Result<Response<v1::DiffPoliciesResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let base = policy::version(&mut bad, "base_policy_id", &body.base_policy_id);
        let other = policy::version(&mut bad, "other_policy_id", &body.other_policy_id);
        let (base, other) = bad.check(base.zip(other))?;
        let found = self.engine.compare_policies(&who.tenant, &base, &other);
        let found = found.map_err(status::of_command)?;
        Ok(Response::new(migration::compared(&found)))
    }

    async fn migrate_cases(
        &self,
        request: Request<v1::MigrateCasesRequest>,
    ) -> Result<Response<v1::MigrateCasesResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "MigrateCases",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        // A token goes on with what the first page was asked, under another request id.
        let asked = v1::MigrateCasesRequest {
            request_id: String::new(),
            batch_token: String::new(),
            batch_size: 0,
            ..body.clone()
        };
        let bound = Binding {
            vault: self.engine.vault(),
            tenant: &who.tenant,
            method: "MigrateCases",
            filter: &format!("{asked:?}"),
        };
        let input = migration::read(&mut bad, &body, &bound);
        let input = bad.check(input)?;
        let render = |m: &Migration| migration::moved(m, |id| bound.token(&id.to_string()));
        if body.dry_run {
            let _place = self.place_to_compare(&who.tenant).await?;
            let found = self.engine.rehearse_migration(&caller, &input).await;
            return Ok(Response::new(render(&found.map_err(status::of_command)?)));
        }
        let encode = |m: &Migration| render(m).encode_to_vec();
        let done = self.engine.migrate_cases(&caller, &input, &encode).await;
        answer(done, render)
    }

    async fn simulate_policy(
        &self,
        request: Request<v1::SimulatePolicyRequest>,
    ) -> Result<Response<BoxStream<v1::SimulatePolicyResponse>>, Status> {
        let (who, body) = self.open(request)?;
        let place = self.place_to_compare(&who.tenant).await?;
        let (edge, tenant) = (self.clone(), who.tenant.clone());
        // A text may be long: calls on this thread do not wait for its reading.
        let reading = tokio::task::spawn_blocking(move || edge.replay_asked(&tenant, &body));
        let question = reading.await;
        let question = question.map_err(|_| status::internal("reading a policy panicked"))??;
        Ok(Response::new(self.replay(who, question, place)))
    }

    async fn register_template(
        &self,
        request: Request<v1::RegisterTemplateRequest>,
    ) -> Result<Response<v1::RegisterTemplateResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "RegisterTemplate",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let input = told_template(&mut bad, &body);
        let input = bad.check(input)?;
        let render = |t: &StoredTemplate| {
            let (checked, left) = self.engine.duties_of_template(t);
            let ids = |all: &[DutyRef]| all.iter().map(|d| d.id().to_owned()).collect();
            v1::RegisterTemplateResponse {
                template: Some(policy::template(t)),
                checked: ids(&checked),
                left_to_rendering: ids(&left),
            }
        };
        let encode = |t: &StoredTemplate| render(t).encode_to_vec();
        let done = self.engine.register_template(&caller, input, &encode).await;
        let done = done.map_err(|e| status::of_command_at(e, "body"))?;
        answer(Ok(done), render)
    }

    async fn preview_template(
        &self,
        request: Request<v1::PreviewTemplateRequest>,
    ) -> Result<Response<v1::PreviewTemplateResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let packs = self.engine.packs();
        let question = template::question(&mut bad, &body, packs);
        let question = bad.check(question)?;
        if question.case.is_some() && !who.sees_people() {
            let problem = "a case's data are shown to those who may read its borrower; without a case the \
                           preview has example data";
            return Err(Problem::new(ErrorReason::RoleMissing, problem).into());
        }
        let found = self.engine.preview_template(&who.tenant, &question).await;
        let found = found.map_err(status::of_command)?;
        let previews = found.iter().map(template::preview).collect();
        Ok(Response::new(v1::PreviewTemplateResponse { previews }))
    }

    async fn list_policies(
        &self,
        request: Request<v1::ListPoliciesRequest>,
    ) -> Result<Response<v1::ListPoliciesResponse>, Status> {
        let (who, body) = self.open(request)?;
        let asked = Asked {
            method: "ListPolicies",
            filter: &body.filter,
            page_size: body.page_size,
            page_token: &body.page_token,
        };
        let list = self.listing(&who, asked, POLICIES)?;
        let all = self.engine.policy_versions(&who.tenant);
        let rows = all.into_iter().map(|view| {
            // By name, the newest version first.
            let key = format!(
                "{} {:010}",
                view.stored.name,
                u32::MAX - view.stored.version
            );
            (key, view)
        });
        let rows = rows.filter(|(_, view)| list.filter.holds(&policy::render(view)));
        let (views, next_page_token) = list.page(rows.collect());
        let mut policies = Vec::with_capacity(views.len());
        for mut view in views {
            let (name, version) = (&view.stored.name, view.stored.version);
            let pinned = self.engine.pinned_cases(&who.tenant, name, version).await;
            view.pinned_cases = pinned.map_err(status::of_command)?;
            policies.push(v1::Policy {
                yaml: String::new(),
                ..policy::render(&view)
            });
        }
        Ok(Response::new(v1::ListPoliciesResponse {
            policies,
            next_page_token,
        }))
    }

    async fn list_templates(
        &self,
        request: Request<v1::ListTemplatesRequest>,
    ) -> Result<Response<v1::ListTemplatesResponse>, Status> {
        let (who, body) = self.open(request)?;
        let asked = Asked {
            method: "ListTemplates",
            filter: &body.filter,
            page_size: body.page_size,
            page_token: &body.page_token,
        };
        let list = self.listing(&who, asked, TEMPLATES)?;
        let all = self.engine.templates(&who.tenant);
        let rows = all
            .iter()
            .map(|t| (format!("{} {}", t.name, t.locale), policy::template(t)));
        let rows = rows.filter(|(_, row)| list.filter.holds(row)).collect();
        let (templates, next_page_token) = list.page(rows);
        Ok(Response::new(v1::ListTemplatesResponse {
            templates,
            next_page_token,
        }))
    }
}

/// A version; the outer none was noted.
fn number(bad: &mut Bad, given: Option<i64>) -> Option<Option<u32>> {
    let Some(given) = given else {
        return Some(None);
    };
    let version = u32::try_from(given).ok().filter(|v| *v > 0);
    if version.is_none() {
        bad.invalid("version", format!("is {given}; versions count from 1"));
    }
    version.map(Some)
}

fn told_template(bad: &mut Bad, body: &v1::RegisterTemplateRequest) -> Option<TemplateInput> {
    let name = bad.text("name", &body.name, 64);
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if name.as_ref().is_some_and(|n| !n.bytes().all(fits)) {
        bad.invalid("name", "must be 1 to 64 characters of a-z, 0-9 and _");
    }
    let class = contact::class(bad, "channel", &body.channel);
    let locale = bad.text("locale", &body.locale, 35);
    let subject = bad.short("subject", &body.subject, 200);
    let text = bad.text("body", &body.body, 20_000);
    bad.texts("variables", &body.variables, 64);
    let audience = bad.word_or_unset::<v1::TemplateAudience>("audience", body.audience);
    let regions = party::regions(bad, "regions", &body.regions);
    let lender_kinds = lender_kinds(bad, &body.lender_kinds);
    let approval = approval(bad, body);
    let reader = match audience? {
        v1::TemplateAudience::Unspecified | v1::TemplateAudience::Debtor => Reader::Obligor,
        v1::TemplateAudience::ThirdParty => Reader::ThirdParty,
    };
    Some(TemplateInput {
        name: name?,
        class: class?,
        locale: locale?,
        subject: subject?,
        body: text?,
        variables: body.variables.clone(),
        reader,
        regions,
        lender_kinds,
        approval: approval?,
    })
}

fn lender_kinds(bad: &mut Bad, given: &[i32]) -> Vec<LenderKind> {
    bad.count_of("lender_kinds", given, 4);
    let mut kinds = Vec::new();
    for (i, kind) in given.iter().take(4).enumerate() {
        let word = bad.word::<v1::LenderKind>(&format!("lender_kinds[{i}]"), *kind);
        kinds.extend(word.and_then(words::lender_kind));
    }
    kinds
}

/// A signature with the template id approved under it; the outer none was noted.
fn approval(bad: &mut Bad, body: &v1::RegisterTemplateRequest) -> Option<Option<(String, String)>> {
    let signature = bad.short("sms_signature", &body.sms_signature, 64);
    let template = bad.short("provider_template_id", &body.provider_template_id, 64);
    let (signature, template) = signature.zip(template)?;
    match (signature.trim().is_empty(), template.trim().is_empty()) {
        (true, true) => return Some(None),
        (false, true) => {
            let problem = "goes with `sms_signature`: the id of the template approved under it";
            bad.invalid("provider_template_id", problem);
        }
        (true, false) => {
            let problem = "goes with `provider_template_id`: the signature it was approved under";
            bad.invalid("sms_signature", problem);
        }
        (false, false) if signature.contains(['【', '】']) => {
            bad.invalid("sms_signature", "is written without `【` and `】` here");
        }
        (false, false) if body.channel != ContactClass::Sms.name() => {
            bad.invalid("sms_signature", "only texts by sms have a signature");
        }
        (false, false) => return Some(Some((signature, template))),
    }
    None
}
