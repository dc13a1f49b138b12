//! Packs, and which of their rules bind a contact.

use crate::builtin;
use crate::calendar::{self, MissingYear};
use crate::content::DutyRef;
use crate::files::Source;
use crate::load::{self, PackError};
use crate::proposal::{Audience, LENDER_KINDS, Proposal};
use crate::rule::{Confidence, Layer, Rule, RuleRef, Severity};
use crate::sets::Member;
use jiff::civil::Date;
use recoup_domain::case::LenderKind;
use recoup_domain::contact::ContactClass;
use recoup_domain::overrides::Lift;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::{Arc, LazyLock};

/// In a pack's `regions`: the pack binds everywhere.
pub(crate) const EVERYWHERE: &str = "*";

/// All packs that were read together.
#[derive(Clone, Debug)]
pub struct Packs {
    packs: Arc<[Pack]>,
    /// What each pack was read from, in their order.
    pub(crate) sources: Arc<[Source]>,
    /// Packs and rules that ship off and were switched on, by id.
    on: Vec<String>,
    hash: String,
}

/// One pack: the rules of one place.
#[derive(Debug)]
pub struct Pack {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) regions: Vec<String>,
    pub(crate) overlay: bool,
    /// Why it is off unless somebody switches it on.
    pub(crate) off: Option<String>,
    pub(crate) rules: Vec<RuleRef>,
    pub(crate) content: Vec<DutyRef>,
    pub(crate) unchecked: Vec<Unchecked>,
}

/// Something a text asks for that nothing here sees to: what a call says, how a lender is run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unchecked {
    /// Its id, such as `US-REGF-1006.38b`.
    pub id: String,
    /// What it says.
    pub text: String,
    /// Where it is written.
    pub citation: String,
    /// How sure that is.
    pub confidence: Confidence,
    /// Why it is not checked, and who must see to it.
    pub left_to: String,
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

    /// What messages must say.
    #[must_use]
    pub fn content(&self) -> &[DutyRef] {
        &self.content
    }

    /// What its texts ask for beyond what is checked.
    #[must_use]
    pub fn unchecked(&self) -> &[Unchecked] {
        &self.unchecked
    }

    /// Whether it binds in its regions without making them known.
    #[must_use]
    pub const fn is_overlay(&self) -> bool {
        self.overlay
    }

    /// Why it is off unless it is switched on; none where it is on.
    #[must_use]
    pub fn off_because(&self) -> Option<&str> {
        self.off.as_deref()
    }

    /// A pack of a country binds its states; where the state is not known (`US`), the packs of all
    /// states bind.
    fn binds(&self, region: &str) -> bool {
        self.regions
            .iter()
            .any(|own| own == EVERYWHERE || within(region, own) || within(own, region))
    }

    /// Whether it binds throughout a region: that of a state binds a part of its country only.
    fn binds_all_of(&self, region: &str) -> bool {
        let mut own = self.regions.iter();
        own.any(|own| own == EVERYWHERE || within(region, own))
    }

    fn knows(&self, region: &str) -> bool {
        self.binds(region) && !self.overlay && !self.regions.iter().any(|own| own == EVERYWHERE)
    }
}

