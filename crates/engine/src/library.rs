//! Policies and templates as compiled: read from the store at start and kept as they are changed. Texts and
//! hashes are stored, compiled forms never.

use crate::language::{NoText, text_for};
use crate::types::PolicyState;
use jiff::Timestamp;
use minijinja::{Environment, UndefinedBehavior};
use recoup_compliance::{BindError, Binding, Packs};
use recoup_domain::Party;
use recoup_domain::case::{Case, LenderKind};
use recoup_domain::collector::Collector;
use recoup_domain::contact::{ContactClass, Reader};
use recoup_domain::ids::{CollectorId, TenantId};
use recoup_domain::money::Currency;
use recoup_policy::{Finding, Names, Policy};
use recoup_store::{StoredPolicy, StoredTemplate};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

type PolicyKey = (TenantId, String, u32);
type TemplateKey = (TenantId, String);
type BindingKey = (String, Vec<String>, LenderKind);

/// How many bindings are kept; they are few kinds of jurisdiction, regions and lender.
const BINDINGS_MAX: usize = 4_096;

/// Policies, templates and bindings, ready for use.
pub(crate) struct Library {
    channels: RwLock<BTreeMap<String, ContactClass>>,
    /// Channels that could not be loaded so far, with why.
    refused: RwLock<BTreeMap<String, String>>,
    /// The law, as far as it is switched on.
    packs: Packs,
    policies: RwLock<HashMap<PolicyKey, (StoredPolicy, Arc<Policy>)>>,
    templates: RwLock<HashMap<TemplateKey, Vec<Arc<StoredTemplate>>>>,
    bindings: RwLock<HashMap<BindingKey, Binding>>,
    collectors: RwLock<HashMap<TenantId, BTreeMap<CollectorId, Arc<Collector>>>>,
}

/// A pinned policy that does not compile here.
#[derive(Debug, thiserror::Error)]
#[error("policy {name}@{version} of {tenant} does not compile here: {finding}")]
pub struct PolicyDoesNotCompile {
    /// The lender.
    pub tenant: TenantId,
    /// The policy's name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The first finding.
    pub finding: String,
}

impl Library {
    pub(crate) fn new(
        channels: BTreeMap<String, ContactClass>,
        refused: BTreeMap<String, String>,
        packs: Packs,
    ) -> Self {
        Self {
            channels: RwLock::new(channels),
            refused: RwLock::new(refused),
            packs,
            policies: RwLock::default(),
            templates: RwLock::default(),
            bindings: RwLock::default(),
            collectors: RwLock::default(),
        }
    }

    /// The law, as far as it is switched on.
    pub(crate) const fn packs(&self) -> &Packs {
        &self.packs
    }

    /// What a policy of the tenant may name.
    pub(crate) fn names(&self, tenant: &TenantId) -> Names {
        let templates = read(&self.templates);
        // A ladder contacts the borrower: texts for others are none of its own.
        let for_obligors = |all: &[Arc<StoredTemplate>]| {
            let newest = all.last();
            newest.is_some_and(|t| t.reader == Reader::Obligor)
        };
        let own = templates
            .iter()
            .filter(|((t, _), all)| t == tenant && for_obligors(all))
            .map(|((_, name), _)| name.clone());
        Names {
            channels: read(&self.channels).clone(),
            any_channel: false,
            templates: own.collect(),
            any_template: false,
            refused: read(&self.refused).clone(),
        }
    }

    pub(crate) fn check(&self, tenant: &TenantId, text: &str) -> Result<Policy, Vec<Finding>> {
        Policy::parse(text, &self.names(tenant))
    }

    /// Takes a stored policy in. Channels that are not loaded here are no fault of a stored policy: steps of those that
    /// are configured wait until they are, steps of others are passed over, on record.
    pub(crate) fn take_policy(&self, stored: StoredPolicy) -> Result<(), PolicyDoesNotCompile> {
        let names = Names {
            any_channel: true,
            ..self.names(&stored.tenant)
        };
        match Policy::parse(&stored.text, &names) {
            Ok(policy) => {
                let key = (stored.tenant.clone(), stored.name.clone(), stored.version);
                write(&self.policies).insert(key, (stored, Arc::new(policy)));
                Ok(())
            }
            Err(findings) => Err(PolicyDoesNotCompile {
                finding: findings
                    .first()
                    .map_or_else(String::new, ToString::to_string),
                tenant: stored.tenant,
                name: stored.name,
                version: stored.version,
            }),
        }
    }

