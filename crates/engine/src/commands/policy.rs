//! Policies and templates.

use super::Decided;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::intent::sha256_hex;
use crate::render;
use crate::third_party;
use crate::types::{
    Answered, Caller, CheckedPolicy, Encode, PolicyQuestion, PolicyState, PolicyView, TemplateInput,
};
use recoup_decide::check::{Question, Report, check};
use recoup_domain::contact::Reader;
use recoup_domain::ids::TenantId;
use recoup_policy::{Policy, Severity};
use recoup_store::{Activation, Guard, StoredPolicy, StoredTemplate, Write};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many combinations of language and regions a policy is held to when it is stored or activated.
const REACHES_MAX: usize = 256;

impl Engine {
    /// What is wrong with a policy's text, here: names are checked against what is loaded and registered. What the
    /// policy does is explored where its text has no fault.
    ///
    /// # Errors
    /// None at present; a store's failure in time.
    pub async fn check_policy(
        &self,
        tenant: &TenantId,
        text: &str,
        question: &PolicyQuestion,
    ) -> Done<Report> {
        Ok(match self.0.library.check(tenant, text) {
            Ok(policy) => self.explored(tenant, &Arc::new(policy), question).await,
            Err(findings) => Report {
                findings,
                unchecked: vec!["what the policy does: its text has faults".to_owned()],
            },
        })
    }

    /// What speaks against a policy, and what it does where the lender's borrowers are now.
    ///
    /// # Errors
    /// PolicyFaults where something speaks against it.
    async fn judged(&self, tenant: &TenantId, policy: &Arc<Policy>) -> Done<Report> {
        let alone = PolicyQuestion::default();
        let alone = self.explored(tenant, policy, &alone).await;
        if !alone.accepts() {
            return Err(CommandError::PolicyFaults(alone.findings));
        }
        let in_use = self.in_use(tenant).await?;
        if in_use == PolicyQuestion::default() {
            return Ok(alone);
        }
        let mut report = self.explored(tenant, policy, &in_use).await;
        // Borrowers come and go, and a policy may be meant for some of them: whoever writes it is told, not refused.
        for finding in &mut report.findings {
            finding.severity = Severity::Warning;
        }
        Ok(report)
    }

    /// The regions and languages of the borrowers of open cases.
    async fn in_use(&self, tenant: &TenantId) -> Done<PolicyQuestion> {
        let found = self.0.store.reach(tenant, REACHES_MAX).await?;
        let (mut regions, mut languages) = (BTreeSet::new(), BTreeSet::new());
        for reach in found {
            regions.extend(reach.regions);
            languages.insert(reach.locale);
        }
        Ok(PolicyQuestion {
            regions: regions.into_iter().collect(),
            languages: languages.into_iter().collect(),
        })
    }

    /// What an exploration finds. It works for a while: not where others wait for their turn.
    async fn explored(
        &self,
        tenant: &TenantId,
        policy: &Arc<Policy>,
        question: &PolicyQuestion,
    ) -> Report {
        let (engine, tenant) = (self.clone(), tenant.clone());
        let (policy, question) = (policy.clone(), question.clone());
        // Whoever asked may be gone before it ends: its place is given back by the work itself.
        let place = self.0.exploring.clone().acquire_owned().await;
        let work = move || {
            let _place = place;
            engine.explore(&tenant, &policy, &question)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(report) => report,
            // It is not called off: nobody else holds the task.
            Err(e) => std::panic::resume_unwind(e.into_panic()),
        }
    }

    /// What an exploration finds, behind the warnings of the text.
    fn explore(&self, tenant: &TenantId, policy: &Policy, question: &PolicyQuestion) -> Report {
        let library = &self.0.library;
        let named = policy.templates();
        let mut templates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for t in library.newest_templates(tenant) {
            if t.reader == Reader::Obligor && named.contains(t.name.as_str()) {
                let locales = templates.entry(t.name.clone()).or_default();
                locales.insert(t.locale.clone());
            }
        }
        let found = check(
            policy,
            &Question {
                packs: Some(library.packs()),
                regions: &question.regions,
                templates: Some(&templates),
                languages: &question.languages,
            },
        );
        Report {
            findings: [policy.warnings(), &found.findings].concat(),
            ..found
        }
    }

