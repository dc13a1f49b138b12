//! What a message must say. The duties are data, `content:` in the packs; [`lacking`] is the check, a pure function
//! over the text as the person will read it. Words are found, not meanings: case, width and spaces do not count.

pub use crate::clauses::VARIABLE;
use crate::clauses::{Clauses, Sought};
use crate::pack::within;
use crate::proposal::LENDER_KINDS;
use crate::rule::{Confidence, Severity};
use crate::sets::{Classes, Set};
use jiff::civil::Date;
use recoup_domain::case::LenderKind;
use recoup_domain::contact::{ContactClass, Reader};
use recoup_domain::ids::{CaseId, PartyId};
use recoup_domain::outcome::{Outcome, PointEvidence};
use recoup_domain::past::{Direction, PastContact};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A duty as bindings and findings hold it.
pub type DutyRef = Arc<Duty>;

/// One duty of a pack: something that a message must say or carry.
#[derive(Debug, PartialEq, Eq)]
pub struct Duty {
    pub(crate) pack: Box<str>,
    /// Where its pack binds.
    pub(crate) regions: Box<[String]>,
    pub(crate) id: Box<str>,
    pub(crate) text: Box<str>,
    pub(crate) citation: Box<str>,
    pub(crate) cited: Date,
    pub(crate) severity: Severity,
    pub(crate) confidence: Confidence,
    pub(crate) effective_from: Option<Date>,
    pub(crate) effective_to: Option<Date>,
    pub(crate) channels: Classes,
    pub(crate) readers: Set<Reader>,
    pub(crate) lender_kinds: Set<LenderKind>,
    pub(crate) message: Which,
    pub(crate) demand: Demand,
}

/// Which messages of a case to a person a duty binds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// Each.
    Every,
    /// The first, and each one as long as no earlier one is known to have reached the person.
    First,
    /// Each one after the first, and each one where an earlier one may have reached the person.
    Later,
}

impl Which {
    /// The name in packs and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Every => "every",
            Self::First => "first",
            Self::Later => "later",
        }
    }

    const fn binds(self, earlier: Earlier) -> bool {
        match self {
            Self::Every => true,
            Self::First => !matches!(earlier, Earlier::Reached),
            Self::Later => !matches!(earlier, Earlier::Nothing),
        }
    }
}

/// What is known of earlier messages of the case to the same person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Earlier {
    /// None was made, or none can have arrived.
    Nothing,
    /// One was made, and nobody knows whether the person got it.
    Perhaps,
    /// One is known to have reached the person.
    Reached,
}

impl Earlier {
    /// What past contacts say of messages about `debt` to `party`. A referral is no message to the person. Of a
    /// contact that `may_tell` denies, such as a visit, nobody knows that it told what a first message must, though
    /// the person was reached.
    #[must_use]
    pub fn of(
        past: &[PastContact],
        debt: CaseId,
        party: PartyId,
        may_tell: impl Fn(&PastContact) -> bool,
    ) -> Self {
        let own = past.iter().filter(|c| {
            c.direction == Direction::Outbound
                && c.class != ContactClass::Legal
                && c.party == party
                && c.concerns(debt)
        });
        let known = own.filter_map(|c| {
            let outcome = c.counted()?;
            let meaning = outcome.meaning();
            Some(match meaning.point {
                PointEvidence::Reaches if may_tell(c) => Self::Reached,
                PointEvidence::Reaches => Self::Perhaps,
                _ if meaning.connected || outcome == Outcome::Unknown => Self::Perhaps,
                _ => Self::Nothing,
            })
        });
        known.max().unwrap_or(Self::Nothing)
    }
}

/// What a duty asks of a text. A small closed set.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// It names somebody.
    Names(Named),
    /// It says each of these, in any of the languages.
    Says(Vec<Phrases>),
    /// It carries a mark that somebody outside gave.
    Carries(Mark),
}

/// Who is named.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    /// The lender, by the name it goes by in texts.
    Institution,
}

