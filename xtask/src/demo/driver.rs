//! The people outside, on the virtual clock: they follow what happens, and act at their own instants.

use std::collections::BTreeMap;
use std::sync::Arc;

use recoup::api::recoup::v1 as pb;
use recoup::api::recoup::v1::event::Detail;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::DemoError;
use super::acts::{Call, Ended, People};
use super::behaviour::{self, Act, News};
use super::cases::{Cases, instant_us};
use super::clock::{Clock, Said};
use super::live::LiveLine;
use super::roll::{Roll, Told};
use super::visits::{self, Reported, Visit};
use super::watch::Watch;

/// Calls under way at once, at most.
const CALLS_MAX: usize = 32;

/// How the run goes.
pub(crate) struct Plan {
    /// Everything the people do is a function of this and of what happens.
    pub(crate) seed: u64,
    /// The instant at which the run ends.
    pub(crate) end_us: i64,
    /// The accounts whose months the file tells. Their money is the file's and no other.
    pub(crate) roll: Option<Roll>,
    /// Where the sandbox is controlled, `http://host:port`.
    pub(crate) control: String,
    /// The sandbox's calendar, `http://host:port`.
    pub(crate) calendar: String,
}

/// What somebody will do.
enum Due {
    Act { case_id: String, act: Act },
    Told { reference: String, told: Told },
}

/// What a finished call brings.
enum Finished {
    Case { case_id: String, ended: Ended },
    Told(Ended),
    Talked { case_id: String, contact_id: String },
    Nothing,
    Window(Option<Visit>),
    Reports(Vec<Reported>),
    Reported(Ended),
}

/// The driver.
pub(crate) struct Driver {
    people: People,
    clock: Clock,
    watch: Watch,
    plan: Plan,
    /// What it knows of the cases.
    pub(crate) cases: Cases,
    /// Calls that the service refused, by reason.
    pub(crate) refused: BTreeMap<String, u64>,
    live: LiveLine,
    agenda: BTreeMap<(i64, u64), Due>,
    numbered: u64,
    calls: JoinSet<Result<Finished, DemoError>>,
    room: Arc<Semaphore>,
    visits: Vec<Visit>,
    /// Whether the last question was answered by a look at the field app's reports.
    looked: bool,
    now_us: i64,
    /// Questions since the clock moved. The second comes when everybody has answered the first, and so has
    /// read the new instant: only then does anybody act, or a party would take the call at the old one.
    asked: u32,
    position: i64,
}

impl Driver {
    /// A driver that has joined the clock.
    pub(crate) fn new(people: People, clock: Clock, mut plan: Plan, live: LiveLine) -> Self {
        let watch = Watch::start(people.agent.clone());
        let told = plan
            .roll
            .as_mut()
            .map(|roll| std::mem::take(&mut roll.told));
        let mut driver = Self {
            people,
            clock,
            watch,
            plan,
            cases: Cases::default(),
            refused: BTreeMap::new(),
            live,
            agenda: BTreeMap::new(),
            numbered: 0,
            calls: JoinSet::new(),
            room: Arc::new(Semaphore::new(CALLS_MAX)),
            visits: Vec::new(),
            looked: false,
            now_us: i64::MIN,
            asked: 0,
            position: 0,
        };
        for (at_us, reference, told) in told.unwrap_or_default() {
            driver.put(at_us, Due::Told { reference, told });
        }
        driver
    }

    /// Runs to the end; the clock is held there until [`finish`](Self::finish).
    pub(crate) async fn run(&mut self) -> Result<(), DemoError> {
        while self.now_us < self.plan.end_us || !self.calls.is_empty() {
            tokio::select! {
                said = self.clock.hear() => match said? {
                    Said::Now { us } => self.step_to(us),
                    Said::Ask { n, position } => self.answer(n, position).await?,
                },
                event = self.watch.next() => {
                    let event = event?;
                    self.take(&event);
                    self.start_due();
                }
                Some(finished) = self.calls.join_next() => {
                    let finished = finished
                        .map_err(|error| DemoError::Failed(format!("a call ended: {error}")))??;
                    self.settle(finished);
                    self.start_due();
                }
            }
        }
        self.catch_up().await
    }

    /// Takes in what was recorded until the end; the clock stands still meanwhile.
    async fn catch_up(&mut self) -> Result<(), DemoError> {
        loop {
            tokio::select! {
                biased;
                event = self.watch.next() => self.cases.take(&note(event?, &mut self.position)),
                said = self.clock.hear() => if let Said::Ask { n, position } = said? {
                    self.clock.busy(n).await?;
                    if self.position >= position {
                        self.live.end();
                        return Ok(());
                    }
                },
            }
        }
    }

    /// Leaves the clock, which then stands still for good.
    pub(crate) async fn finish(self) -> Result<Cases, DemoError> {
        self.clock.leave().await?;
        Ok(self.cases)
    }

    fn step_to(&mut self, us: i64) {
        self.now_us = us;
        self.asked = 0;
        self.looked = false;
        self.live.show(us, &self.cases);
    }

