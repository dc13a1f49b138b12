//! What happened before a case: contacts in the last hours, days or weeks, and some whose effect lies ahead.

use jiff::{SignedDuration, Timestamp};

use super::case::{Case, Class, DEBT, Outcome, Past, Purpose, Stands};
use super::draw::Draw;
use super::generate::number_used;

/// Shapes that count.
const COUNTING: [&str; 6] = [
    "rolling_days",
    "rolling_hours",
    "nested_periods",
    "calendar_day",
    "cool_down",
    "lifetime",
];

/// Oldest first.
pub(super) fn past(draw: &mut Draw, shape: &str, case: &Case) -> Vec<Past> {
    let counting = COUNTING.contains(&shape);
    let most = match shape {
        "rolling_days" | "rolling_hours" | "calendar_day" => 18,
        "nested_periods" => 24,
        _ if counting => 6,
        _ => 5,
    };
    let days = draw.weighed(&match shape {
        "calendar_day" => [(6, 1), (2, 3), (1, 10), (0, 1)],
        "rolling_days" | "nested_periods" => [(1, 1), (3, 7), (4, 10), (3, 35)],
        _ => [(1, 1), (4, 8), (4, 12), (1, 40)],
    });
    let mut all: Vec<Past> = (0..draw.between(0, most))
        .map(|_| one(draw, counting, days, case))
        .collect();
    if matches!(
        case.purpose,
        Purpose::Response | Purpose::OptOutConfirmation
    ) {
        all.extend(answered(draw, case));
    }
    all.sort_by_key(|p| p.at);
    all
}

/// What an answer turns on: the person came by this medium, about the hour or the day before, and perhaps
/// something of ours went out since.
fn answered(draw: &mut Draw, case: &Case) -> Vec<Past> {
    let mut all = Vec::new();
    if case.class == Class::Legal || !draw.chance(75) {
        return all;
    }
    let nano = SignedDuration::from_nanos(draw.pick(&[0, 0, 1, -1]));
    let minutes = draw.pick(&[5, 30, 59, 60, 60, 60, 61, 300, 1439, 1440, 1440, 1440, 1441]);
    let came = case.at - SignedDuration::from_mins(minutes) - nano;
    let mut message = one(draw, true, 1, case);
    message.class = case.class;
    message.inbound = true;
    message.stands = Stands::Done;
    message.outcome = outcome(draw, case.class, true);
    (message.at, message.effect) = (came, came);
    all.push(message);
    if draw.chance(50) {
        let mut ours = one(draw, true, 1, case);
        let at = came + SignedDuration::from_mins(draw.between(-2, minutes));
        ours.class = case.class;
        ours.inbound = false;
        ours.stands = draw.pick(&[
            Stands::Done,
            Stands::UnderWay,
            Stands::CalledOff,
            Stands::NeverSent,
        ]);
        ours.outcome = outcome(draw, case.class, false);
        (ours.at, ours.effect) = (at.min(case.at), at.min(case.at));
        all.push(ours);
    }
    all
}

fn one(draw: &mut Draw, counting: bool, days: i64, case: &Case) -> Past {
    let same = if counting { 85 } else { 40 };
    let mut class = if draw.chance(same) && case.class != Class::Legal {
        case.class
    } else {
        draw.pick(&[Class::Sms, Class::Phone, Class::Email, Class::Visit])
    };
    let at = when(draw, days, case.at);
    let inbound = draw.chance(14);
    if inbound && class == Class::Visit {
        class = Class::Phone;
    }
    let stands = if inbound {
        Stands::Done
    } else {
        draw.weighed(&[
            (88, Stands::Done),
            (6, Stands::UnderWay),
            (3, Stands::CalledOff),
            (3, Stands::NeverSent),
        ])
    };
    let ahead = stands == Stands::UnderWay && draw.chance(50);
    let effect = if ahead {
        at.max(case.at + SignedDuration::from_mins(draw.between(-60, 8_000)))
    } else {
        at
    };
    Past {
        class,
        at,
        effect,
        inbound,
        stands,
        outcome: outcome(draw, class, inbound),
        debts: draw
            .weighed(&[
                (12, &[DEBT] as &[u8]),
                (1, &[2]),
                (1, &[DEBT, 2]),
                (1, &[2, DEBT]),
            ])
            .to_vec(),
        with_another: draw.chance(6),
        number: if draw.chance(55) {
            case.number
        } else {
            number_used(draw)
        },
    }
}

/// Some time in the last days; now and then to the nanosecond a span of hours ago, or this very instant.
fn when(draw: &mut Draw, days: i64, at: Timestamp) -> Timestamp {
    let ago = match draw.between(0, 19) {
        0 => SignedDuration::from_hours(draw.pick(&[0, 1, 24, 168])),
        1 => {
            let hours = draw.pick(&[1, 24, 168]);
            SignedDuration::from_hours(hours) + SignedDuration::from_nanos(draw.pick(&[1, -1]))
        }
        2..=4 => SignedDuration::from_mins(draw.between(0, 180)),
        _ => SignedDuration::from_secs(draw.between(0, days * 86_400)),
    };
    at - ago
}

fn outcome(draw: &mut Draw, class: Class, inbound: bool) -> Outcome {
    use Outcome as O;
    match (class, inbound) {
        (Class::Phone, true) => draw.pick(&[O::Conversation, O::InboundNoDiscussion]),
        (_, true) => draw.pick(&[O::Delivered, O::InboundNoDiscussion]),
        (Class::Phone, false) => draw.weighed(&[
            (6, O::NoAnswer),
            (5, O::Conversation),
            (2, O::Busy),
            (1, O::Declined),
            (1, O::NotInService),
            (1, O::InvalidAddress),
            (2, O::Voicemail),
            (1, O::UnableToLeaveMessage),
            (1, O::AnsweredUnconfirmed),
            (1, O::ThirdPartyAnswered),
            (1, O::WrongNumber),
            (1, O::Unknown),
        ]),
        (Class::Visit, false) => draw.weighed(&[
            (5, O::Visited),
            (3, O::NobodyContacted),
            (1, O::Conversation),
            (1, O::ThirdPartyAnswered),
            (1, O::Unknown),
        ]),
        (Class::Legal, false) => O::Filed,
        (Class::Sms | Class::Email, false) => draw.weighed(&[
            (8, O::Delivered),
            (2, O::Undelivered),
            (1, O::NotInService),
            (1, O::InvalidAddress),
            (1, O::WrongNumber),
            (1, O::Unknown),
        ]),
    }
}