/// A mark that somebody outside gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// A signature `【…】` and a template id that the carriers approved.
    SmsSignature,
    /// The lender's licence number for the place.
    LicenceNumber,
}

/// One thing that can be said in several ways, each enough.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "BTreeMap<String, Vec<String>>")]
pub struct Phrases(BTreeMap<String, Vec<Phrase>>);

#[derive(Debug, PartialEq, Eq)]
struct Phrase {
    words: String,
    sought: Sought,
}

impl From<BTreeMap<String, Vec<String>>> for Phrases {
    fn from(read: BTreeMap<String, Vec<String>>) -> Self {
        let phrase = |words: String| Phrase {
            sought: Sought::of(&words),
            words,
        };
        let all = read.into_iter();
        Self(
            all.map(|(tongue, words)| (tongue, words.into_iter().map(phrase).collect()))
                .collect(),
        )
    }
}

/// How many phrases a message names as what would be right.
const NAMED_MAX: usize = 4;

impl Phrases {
    fn all(&self) -> impl Iterator<Item = &Phrase> {
        self.0.values().flatten()
    }

    fn are_in(&self, parts: &[Clauses]) -> bool {
        self.all()
            .any(|phrase| parts.iter().any(|part| part.affirm(&phrase.sought)))
    }

    /// The first phrase that is there, and denied where it stands.
    fn denied_in(&self, parts: &[Clauses]) -> Option<&str> {
        let mut there = self
            .all()
            .filter(|phrase| parts.iter().any(|part| part.have(&phrase.sought)));
        there.next().map(|phrase| phrase.words.as_str())
    }

    /// What a text lacks that does not say one of them.
    fn unsaid_in(&self, parts: &[Clauses]) -> String {
        let none = format!("the text says none of {}", self.in_words());
        match self.denied_in(parts) {
            None => none,
            Some(words) => format!(
                "{none}; beside its `{words}` a word such as `not` denies it: say it in a sentence of its own"
            ),
        }
    }

    /// The phrases, by language.
    pub fn by_language(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        let all = self.0.iter();
        all.map(|(tongue, said)| {
            let words = said.iter().map(|p| p.words.as_str());
            (tongue.as_str(), words.collect())
        })
    }

    /// One of each language first, so that everybody finds theirs.
    fn in_words(&self) -> String {
        let longest = self.0.values().map(Vec::len).max().unwrap_or(0);
        let rounds = (0..longest).flat_map(|i| self.0.values().filter_map(move |all| all.get(i)));
        let named: Vec<String> = rounds.map(|p| format!("`{}`", p.words)).collect();
        let more = if named.len() > NAMED_MAX { ", …" } else { "" };
        let named = &named[..named.len().min(NAMED_MAX)];
        format!("{}{more}", named.join(", "))
    }
}

impl Demand {
    /// What cannot be asked.
    ///
    /// # Errors
    /// What is wrong and what would be right.
    pub(crate) fn check(&self, channels: Classes) -> Result<(), String> {
        match self {
            Self::Says(list) if list.is_empty() => {
                Err("`says` is empty; it would ask for nothing".to_owned())
            }
            Self::Says(list) => {
                for said in list {
                    if said.0.is_empty() || said.0.values().any(Vec::is_empty) {
                        return Err("a language of `says` has no phrase".to_owned());
                    }
                    if let Some(hollow) = said.all().find(|p| p.sought.is_empty()) {
                        return Err(format!(
                            "`{}` has no letter; every text would say it",
                            hollow.words
                        ));
                    }
                    if let Some(open) = said.all().find(|p| p.words.ends_with('*')) {
                        return Err(format!("`{}` ends with `*`; phrases are whole", open.words));
                    }
                    if let Some(long) = said.all().find(|p| !p.sought.is_one_clause()) {
                        return Err(format!(
                            "`{}` has a mark that ends a clause; make each part an entry of `says`",
                            long.words
                        ));
                    }
                }
                Ok(())
            }
            Self::Carries(Mark::SmsSignature) => {
                let mut others = ContactClass::ALL
                    .into_iter()
                    .filter(|c| *c != ContactClass::Sms);
                if others.any(|c| channels.has(c)) {
                    return Err("only an sms carries an `sms_signature`".to_owned());
                }
                Ok(())
            }
            Self::Names(_) | Self::Carries(Mark::LicenceNumber) => Ok(()),
        }
    }

