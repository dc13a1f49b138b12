//! Explanations and previews: why a case stands where it stands, why not now, and what comes next.

use recoup_compliance::Packs;
use recoup_decide::StepSaid;
use recoup_decide::{Action, DECISION_VERSION};
use recoup_domain::CaseEvent;
use recoup_engine::explain::{
    Explanation, Fact, Mode, Preview, Rendered, StageNote, Standing, StepState, Tongue,
};

use super::read::Bad;
use super::{case, gate, party, value};
use crate::api::recoup::v1;

/// The language that people are told in; one that is not spoken is noted.
pub fn tongue(bad: &mut Bad, tag: &str) -> Tongue {
    let tongue = match tag {
        "" => Some(Tongue::default()),
        tag => Tongue::of(tag),
    };
    tongue.unwrap_or_else(|| {
        bad.invalid("language_code", "explanations are told in `en` and `zh-CN`");
        Tongue::default()
    })
}

/// An explanation on the wire.
#[must_use]
pub fn render(e: &Explanation, packs: &Packs, tongue: Tongue) -> v1::ExplainCaseResponse {
    let (action, wake, next) = action(e);
    v1::ExplainCaseResponse {
        case_id: e.case.to_string(),
        as_of: Some(value::to_instant(e.as_of)),
        mode: match e.mode {
            Mode::AsRecorded => v1::ExplainMode::AsRecorded.into(),
            Mode::AsCorrected => v1::ExplainMode::AsCorrected.into(),
        },
        position: i64::try_from(e.position).unwrap_or(i64::MAX),
        action: action.into(),
        wake_time: wake,
        stage: e.stage.clone(),
        stages: e.stages.iter().map(|s| stage(s, &e.stage)).collect(),
        steps: e.steps.iter().map(|s| step(s, packs, tongue)).collect(),
        next_contact: next,
        gate: e
            .steps
            .iter()
            .find_map(|s| s.denial.as_ref())
            .map(|d| gate::denied(d, packs, tongue)),
        facts: e.facts.iter().map(fact).collect(),
        policy: e.policy.as_ref().map(case::render_pin),
        policy_since_time: Some(value::to_instant(e.policy_since)),
        packs: gate::packs(packs),
        calendar_version: recoup_compliance::Calendar::version().to_owned(),
        tzdb_version: e.tzdb.clone(),
        decision_version: DECISION_VERSION.to_string(),
        lines: e.words(tongue),
        overrides: overrides(e),
    }
}

fn overrides(e: &Explanation) -> Vec<v1::LiftedRule> {
    let all = e.overrides.iter();
    all.map(|(lift, decides)| gate::lifted(lift, *decides))
        .collect()
}

type Next = (
    v1::NextAction,
    Option<prost_types::Timestamp>,
    Option<v1::NextContact>,
);

fn action(e: &Explanation) -> Next {
    match &e.decision.action {
        Action::Contact(plan) => {
            let step = e.steps.iter().find(|s| s.index == plan.step);
            let next = v1::NextContact {
                channel: plan.class.name().to_owned(),
                template: step.map_or_else(String::new, |s| s.template.clone()),
                stage: e.stage.clone(),
                step: i32::from(plan.step),
                party_id: String::new(),
                contact_point_id: plan.point.map_or_else(String::new, party::point_id),
                time: Some(value::to_instant(plan.effect.from)),
                needs_approval: plan.needs_approval,
            };
            (
                v1::NextAction::Contact,
                Some(value::to_instant(plan.effect.from)),
                Some(next),
            )
        }
        Action::Sleep { until } => {
            let events = &e.decision.events;
            let person = events
                .iter()
                .any(|event| matches!(event, CaseEvent::WorklistChanged { reason: Some(_) }));
            let action = if person {
                v1::NextAction::Worklist
            } else {
                v1::NextAction::Sleep
            };
            (action, until.and_then(value::to_end), None)
        }
    }
}

fn stage(note: &StageNote, current: &str) -> v1::StageExplanation {
    v1::StageExplanation {
        name: note.name.clone(),
        condition: note.condition.clone(),
        holds: note.holds.unwrap_or(false),
        asked: note.holds.is_some(),
        current: note.name == current,
        values: note
            .values
            .iter()
            .map(|(name, value)| computed(name, value))
            .collect(),
    }
}

