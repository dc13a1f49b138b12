//! The ledger export: what the service says that it did.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::BufRead;

use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::input::{InputError, for_each_line, parse};
use crate::instant::{Micros, Zones};
use crate::law::{self, Law};
use crate::log::{Channel, Clock};

const FILE: &str = "ledger export";
/// Every kind that the footer must count, be it with 0.
const KINDS: [&str; 6] = ["case", "party", "slot", "denial", "payment", "stop"];
/// Kinds of which there must be at least one: without them there is nothing to judge.
const NEEDED: [&str; 3] = ["case", "party", "slot"];

/// State of a planned contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names of the state table")]
pub enum State {
    Planned,
    Dispatching,
    Accepted,
    Effected,
    Failed,
    RejectedProven,
    ProvenNotSent,
    Unknown,
    Cancelling,
    Cancelled,
    CancelUnknown,
    Suppressed,
    Expired,
}

/// A fact after which a person is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names of the export's stop kinds")]
pub enum StopKind {
    Payment,
    Cease,
    OptOut,
    Dispute,
    Complaint,
    Attorney,
    Moratorium,
    Deceased,
    Hardship,
    Hold,
    Promise,
    Plan,
    WrongNumber,
    Closed,
}

/// A debt under collection.
#[derive(Debug)]
pub struct Case {
    /// Its id.
    pub id: String,
    /// The rules that bind it.
    pub law: &'static Law,
    /// The lender's reference, hashed.
    pub debt: String,
}

/// A person.
#[derive(Debug)]
pub struct Party {
    /// Its id.
    pub id: String,
    /// Where the person may be; at least one, the first is the one of the address.
    pub zones: Vec<TimeZone>,
}

impl Party {
    /// The zone in which the person's days are counted.
    #[must_use]
    pub fn first_zone(&self) -> &TimeZone {
        &self.zones[0]
    }
}

/// One entry of a contact's history.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Step {
    /// The state entered.
    pub state: State,
    /// When.
    #[serde(rename = "at_us")]
    pub at: Micros,
}

/// A planned contact.
#[derive(Debug)]
pub struct Slot {
    /// Its id.
    pub contact: String,
    /// Index of its case.
    pub case: usize,
    /// Its number in the case's plan.
    pub plan_seq: i64,
    /// Index of the person.
    pub party: usize,
    /// The channel.
    pub channel: Channel,
    /// The template.
    pub template: String,
    /// The idempotency key.
    pub key: String,
    /// Hashed contact point, where the export says it.
    pub contact_point: Option<String>,
    /// Begin of its effect window.
    pub effect_from: Option<Micros>,
    /// The last instant at which it may be sent.
    pub not_after: Option<Micros>,
    /// When its intent was written.
    pub intent_at: Option<Micros>,
    /// The state at the export.
    pub state: State,
    /// Its history, oldest first.
    pub states: Vec<Step>,
}

impl Slot {
    /// Whether its history has `state`.
    #[must_use]
    pub fn reached(&self, state: State) -> bool {
        self.states.iter().any(|step| step.state == state)
    }

    /// Whether the provider took it: `ACCEPTED`, or a state that lies only behind it.
    #[must_use]
    pub fn was_accepted(&self) -> bool {
        use State::{Accepted, CancelUnknown, Cancelling, Effected, Failed};
        let behind = [Accepted, Effected, Failed, Cancelling, CancelUnknown];
        behind.contains(&self.state) || behind.iter().any(|state| self.reached(*state))
    }
}

/// A fact that ends or pauses contacts.
#[derive(Debug)]
pub struct Stop {
    /// The case, where it is about one (its id; it may have had no contact).
    pub case: Option<usize>,
    /// The person, where it is about one.
    pub party: Option<usize>,
    /// What kind of fact.
    pub kind: StopKind,
    /// For an opt-out the channel, where it is for one.
    pub channel: Option<Channel>,
    /// The contact point, where it is about one.
    pub contact_point: Option<String>,
    /// From this instant on the service knew.
    pub ok_at: Micros,
    /// Its end, where it has one.
    pub until: Option<Micros>,
}

/// The whole export.
#[derive(Debug)]
pub struct Ledger {
    /// Stepped or live.
    pub clock: Clock,
    /// When it was written.
    pub exported_at: Micros,
    /// Cases; others refer to them by index.
    pub cases: Vec<Case>,
    /// Parties; others refer to them by index.
    pub parties: Vec<Party>,
    /// Planned contacts.
    pub slots: Vec<Slot>,
    /// Stops, payments that cured the case among them.
    pub stops: Vec<Stop>,
    /// Number of denials.
    pub denials: usize,
}

#[derive(Deserialize)]
struct HeaderWire {
    format: u32,
    clock: Clock,
    exported_at_us: Micros,
}