    /// A channel that was refused is loaded now: the policies that name it are read anew, with the kind of contact that
    /// it makes. Answers with those that do not fit it; they are not here any more.
    pub(crate) fn learn(&self, channel: &str, class: ContactClass) -> Vec<PolicyDoesNotCompile> {
        write(&self.refused).remove(channel);
        write(&self.channels).insert(channel.to_owned(), class);
        let named: Vec<StoredPolicy> = read(&self.policies)
            .values()
            .filter(|(_, policy)| policy.channels().contains(channel))
            .map(|(stored, _)| stored.clone())
            .collect();
        let mut unfit = Vec::new();
        for stored in named {
            let key = (stored.tenant.clone(), stored.name.clone(), stored.version);
            if let Err(error) = self.take_policy(stored) {
                write(&self.policies).remove(&key);
                unfit.push(error);
            }
        }
        unfit
    }

    /// Notes why a channel that was refused still is.
    pub(crate) fn refuse(&self, channel: &str, why: &str) {
        if let Some(known) = write(&self.refused).get_mut(channel) {
            why.clone_into(known);
        }
    }

    /// Whether a stored policy is here as it stands.
    pub(crate) fn has_policy(&self, stored: &StoredPolicy) -> bool {
        let key = (stored.tenant.clone(), stored.name.clone(), stored.version);
        let policies = read(&self.policies);
        policies.get(&key).is_some_and(|(known, _)| known == stored)
    }

    pub(crate) fn policy_of(&self, case: &Case) -> Option<Arc<Policy>> {
        let pin = case.policy.as_ref()?;
        self.policy(&case.tenant, &pin.name, pin.version)
            .map(|(_, policy)| policy)
    }

    pub(crate) fn policy(
        &self,
        tenant: &TenantId,
        name: &str,
        version: u32,
    ) -> Option<(StoredPolicy, Arc<Policy>)> {
        read(&self.policies)
            .get(&(tenant.clone(), name.to_owned(), version))
            .cloned()
    }

    /// All versions of a policy, oldest first.
    pub(crate) fn versions(&self, tenant: &TenantId, name: &str) -> Vec<StoredPolicy> {
        let policies = read(&self.policies);
        let own = policies
            .values()
            .filter(|(p, _)| p.tenant == *tenant && p.name == name);
        let mut found: Vec<_> = own.map(|(p, _)| p.clone()).collect();
        found.sort_by_key(|p| p.version);
        found
    }