fn step(s: &StepState, packs: &Packs, tongue: Tongue) -> v1::StepExplanation {
    let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let state = state(s);
    let blocked = state != v1::StepState::Due && state != v1::StepState::InFlight;
    v1::StepExplanation {
        index: i32::from(s.index),
        channel: s.channel.clone(),
        template: s.template.clone(),
        state: state.into(),
        made: count(s.made),
        max: Some(count(s.max)),
        due_time: s.due.and_then(value::to_end),
        blocked_reason: if blocked {
            s.state.say(tongue)
        } else {
            String::new()
        },
        gate: s.denial.as_ref().map(|d| gate::denied(d, packs, tongue)),
    }
}

/// Where a step stands.
fn state(s: &StepState) -> v1::StepState {
    match &s.state {
        Standing::Said(StepSaid::NoTurn(_)) => v1::StepState::NoTurn,
        _ if s.made >= s.max => v1::StepState::Exhausted,
        _ if s.denial.is_some() => v1::StepState::Blocked,
        Standing::PassedOver(_) | Standing::Said(StepSaid::Skipped(_)) => v1::StepState::Skipped,
        Standing::Said(StepSaid::WaitsForApproval(_)) => v1::StepState::AwaitingApproval,
        Standing::Said(StepSaid::Goes) => v1::StepState::Due,
        Standing::Held(_) => v1::StepState::Blocked,
        Standing::NotAsked | Standing::Said(_) => v1::StepState::Waiting,
    }
}

fn fact(fact: &Fact) -> v1::ExplainedFact {
    v1::ExplainedFact {
        source: fact
            .source
            .map_or_else(|| "computed".to_owned(), super::event::event_id),
        ..computed(&fact.name, &fact.value)
    }
}

fn computed(name: &str, value: &str) -> v1::ExplainedFact {
    v1::ExplainedFact {
        name: name.to_owned(),
        value: value.to_owned(),
        source: "computed".to_owned(),
    }
}

/// A preview on the wire.
#[must_use]
pub fn preview(p: &Preview, packs: &Packs, tongue: Tongue) -> v1::PreviewContactResponse {
    let e = &p.explanation;
    match (&p.rendered, &e.decision.action) {
        (text, Action::Contact(plan)) => v1::PreviewContactResponse {
            decision: Some(v1::GateDecision {
                lifted: overrides(e).into_iter().filter(|l| l.decides).collect(),
                ..gate::permitted(plan.expires, packs)
            }),
            rendered: text.as_ref().map(rendered),
            note: String::new(),
            held: p.held.clone().unwrap_or_default(),
        },
        _ => v1::PreviewContactResponse {
            decision: e
                .steps
                .iter()
                .find_map(|s| s.denial.as_ref())
                .map(|d| gate::denied(d, packs, tongue)),
            rendered: None,
            note: e.words(tongue).join("\n"),
            held: String::new(),
        },
    }
}

fn rendered(r: &Rendered) -> v1::RenderedContact {
    v1::RenderedContact {
        channel: r.class.name().to_owned(),
        template: r.template.clone(),
        stage: r.stage.clone(),
        step: i32::from(r.step),
        party_id: r.party.to_string(),
        contact_point_id: r.point.map_or_else(String::new, party::point_id),
        subject: r.subject.clone(),
        body: r.body.clone(),
        segments: segments(r),
    }
}

/// Segments of an SMS: 160 and 153 characters where all are ASCII letters that every alphabet has, 70
/// and 67 otherwise. The gateway's own count may be lower where it knows more characters.
fn segments(r: &Rendered) -> i32 {
    if r.class != recoup_domain::ContactClass::Sms {
        return 0;
    }
    let plain = r
        .body
        .bytes()
        .all(|b| b.is_ascii() && !b"[]{}\\^~|`".contains(&b));
    let (one, many) = if plain { (160, 153) } else { (70, 67) };
    let units = r.body.encode_utf16().count();
    let count = if units <= one {
        1
    } else {
        units.div_ceil(many)
    };
    i32::try_from(count).unwrap_or(i32::MAX)
}
