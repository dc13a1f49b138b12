//! What the sandbox does wrong on purpose, and how often.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::options::Channel;
use crate::persona;

/// How late a `slow` answer comes when the text does not say.
const SLOW_MS_DEFAULT: u64 = 2_000;
/// The longest lateness that is taken.
const SLOW_MS_MAX: u64 = 600_000;

/// One way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Takes effect, then closes the connection without an answer.
    Cut,
    /// Closes the connection before anything takes effect.
    CutBefore,
    /// Answers 500; half of the time the request took effect all the same. Mail: 452, no effect.
    Error500,
    /// Takes effect and answers late.
    Slow,
    /// Takes effect and answers nonsense with status 200. Mail: nonsense in place of 250.
    Garbage,
    /// Sends the last call-back twice.
    DuplicateCallback,
    /// Sends the call-backs of one contact in reverse order.
    ReorderCallback,
    /// Refuses with the provider's documented permanent error.
    Reject,
}

impl Kind {
    const ALL: [Kind; 8] = [
        Kind::Cut,
        Kind::CutBefore,
        Kind::Error500,
        Kind::Slow,
        Kind::Garbage,
        Kind::DuplicateCallback,
        Kind::ReorderCallback,
        Kind::Reject,
    ];

    /// The name in the log and in the text form.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Cut => "cut",
            Kind::CutBefore => "cut_before",
            Kind::Error500 => "error_500",
            Kind::Slow => "slow",
            Kind::Garbage => "garbage",
            Kind::DuplicateCallback => "duplicate_callback",
            Kind::ReorderCallback => "reorder_callback",
            Kind::Reject => "reject",
        }
    }
}

/// Probabilities by channel and kind; all zero by default.
///
/// The text form is `channel:kind=probability[@ms]`, joined by commas, with `*` for every channel:
/// `sms:cut=0.01,phone:error_500=0.02,*:slow=0.1@500`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Misbehave {
    probability: BTreeMap<(Channel, Kind), f64>,
    slow_ms: BTreeMap<Channel, u64>,
}

/// A text that is no [`Misbehave`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "read misbehaviour {item:?}: {reason}; right would be for example `sms:cut=0.01` or `*:slow=0.1@500`"
)]
pub struct ParseError {
    /// The part between commas that could not be read.
    pub item: String,
    /// What is wrong with it.
    pub reason: String,
}

impl FromStr for Misbehave {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Misbehave, ParseError> {
        let mut all = Misbehave::default();
        for item in text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            all.add(item).map_err(|reason| ParseError {
                item: item.to_owned(),
                reason,
            })?;
        }
        Ok(all)
    }
}

impl Misbehave {
    fn add(&mut self, item: &str) -> Result<(), String> {
        let (channel, rest) = item
            .split_once(':')
            .ok_or("it has no `:` after the channel")?;
        let (kind, value) = rest.split_once('=').ok_or("it has no `=` after the kind")?;
        let kind = Kind::ALL
            .into_iter()
            .find(|k| k.name() == kind)
            .ok_or_else(|| {
                format!(
                    "the kind is none of {}",
                    Kind::ALL.map(Kind::name).join(", ")
                )
            })?;
        let (probability, ms) = match value.split_once('@') {
            Some((probability, ms)) => (probability, Some(ms)),
            None => (value, None),
        };
        let probability = probability
            .parse::<f64>()
            .ok()
            .filter(|p| (0.0..=1.0).contains(p))
            .ok_or("the probability is no number from 0 to 1")?;
        let ms = match (kind, ms) {
            (_, None) => None,
            (Kind::Slow, Some(ms)) => Some(
                ms.parse::<u64>()
                    .ok()
                    .filter(|ms| *ms <= SLOW_MS_MAX)
                    .ok_or_else(|| format!("the lateness is no number up to {SLOW_MS_MAX}"))?,
            ),
            (_, Some(_)) => return Err("only `slow` takes `@ms`".to_owned()),
        };
        let channels = match channel {
            "*" => Channel::ALL.to_vec(),
            name => vec![Channel::from_name(name).ok_or_else(|| {
                format!(
                    "the channel is none of {}, *",
                    Channel::ALL.map(Channel::name).join(", ")
                )
            })?],
        };
        for channel in channels {
            self.probability.insert((channel, kind), probability);
            if let Some(ms) = ms {
                self.slow_ms.insert(channel, ms);
            }
        }
        Ok(())
    }

