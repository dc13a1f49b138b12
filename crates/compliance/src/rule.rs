//! A rule: who it binds, what it says, where it is written.

use crate::calendar::Calendar;
use crate::gate::Why;
use crate::numbers::Numbers;
use crate::proposal::{Audience, LENDER_KINDS, Purpose};
use crate::question::{Moment, Question};
use crate::sets::{Classes, Set};
use crate::shape::one_shot::Exception;
use crate::shape::{Answer, Rank, Shape};
use jiff::Timestamp;
use jiff::civil::Date;
use recoup_domain::case::LenderKind;
use recoup_domain::contact::ContactClass;
use recoup_domain::party::Relation;
use recoup_domain::time::{NEVER, add_days};
use serde::Deserialize;
use std::sync::Arc;

/// A rule as bindings and denials hold it.
pub type RuleRef = Arc<Rule>;

/// How hard a rule is. All deny; only a presumption can be overridden, by counsel and on record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Forbidden.
    Hard,
    /// The law presumes a violation.
    Presumption,
    /// The text advises against it.
    Advisory,
}

impl Severity {
    /// The name in packs and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Presumption => "presumption",
            Self::Advisory => "advisory",
        }
    }
}

/// How sure the rule is as law.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Confidence {
    /// The regulation or official text was read.
    V1,
    /// A faithful secondary summary was read.
    V2,
    /// General knowledge, not checked against a text.
    M,
    /// A rule of the house, which claims no law.
    #[serde(rename = "house")]
    House,
}

impl Confidence {
    /// The name in packs and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "V1",
            Self::V2 => "V2",
            Self::M => "M",
            Self::House => "house",
        }
    }
}

/// What kind of text a rule comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// A statute, or a regulation of an authority.
    #[default]
    Law,
    /// A recommended national standard: no law, but the yardstick of authorities and courts.
    Standard,
    /// A guide of an association or an authority: it binds members, others are asked to follow.
    Guide,
    /// A decision that members took of their own will.
    Voluntary,
    /// A draft that is not in force.
    Draft,
    /// A rule of the house.
    House,
}

impl Layer {
    /// The name in packs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Law => "law",
            Self::Standard => "standard",
            Self::Guide => "guide",
            Self::Voluntary => "voluntary",
            Self::Draft => "draft",
            Self::House => "house",
        }
    }
}

/// What a rule counts by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Each debt of the person by itself.
    Debt,
    /// The person over all debts.
    Person,
    /// Each number or address by itself.
    Number,
}

impl Scope {
    /// The name in packs and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debt => "debt",
            Self::Person => "person",
            Self::Number => "number",
        }
    }
}

/// One rule of a pack.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    pub(crate) pack: Box<str>,
    pub(crate) id: Box<str>,
    pub(crate) text: Box<str>,
    pub(crate) text_zh: Option<Box<str>>,
    pub(crate) citation: Box<str>,
    pub(crate) citation_zh: Option<Box<str>>,
    pub(crate) cited: Date,
    pub(crate) severity: Severity,
    pub(crate) confidence: Confidence,
    pub(crate) layer: Layer,
    /// Why it is off unless somebody switches it on.
    pub(crate) off: Option<Box<str>>,
    pub(crate) effective_from: Option<Date>,
    pub(crate) effective_to: Option<Date>,
    pub(crate) scope: Scope,
    pub(crate) channels: Classes,
    pub(crate) audiences: Set<Audience>,
    pub(crate) relations: Set<Relation>,
    pub(crate) lender_kinds: Set<LenderKind>,
    pub(crate) exceptions: Box<[Exception]>,
    /// Contacts of other purposes need not be asked about the exceptions.
    pub(crate) excepted_purposes: Set<Purpose>,
    pub(crate) shape: Shape,
}

impl Rule {
    /// Its id, such as `CN-GBT45251-TIME`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The pack it stands in.
    #[must_use]
    pub fn pack(&self) -> &str {
        &self.pack
    }

    /// What it says, in one sentence for people.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it asks for, in simplified Chinese, where the pack has it so.
    #[must_use]
    pub fn text_in_chinese(&self) -> Option<&str> {
        self.text_zh.as_deref()
    }

    /// Where it is written.
    #[must_use]
    pub fn citation(&self) -> &str {
        &self.citation
    }

    /// The same in simplified Chinese, where somebody wrote it.
    #[must_use]
    pub fn citation_in_chinese(&self) -> Option<&str> {
        self.citation_zh.as_deref()
    }

    /// When the citation was looked at.
    #[must_use]
    pub const fn cited(&self) -> Date {
        self.cited
    }

    /// How hard it is.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// How sure it is as law.
    #[must_use]
    pub const fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// What kind of text it comes from.
    #[must_use]
    pub const fn layer(&self) -> Layer {
        self.layer
    }

