//! SimulatePolicy: a policy replayed over the live portfolio. It only reads, works on a thread of its own, and ends where
//! its caller goes away.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use recoup_compliance::Packs;
use recoup_domain::case::PolicyPin;
use recoup_domain::ids::{CaseId, PartyId, TenantId};
use recoup_engine::commands::Portrait;
use recoup_engine::error::Done;
use recoup_policy::Policy;
use recoup_policy::diff::Matching;
use recoup_simulate::{
    Behaviour, DEFAULT_BEHAVIOUR, Difference, LoanCase, Person, Replay, Setting, Totals, Trail,
    report, summarize,
};
use recoup_store::CaseFilter;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::codegen::BoxStream;

use super::Edge;
use crate::api::recoup::v1;
use crate::api::recoup::v1::simulate_policy_response::Part;
use crate::convert::case;
use crate::convert::filter::{CASES, Filter};
use crate::convert::policy as convert_policy;
use crate::convert::read::Bad;
use crate::convert::simulation;
use crate::identity::Principal;
use crate::status;

/// Answers that wait for a slow reader; progress that finds no room is left out.
const ANSWERS_MAX: usize = 16;
/// Cases that are read and handed to the thread together.
const TOGETHER: usize = 256;
/// Parts that are read ahead of the thread.
const AHEAD: usize = 2;
/// How often progress is told.
const EVERY: Duration = Duration::from_millis(200);
/// Days where none are named.
const DAYS: i32 = 90;
/// The longest text of a policy or behaviour, in characters.
const YAML_MAX: usize = 1 << 20;

type Answers = mpsc::Sender<Result<v1::SimulatePolicyResponse, Status>>;

/// What is to be replayed.
pub(super) struct Question {
    policies: Vec<Asked>,
    filter: Filter<v1::Case>,
    is_filtered: bool,
    days: u32,
    seed: u64,
    behaviour: Behaviour,
    behaviour_text: String,
    with_report: bool,
    packs: Packs,
}

/// A policy of it.
struct Asked {
    name: String,
    policy: Arc<Policy>,
    /// SHA-256 of its text.
    hash: String,
}

/// A version by name and number, else a text.
type Read = (Option<(String, u32)>, String);

/// Which text or version, and the field that says so.
enum Named<'a> {
    Id(&'static str, &'a str),
    Text(&'static str, &'a str),
}

impl Edge {
    /// Reads what is asked for.
    pub(super) fn replay_asked(
        &self,
        tenant: &TenantId,
        body: &v1::SimulatePolicyRequest,
    ) -> Result<Question, Status> {
        use v1::simulate_policy_request::{Against, Subject};
        let mut bad = Bad::new();
        let first = match &body.subject {
            None => {
                bad.missing("policy_id");
                None
            }
            Some(Subject::PolicyId(id)) => Some(Named::Id("policy_id", id)),
            Some(Subject::Yaml(text)) => Some(Named::Text("yaml", text)),
        };
        let second = body.against.as_ref().map(|against| match against {
            Against::AgainstPolicyId(id) => Named::Id("against_policy_id", id),
            Against::AgainstYaml(text) => Named::Text("against_yaml", text),
        });
        let named: Vec<Named<'_>> = first.into_iter().chain(second).collect();
        let read: Vec<Option<Read>> = named.iter().map(|n| n.read(&mut bad)).collect();
        let filter = Filter::read_at(&mut bad, "case_filter", &body.case_filter, CASES);
        let days = match body.days {
            0 => Some(DAYS),
            given => Some(given).filter(|d| (1..=recoup_simulate::DAYS_MAX as i32).contains(d)),
        };
        if days.is_none() {
            bad.invalid(
                "days",
                format!("is {}; it must be from 1 to 400", body.days),
            );
        }
        let text = bad.short("behaviour_yaml", &body.behaviour_yaml, YAML_MAX);
        let text = text.map(|t| {
            if t.is_empty() {
                DEFAULT_BEHAVIOUR.to_owned()
            } else {
                t
            }
        });
        let behaviour = text.as_ref().and_then(|text| match Behaviour::parse(text) {
            Ok(behaviour) => Some(behaviour),
            Err(error) => {
                bad.invalid("behaviour_yaml", error.to_string());
                None
            }
        });
        let (((filter, days), behaviour), behaviour_text) =
            bad.check(filter.zip(days).zip(behaviour).zip(text))?;
        let mut policies = Vec::new();
        for (named, read) in named.iter().zip(read) {
            let Some((version, text)) = read else {
                continue;
            };
            let compiled = self.asked(tenant, version, &text);
            let compiled = compiled.map_err(|e| status::of_command_at(e, named.field()))?;
            policies.push(compiled);
        }
        let (packs, _) = self.engine.law_and_hash("");
        Ok(Question {
            policies,
            filter,
            is_filtered: !body.case_filter.trim().is_empty(),
            days: u32::try_from(days).unwrap_or(1),
            seed: if body.seed == 0 { 1 } else { body.seed },
            behaviour,
            behaviour_text,
            with_report: body.with_report,
            packs,
        })
    }