    /// What goes wrong at request `n`.
    pub(crate) fn draw(&self, seed: u64, channel: Channel, n: u64) -> Plan {
        let hit = |kind: Kind| {
            let p = self
                .probability
                .get(&(channel, kind))
                .copied()
                .unwrap_or(0.0);
            p > 0.0 && persona::unit(seed, &["misbehave", kind.name(), &n.to_string()]) < p
        };
        let request = if hit(Kind::CutBefore) {
            Some(Fault::CutBefore)
        } else if hit(Kind::Cut) {
            Some(Fault::Cut)
        } else if hit(Kind::Error500) {
            let effect = persona::unit(seed, &["misbehave", "effect", &n.to_string()]) < 0.5;
            // A mail server that says 4xx has not taken the mail; to claim both would be no
            // fault that a real one shows.
            Some(Fault::Error500 {
                effect: effect && channel != Channel::Email,
            })
        } else if hit(Kind::Garbage) {
            Some(Fault::Garbage)
        } else if hit(Kind::Reject) {
            Some(Fault::Reject)
        } else if hit(Kind::Slow) {
            let ms = self
                .slow_ms
                .get(&channel)
                .copied()
                .unwrap_or(SLOW_MS_DEFAULT);
            Some(Fault::Slow { ms })
        } else {
            None
        };
        Plan {
            request,
            callbacks: CallbackFaults {
                duplicate: hit(Kind::DuplicateCallback),
                reorder: hit(Kind::ReorderCallback),
            },
        }
    }
}

impl fmt::Display for Misbehave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, ((channel, kind), p)) in self.probability.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{}:{}={p}", channel.name(), kind.name())?;
            if let (Kind::Slow, Some(ms)) = (kind, self.slow_ms.get(channel)) {
                write!(f, "@{ms}")?;
            }
        }
        Ok(())
    }
}

/// What goes wrong at one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) request: Option<Fault>,
    pub(crate) callbacks: CallbackFaults,
}

/// What goes wrong between the receipt and the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Cut,
    CutBefore,
    Error500 { effect: bool },
    Garbage,
    Reject,
    Slow { ms: u64 },
}

impl Fault {
    /// Whether the request is handled as if nothing were wrong.
    pub(crate) fn takes_effect(self) -> bool {
        match self {
            Fault::Cut | Fault::Garbage | Fault::Slow { .. } => true,
            Fault::Error500 { effect } => effect,
            Fault::CutBefore | Fault::Reject => false,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Fault::Cut => Kind::Cut.name(),
            Fault::CutBefore => Kind::CutBefore.name(),
            Fault::Error500 { .. } => Kind::Error500.name(),
            Fault::Garbage => Kind::Garbage.name(),
            Fault::Reject => Kind::Reject.name(),
            Fault::Slow { .. } => Kind::Slow.name(),
        }
    }
}

/// What goes wrong with the call-backs of one contact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallbackFaults {
    pub(crate) duplicate: bool,
    pub(crate) reorder: bool,
}

impl CallbackFaults {
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let named = [
            (self.duplicate, Kind::DuplicateCallback.name()),
            (self.reorder, Kind::ReorderCallback.name()),
        ];
        named
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_and_written() {
        let cases = [
            ("", Ok("")),
            (
                "sms:cut=0.01, phone:error_500=0.02",
                Ok("sms:cut=0.01,phone:error_500=0.02"),
            ),
            ("email:slow=1@500", Ok("email:slow=1@500")),
            ("sms:cut", Err("no `=`")),
            ("cut=1", Err("no `:`")),
            ("fax:cut=1", Err("channel is none of")),
            ("sms:cur=1", Err("kind is none of")),
            ("sms:cut=1.5", Err("from 0 to 1")),
            ("sms:cut=NaN", Err("from 0 to 1")),
            ("sms:cut=1@5", Err("only `slow`")),
            ("sms:slow=1@999999999", Err("lateness")),
        ];
        for (text, want) in cases {
            match (text.parse::<Misbehave>(), want) {
                (Ok(got), Ok(want)) => assert_eq!(got.to_string(), want, "{text}"),
                (Err(got), Err(want)) => assert!(got.to_string().contains(want), "{text}: {got}"),
                (got, want) => panic!("{text}: got {got:?}, want {want:?}"),
            }
        }
    }

    #[test]
    fn a_draw_repeats_and_keeps_to_its_channel_and_share() {
        let on: Misbehave = "sms:cut=0.25".parse().expect("valid text");
        let hits = (1..=4_000)
            .filter(|n| on.draw(7, Channel::Sms, *n).request == Some(Fault::Cut))
            .count();
        assert!((800..1_200).contains(&hits), "{hits} of 4000 at 0.25");
        for n in 1..=100 {
            assert_eq!(on.draw(7, Channel::Sms, n), on.draw(7, Channel::Sms, n));
            assert_eq!(on.draw(7, Channel::Phone, n), Plan::default());
        }
    }
}