    /// Stores a policy's text as a new version. It runs nothing before somebody else activates it.
    ///
    /// # Errors
    /// PolicyFaults where it does not compile, or does what no policy may do.
    pub async fn create_policy(
        &self,
        who: &Caller,
        text: String,
        encode: Encode<'_, CheckedPolicy>,
    ) -> Done<Answered<CheckedPolicy>> {
        // An exploration takes its time: once a request, however often the request is repeated or its commit is.
        if let Some(before) = self.answered(who).await? {
            return Ok(before);
        }
        let check = self.0.library.check(&who.tenant, &text);
        let policy = Arc::new(check.map_err(CommandError::PolicyFaults)?);
        let report = self.judged(&who.tenant, &policy).await?;
        let done = self.command(who, encode, || async {
            let before = self.versions_of(&who.tenant, policy.name()).await?;
            let version = before.last().map_or(0, |p| p.version) + 1;
            let same_as = before.iter().rfind(|p| p.text == text).map(|p| p.version);
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            let stored = StoredPolicy {
                tenant: who.tenant.clone(),
                name: policy.name().to_owned(),
                version,
                hash: sha256_hex(text.as_bytes()),
                text: text.clone(),
                author: who.principal.clone(),
                created_at: draft.now,
                activated: None,
            };
            draft.guard(Guard::NoPolicy(
                who.tenant.clone(),
                stored.name.clone(),
                version,
            ));
            draft.write(Write::Policy(stored.clone()));
            draft.service_event("policy_created", format!("{}@{version}", stored.name));
            let policy = PolicyView {
                state: PolicyState::Draft,
                stages: stage_names(&policy),
                pinned_cases: 0,
                stored,
            };
            let result = CheckedPolicy {
                policy,
                warnings: report.findings.clone(),
                unchecked: report.unchecked.clone(),
                same_as,
            };
            let key = self.0.keys.nobodys();
            Ok(Decided { draft, result, key })
        });
        let done = done.await?;
        if let Answered::Now(new) = &done {
            self.take(&new.policy)?;
        }
        Ok(done)
    }

    /// Takes a policy version that was written now into use.
    fn take(&self, view: &PolicyView) -> Done<()> {
        let taken = self.0.library.take_policy(view.stored.clone());
        taken.map_err(|e| CommandError::NoPolicy(e.to_string()))
    }

    /// The versions of a name, the oldest first.
    async fn versions_of(&self, tenant: &TenantId, name: &str) -> Done<Vec<StoredPolicy>> {
        let mut versions = self.0.store.policies(Some(tenant)).await?;
        versions.retain(|p| p.name == name);
        versions.sort_by_key(|p| p.version);
        Ok(versions)
    }

    /// Lets new cases run under a version. The author cannot: a second person must, who is told what the check warns of
    /// now. Running cases stay pinned to theirs.
    ///
    /// # Errors
    /// NotFound for a version that is not there; SamePerson for the author; NoPolicy where an arm of it names one that
    /// is not active; PolicyFaults where it does what no policy
    /// may do, by this version of the check.
    pub async fn activate_policy(
        &self,
        who: &Caller,
        name: &str,
        version: u32,
        note: String,
        encode: Encode<'_, CheckedPolicy>,
    ) -> Done<Answered<CheckedPolicy>> {
        if let Some(before) = self.answered(who).await? {
            return Ok(before);
        }
        let (stored, policy) = self.compiled(&who.tenant, name, version)?;
        if stored.author == who.principal {
            return Err(CommandError::SamePerson {
                principal: who.principal.clone(),
                did: "wrote the policy",
                wants: "activate it",
            });
        }
        let names = policy
            .arms()
            .iter()
            .filter_map(|arm| Some((arm, arm.policy.as_deref()?)));
        for (arm, challenger) in names {
            let versions = self.0.library.versions(&who.tenant, challenger);
            if versions.iter().all(|v| v.activated.is_none()) {
                return Err(CommandError::NoPolicy(format!(
                    "arm `{}` of `{name}` names `{challenger}`, which is not active: activate it first, or cases of that \
                     arm could not be opened",
                    arm.name
                )));
            }
        }
        let report = self.judged(&who.tenant, &policy).await?;
        let done = self.command(who, encode, || async {
            let mut policy = self.policy(&who.tenant, name, Some(version)).await?;
            let stored = &mut policy.stored;
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            stored.activated = Some(Activation {
                by: who.principal.clone(),
                at: draft.now,
                note: note.clone(),
            });
            draft.write(Write::Policy(stored.clone()));
            draft.service_event("policy_activated", format!("{name}@{version}"));
            policy.state = PolicyState::Active;
            let result = CheckedPolicy {
                policy,
                warnings: report.findings.clone(),
                unchecked: report.unchecked.clone(),
                same_as: None,
            };
            let key = self.0.keys.nobodys();
            Ok(Decided { draft, result, key })
        });
        let done = done.await?;
        if let Answered::Now(active) = &done {
            self.take(&active.policy)?;
        }
        Ok(done)
    }