    fn asked(&self, tenant: &TenantId, version: Option<(String, u32)>, text: &str) -> Done<Asked> {
        Ok(match version {
            Some((name, version)) => {
                let (stored, policy) = self.engine.compiled(tenant, &name, version)?;
                Asked {
                    name: convert_policy::policy_id(&name, version),
                    policy,
                    hash: stored.hash,
                }
            }
            None => {
                let policy = self.engine.compile(tenant, text)?;
                let (_, hash) = self.engine.law_and_hash(text);
                Asked {
                    name: policy.name().to_owned(),
                    policy: Arc::new(policy),
                    hash,
                }
            }
        })
    }

    /// Replays until everything is told or nobody listens any more.
    pub(super) fn replay(
        &self,
        who: Principal,
        question: Question,
        place: OwnedSemaphorePermit,
    ) -> BoxStream<v1::SimulatePolicyResponse> {
        let (to, answers) = mpsc::channel(ANSWERS_MAX);
        let edge = self.clone();
        tokio::spawn(async move {
            let _place = place;
            let replayed = edge.tell_replay(&who.tenant, question, &to);
            let ended = tokio::select! {
                ended = replayed => ended,
                // What it reads is dropped where it stands, and its thread ends for lack of people.
                () = edge.stopping.cancelled() => Err(status::not_serving()),
                () = to.closed() => Ok(()),
            };
            if let Err(status) = ended {
                let _ = to.try_send(Err(status));
            }
        });
        Box::pin(ReceiverStream::new(answers))
    }

    async fn tell_replay(
        &self,
        tenant: &TenantId,
        question: Question,
        to: &Answers,
    ) -> Result<(), Status> {
        let start = self.now();
        let mut cases = self.cases_to_replay(tenant, &question).await?;
        // All cases of a person together, in an order that the portfolio alone decides.
        cases.sort_unstable();
        let question = Arc::new(question);
        let (people, taken) = mpsc::channel::<Vec<Person>>(AHEAD);
        let work = {
            let (edge, question, tenant) = (self.clone(), question.clone(), tenant.clone());
            let (to, total) = (to.clone(), cases.len());
            move || live(&edge, (&question, &tenant), (start, total), taken, &to)
        };
        let working = tokio::task::spawn_blocking(work);
        for part in parts(&cases) {
            let ids: Vec<CaseId> = part.iter().map(|(_, case)| *case).collect();
            let read = self.engine.portraits(&ids).await;
            let read = read.map_err(status::of_command)?;
            if people.send(persons(read)).await.is_err() {
                break;
            }
        }
        drop(people);
        let lived = working.await;
        let lived = lived.map_err(|_| status::internal("a replay panicked"))?;
        let Some(lived) = lived else {
            return Ok(());
        };
        let result = self.told(tenant, &question, start, &lived);
        let answer = v1::SimulatePolicyResponse {
            part: Some(Part::Result(result)),
        };
        let _ = to.send(Ok(answer)).await;
        Ok(())
    }