    /// What it asks for, in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Names(Named::Institution) => "names the institution".to_owned(),
            Self::Says(all) => {
                let each = all.iter().map(|said| {
                    let tongues = said.by_language();
                    let tongues = tongues.map(|(tongue, words)| {
                        let quoted: Vec<String> = words.iter().map(|w| format!("\"{w}\"")).collect();
                        format!("{tongue}: {}", quoted.join(", "))
                    });
                    tongues.collect::<Vec<_>>().join("; ")
                });
                format!("says one of {}", each.collect::<Vec<_>>().join(" - and one of "))
            }
            Self::Carries(Mark::SmsSignature) => {
                "carries an approved signature 【…】, once, at its beginning or end, under an approved template id"
                    .to_owned()
            }
            Self::Carries(Mark::LicenceNumber) => "carries the lender's licence number".to_owned(),
        }
    }
}

impl Duty {
    /// Whether it asks the same of the same messages, however it is worded and wherever it is written.
    pub(crate) fn asks_the_same(&self, other: &Self) -> bool {
        let days = |d: &Self| (d.effective_from, d.effective_to);
        let of = |d: &Self| (d.severity, d.channels, d.readers, d.lender_kinds, d.message);
        days(self) == days(other) && of(self) == of(other) && self.demand == other.demand
    }

    /// Its id, such as `US-REGF-1006.6e`.
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

    /// Where it is written.
    #[must_use]
    pub fn citation(&self) -> &str {
        &self.citation
    }

    /// When the citation was looked at.
    #[must_use]
    pub const fn cited(&self) -> Date {
        self.cited
    }

    /// How hard it is. Whatever it is, a text that lacks it is not sent.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// How sure it is as law.
    #[must_use]
    pub const fn confidence(&self) -> Confidence {
        self.confidence
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

    /// The kinds of contact it binds.
    pub fn channels(&self) -> impl Iterator<Item = ContactClass> + '_ {
        let all = ContactClass::ALL.into_iter();
        all.filter(|c| self.channels.has(*c))
    }

    /// The readers it binds messages to.
    pub fn readers(&self) -> impl Iterator<Item = Reader> + '_ {
        let all = [Reader::Obligor, Reader::ThirdParty].into_iter();
        all.filter(|r| self.readers.has(*r))
    }

    /// The kinds of lender it binds.
    pub fn lender_kinds(&self) -> impl Iterator<Item = LenderKind> + '_ {
        let all = LENDER_KINDS.into_iter();
        all.filter(|kind| self.binds_lender(*kind))
    }

    /// Whether it binds this kind of lender.
    #[must_use]
    pub fn binds_lender(&self, lender: LenderKind) -> bool {
        self.lender_kinds.has(lender)
    }

    /// Which messages it binds.
    #[must_use]
    pub const fn message(&self) -> Which {
        self.message
    }

    /// What it asks for.
    #[must_use]
    pub const fn demand(&self) -> &Demand {
        &self.demand
    }

    /// Whether it binds messages of a kind to a reader on a day.
    #[must_use]
    pub fn binds(&self, class: ContactClass, reader: Reader, day: Date) -> bool {
        self.channels.has(class)
            && self.readers.has(reader)
            && self.effective_from.is_none_or(|from| from <= day)
            && self.effective_to.is_none_or(|to| day <= to)
    }
}

/// What is known of a lender that a text can carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Licences, each for a place.
    pub licences: Vec<Licence>,
    /// Signatures of texts that carriers approved, with the ids of the templates approved under them.
    pub signatures: Vec<Signature>,
}

/// A licence to collect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Licence {
    /// Where it holds, such as `US-CA`.
    pub region: String,
    /// Its number, as it must be shown.
    pub number: String,
}