/// Whether `inner` is `outer` or a part of it: `US-MA` lies within `US`.
pub(crate) fn within(inner: &str, outer: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The places whose duties of content bind a message: the regions of the person, and the jurisdiction unless one of
/// them lies within it and tells its part. A rule of a part that nobody lives in does no more than hold a contact
/// back; a duty of it may be one that no text can do, such as to carry a licence number of another state.
#[must_use]
pub fn places_of_content<'a>(jurisdiction: &'a str, regions: &'a [String]) -> Vec<&'a str> {
    let mut places: Vec<&str> = regions.iter().map(String::as_str).collect();
    if !places.iter().any(|region| within(region, jurisdiction)) {
        places.push(jurisdiction);
    }
    places
}

/// The rules that bind a contact. Cheap to clone; made once for equal jurisdiction, regions and lender.
#[derive(Clone, Debug)]
pub struct Binding {
    rules: Arc<Bound>,
    content: Arc<[DutyRef]>,
    lifts: Arc<[Lift]>,
}

/// The rules of a binding, and once more those that a contact must be judged by.
#[derive(Debug)]
struct Bound {
    all: Vec<RuleRef>,
    /// By class of the contact and audience, in the same order: most rules bind few of both.
    of: [[Box<[RuleRef]>; Audience::ALL.len()]; ContactClass::ALL.len()],
}

impl Binding {
    fn new(rules: Vec<RuleRef>) -> Self {
        let of = |class, audience| {
            let bound = rules.iter().filter(|r| r.binds(class, audience));
            bound.cloned().collect()
        };
        let bound = Bound {
            of: ContactClass::ALL.map(|class| Audience::ALL.map(|audience| of(class, audience))),
            all: rules,
        };
        Self {
            rules: Arc::new(bound),
            content: Arc::default(),
            lifts: Arc::default(),
        }
    }

    /// The rules that a proposal must be judged by.
    pub(crate) fn rules_for<'a>(
        &'a self,
        proposal: &'a Proposal<'_>,
    ) -> impl Iterator<Item = &'a RuleRef> {
        let rules = &self.rules.of[proposal.class.index()][proposal.audience.index()];
        rules.iter().filter(|r| r.binds_relation(proposal.relation))
    }

    /// The same rules, with those presumptions lifted that an override names. A rule that is hard or advice, or
    /// stands in another pack than the override says, is lifted by none.
    #[must_use]
    pub fn lifting(&self, lifts: impl IntoIterator<Item = Lift>) -> Self {
        let lifts = lifts.into_iter();
        let lifts = lifts.filter(|lift| self.rules().iter().any(|rule| may_lift(lift, rule)));
        Self {
            lifts: lifts.collect(),
            ..self.clone()
        }
    }

    /// What lifts a rule.
    pub(crate) fn lifts_of<'a>(&'a self, rule: &'a Rule) -> impl Iterator<Item = &'a Lift> + Clone {
        self.lifts.iter().filter(move |lift| may_lift(lift, rule))
    }

    /// The rules, law before house.
    #[must_use]
    pub fn rules(&self) -> &[RuleRef] {
        &self.rules.all
    }

    /// What messages must say: the duties of all bound packs together.
    #[must_use]
    pub fn content(&self) -> &[DutyRef] {
        &self.content
    }

    /// The same rules for a hypothetical question that brings days of its own: `holidays` replace the
    /// calendars, `pauses` (first and last day) the dates of pauses. An empty list leaves what the packs say.
    #[must_use]
    pub fn on_days(&self, holidays: &[Date], pauses: &[(Date, Date)]) -> Self {
        let moved = self.rules().iter().map(|rule| {
            let shape = rule.shape.on_days(holidays, pauses);
            shape.map_or_else(|| rule.clone(), |shape| Arc::new(rule.with_shape(shape)))
        });
        Self {
            lifts: self.lifts.clone(),
            content: self.content.clone(),
            ..Self::new(moved.collect())
        }
    }
}