    /// A policy version; none means the active one, the one activated last where several are (each for a
    /// currency of its own), and the newest where none is.
    ///
    /// # Errors
    /// NotFound where it is not there.
    pub async fn policy(
        &self,
        tenant: &TenantId,
        name: &str,
        version: Option<u32>,
    ) -> Done<PolicyView> {
        let library = &self.0.library;
        let mut versions = library.versions(tenant, name);
        match version {
            Some(version) => versions.retain(|p| p.version == version),
            // Stable: the newest stays last where nobody activated any.
            None => versions.sort_by_key(|p| p.activated.as_ref().map(|a| a.at)),
        }
        let id = version.map_or_else(|| name.to_owned(), |v| format!("{name}@{v}"));
        let missing = || CommandError::NotFound { what: "policy", id };
        let stored = versions.pop().ok_or_else(missing)?;
        let compiled = library.policy(tenant, name, stored.version);
        let store = &self.0.store;
        Ok(PolicyView {
            state: library.state(&stored),
            stages: compiled.map_or_else(Vec::new, |(_, policy)| stage_names(&policy)),
            pinned_cases: store.pinned_cases(tenant, name, stored.version).await?,
            stored,
        })
    }

    /// Registers a text as a new version of its name; contacts planned from now on use it.
    ///
    /// # Errors
    /// Template where the text cannot be taken; TemplateLacks where it does not say what its messages must say.
    pub async fn register_template(
        &self,
        who: &Caller,
        input: TemplateInput,
        encode: Encode<'_, StoredTemplate>,
    ) -> Done<Answered<StoredTemplate>> {
        let parts = [input.subject.as_str(), input.body.as_str()];
        let done = self.command(who, encode, || async {
            match input.reader {
                Reader::Obligor => {
                    render::check(&input.name, input.class, parts, &input.variables)?;
                }
                Reader::ThirdParty => {
                    third_party::check(&input.name, input.class, parts, &input.variables)?;
                }
            }
            let all = self.0.store.templates(Some(&who.tenant)).await?;
            let mut same_name = all.iter().filter(|t| t.name == input.name);
            if same_name.clone().any(|t| t.reader != input.reader) {
                let problem = "its earlier versions are written for another audience, and a policy or person \
                               may name it; take another name";
                return Err(CommandError::Template {
                    name: input.name.clone(),
                    problem: problem.to_owned(),
                });
            }
            if let Some(other) = same_name.clone().find(|t| t.class != input.class) {
                let problem = format!(
                    "its earlier versions are written for {}, and a policy may name it there; take another name",
                    other.class
                );
                return Err(CommandError::Template {
                    name: input.name.clone(),
                    problem,
                });
            }
            let versions = same_name.by_ref().map(|t| t.version);
            let version = versions.max().unwrap_or(0) + 1;
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            let regions = self.regions_of_text(&input)?;
            self.must_say_at_registration(&who.tenant, &input, &regions, draft.now)?;
            let result = StoredTemplate {
                tenant: who.tenant.clone(),
                name: input.name.clone(),
                version,
                class: input.class,
                locale: input.locale.clone(),
                subject: input.subject.clone(),
                body: input.body.clone(),
                variables: input.variables.clone(),
                reader: input.reader,
                regions,
                lender_kinds: input.lender_kinds.clone(),
                approval: input.approval.clone(),
                author: who.principal.clone(),
                created_at: draft.now,
            };
            draft.guard(Guard::NoTemplate(
                who.tenant.clone(),
                input.name.clone(),
                version,
            ));
            draft.write(Write::Template(result.clone()));
            draft.service_event("template_registered", format!("{}@{version}", input.name));
            let key = self.0.keys.nobodys();
            Ok(Decided { draft, result, key })
        });
        let done = done.await?;
        if let Answered::Now(template) = &done {
            self.0.library.take_template(template.clone());
        }
        Ok(done)
    }
}

/// Names of the stages of a policy, mildest first.
fn stage_names(policy: &Policy) -> Vec<String> {
    policy.stages().iter().map(|s| s.name.clone()).collect()
}