impl Licence {
    /// Whether it holds in a region, or in a part of it.
    #[must_use]
    pub fn holds_in(&self, region: &str) -> bool {
        within(region, &self.region) || within(&self.region, region)
    }
}

/// A signature of texts that carriers approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The signature, without `【】`.
    pub signature: String,
    /// Ids of the templates approved under it.
    pub templates: Vec<String>,
}

/// A signature and a template id that a text claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approval<'a> {
    /// The signature, without `【】`.
    pub signature: &'a str,
    /// The provider's id of the template.
    pub template: &'a str,
}

/// Who sends a message.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The name of the lender in texts.
    pub name: &'a str,
    /// What it can carry.
    pub marks: &'a Marks,
}

/// A message that is about to go, as the person will read it.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// The kind of contact.
    pub class: ContactClass,
    /// Who reads it.
    pub reader: Reader,
    /// The local day on which it takes effect.
    pub day: Date,
    /// What is known of earlier messages.
    pub earlier: Earlier,
    /// The subject line, which is read in a mail alone.
    pub subject: &'a str,
    /// The text.
    pub body: &'a str,
    /// What its template claims.
    pub approval: Option<Approval<'a>>,
}

/// What a message lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// The duty.
    pub duty: DutyRef,
    /// What is missing and what would be right.
    pub missing: String,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}): {}",
            self.duty.id, self.duty.citation, self.missing
        )
    }
}

/// Whether a first message can be of this kind: some duty says what such a one must tell.
#[must_use]
pub fn may_be_first(duties: &[DutyRef], class: ContactClass) -> bool {
    let mut first = duties.iter().filter(|d| d.message == Which::First);
    first.any(|d| d.channels.has(class))
}

/// What a message lacks of the duties that bind it; nothing where it may go.
#[must_use]
pub fn lacking(duties: &[DutyRef], said: &Said<'_>, sender: &Sender<'_>) -> Vec<Lack> {
    let bound = duties
        .iter()
        .filter(|d| d.binds(said.class, said.reader, said.day) && d.message.binds(said.earlier));
    let mut bound = bound.peekable();
    if bound.peek().is_none() {
        return Vec::new();
    }
    let reading = Reading::of(said, false);
    bound.filter_map(|d| reading.lack(d, sender)).collect()
}

/// What the literal words of a template lack, whatever it is filled in with. Whether a message will be the first
/// nobody knows then; a text that can be neither the first nor a later one is told what a later one lacks.
/// `in_parts`: the words stand in parts of which some may be left out, so that their order says nothing yet.
/// [`VARIABLE`] stands for what is filled in.
#[must_use]
pub fn lacking_in_template(
    duties: &[DutyRef],
    said: &Said<'_>,
    sender: &Sender<'_>,
    in_parts: bool,
) -> Vec<Lack> {
    let reading = Reading::of(said, in_parts);
    let lack = |duty: &DutyRef| reading.lack(duty, sender);
    let bound = |which: Which| {
        let all = duties.iter().filter(move |d| d.message == which);
        all.filter(|d| d.binds(said.class, said.reader, said.day))
    };
    let mut lacks: Vec<Lack> = bound(Which::Every).filter_map(lack).collect();
    let mut packs: Vec<&str> = bound(Which::Later).map(|d| d.pack()).collect();
    packs.dedup();
    for pack in packs {
        let of = |which: Which| bound(which).filter(move |d| d.pack() == pack);
        let later: Vec<Lack> = of(Which::Later).filter_map(lack).collect();
        if of(Which::First).any(|d| lack(d).is_some()) {
            lacks.extend(later);
        }
    }
    lacks
}

/// A message made ready to be searched.
struct Reading<'a> {
    said: &'a Said<'a>,
    parts: Vec<Clauses>,
    in_parts: bool,
}

impl<'a> Reading<'a> {
    fn of(said: &'a Said<'a>, in_parts: bool) -> Self {
        let mut parts = vec![Clauses::of(said.body)];
        if said.class == ContactClass::Email {
            parts.push(Clauses::of(said.subject));
        }
        Self {
            said,
            parts,
            in_parts,
        }
    }