fn may_lift(lift: &Lift, rule: &Rule) -> bool {
    rule.severity() == Severity::Presumption
        && rule.layer() != Layer::House
        && rule.id() == lift.rule
        && rule.pack() == lift.pack
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

/// An id that can be switched on nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no pack or rule `{given}` ships off; those that do are {known}")]
pub struct UnknownSwitch {
    /// What was given.
    pub given: String,
    /// Packs and rules that ship off, with commas.
    pub known: String,
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
        for (name, text) in files.iter().chain(calendar::FILES) {
            for part in [name, text] {
                digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                digest.update(part.as_bytes());
            }
        }
        Ok(Self {
            packs: packs.into(),
            sources: files.iter().map(Source::of).collect(),
            on: Vec::new(),
            hash: hexadecimal(digest),
        })
    }

    /// These packs with some of those that ship off switched on, by the id of a pack or of a rule. A rule
    /// binds where both it and its pack are on. Nothing that is on can be switched off.
    ///
    /// # Errors
    /// Where nothing of an id ships off.
    pub fn with_enabled<S: AsRef<str>>(&self, ids: &[S]) -> Result<Self, UnknownSwitch> {
        let mut packs = self.clone();
        for id in ids.iter().map(AsRef::as_ref) {
            if !self.off().any(|(off, _)| off == id) {
                let known: Vec<&str> = self.off().map(|(id, _)| id).collect();
                let known = known.join(", ");
                let given = id.to_owned();
                return Err(UnknownSwitch { given, known });
            }
            if !packs.on.iter().any(|on| on == id) {
                packs.on.push(id.to_owned());
            }
        }
        packs.on.sort_unstable();
        let mut digest = Sha256::new();
        for part in std::iter::once(&self.hash).chain(&packs.on) {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        if packs.on != self.on {
            packs.hash = hexadecimal(digest);
        }
        Ok(packs)
    }

    /// Packs and rules that ship off, each with the reason.
    pub fn off(&self) -> impl Iterator<Item = (&str, &str)> {
        self.packs.iter().flat_map(|pack| {
            let rules = pack.rules.iter();
            let rules = rules.filter_map(|r| Some((r.id(), r.off_because()?)));
            let whole = pack.off.as_deref().map(|why| (pack.id(), why));
            whole.into_iter().chain(rules)
        })
    }

    /// Whether the pack or rule of this id is on: it ships on, or was switched on.
    #[must_use]
    pub fn is_on(&self, id: &str) -> bool {
        self.on.iter().any(|on| on == id) || !self.off().any(|(off, _)| off == id)
    }

    /// What ships off and was switched on, by id.
    #[must_use]
    pub fn enabled(&self) -> &[String] {
        &self.on
    }

    /// SHA-256 over names and texts of all packs and calendars, and what was switched on; hexadecimal.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The rules that read a calendar and bind, each with the first year that the calendar lacks from `year` on: they
    /// are closed from its first day.
    #[must_use]
    pub fn years_missing(&self, year: i16) -> Vec<(&RuleRef, MissingYear)> {
        let live = self.live().flat_map(|pack| &pack.rules);
        let live = live.filter(|r| r.off_because().is_none() || self.is_on(r.id()));
        let lacks = |rule: &'_ RuleRef| rule.calendar()?.lacks(year..=i16::MAX);
        live.filter_map(|rule| Some((rule, lacks(rule)?))).collect()
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
    /// contacted, and those that bind everywhere; less those that do not bind this kind of lender. Duties of
    /// content are those of [`places_of_content`].
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
        let rules = self.live().filter(binds).flat_map(|p| &p.rules);
        let rules = rules.filter(|r| r.binds_lender(lender));
        let rules = rules.filter(|r| r.off_because().is_none() || self.is_on(r.id()));
        let places = places_of_content(jurisdiction, regions);
        let asks = |p: &&Pack| places.iter().any(|place| p.binds(place));
        let content = self.live().filter(asks).flat_map(|p| &p.content);
        let content = content.filter(|d| d.binds_lender(lender));
        Ok(Binding {
            content: content.cloned().collect(),
            ..Binding::new(rules.cloned().collect())
        })
    }

    /// The duties of content for a text that is written for regions and kinds of lender: those that bind it
    /// throughout one of the regions and for one of the kinds, and those that bind it in a part of a region only, or
    /// for some kind where none is given.
    #[must_use]
    pub fn duties_of_text(
        &self,
        regions: &[String],
        lenders: &[LenderKind],
    ) -> (Vec<DutyRef>, Vec<DutyRef>) {
        let touched = |p: &&Pack| regions.iter().any(|r| p.binds(r));
        let (mut certain, mut possible) = (Vec::new(), Vec::new());
        for pack in self.live().filter(touched) {
            let throughout = regions.iter().any(|r| pack.binds_all_of(r));
            for duty in &pack.content {
                let binds = |kind: &LenderKind| duty.binds_lender(*kind);
                let is_certain = match lenders {
                    [] => LENDER_KINDS.iter().all(binds),
                    given if given.iter().any(binds) => true,
                    _ => continue,
                };
                match is_certain && throughout {
                    true => certain.push(duty.clone()),
                    false => possible.push(duty.clone()),
                }
            }
        }
        (certain, possible)
    }

    /// Whether some pack that is on makes a region known.
    #[must_use]
    pub fn knows(&self, region: &str) -> bool {
        self.live().any(|p| p.knows(region))
    }

    /// The packs that are on.
    fn live(&self) -> impl Iterator<Item = &Pack> {
        let packs = self.packs.iter();
        packs.filter(|p| p.off.is_none() || self.is_on(&p.id))
    }

    /// These rules alone, on or off, for hypothetical questions. What they permit is no permit to contact anybody.
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
        if self.knows(given) {
            return Ok(());
        }
        let own = self.live().filter(|p| !p.overlay).flat_map(|p| &p.regions);
        let mut known: Vec<&str> = Vec::new();
        for region in own.map(String::as_str).filter(|r| *r != EVERYWHERE) {
            // The parts of a country are known with it.
            if !known.iter().any(|whole| within(region, whole)) {
                known.push(region);
            }
        }
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

pub(crate) fn hexadecimal(digest: Sha256) -> String {
    let bytes = digest.finalize();
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
