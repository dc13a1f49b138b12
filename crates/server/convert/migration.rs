//! Differences between policy versions, and moves of cases from one to another.

use recoup_domain::ids::CaseId;
use recoup_engine::commands::{Comparison, Counted, Migration, MigrationInput, Obstacle};
use recoup_policy::diff::{Difference, How, Part};

use super::read::Bad;
use super::{page, policy};
use crate::api::recoup::v1::{self, ErrorReason};

/// Most cases that one call names or looks at.
const CASES_MAX: usize = 200;
/// Cases of a batch where the caller does not say.
const BATCH_DEFAULT: usize = 100;

/// What two versions do differently, on the wire.
#[must_use]
pub fn compared(found: &Comparison) -> v1::DiffPoliciesResponse {
    v1::DiffPoliciesResponse {
        differences: found.differences.iter().map(difference).collect(),
        same_text: found.same_text,
    }
}

fn difference(d: &Difference) -> v1::PolicyDifference {
    let part = match d.part {
        Part::Policy => v1::PolicyPart::Policy,
        Part::Segment => v1::PolicyPart::Segment,
        Part::Stage => v1::PolicyPart::Stage,
        Part::Step => v1::PolicyPart::Step,
        Part::Arm => v1::PolicyPart::Arm,
    };
    let change = match d.how {
        How::Added => v1::PolicyChange::Added,
        How::Removed => v1::PolicyChange::Removed,
        How::Renamed => v1::PolicyChange::Renamed,
        How::Moved => v1::PolicyChange::Moved,
        How::Changed => v1::PolicyChange::Changed,
    };
    v1::PolicyDifference {
        part: part.into(),
        change: change.into(),
        base_name: d.base_name.clone(),
        other_name: d.other_name.clone(),
        base_step: d.base_step.map(i32::from),
        other_step: d.other_step.map(i32::from),
        field: d.field.to_owned(),
        before: d.before.clone(),
        after: d.after.clone(),
        sentence: d.sentence.clone(),
    }
}

/// Reads what is to be moved. `bound` is what its tokens are bound to.
pub fn read(
    bad: &mut Bad,
    body: &v1::MigrateCasesRequest,
    bound: &page::Binding<'_>,
) -> Option<MigrationInput> {
    let from = policy::version(bad, "from_policy_id", &body.from_policy_id);
    let to = policy::version(bad, "to_policy_id", &body.to_policy_id);
    if from.is_some() && from == to {
        bad.invalid(
            "to_policy_id",
            "is the version that the cases are pinned to",
        );
    }
    let reason = bad.text("reason", &body.reason, 500);
    let stages = stages(bad, &body.stages);
    bad.texts("tags", &body.tags, 16);
    bad.count_of("case_ids", &body.case_ids, CASES_MAX);
    let mut cases: Vec<CaseId> = Vec::new();
    for (i, id) in body.case_ids.iter().take(CASES_MAX).enumerate() {
        let id = bad.id(&format!("case_ids[{i}]"), id);
        cases.extend(id.filter(|id| !cases.contains(id)));
    }
    let limit = match usize::try_from(body.batch_size) {
        Ok(0) => BATCH_DEFAULT,
        Ok(size) if size <= CASES_MAX => size,
        _ => {
            let problem = format!(
                "is {}; batches have 1 to {CASES_MAX} cases",
                body.batch_size
            );
            bad.invalid("batch_size", problem);
            0
        }
    };
    let after = after(bad, &body.batch_token, bound);
    Some(MigrationInput {
        from: from?,
        to: to?,
        reason: reason?,
        stages,
        tags: body.tags.clone(),
        cases,
        after: after?,
        limit,
    })
}

/// Behind which case a batch begins; the outer none was noted.
fn after(bad: &mut Bad, token: &str, bound: &page::Binding<'_>) -> Option<Option<CaseId>> {
    if token.is_empty() {
        return Some(None);
    }
    let place = bound.read(token).and_then(|id| id.parse().ok());
    if place.is_none() {
        let problem = "was not given for a migration of these cases; start without it";
        bad.note(ErrorReason::PageTokenInvalid, "batch_token", problem);
    }
    place.map(Some)
}

fn stages(bad: &mut Bad, given: &[v1::StageMapping]) -> Vec<(String, String)> {
    bad.count_of("stages", given, 32);
    let mut all = Vec::new();
    for (i, stage) in given.iter().take(32).enumerate() {
        let from = bad.text(&format!("stages[{i}].from_stage"), &stage.from_stage, 64);
        let to = bad.short(&format!("stages[{i}].to_stage"), &stage.to_stage, 64);
        all.extend(from.zip(to));
    }
    all
}

/// What was moved, or would be, on the wire.
#[must_use]
pub fn moved(m: &Migration, token: impl Fn(CaseId) -> String) -> v1::MigrateCasesResponse {
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let ids = |of: &Counted| of.examples.iter().map(ToString::to_string).collect();
    let way = |((from, to), some): (&(String, String), &Counted)| v1::StageMove {
        from_stage: from.clone(),
        to_stage: to.clone(),
        cases: count(some.cases),
        case_ids: ids(some),
    };
    let stays = |(why, some): (&Obstacle, &Counted)| v1::CasesLeft {
        obstacle: obstacle(why).into(),
        text: in_words(why),
        cases: count(some.cases),
        case_ids: ids(some),
    };
    let stage = |(from, to): &(String, String)| v1::StageMapping {
        from_stage: from.clone(),
        to_stage: to.clone(),
    };
    v1::MigrateCasesResponse {
        cases: count(m.cases),
        moved: count(m.moved()),
        moves: m.moves.iter().map(way).collect(),
        left: m.left.iter().map(stays).collect(),
        stages: m.stages.iter().map(stage).collect(),
        contacts_dropped: count(m.dropped),
        contacts_recalled: count(m.recalled),
        contact_ids: m.contacts.iter().map(ToString::to_string).collect(),
        due_now: count(m.due_now),
        used_up: count(m.used_up.cases),
        used_up_case_ids: ids(&m.used_up),
        unnamed_stages: m.unnamed.iter().map(stage).collect(),
        next_batch_token: m.next.map_or_else(String::new, token),
    }
}

const fn obstacle(why: &Obstacle) -> v1::MigrationObstacle {
    match why {
        Obstacle::Currency(_) => v1::MigrationObstacle::Currency,
        Obstacle::Closed => v1::MigrationObstacle::Closed,
        Obstacle::Stage { .. } => v1::MigrationObstacle::Stage,
        Obstacle::Version => v1::MigrationObstacle::Version,
    }
}

fn in_words(why: &Obstacle) -> String {
    match why {
        Obstacle::Currency(takes) => format!("the other version takes cases in {takes} alone"),
        Obstacle::Closed => "closed cases stay as they ended".to_owned(),
        Obstacle::Stage { stage, like } => {
            let to = like.as_deref().unwrap_or("NEW");
            let guess = match like {
                Some(like) => format!(" (`{like}` looks like it)"),
                None => String::new(),
            };
            format!(
                "they stand in stage `{stage}`, of which the other version has none{guess}: say what became of it, \
                 such as {stage}={to}, or {stage}= for nothing"
            )
        }
        Obstacle::Version => "they are not pinned to the first version (any more)".to_owned(),
    }
}