    async fn cases_to_replay(
        &self,
        tenant: &TenantId,
        question: &Question,
    ) -> Result<Vec<(PartyId, CaseId)>, Status> {
        if !question.is_filtered {
            let all = self.engine.open_cases(tenant).await;
            return all.map_err(status::of_command);
        }
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let narrow = CaseFilter::default();
            let chunk = self.engine.cases(tenant, &narrow, after, TOGETHER).await;
            let chunk = chunk.map_err(status::of_command)?;
            for view in chunk.rows.iter().filter(|v| v.case.closed.is_none()) {
                if question.filter.holds(&case::render(view)) {
                    all.push((view.case.borrower, view.case.id));
                }
            }
            after = chunk.rows.last().map(|v| v.case.id);
            if !chunk.more || after.is_none() {
                return Ok(all);
            }
        }
    }

    fn told(
        &self,
        tenant: &TenantId,
        question: &Question,
        start: Timestamp,
        lived: &Lived,
    ) -> v1::SimulationResult {
        let difference = match &lived.lived[..] {
            [(_, a), (_, b)] => Some(Difference::between(a, b)),
            _ => None,
        };
        let channels = self.engine.names(tenant).channels;
        let has = |name: &str| channels.contains_key(name);
        let settings = question
            .policies
            .iter()
            .map(|p| question.setting(p, start, &has));
        let named: Vec<(Setting<'_>, &str, &Totals)> = settings
            .zip(&question.policies)
            .zip(&lived.lived)
            .map(|((s, p), (totals, _))| (s, p.name.as_str(), totals))
            .collect();
        let label = |case: usize| {
            lived
                .cases
                .get(case)
                .map_or_else(String::new, CaseId::to_string)
        };
        let summary = summarize(&named, difference.as_ref(), &label);
        let html = match question.with_report {
            true => report::html(&summary, &question.behaviour_text),
            false => String::new(),
        };
        simulation::result(&summary, start, html)
    }
}

impl Named<'_> {
    const fn field(&self) -> &'static str {
        match self {
            Self::Id(field, _) | Self::Text(field, _) => field,
        }
    }

    /// The version, or the text.
    fn read(&self, bad: &mut Bad) -> Option<Read> {
        match self {
            Self::Id(field, id) => {
                let version = convert_policy::version(bad, field, id)?;
                Some((Some(version), String::new()))
            }
            Self::Text(field, text) => Some((None, bad.text(field, text, YAML_MAX)?)),
        }
    }
}

impl Question {
    fn setting<'a>(
        &'a self,
        asked: &'a Asked,
        start: Timestamp,
        has: &'a (dyn recoup_decide::ChannelNames + Sync),
    ) -> Setting<'a> {
        Setting {
            policy: &asked.policy,
            packs: &self.packs,
            behaviour: &self.behaviour,
            channels: has,
            visitors: 0,
            start,
            days: self.days,
            seed: self.seed,
        }
    }
}

/// What was lived.
struct Lived {
    lived: Vec<(Totals, Vec<Trail>)>,
    /// The cases in the order of their trails.
    cases: Vec<CaseId>,
}

/// A policy's name and version.
type Version = (String, u32);

/// What became of the steps of versions in a policy, each found once.
#[derive(Default)]
struct Became(RefCell<HashMap<Version, Option<Rc<Matching>>>>);

impl Became {
    fn of(&self, pin: &PolicyPin, find: impl FnOnce() -> Option<Matching>) -> Option<Rc<Matching>> {
        let mut known = self.0.borrow_mut();
        let found = known.entry((pin.name.clone(), pin.version));
        found.or_insert_with(|| find().map(Rc::new)).clone()
    }
}