#[derive(Deserialize)]
struct FooterWire {
    counts: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
struct CaseWire {
    case: String,
    jurisdiction: String,
    debt: String,
}

#[derive(Deserialize)]
struct PartyWire {
    party: String,
    zones: Vec<String>,
}

#[derive(Deserialize)]
struct SlotWire {
    contact: String,
    case: String,
    plan_seq: i64,
    party: String,
    channel: Channel,
    template: String,
    key: String,
    contact_point: Option<String>,
    effect_from_us: Option<Micros>,
    not_after_us: Option<Micros>,
    intent_at_us: Option<Micros>,
    state: State,
    states: Vec<Step>,
}

#[derive(Deserialize)]
struct DenialWire {
    #[serde(rename = "case")]
    _case: String,
    #[serde(rename = "at_us")]
    _at: Micros,
}

#[derive(Deserialize)]
struct PaymentWire {
    case: String,
    ok_at_us: Micros,
    cures: bool,
}

#[derive(Deserialize)]
struct StopWire {
    party: Option<String>,
    case: Option<String>,
    kind: StopKind,
    channel: Option<Channel>,
    contact_point: Option<String>,
    ok_at_us: Micros,
    until_us: Option<Micros>,
}

/// What has been read so far. Lines may come in any order between header and footer, so slots and
/// stops are tied to cases and parties at the end.
#[derive(Default)]
struct Reader {
    header: Option<HeaderWire>,
    footer: Option<FooterWire>,
    counts: BTreeMap<String, usize>,
    zones: Zones,
    cases: Vec<Case>,
    case_index: HashMap<String, usize>,
    parties: Vec<Party>,
    party_index: HashMap<String, usize>,
    slots: Vec<(usize, SlotWire)>,
    stops: Vec<StopWire>,
}

impl Ledger {
    /// Reads an export.
    ///
    /// # Errors
    /// The first line that is not of the format; no header or footer; a footer that lacks a kind
    /// or counts one differently; no case, party or slot; a slot whose case or party is missing;
    /// a contact or key that is there twice.
    pub fn read<R: BufRead>(reader: R) -> Result<Self, InputError> {
        let mut state = Reader::default();
        for_each_line(reader, FILE, |line, kind, text| {
            state.take(line, kind, text)
        })?;
        state.finish()
    }
}

fn refuse(problem: String) -> InputError {
    InputError::File {
        file: FILE,
        problem,
    }
}

impl Reader {
    fn take(&mut self, line: usize, kind: &str, text: &[u8]) -> Result<(), String> {
        if self.footer.is_some() {
            return Err("follows the footer, which must be the last line".to_owned());
        }
        if self.header.is_none() && kind != "header" {
            return Err(format!(
                "the first line must be of type \"header\", not {kind:?}"
            ));
        }
        *self.counts.entry(kind.to_owned()).or_default() += 1;
        match kind {
            "header" => self.header(parse(kind, text)?)?,
            "case" => self.case(parse(kind, text)?)?,
            "party" => self.party(parse(kind, text)?)?,
            "slot" => self.slots.push((line, parse(kind, text)?)),
            "denial" => drop(parse::<DenialWire>(kind, text)?),
            "payment" => self.payment(parse(kind, text)?),
            "stop" => self.stop(parse(kind, text)?)?,
            "footer" => self.footer = Some(parse(kind, text)?),
            _ => {}
        }
        Ok(())
    }

    fn header(&mut self, wire: HeaderWire) -> Result<(), String> {
        if self.header.is_some() {
            return Err("is a second header".to_owned());
        }
        if wire.format != 1 {
            return Err(format!("format {} is not known here, only 1", wire.format));
        }
        self.header = Some(wire);
        Ok(())
    }

    fn case(&mut self, wire: CaseWire) -> Result<(), String> {
        let law = law::of(&wire.jurisdiction).map_err(|e| format!("case {}: {e}", wire.case))?;
        if self
            .case_index
            .insert(wire.case.clone(), self.cases.len())
            .is_some()
        {
            return Err(format!("case {} is there twice", wire.case));
        }
        self.cases.push(Case {
            id: wire.case,
            law,
            debt: wire.debt,
        });
        Ok(())
    }

    fn party(&mut self, wire: PartyWire) -> Result<(), String> {
        let zones: Vec<_> = wire
            .zones
            .iter()
            .map(|name| self.zones.get(name))
            .collect::<Result<_, _>>()
            .map_err(|e| format!("party {}: {e}", wire.party))?;
        if zones.is_empty() {
            return Err(format!(
                "party {} has no zone, so its hours are unknown",
                wire.party
            ));
        }
        if self
            .party_index
            .insert(wire.party.clone(), self.parties.len())
            .is_some()
        {
            return Err(format!("party {} is there twice", wire.party));
        }
        self.parties.push(Party {
            id: wire.party,
            zones,
        });
        Ok(())
    }