    fn has(&self, words: &str) -> bool {
        let sought = Sought::of(words);
        self.parts.iter().any(|part| part.have(&sought))
    }

    fn lack(&self, duty: &DutyRef, sender: &Sender<'_>) -> Option<Lack> {
        let missing = self.misses(duty, sender)?;
        let duty = duty.clone();
        Some(Lack { duty, missing })
    }

    /// What a duty misses, and what would be right; none where it is done.
    fn misses(&self, duty: &Duty, sender: &Sender<'_>) -> Option<String> {
        match &duty.demand {
            Demand::Names(Named::Institution) => {
                let name = match self.said.reader {
                    Reader::Obligor => "lender_name",
                    Reader::ThirdParty => "institution_name",
                };
                (!self.has(sender.name)).then(|| {
                    format!("the text does not name the institution; write {{{{ {name} }}}}")
                })
            }
            Demand::Says(all) => {
                let unsaid: Vec<String> = all
                    .iter()
                    .filter(|said| !said.are_in(&self.parts))
                    .map(|said| said.unsaid_in(&self.parts))
                    .collect();
                (!unsaid.is_empty()).then(|| unsaid.join("; "))
            }
            Demand::Carries(Mark::LicenceNumber) => self.misses_licence(duty, sender),
            Demand::Carries(Mark::SmsSignature) => self.misses_signature(sender),
        }
    }

    fn misses_licence(&self, duty: &Duty, sender: &Sender<'_>) -> Option<String> {
        let here = |l: &&Licence| duty.regions.iter().any(|region| l.holds_in(region));
        let mut own = sender.marks.licences.iter().filter(here).peekable();
        if own.peek().is_none() {
            let places = duty.regions.join(", ");
            return Some(format!(
                "the lender has no licence number for {places}; the configuration gives one in [[tenant.licence]]"
            ));
        }
        let none = !own.any(|l| self.has(&l.number));
        none.then(|| {
            "the text does not carry the lender's licence number; write {{ licence_number }}"
                .to_owned()
        })
    }

    fn misses_signature(&self, sender: &Sender<'_>) -> Option<String> {
        let Some(approval) = self.said.approval else {
            return Some(
                "the template names no approved signature; register it with sms_signature and \
                 provider_template_id"
                    .to_owned(),
            );
        };
        if let Some(problem) = not_approved(sender.marks, approval) {
            return Some(problem);
        }
        let mark = format!("【{}】", approval.signature);
        let text = self.said.body.trim();
        let times = text.matches(&mark).count();
        let at_an_end = text.starts_with(&mark) || text.ends_with(&mark);
        let is_there = match self.in_parts {
            true => times > 0,
            false => times == 1 && at_an_end,
        };
        if !is_there {
            return Some(format!(
                "the signature {mark} must stand in the text once, at its beginning or end; it stands there \
                 {times} times{}",
                if times == 1 { ", in the middle" } else { "" }
            ));
        }
        // A reader takes whatever stands in such brackets for the sender.
        let is_foreign = text.replace(&mark, "").contains(['【', '】']);
        is_foreign.then(|| {
            format!("the text has `【` or `】` beside its signature {mark}; no other signature may stand in it")
        })
    }
}

/// Why carriers would not take a signature with a template id; none where the lender has both approved.
#[must_use]
pub fn not_approved(marks: &Marks, approval: Approval<'_>) -> Option<String> {
    let Approval {
        signature,
        template,
    } = approval;
    let Some(own) = marks.signatures.iter().find(|s| s.signature == signature) else {
        return Some(format!(
            "`{signature}` is no approved signature of the lender; the configuration lists them in [[tenant.sms]]"
        ));
    };
    let is_approved = own.templates.iter().any(|id| id == template);
    (!is_approved).then(|| {
        format!("`{template}` is no template id approved under `{signature}`; the configuration lists them in [[tenant.sms]]")
    })
}