    /// Why it is off unless it is switched on; none where it is on.
    #[must_use]
    pub fn off_because(&self) -> Option<&str> {
        self.off.as_deref()
    }

    /// The first day it binds, none where it always did.
    #[must_use]
    pub const fn effective_from(&self) -> Option<Date> {
        self.effective_from
    }

    /// The last day it binds, none where it has no end.
    #[must_use]
    pub const fn effective_to(&self) -> Option<Date> {
        self.effective_to
    }

    /// What it counts by.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// The kinds of contact it binds.
    pub fn channels(&self) -> impl Iterator<Item = ContactClass> + '_ {
        ContactClass::ALL
            .into_iter()
            .filter(|c| self.channels.has(*c))
    }

    /// In whose hands contacts land that it binds.
    pub fn audiences(&self) -> impl Iterator<Item = Audience> + '_ {
        let all = Audience::ALL.into_iter();
        all.filter(|a| self.audiences.has(*a))
    }

    /// The kinds of lender it binds.
    pub fn lender_kinds(&self) -> impl Iterator<Item = LenderKind> + '_ {
        let all = LENDER_KINDS.into_iter();
        all.filter(|kind| self.binds_lender(*kind))
    }

    /// What it lets through all the same, in words.
    pub fn exceptions(&self) -> impl Iterator<Item = String> + '_ {
        self.exceptions.iter().map(|e| e.words())
    }

    /// The name of its shape, such as `daily_window`.
    #[must_use]
    pub const fn shape(&self) -> &'static str {
        self.shape.name()
    }

    /// The numbers in force, such as `09:00 to 19:00` or `at most 3 on one day`: what denies, whatever the text
    /// says. None where the rule has no numbers.
    #[must_use]
    pub fn limit(&self) -> Option<Numbers> {
        self.shape.limit()
    }

    /// The calendar of holidays that it reads, where it reads one.
    #[must_use]
    pub fn calendar(&self) -> Option<&Calendar> {
        self.shape.calendar()
    }

    /// The same rule, saying something else.
    pub(crate) fn with_shape(&self, shape: Shape) -> Self {
        Self {
            pack: self.pack.clone(),
            id: self.id.clone(),
            text: self.text.clone(),
            text_zh: self.text_zh.clone(),
            citation: self.citation.clone(),
            citation_zh: self.citation_zh.clone(),
            off: self.off.clone(),
            exceptions: self.exceptions.clone(),
            shape,
            ..*self
        }
    }

    pub(crate) fn binds_lender(&self, lender: LenderKind) -> bool {
        self.lender_kinds.has(lender)
    }

    pub(crate) fn rank(&self) -> Rank {
        self.shape.rank()
    }

    /// Whether it binds contacts of a class that land with an audience.
    pub(crate) fn binds(&self, class: ContactClass, audience: Audience) -> bool {
        self.channels.has(class) && self.audiences.has(audience)
    }

    /// Whether it binds contacts with a party of this relation to the debt.
    pub(crate) fn binds_relation(&self, relation: Relation) -> bool {
        self.relations.has(relation)
    }

    /// Whether the rule permits the effect to begin at `moment`: exactly, so that one instant before the
    /// `next` it names it denies.
    #[inline]
    pub(crate) fn judge(&self, question: &Question<'_>, moment: &Moment<'_>) -> Answer {
        if let Some(from) = self.effective_from
            && moment.day.date() < from
        {
            let until = question.home.start_of_day(from);
            return Answer::Open { until };
        }
        if self.effective_to.is_some_and(|to| to < moment.day.date()) {
            return Answer::Open { until: NEVER };
        }
        if self.excepted_purposes.has(question.proposal.purpose)
            && let Some(until) = self.excepted(question, moment)
        {
            return Answer::Open { until };
        }
        match self.shape.judge(question, self.scope, moment) {
            Answer::Shut { next } => Answer::Shut {
                next: self.ends_before(question, next),
            },
            open => open,
        }
    }

    /// `next`, or the end of the rule where that comes first.
    fn ends_before(&self, question: &Question<'_>, next: Option<Timestamp>) -> Option<Timestamp> {
        let after = self.effective_to.map(|last| add_days(last, 1));
        let ends = after.map(|day| question.home.start_of_day(day));
        ends.into_iter().chain(next).min()
    }

    /// What there is to say of a denial beyond the text.
    pub(crate) fn why(
        &self,
        question: &Question<'_>,
        moment: &Moment<'_>,
        next: Option<Timestamp>,
    ) -> Option<Why> {
        self.shape.why(question, moment, next)
    }

    fn excepted(&self, question: &Question<'_>, moment: &Moment<'_>) -> Option<Timestamp> {
        let until = self.exceptions.iter();
        until.filter_map(|e| e.covers(question, moment.at)).max()
    }
}
