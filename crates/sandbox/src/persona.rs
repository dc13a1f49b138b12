//! Who answers how: a pure function of the seed, the destination and the ordinal there.

use sha2::{Digest, Sha256};

use crate::options::{Channel, Outcome, Rule};

/// Outcomes and call-backs fall on this raster of virtual time, so that they come in batches.
pub(crate) const RASTER_US: i64 = 30_000_000;
/// What takes hours or days ends on the full hour: a desk goes through its post in rounds.
const LONG_RASTER_US: i64 = 3_600_000_000;

/// The raster of what takes up to `span_us`.
pub(crate) const fn raster_us(span_us: i64) -> i64 {
    if span_us > LONG_RASTER_US {
        LONG_RASTER_US
    } else {
        RASTER_US
    }
}

/// Share of numbers and addresses that are dead.
const DEAD_SHARE: f64 = 0.05;
/// Share of people who rarely answer.
const SHY_SHARE: f64 = 0.10;
/// Share of delivered texts that are answered.
const REPLY_SHARE: f64 = 0.04;

/// What people write back.
const REPLIES: [&str; 5] = [
    "STOP",
    "退订",
    "I pay on Friday",
    "我周五还",
    "wrong number",
];

/// A number that is spread evenly and depends on the seed and the parts alone.
pub(crate) fn hash(seed: u64, parts: &[&str]) -> u64 {
    let mut sha = Sha256::new();
    sha.update(seed.to_be_bytes());
    for part in parts {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part.as_bytes());
    }
    let digest = sha.finalize();
    digest
        .iter()
        .take(8)
        .fold(0, |n, byte| n << 8 | u64::from(*byte))
}

/// The same as a fraction in 0..1.
pub(crate) fn unit(seed: u64, parts: &[&str]) -> f64 {
    // 53 bits are what an f64 holds exactly.
    (hash(seed, parts) >> 11) as f64 / (1u64 << 53) as f64
}

/// What happens to the request number `ordinal` (from 0) at `dest`.
pub(crate) fn outcome(
    seed: u64,
    rules: &[Rule],
    channel: Channel,
    dest: &str,
    ordinal: u64,
) -> Outcome {
    let rule = rules
        .iter()
        .find(|r| r.channel == channel && dest.starts_with(&r.prefix));
    if let Some(rule) = rule {
        return rule.outcome;
    }
    let dead = unit(seed, &["line", dest]) < DEAD_SHARE;
    let shy = unit(seed, &["shy", dest]) < SHY_SHARE;
    let roll = unit(seed, &["roll", channel.name(), dest, &ordinal.to_string()]);
    match channel {
        Channel::Sms if dead => Outcome::Undelivered,
        Channel::Sms => pick(roll, &[(0.97, Outcome::Delivered)], Outcome::Undelivered),
        Channel::Phone if dead => Outcome::NotInService,
        Channel::Phone => call(roll, shy),
        Channel::Email if dead => Outcome::InvalidAddress,
        Channel::Email => pick(roll, &[(0.96, Outcome::Delivered)], Outcome::Undelivered),
        Channel::Visit => {
            let met = if shy { 0.2 } else { 0.6 };
            pick(roll, &[(met, Outcome::Visited)], Outcome::NobodyContacted)
        }
        Channel::Legal => Outcome::Filed,
    }
}

fn call(roll: f64, shy: bool) -> Outcome {
    let shares: &[(f64, Outcome)] = if shy {
        &[
            (0.72, Outcome::NoAnswer),
            (0.15, Outcome::Voicemail),
            (0.06, Outcome::Busy),
            (0.04, Outcome::Declined),
            (0.02, Outcome::Conversation),
        ]
    } else {
        &[
            (0.22, Outcome::NoAnswer),
            (0.14, Outcome::Voicemail),
            (0.06, Outcome::Busy),
            (0.04, Outcome::Declined),
            (0.38, Outcome::Conversation),
        ]
    };
    pick(roll, shares, Outcome::AnsweredUnconfirmed)
}

/// The entry that `roll` falls into when the shares are laid end to end.
fn pick(mut roll: f64, shares: &[(f64, Outcome)], rest: Outcome) -> Outcome {
    for (share, outcome) in shares {
        if roll < *share {
            return *outcome;
        }
        roll -= share;
    }
    rest
}

/// What the person writes back to a delivered text, if anything.
pub(crate) fn reply(seed: u64, dest: &str, ordinal: u64) -> Option<&'static str> {
    let ordinal = ordinal.to_string();
    if unit(seed, &["reply", dest, &ordinal]) >= REPLY_SHARE {
        return None;
    }
    let which = hash(seed, &["reply-text", dest, &ordinal]) % REPLIES.len() as u64;
    Some(REPLIES[which as usize])
}

/// A span from `min_us` to `max_us` of virtual time, on the raster. `what` names the span.
pub(crate) fn span_us(
    seed: u64,
    what: &str,
    dest: &str,
    ordinal: u64,
    min_us: i64,
    max_us: i64,
) -> i64 {
    let steps = ((max_us - min_us) / RASTER_US).max(0) as u64 + 1;
    let step = hash(seed, &["span", what, dest, &ordinal.to_string()]) % steps;
    min_us + step as i64 * RASTER_US
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn equal_seeds_give_equal_worlds_and_others_do_not() {
        let world = |seed: u64| -> Vec<Outcome> {
            let mut all = Vec::new();
            for channel in Channel::ALL {
                for i in 0..300 {
                    all.push(outcome(seed, &[], channel, &format!("+86138{i:08}"), i % 3));
                }
            }
            all
        };
        assert_eq!(world(1), world(1));
        assert_ne!(world(1), world(2));
    }

    #[test]
    fn shares_are_about_as_written() {
        let mut seen: HashMap<Outcome, u32> = HashMap::new();
        for i in 0..4_000 {
            *seen
                .entry(outcome(5, &[], Channel::Phone, &format!("+1{i}"), 0))
                .or_default() += 1;
        }
        let share = |o: Outcome| seen.get(&o).copied().unwrap_or(0);
        assert!(
            (140..260).contains(&share(Outcome::NotInService)),
            "{seen:?}"
        );
        for o in [
            Outcome::Busy,
            Outcome::Declined,
            Outcome::Voicemail,
            Outcome::Conversation,
        ] {
            assert!(share(o) > 80, "{o:?} in {seen:?}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_wins() {
        let rule = |prefix: &str, channel, outcome| Rule {
            prefix: prefix.into(),
            channel,
            outcome,
        };
        let rules = [
            rule("+861", Channel::Phone, Outcome::Busy),
            rule("", Channel::Phone, Outcome::Conversation),
        ];
        for (dest, want) in [("+8613", Outcome::Busy), ("+44", Outcome::Conversation)] {
            assert_eq!(outcome(9, &rules, Channel::Phone, dest, 0), want, "{dest}");
        }
    }
}