    /// All versions of all policies of a lender: by name, the newest first.
    pub(crate) fn all_versions(&self, tenant: &TenantId) -> Vec<StoredPolicy> {
        let policies = read(&self.policies);
        let own = policies.values().filter(|(p, _)| p.tenant == *tenant);
        let mut found: Vec<_> = own.map(|(p, _)| p.clone()).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name).then(b.version.cmp(&a.version)));
        found
    }

    /// The newest version of each template of a lender in each language, by name.
    pub(crate) fn newest_templates(&self, tenant: &TenantId) -> Vec<Arc<StoredTemplate>> {
        let templates = read(&self.templates);
        let own = templates.iter().filter(|((t, _), _)| t == tenant);
        // Versions are sorted, so a later one takes the place of an earlier one.
        let newest: BTreeMap<_, _> = own
            .flat_map(|(_, versions)| versions)
            .map(|t| ((t.name.clone(), t.locale.clone()), t.clone()))
            .collect();
        newest.into_values().collect()
    }

    /// The policy a new case is pinned to: the newest activated version of `name`, or where no name is
    /// given, of the policy activated last that fits the currency.
    pub(crate) fn active(
        &self,
        tenant: &TenantId,
        name: Option<&str>,
        currency: Currency,
    ) -> Option<(StoredPolicy, Arc<Policy>)> {
        let fits = |(stored, policy): &&(StoredPolicy, Arc<Policy>)| {
            stored.tenant == *tenant
                && stored.activated.is_some()
                && name.is_none_or(|n| stored.name == n)
                && policy.currency().is_none_or(|c| c == currency)
        };
        let policies = read(&self.policies);
        let newest = policies
            .values()
            .filter(fits)
            .max_by_key(|(stored, _)| (stored.activated.as_ref().map(|a| a.at), stored.version));
        newest.cloned()
    }

    /// Where a version stands. One that was activated is retired where a later activated version of its name
    /// takes all cases that it took.
    pub(crate) fn state(&self, version: &StoredPolicy) -> PolicyState {
        let Some(since) = version.activated.as_ref().map(|a| a.at) else {
            return PolicyState::Draft;
        };
        let policies = read(&self.policies);
        let currency = |p: &StoredPolicy| {
            let key = (p.tenant.clone(), p.name.clone(), p.version);
            policies.get(&key).and_then(|(_, policy)| policy.currency())
        };
        let own = currency(version);
        let takes_its_place = |(other, policy): &(StoredPolicy, Arc<Policy>)| {
            let later = other.activated.as_ref().map(|a| (a.at, other.version));
            other.tenant == version.tenant
                && other.name == version.name
                && later > Some((since, version.version))
                && policy.currency().is_none_or(|c| own == Some(c))
        };
        if policies.values().any(takes_its_place) {
            PolicyState::Retired
        } else {
            PolicyState::Active
        }
    }

    pub(crate) fn take_template(&self, stored: StoredTemplate) {
        let key = (stored.tenant.clone(), stored.name.clone());
        let mut templates = write(&self.templates);
        let versions = templates.entry(key).or_default();
        if versions.iter().any(|known| known.version == stored.version) {
            return;
        }
        versions.push(Arc::new(stored));
        versions.sort_by_key(|t| t.version);
    }

    /// The newest version of a template in the language that somebody reads; of a template in one language alone
    /// for who is known to read none.
    pub(crate) fn template(
        &self,
        tenant: &TenantId,
        name: &str,
        reader: &str,
    ) -> Result<Arc<StoredTemplate>, NoText> {
        let templates = read(&self.templates);
        let versions = templates.get(&(tenant.clone(), name.to_owned()));
        text_for(versions.ok_or(NoText::Unknown)?, reader).cloned()
    }

    /// As [`template`](Self::template), of the versions that were registered by an instant.
    pub(crate) fn template_then(
        &self,
        tenant: &TenantId,
        name: &str,
        reader: &str,
        at: Timestamp,
    ) -> Result<Arc<StoredTemplate>, NoText> {
        let templates = read(&self.templates);
        let versions = templates.get(&(tenant.clone(), name.to_owned()));
        let known = versions.ok_or(NoText::Unknown)?.iter();
        let known: Vec<_> = known.filter(|t| t.created_at <= at).cloned().collect();
        text_for(&known, reader).cloned()
    }

    /// One version of a template.
    pub(crate) fn template_version(
        &self,
        tenant: &TenantId,
        name: &str,
        version: u32,
    ) -> Result<Arc<StoredTemplate>, NoText> {
        let templates = read(&self.templates);
        let versions = templates.get(&(tenant.clone(), name.to_owned()));
        let found = versions.and_then(|all| all.iter().find(|t| t.version == version));
        found.cloned().ok_or(NoText::Unknown)
    }

    /// Takes a collector in; answers as what they were known before.
    pub(crate) fn take_collector(&self, collector: Collector) -> Option<Arc<Collector>> {
        let mut collectors = write(&self.collectors);
        let own = collectors.entry(collector.tenant.clone()).or_default();
        own.insert(collector.id, Arc::new(collector))
    }

    /// All collectors of a lender.
    pub(crate) fn collectors_of(&self, tenant: &TenantId) -> Vec<CollectorId> {
        let collectors = read(&self.collectors);
        let own = collectors.get(tenant).into_iter();
        own.flat_map(BTreeMap::keys).copied().collect()
    }

    /// Collectors who may go on a visit in one of the regions at `at`, in the order of their ids.
    pub(crate) fn visitors(&self, party: &Party, at: Timestamp) -> Vec<CollectorId> {
        let collectors = read(&self.collectors);
        let own = collectors
            .get(&party.tenant)
            .into_iter()
            .flat_map(BTreeMap::values);
        own.filter(|c| c.may_visit_in(&party.regions, at))
            .map(|c| c.id)
            .collect()
    }

    /// The rules that bind contacts of a case with its borrower.
    pub(crate) fn binding(&self, case: &Case, party: &Party) -> Result<Binding, BindError> {
        let key = (
            case.jurisdiction.clone(),
            party.regions.clone(),
            case.lender_kind,
        );
        if let Some(binding) = read(&self.bindings).get(&key) {
            return Ok(binding.clone());
        }
        let binding = self
            .packs
            .bind(&case.jurisdiction, &party.regions, case.lender_kind)?;
        let mut bindings = write(&self.bindings);
        if bindings.len() >= BINDINGS_MAX {
            bindings.clear();
        }
        bindings.insert(key, binding.clone());
        Ok(binding)
    }
}

/// What putting one text into words may cost, in the template engine's instructions.
const FUEL: u64 = 20_000;

/// The template language: strict, so that a variable that is not there is an error and never an empty text.
pub(crate) fn language() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    // A text that loops must not hold the planner: fuel is spent by the instruction.
    env.set_fuel(Some(FUEL));
    env
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
