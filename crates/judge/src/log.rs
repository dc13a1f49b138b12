//! The sandbox log: what the outside world received.

use std::io::BufRead;

use serde::{Deserialize, Serialize};

use crate::input::{InputError, for_each_line, parse};
use crate::instant::Micros;

const FILE: &str = "sandbox log";

/// A way to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Text message.
    Sms,
    /// Call.
    Phone,
    /// E-mail.
    Email,
    /// A collector at the door.
    Visit,
    /// A referral to a law firm.
    Legal,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Sms,
        Self::Phone,
        Self::Email,
        Self::Visit,
        Self::Legal,
    ];

    /// The name that both formats use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Visit => "visit",
            Self::Legal => "legal",
        }
    }
}

/// Whether the run's clock was real.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// Real time.
    Live,
    /// A virtual clock moved from instant to instant.
    Stepped,
}

/// What a request asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Reach the person.
    Send,
    /// Take an accepted contact back.
    Cancel,
}

/// What became of a contact in the outside world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the names are the outcome's whole meaning; domain documents them"
)]
pub enum Outcome {
    Delivered,
    Undelivered,
    NoAnswer,
    Busy,
    Declined,
    NotInService,
    InvalidAddress,
    Voicemail,
    UnableToLeaveMessage,
    AnsweredUnconfirmed,
    Conversation,
    ThirdPartyAnswered,
    WrongNumber,
    InboundNoDiscussion,
    Visited,
    NobodyContacted,
    Filed,
    Cancelled,
    Unknown,
}

/// One request of a contact, as it was received.
#[derive(Debug)]
pub struct Receipt {
    /// The instant of receipt: the virtual one where the clock was stepped.
    pub at: Micros,
    /// The channel.
    pub channel: Channel,
    /// Send or cancel.
    pub op: Op,
    /// Where it went. Never printed: it may be a person's number.
    pub dest: String,
    /// The idempotency key as it came.
    pub key: Option<String>,
    /// A visit's appointment.
    pub effect_window: Option<(Micros, Micros)>,
    /// The status that was answered, 0 for a connection cut on purpose.
    pub answer: u16,
    /// Whether the person would now be reached.
    pub effect: bool,
    /// Number of the request, for people.
    pub n: u64,
}

/// The instant at which a person was reached or not.
#[derive(Debug)]
pub struct OutcomeLine {
    /// The contact's key.
    pub key: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// When.
    pub at: Micros,
}

/// The whole log.
#[derive(Debug)]
pub struct SandboxLog {
    /// Stepped or live.
    pub clock: Clock,
    /// Receipts in the order of the file.
    pub receipts: Vec<Receipt>,
    /// Outcomes in the order of the file.
    pub outcomes: Vec<OutcomeLine>,
    /// What the sandbox did wrong on purpose, with the request's number.
    pub misbehaved: Vec<(u64, String)>,
    /// Lines of a type that this program does not know.
    pub ignored_lines: usize,
}

#[derive(Deserialize)]
struct OpenWire {
    format: u32,
    clock: Clock,
}

#[derive(Deserialize)]
struct ReceiptWire {
    n: u64,
    wall_us: Micros,
    virtual_us: Option<Micros>,
    channel: Channel,
    op: Op,
    dest: String,
    key: Option<String>,
    effect_from_us: Option<Micros>,
    effect_to_us: Option<Micros>,
    answer: u16,
    effect: bool,
}

#[derive(Deserialize)]
struct OutcomeWire {
    key: Option<String>,
    outcome: Outcome,
    at_us: Micros,
    virtual_us: Option<Micros>,
}

#[derive(Deserialize)]
struct MisbehaveWire {
    what: String,
    n: u64,
}

/// What has been read so far.
#[derive(Default)]
struct Reader {
    clock: Option<Clock>,
    receipts: Vec<Receipt>,
    outcomes: Vec<OutcomeLine>,
    misbehaved: Vec<(u64, String)>,
    ignored_lines: usize,
    n_last: u64,
    fresh_segment: bool,
}