    async fn answer(&mut self, n: u64, position: i64) -> Result<(), DemoError> {
        self.asked += 1;
        self.start_due();
        let is_quiet = self.calls.is_empty() && !self.has_due() && self.position >= position;
        if !is_quiet || self.now_us >= self.plan.end_us {
            return self.clock.busy(n).await;
        }
        // The field app has its reports at the appointment. A look that found none is followed by a quiet
        // answer: then the sandbox itself says whether it still has some, and the question comes again.
        let at_a_door = self.visits.iter().any(|visit| visit.from_us <= self.now_us);
        if at_a_door && !self.looked {
            self.looked = true;
            let (control, calendar) = (self.plan.control.clone(), self.plan.calendar.clone());
            self.calls.spawn(async move {
                Ok(Finished::Reports(visits::fetch(&control, &calendar).await?))
            });
            return self.clock.busy(n).await;
        }
        self.looked = false;
        let next = self.agenda.keys().next().map(|(at_us, _)| *at_us);
        let next = next.map_or(self.plan.end_us, |at_us| at_us.min(self.plan.end_us));
        self.clock.quiet(n, Some(next)).await
    }

    fn put(&mut self, at_us: i64, due: Due) {
        self.numbered += 1;
        self.agenda.insert((at_us, self.numbered), due);
    }

    fn has_due(&self) -> bool {
        let first = self.agenda.keys().next();
        first.is_some_and(|(at_us, _)| *at_us <= self.now_us)
    }

    /// Starts everything whose instant has come.
    fn start_due(&mut self) {
        if self.asked < 2 {
            return;
        }
        while let Some(entry) = self.agenda.first_entry()
            && entry.key().0 <= self.now_us
            && self.now_us < self.plan.end_us
        {
            match entry.remove() {
                Due::Act { case_id, act } => self.start_act(case_id, act),
                Due::Told { reference, told } => self.start_told(&reference, told),
            }
        }
    }

    fn call(&mut self, case_id: &str) -> Option<Call> {
        let case = self
            .cases
            .by_id
            .get_mut(case_id)
            .filter(|case| !case.closed)?;
        let call = Call {
            case_id: case_id.to_owned(),
            case: case.clone(),
            now_us: self.now_us,
        };
        Some(call)
    }

    fn start_act(&mut self, case_id: String, act: Act) {
        let moves_money = matches!(act, Act::Pay { .. } | Act::PayPromised { .. });
        let Some(call) = self.call(&case_id) else {
            return; // closed meanwhile
        };
        if moves_money {
            if call.case.overdue_minor <= 0 {
                return;
            }
            self.count_payment(&case_id);
        }
        let (people, room) = (self.people.clone(), Arc::clone(&self.room));
        self.calls.spawn(async move {
            let _permit = room.acquire().await;
            let ended = call.act(&people, act).await?;
            Ok(Finished::Case { case_id, ended })
        });
    }

    fn count_payment(&mut self, case_id: &str) {
        if let Some(case) = self.cases.by_id.get_mut(case_id) {
            case.payments += 1;
        }
    }

    fn start_told(&mut self, reference: &str, told: Told) {
        let open = self.cases.open_by_ref.get(reference).cloned();
        let (people, room) = (self.people.clone(), Arc::clone(&self.room));
        match (told, open.and_then(|case_id| self.call(&case_id))) {
            (Told::Paid { minor }, Some(call)) => {
                self.count_payment(&call.case_id.clone());
                self.calls.spawn(async move {
                    let _permit = room.acquire().await;
                    Ok(Finished::Told(call.pay(&people, minor).await?))
                });
            }
            (Told::Statement { overdue, .. }, Some(call)) => {
                self.calls.spawn(async move {
                    let _permit = room.acquire().await;
                    Ok(Finished::Told(call.statement(&people, overdue).await?))
                });
            }
            (
                Told::Statement {
                    month,
                    overdue: Some(_),
                },
                None,
            ) => {
                let previous = self.cases.newest_by_ref.get(reference).map(String::as_str);
                let Some(roll) = &self.plan.roll else {
                    return;
                };
                let request = roll.opening(reference, month, previous);
                self.calls.spawn(async move {
                    let _permit = room.acquire().await;
                    let answer = people.agent.cases().open_case(request?).await;
                    let ended = super::acts::ended("open a case", answer.map(drop))?;
                    Ok(Finished::Told(ended))
                });
            }
            // Nothing is owed in collection: the money or the clean statement is none of our business.
            (Told::Paid { .. } | Told::Statement { .. }, None) => {}
        }
    }