    /// A payment that cures the case is a stop for it.
    fn payment(&mut self, wire: PaymentWire) {
        if wire.cures {
            self.stops.push(StopWire {
                party: None,
                case: Some(wire.case),
                kind: StopKind::Payment,
                channel: None,
                contact_point: None,
                ok_at_us: wire.ok_at_us,
                until_us: None,
            });
        }
    }

    fn stop(&mut self, wire: StopWire) -> Result<(), String> {
        if wire.party.is_none() && wire.case.is_none() {
            return Err("names neither a party nor a case, so its scope is unknown".to_owned());
        }
        self.stops.push(wire);
        Ok(())
    }

    fn finish(mut self) -> Result<Ledger, InputError> {
        let header = self
            .header
            .take()
            .ok_or_else(|| refuse("is empty; a header must begin it".into()))?;
        self.check_footer()?;
        let denials = self.counts.get("denial").copied().unwrap_or(0);
        let slots = self.tie_slots()?;
        let stops = self.tie_stops();
        Ok(Ledger {
            clock: header.clock,
            exported_at: header.exported_at_us,
            cases: self.cases,
            parties: self.parties,
            slots,
            stops,
            denials,
        })
    }

    fn check_footer(&self) -> Result<(), InputError> {
        let footer = self.footer.as_ref().ok_or_else(|| {
            refuse("has no footer as its last line: it was cut off, export it again".into())
        })?;
        for kind in KINDS {
            if !footer.counts.contains_key(kind) {
                return Err(refuse(format!(
                    "lacks the kind {kind:?}: its footer does not count it"
                )));
            }
        }
        let uncounted = |kind: &str| kind == "header" || kind == "footer";
        let named = footer
            .counts
            .keys()
            .chain(self.counts.keys().filter(|kind| !uncounted(kind)));
        for kind in named {
            let said = footer.counts.get(kind).copied().unwrap_or(0);
            let read = self.counts.get(kind).copied().unwrap_or(0);
            if said != read {
                return Err(refuse(format!(
                    "footer counts {said} of {kind:?}, the file has {read}"
                )));
            }
        }
        match NEEDED.iter().find(|kind| !self.counts.contains_key(**kind)) {
            Some(kind) => Err(refuse(format!(
                "holds no {kind:?}, so nothing can be judged"
            ))),
            None => Ok(()),
        }
    }

    fn tie_slots(&mut self) -> Result<Vec<Slot>, InputError> {
        let mut contacts = HashSet::new();
        let mut keys = HashSet::new();
        let mut slots = Vec::with_capacity(self.slots.len());
        for (line, wire) in std::mem::take(&mut self.slots) {
            let refuse = |problem: String| InputError::Line {
                file: FILE,
                line,
                problem,
            };
            let Some(&case) = self.case_index.get(&wire.case) else {
                let (contact, case) = (&wire.contact, &wire.case);
                return Err(refuse(format!(
                    "contact {contact}: case {case} is not in the file"
                )));
            };
            let Some(&party) = self.party_index.get(&wire.party) else {
                let (contact, party) = (&wire.contact, &wire.party);
                return Err(refuse(format!(
                    "contact {contact}: party {party} is not in the file"
                )));
            };
            if !contacts.insert(wire.contact.clone()) {
                return Err(refuse(format!("contact {} is there twice", wire.contact)));
            }
            if !keys.insert(wire.key.clone()) {
                return Err(refuse(format!(
                    "key of contact {} is another's too",
                    wire.contact
                )));
            }
            slots.push(Slot {
                contact: wire.contact,
                case,
                plan_seq: wire.plan_seq,
                party,
                channel: wire.channel,
                template: wire.template,
                key: wire.key,
                contact_point: wire.contact_point,
                effect_from: wire.effect_from_us,
                not_after: wire.not_after_us,
                intent_at: wire.intent_at_us,
                state: wire.state,
                states: wire.states,
            });
        }
        Ok(slots)
    }

    /// A stop of a case or party that is not in the file binds nothing that is.
    fn tie_stops(&mut self) -> Vec<Stop> {
        let mut stops = Vec::with_capacity(self.stops.len());
        for wire in std::mem::take(&mut self.stops) {
            let case = wire
                .case
                .as_ref()
                .map(|id| self.case_index.get(id).copied());
            let party = wire
                .party
                .as_ref()
                .map(|id| self.party_index.get(id).copied());
            if case == Some(None) || party == Some(None) {
                continue;
            }
            stops.push(Stop {
                case: case.flatten(),
                party: party.flatten(),
                kind: wire.kind,
                channel: wire.channel,
                contact_point: wire.contact_point,
                ok_at: wire.ok_at_us,
                until: wire.until_us,
            });
        }
        stops
    }
}
