//! Packs, and which of their rules bind a contact.

use crate::builtin;
use crate::load::{self, PackError};
use crate::rule::RuleRef;
use recoup_domain::case::LenderKind;
use sha2::{Digest, Sha256};
use std::sync::{Arc, LazyLock};

/// In a pack's `regions`: the pack binds everywhere.
const EVERYWHERE: &str = "*";

/// All packs that were read together.
#[derive(Debug)]
pub struct Packs {
    packs: Vec<Pack>,
    hash: String,
}

/// One pack: the rules of one place.
#[derive(Debug)]
pub struct Pack {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) regions: Vec<String>,
    pub(crate) rules: Vec<RuleRef>,
}

impl Pack {
    /// Its id, such as `cn`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is, for people.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The regions it binds, such as `CN`; `*` is everywhere.
    #[must_use]
    pub fn regions(&self) -> &[String] {
        &self.regions
    }

    /// Its rules.
    #[must_use]
    pub fn rules(&self) -> &[RuleRef] {
        &self.rules
    }

    /// A pack of a country binds its states; where the state is not known (`US`), the packs of all
    /// states bind.
    fn binds(&self, region: &str) -> bool {
        self.regions
            .iter()
            .any(|own| own == EVERYWHERE || within(region, own) || within(own, region))
    }

    fn knows(&self, region: &str) -> bool {
        self.binds(region) && !self.regions.iter().any(|own| own == EVERYWHERE)
    }
}

/// Whether `inner` is `outer` or a part of it: `US-MA` lies within `US`.
fn within(inner: &str, outer: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The rules that bind a contact. Cheap to clone; made once for equal jurisdiction, regions and lender.
#[derive(Clone, Debug)]
pub struct Binding {
    rules: Arc<[RuleRef]>,
    days_max: i32,
}

impl Binding {
    fn new(rules: Vec<RuleRef>) -> Self {
        let days = rules.iter().map(|r| r.shape.days());
        Self {
            days_max: days.max().unwrap_or(0),
            rules: rules.into(),
        }
    }

    /// The rules, law before house.
    #[must_use]
    pub fn rules(&self) -> &[RuleRef] {
        &self.rules
    }

    /// The longest span of days that a rule counts over.
    pub(crate) const fn days_max(&self) -> i32 {
        self.days_max
    }
}

/// A place that no pack knows. Nothing may be contacted under law that nobody wrote down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no pack knows the {what} `{given}`; known are {known} and their parts, such as `{example}`"
)]
pub struct BindError {
    /// `jurisdiction` or `region of the party`.
    pub what: &'static str,
    /// What was given.
    pub given: String,
    /// The regions that packs name, with commas.
    pub known: String,
    /// A part of one of them.
    pub example: String,
}

/// A rule id that no pack has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no pack has a rule `{0}`")]
pub struct UnknownRule(pub String);

impl Packs {
    /// The packs that are built in.
    ///
    /// # Panics
    /// Where a built-in pack is faulty, which a test of this crate rules out.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Packs> = LazyLock::new(|| match Packs::parse(builtin::FILES) {
            Ok(packs) => packs,
            Err(error) => panic!("built-in pack: {error}"),
        });
        &BUILTIN
    }

    /// Reads packs from (file name, text).
    ///
    /// # Errors
    /// The first fault, with file, rule and line.
    pub fn parse(files: &[(&str, &str)]) -> Result<Self, PackError> {
        let packs = load::packs(files)?;
        let mut digest = Sha256::new();
        for (name, text) in files {
            for part in [name, text] {
                digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                digest.update(part.as_bytes());
            }
        }
        let hash = digest
            .finalize()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        Ok(Self { packs, hash })
    }

    /// SHA-256 over names and texts of all packs, hexadecimal.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The packs.
    #[must_use]
    pub fn packs(&self) -> &[Pack] {
        &self.packs
    }

    /// All rules of all packs, in order.
    pub fn rules(&self) -> impl Iterator<Item = &RuleRef> {
        self.packs.iter().flat_map(|p| &p.rules)
    }

    /// The rules that bind contacts of a case: of its jurisdiction, of each candidate region of the party
    /// contacted, and those that bind everywhere; less those that do not bind this kind of lender.
    ///
    /// # Errors
    /// Where a jurisdiction or region is known to no pack.
    pub fn bind(
        &self,
        jurisdiction: &str,
        regions: &[String],
        lender: LenderKind,
    ) -> Result<Binding, BindError> {
        self.must_know("jurisdiction", jurisdiction)?;
        for region in regions {
            self.must_know("region of the party", region)?;
        }
        let binds = |p: &&Pack| p.binds(jurisdiction) || regions.iter().any(|r| p.binds(r));
        let rules = self.packs.iter().filter(binds).flat_map(|p| &p.rules);
        let rules = rules.filter(|r| r.binds_lender(lender)).cloned();
        Ok(Binding::new(rules.collect()))
    }

    /// These rules alone, for hypothetical questions. What they permit is no permit to contact anybody.
    ///
    /// # Errors
    /// Where no pack has a rule of that id.
    pub fn only<S: AsRef<str>>(&self, rule_ids: &[S]) -> Result<Binding, UnknownRule> {
        let mut rules = Vec::new();
        for id in rule_ids.iter().map(AsRef::as_ref) {
            let before = rules.len();
            rules.extend(self.rules().filter(|r| r.id() == id).cloned());
            if rules.len() == before {
                return Err(UnknownRule(id.to_owned()));
            }
        }
        Ok(Binding::new(rules))
    }

    fn must_know(&self, what: &'static str, given: &str) -> Result<(), BindError> {
        if self.packs.iter().any(|p| p.knows(given)) {
            return Ok(());
        }
        let own = self.packs.iter().flat_map(|p| &p.regions);
        let known: Vec<&str> = own
            .map(String::as_str)
            .filter(|r| *r != EVERYWHERE)
            .collect();
        Err(BindError {
            what,
            given: given.to_owned(),
            example: known
                .first()
                .map_or_else(String::new, |r| format!("{r}-XX")),
            known: known.join(", "),
        })
    }
}