    fn settle(&mut self, finished: Finished) {
        match finished {
            Finished::Case { case_id, ended } => {
                if let Ended::Promised { days } = ended {
                    let case = self.cases.by_id.get_mut(&case_id);
                    case.into_iter().for_each(|case| case.seen.promises += 1);
                    self.react(&case_id, self.now_us, &News::Promised { days });
                }
                self.note_refusal(ended);
            }
            Finished::Told(ended) | Finished::Reported(ended) => self.note_refusal(ended),
            Finished::Talked {
                case_id,
                contact_id,
            } => {
                let news = News::Conversation {
                    contact_id: &contact_id,
                };
                self.react(&case_id, self.now_us, &news);
            }
            Finished::Nothing => {}
            Finished::Window(visit) => self.visits.extend(visit),
            Finished::Reports(reports) => {
                for reported in reports {
                    self.report(&reported);
                }
            }
        }
    }

    fn note_refusal(&mut self, ended: Ended) {
        if let Ended::Refused(reason) = ended {
            *self.refused.entry(reason).or_default() += 1;
        }
    }

    fn report(&mut self, reported: &Reported) {
        let Some(at) = reported.find(&self.visits) else {
            let reason = "report a visit: it was called off meanwhile".to_owned();
            *self.refused.entry(reason).or_default() += 1;
            return;
        };
        let visit = self.visits.swap_remove(at);
        let request = reported.request(&visit.contact_id);
        let (people, room) = (self.people.clone(), Arc::clone(&self.room));
        self.calls.spawn(async move {
            let _permit = room.acquire().await;
            let answer = people.agent.contacts().report_outcome(request?).await;
            let ended = super::acts::ended("report a visit", answer.map(drop))?;
            Ok(Finished::Reported(ended))
        });
    }

    fn take(&mut self, event: &pb::Event) {
        self.position = self.position.max(event.position);
        self.cases.take(event);
        let at_us = instant_us(event.time.as_ref());
        let id = event.contact_id.as_str();
        match (&event.detail, event.kind()) {
            (Some(Detail::CaseOpened(_)), _) => self.react(&event.case_id, at_us, &News::Opened),
            (Some(Detail::Contact(contact)), kind) => match kind {
                pb::EventKind::ContactPlanned => {
                    self.react(&event.case_id, at_us, &News::Waits { contact_id: id });
                }
                pb::EventKind::ContactAccepted if contact.channel == "visit" => {
                    self.look_up_visit(&event.case_id, id.to_owned());
                }
                pb::EventKind::ContactEffected => {
                    self.visits.retain(|visit| visit.contact_id != id);
                    let channel = contact.channel.as_str();
                    self.react(&event.case_id, at_us, &News::Effected { channel });
                    if channel == "phone" {
                        self.look_up_call(&event.case_id, id.to_owned());
                    }
                }
                pb::EventKind::ContactFailed
                | pb::EventKind::ContactUnknown
                | pb::EventKind::ContactCancelled
                | pb::EventKind::ContactCancelUnknown => {
                    self.visits.retain(|visit| visit.contact_id != id);
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// The event does not say whether the person was spoken to; asked where it would move somebody.
    fn look_up_call(&mut self, case_id: &str, contact_id: String) {
        let Some(case) = self.cases.by_id.get(case_id) else {
            return;
        };
        if !behaviour::would_promise(self.plan.seed, &case.case_ref, case.seen) {
            return;
        }
        let case_id = case_id.to_owned();
        let (people, room) = (self.people.clone(), Arc::clone(&self.room));
        self.calls.spawn(async move {
            let _permit = room.acquire().await;
            let contact = people.contact(&contact_id).await?;
            Ok(match contact.outcome() {
                pb::Outcome::Conversation => Finished::Talked {
                    case_id,
                    contact_id,
                },
                _ => Finished::Nothing,
            })
        });
    }

    /// The event does not say when the appointment is.
    fn look_up_visit(&mut self, case_id: &str, contact_id: String) {
        let case = self.cases.by_id.get(case_id);
        let case_ref = case.map(|case| case.case_ref.clone()).unwrap_or_default();
        let (people, room) = (self.people.clone(), Arc::clone(&self.room));
        self.calls.spawn(async move {
            let _permit = room.acquire().await;
            let contact = people.contact(&contact_id).await?;
            let on_its_way = contact.state() == pb::ContactState::Accepted;
            Ok(Finished::Window(on_its_way.then(|| Visit {
                contact_id,
                case_ref,
                from_us: instant_us(contact.effect_start_time.as_ref()),
                to_us: instant_us(contact.effect_end_time.as_ref()),
            })))
        });
    }

    fn react(&mut self, case_id: &str, at_us: i64, news: &News<'_>) {
        let Some(case) = self.cases.by_id.get(case_id).filter(|case| !case.closed) else {
            return;
        };
        let acts = behaviour::react(self.plan.seed, &case.case_ref, case.seen, news);
        let files_money = self.plan.roll.is_some();
        for (after_us, act) in acts {
            let moves_money = matches!(act, Act::Pay { .. } | Act::PayPromised { .. });
            if moves_money && files_money {
                continue;
            }
            let case_id = case_id.to_owned();
            self.put(at_us + after_us, Due::Act { case_id, act });
        }
    }
}

fn note(event: pb::Event, position: &mut i64) -> pb::Event {
    *position = (*position).max(event.position);
    event
}