impl SandboxLog {
    /// Reads a log.
    ///
    /// # Errors
    /// The first line that is not of the format, a gap in the numbers, or a log without receipts.
    pub fn read<R: BufRead>(reader: R) -> Result<Self, InputError> {
        let mut state = Reader::default();
        for_each_line(reader, FILE, |line, kind, text| {
            state.take(line, kind, text)
        })?;
        let refuse = |problem: &str| InputError::File {
            file: FILE,
            problem: problem.to_owned(),
        };
        let clock = state.clock.ok_or_else(|| {
            refuse("is empty; its first line must be {\"type\":\"open\",\"format\":1,...}")
        })?;
        if state.receipts.is_empty() {
            return Err(refuse(
                "holds no receipt: nothing was received, so nothing can be judged",
            ));
        }
        Ok(Self {
            clock,
            receipts: state.receipts,
            outcomes: state.outcomes,
            misbehaved: state.misbehaved,
            ignored_lines: state.ignored_lines,
        })
    }
}

impl Reader {
    fn take(&mut self, line: usize, kind: &str, text: &[u8]) -> Result<(), String> {
        if line == 1 && kind != "open" {
            return Err(format!(
                "the first line must be of type \"open\", not {kind:?}"
            ));
        }
        match kind {
            "open" => self.open(parse(kind, text)?),
            "receipt" => self.receipt(parse(kind, text)?),
            "outcome" => {
                let wire: OutcomeWire = parse(kind, text)?;
                let at = wire.virtual_us.unwrap_or(wire.at_us);
                self.outcomes.push(OutcomeLine {
                    key: wire.key,
                    outcome: wire.outcome,
                    at,
                });
                Ok(())
            }
            "misbehave" => {
                let wire: MisbehaveWire = parse(kind, text)?;
                self.misbehaved.push((wire.n, wire.what));
                Ok(())
            }
            "reply" => Ok(()),
            _ => {
                self.ignored_lines += 1;
                Ok(())
            }
        }
    }

    /// A sandbox that was started again on the same file writes another `open`.
    fn open(&mut self, wire: OpenWire) -> Result<(), String> {
        if wire.format != 1 {
            return Err(format!("format {} is not known here, only 1", wire.format));
        }
        if self.clock.is_some_and(|clock| clock != wire.clock) {
            return Err("opens with another clock than the log before it".to_owned());
        }
        self.clock = Some(wire.clock);
        self.fresh_segment = true;
        Ok(())
    }

    fn receipt(&mut self, wire: ReceiptWire) -> Result<(), String> {
        self.number(wire.n)?;
        if self.clock == Some(Clock::Stepped) && wire.virtual_us.is_none() {
            return Err(format!(
                "receipt {} of a stepped log has no virtual_us",
                wire.n
            ));
        }
        let effect_window = match (wire.effect_from_us, wire.effect_to_us) {
            (Some(from), Some(to)) if from <= to => Some((from, to)),
            (None, None) => None,
            _ => {
                return Err(format!(
                    "receipt {} has half an appointment, or one backward",
                    wire.n
                ));
            }
        };
        self.receipts.push(Receipt {
            at: wire.virtual_us.unwrap_or(wire.wall_us),
            channel: wire.channel,
            op: wire.op,
            dest: wire.dest,
            key: wire.key,
            effect_window,
            answer: wire.answer,
            effect: wire.effect,
            n: wire.n,
        });
        Ok(())
    }

    /// Numbers run without gaps; after another `open` they go on or start again at 1.
    fn number(&mut self, n: u64) -> Result<(), String> {
        let next = self.n_last + 1;
        if n != next && !(self.fresh_segment && n == 1) {
            return Err(format!(
                "receipt is number {n} where {next} must follow: lines are missing or were edited"
            ));
        }
        self.n_last = n;
        self.fresh_segment = false;
        Ok(())
    }
}