/// Replays people as they come in; none where the caller went away before the last.
fn live(
    edge: &Edge,
    (question, tenant): (&Question, &TenantId),
    (start, total): (Timestamp, usize),
    mut people: mpsc::Receiver<Vec<Person>>,
    to: &Answers,
) -> Option<Lived> {
    let channels = edge.engine.names(tenant).channels;
    let has = |name: &str| channels.contains_key(name);
    let asked = &question.policies;
    let mut replays: Vec<Replay<'_>> = asked
        .iter()
        .map(|p| Replay::new(question.setting(p, start, &has)))
        .collect();
    let mut trails: Vec<Vec<Trail>> = vec![Vec::with_capacity(total); asked.len()];
    let became: Vec<Became> = asked.iter().map(|_| Became::default()).collect();
    let mut cases = Vec::with_capacity(total);
    let mut told = Instant::now();
    while let Some(part) = people.blocking_recv() {
        for person in part {
            if to.is_closed() {
                return None;
            }
            cases.extend(person.cases.iter().map(|loan| loan.case.id));
            let each = replays.iter_mut().zip(asked).zip(&became);
            for (((replay, asked), became), trails) in each.zip(&mut trails) {
                let mut own = person.clone();
                own.pin(&asked.policy, &asked.hash, |pin| {
                    let find = || edge.engine.became(tenant, pin, &asked.policy);
                    became.of(pin, find)
                });
                let from = trails.len();
                trails.resize(from + own.cases.len(), Trail::NOTHING);
                replay.live(own, &mut trails[from..]);
            }
        }
        if told.elapsed() >= EVERY {
            told = Instant::now();
            let progress = v1::SimulationProgress {
                cases_done: count(cases.len()),
                cases_total: count(total.max(cases.len())),
            };
            let part = Some(Part::Progress(progress));
            let _ = to.try_send(Ok(v1::SimulatePolicyResponse { part }));
        }
    }
    let totals = replays.into_iter().map(|r| r.totals);
    Some(Lived {
        lived: totals.zip(trails).collect(),
        cases,
    })
}

/// Parts of sorted cases that end where a person ends.
fn parts(cases: &[(PartyId, CaseId)]) -> impl Iterator<Item = &[(PartyId, CaseId)]> {
    let mut rest = cases;
    std::iter::from_fn(move || {
        let last = rest.get(TOGETHER.min(rest.len()).checked_sub(1)?)?.0;
        let end = rest.partition_point(|(person, _)| *person <= last);
        let (part, behind) = rest.split_at(end);
        rest = behind;
        Some(part)
    })
}

/// People of the cases, in the order of their ids.
fn persons(mut read: Vec<Portrait>) -> Vec<Person> {
    read.sort_by_key(|p| (p.facts.borrower.id, p.facts.case.id));
    let mut people: Vec<Person> = Vec::new();
    for portrait in read {
        let facts = portrait.facts;
        let loan = LoanCase::by_id(
            facts.case,
            portrait.waiting,
            portrait.lifts,
            portrait.visitors,
        );
        match people.last_mut() {
            Some(person) if person.borrower.id == facts.borrower.id => person.cases.push(loan),
            _ => people.push(Person::by_id(facts.borrower, vec![loan], facts.contacts)),
        }
    }
    people
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_where_a_person_ends() {
        let person = |n: usize| PartyId::from_bytes((n as u128).to_be_bytes());
        let case = |n: usize| CaseId::from_bytes((n as u128).to_be_bytes());
        // Everybody has three cases: 256 is in the middle of somebody.
        let all: Vec<_> = (0..1_000).map(|n| (person(n / 3), case(n))).collect();
        let found: Vec<_> = parts(&all).collect();
        assert_eq!(found.concat(), all);
        assert_eq!(found.len(), 4);
        for pair in found.windows(2) {
            assert_ne!(pair[0].last().unwrap().0, pair[1][0].0);
        }
        assert_eq!(parts(&[]).count(), 0);
    }
}
