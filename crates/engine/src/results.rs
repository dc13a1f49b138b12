//! What is learned of contacts goes on record: what channels answered to sends (the second transaction of a contact,
//! its outcome and the next schedule), and what call-backs and carriers say of them later. Who comes while others are
//! at it leaves what they have; whoever is at it takes along all that waits. So what comes together is read, decided
//! and committed together, and what comes alone waits for nothing.

use crate::activity::Work;
use crate::dispatch::Outgoing;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::render::Content;
use crate::settle::{Evidence, Taken, WRITES_MAX};
use futures_util::FutureExt as _;
use recoup_channel::ChannelError;
use recoup_channel::wire::Receipt;
use recoup_domain::ids::{ContactId, TenantId};
use recoup_domain::sealed::Sealed;
use recoup_domain::{CaseId, contact::Contact};
use recoup_store::{Change, CommitError, Facts, Guard, StoreError};
use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// What is recorded together.
const TOGETHER: usize = 64;
/// The pause before an outcome is written again that the store was not there to take.
const AWAY: Duration = Duration::from_secs(1);
/// Who may be at it at once: while what one has reaches the disk, another decides.
const RECORDERS: usize = 2;

/// What is learned of a contact.
pub(crate) struct Learned {
    what: What,
    /// Ends when this is dropped.
    _work: Work,
}

enum What {
    /// A channel's answer to a send.
    Answer(Box<Answer>),
    /// What a call-back, or the answer to a cancel, says.
    Told(Told),
}

/// Its room in the channel is free when this is on record.
struct Answer {
    out: Outgoing,
    result: Result<Receipt, ChannelError>,
}

impl Answer {
    /// What a late answer says of a contact that was put in doubt meanwhile; none where it knows nothing either.
    fn as_evidence(&self) -> Option<Told> {
        let evidence = match &self.result {
            Ok(receipt) => Evidence::Taken(Taken {
                provider_ref: receipt.provider_ref.clone(),
                state: receipt.state.clone(),
            }),
            Err(error) if error.proves_not_sent() => Evidence::NeverHad,
            Err(_) => return None,
        };
        Some(Told {
            tenant: self.out.contact.tenant.clone(),
            contact: self.out.contact.id,
            evidence,
            actor: format!("channel:{}", self.out.lane.handle.name),
            beside: None,
        })
    }
}

/// Evidence from a channel.
pub(crate) struct Told {
    /// The lender.
    pub(crate) tenant: TenantId,
    /// Which contact.
    pub(crate) contact: ContactId,
    /// What is known of it now.
    pub(crate) evidence: Evidence,
    /// Who says so.
    pub(crate) actor: String,
    /// Personal data that came with it.
    pub(crate) beside: Option<Sealed>,
}

impl Learned {
    fn case(&self) -> CaseId {
        self.contact().case
    }

    const fn contact(&self) -> ContactId {
        match &self.what {
            What::Answer(answer) => answer.out.contact.id,
            What::Told(told) => told.contact,
        }
    }
}

/// What waits to go on record, each with whoever waits for it.
#[derive(Default)]
pub(crate) struct Results(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    learned: VecDeque<Item>,
    recorders: usize,
}

/// Something learned, and who hears how it ended; where nobody waits for it, the log does.
struct Item {
    learned: Learned,
    heard: oneshot::Sender<Done<()>>,
}

impl Item {
    /// The same with other words.
    fn of(mut self, told: Told) -> Self {
        self.learned.what = What::Told(told);
        self
    }

    fn ends(self, how: Done<()>) {
        if let Err(Err(error)) = self.heard.send(how) {
            let contact = self.learned.contact();
            tracing::error!(%contact, %error, "the outcome could not be written");
        }
    }
}

impl Results {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who records.
struct Recorder {
    engine: Engine,
    is_at_it: bool,
}

impl Recorder {
    /// What is recorded next; none where nothing waits, and this one is no recorder any more.
    fn next(&mut self) -> Option<Vec<Item>> {
        let mut waiting = self.engine.0.results.waiting();
        let count = waiting.learned.len().min(TOGETHER);
        if count == 0 {
            // Under the same lock as the look: who leaves something from now on finds that nobody takes it along.
            waiting.recorders -= 1;
            self.is_at_it = false;
            return None;
        }
        Some(waiting.learned.drain(..count).collect())
    }

    async fn record(mut self) {
        while let Some(batch) = self.next() {
            let engine = self.engine.clone();
            // Others have left here what they learned: it is seen to, whatever becomes of these.
            let recording = AssertUnwindSafe(engine.record_all(batch));
            if recording.catch_unwind().await.is_err() {
                tracing::error!("outcomes could not be written");
            }
            engine.0.wake.notify_one();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.is_at_it {
            self.engine.0.results.waiting().recorders -= 1;
        }
    }
}

impl Engine {
    /// Puts a channel's answer to a send on record.
    pub(crate) async fn record(
        &self,
        out: Outgoing,
        result: Result<Receipt, ChannelError>,
        work: Work,
    ) {
        let kind = result.as_ref().err().map(ChannelError::kind);
        let now = self.0.wall.now();
        out.lane.note_send(result.as_ref().err(), now);
        if let Some(calls) = self.0.channels.calls(&out.lane.handle.name) {
            calls.sends.add(kind.unwrap_or("accepted"));
        }
        if let Some(kind) = kind {
            tracing::warn!(contact = %out.contact.id, kind, "not accepted");
        }
        let what = What::Answer(Box::new(Answer { out, result }));
        drop(self.learn(Learned { what, _work: work }));
    }

    /// Puts evidence of a contact on record. Late, duplicate and weaker evidence changes nothing.
    ///
    /// # Errors
    /// Where it is not on record; whoever brought it may bring it again.
    pub(crate) async fn settle(&self, told: Told) -> Done<()> {
        let what = What::Told(told);
        let _work = self.0.activity.begin();
        let recorded = self.learn(Learned { what, _work });
        // Dropped unheard where the recorder panicked; the log says where.
        recorded.await.unwrap_or(Err(CommandError::Contended))
    }

    /// Leaves something to be recorded. Who finds nobody at it begins, on a task of its own: whoever brought it may
    /// go, and it takes along what others leave.
    fn learn(&self, learned: Learned) -> oneshot::Receiver<Done<()>> {
        let (heard, recorded) = oneshot::channel();
        if let Some(recorder) = self.leave(Item { learned, heard }) {
            // Not under the lock: a runtime that goes down drops it here and now, and that takes the lock.
            tokio::spawn(recorder.record());
        }
        recorded
    }

    /// Leaves an item among those that wait; one who records it where nobody else has the time.
    fn leave(&self, item: Item) -> Option<Recorder> {
        let mut waiting = self.0.results.waiting();
        waiting.learned.push_back(item);
        if waiting.recorders == RECORDERS {
            return None;
        }
        waiting.recorders += 1;
        Some(Recorder {
            engine: self.clone(),
            is_at_it: true,
        })
    }

    /// Records a batch; what is of facts that moved in between is decided anew.
    async fn record_all(&self, batch: Vec<Item>) {
        let mut todo = batch;
        let mut left = WRITES_MAX;
        while left > 0 {
            if todo.is_empty() {
                return;
            }
            let (again, is_away) = self.record_once(todo).await;
            todo = again;
            if is_away {
                // Nothing that a channel answered is forgotten because the store was not there to be told.
                tokio::time::sleep(AWAY).await;
            } else {
                left -= 1;
            }
        }
        for left in todo {
            left.ends(Err(CommandError::Contended));
        }
    }

    /// Answers what is to be decided anew, and whether the store was away. What the store cannot read or write of one
    /// costs that one alone.
    async fn record_once(&self, batch: Vec<Item>) -> (Vec<Item>, bool) {
        let mut ids: Vec<_> = batch.iter().map(|item| item.learned.case()).collect();
        ids.sort_unstable();
        ids.dedup();
        let by_case = match self.facts_of_each(ids).await {
            Ok(by_case) => by_case,
            Err(_) => return (told_of_absence(batch), true),
        };
        let (mut changes, mut after) = (Vec::new(), Vec::new());
        let (mut again, mut is_away) = (Vec::new(), false);
        for (n, item) in batch.into_iter().enumerate() {
            self.give_way(n).await;
            let facts = match by_case.get(&item.learned.case()) {
                Some(Ok(facts)) => facts,
                Some(Err(why)) => {
                    item.ends(Err(StoreError::Refused(why.clone()).into()));
                    continue;
                }
                None => {
                    let missing = not_there(item.learned.contact());
                    item.ends(Err(missing));
                    continue;
                }
            };
            match self.change_by(&item.learned, facts).await {
                Ok(Some((change, cancels))) => {
                    changes.push(change);
                    after.push((item, cancels));
                }
                Ok(None) => item.ends(Ok(())),
                Err(CommandError::Store(StoreError::Unavailable { .. }))
                    if matches!(item.learned.what, What::Answer(_)) =>
                {
                    is_away = true;
                    again.push(item);
                }
                Err(error) => item.ends(Err(error)),
            }
        }
        let results = self.0.store.commit_all(changes).await;
        for (result, (item, cancels)) in results.into_iter().zip(after) {
            match (result, &item.learned.what) {
                (Ok(_), _) => {
                    self.call_off(cancels);
                    item.ends(Ok(()));
                }
                // Somebody else has said what became of it, if only that nobody knows.
                (Err(CommitError::Stale(Guard::Contact(..))), What::Answer(answer)) => {
                    match answer.as_evidence() {
                        Some(told) => again.push(item.of(told)),
                        None => item.ends(Ok(())),
                    }
                }
                (Err(CommitError::Stale(_)), _) => again.push(item),
                (Err(CommitError::Store(StoreError::Unavailable { .. })), What::Answer(_)) => {
                    is_away = true;
                    again.push(item);
                }
                (Err(CommitError::Store(error)), _) => item.ends(Err(error.into())),
                (Err(error), _) => {
                    let refused = StoreError::Refused(error.to_string());
                    item.ends(Err(refused.into()));
                }
            }
        }
        (again, is_away)
    }

    /// The facts of each case that is there, or why they cannot be read.
    ///
    /// # Errors
    /// Where the store is away.
    async fn facts_of_each(
        &self,
        ids: Vec<CaseId>,
    ) -> Result<HashMap<CaseId, Result<Facts, String>>, StoreError> {
        match self.facts_of_many(&ids).await {
            Ok(all) => return Ok(all.into_iter().map(|f| (f.case.id, Ok(f))).collect()),
            Err(error @ StoreError::Unavailable { .. }) => return Err(error),
            Err(_) => {}
        }
        let mut each = HashMap::with_capacity(ids.len());
        for id in ids {
            match self.0.store.facts(&[id]).await {
                Ok(facts) => each.extend(facts.into_iter().map(|f| (f.case.id, Ok(f)))),
                Err(error @ StoreError::Unavailable { .. }) => return Err(error),
                Err(error) => {
                    each.insert(id, Err(error.to_string()));
                }
            }
        }
        Ok(each)
    }

    /// What something learned changes, and who is to be called off; none where it changes nothing. What goes wrong
    /// here, a panic included, costs this contact alone.
    async fn change_by(
        &self,
        learned: &Learned,
        facts: &Facts,
    ) -> Done<Option<(Change, Vec<Contact>)>> {
        let drafting = async {
            match &learned.what {
                What::Answer(answer) => self.draft_answer(answer, facts).await.map(Some),
                What::Told(told) => self.draft_told(told, facts).await,
            }
        };
        match AssertUnwindSafe(drafting).catch_unwind().await {
            Ok(Ok(Some(mut draft))) => {
                self.schedule_next(&mut draft, facts).await;
                draft.guard_all();
                Ok(Some(draft.finish()))
            }
            Ok(Ok(None)) => Ok(None),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                let why = "a panic; the log says where".to_owned();
                Err(StoreError::Refused(why).into())
            }
        }
    }

    async fn draft_answer(&self, answer: &Answer, facts: &Facts) -> Done<Draft> {
        let Answer { out, result } = answer;
        let actor = format!("channel:{}", out.lane.handle.name);
        let mut draft = self.draft_of(facts, &out.contact, &actor).await?;
        self.reseal(&mut draft, out, result).await?;
        crate::dispatch::note_result(&mut draft, out, result);
        self.end_if_overtaken(&mut draft, out, facts).await?;
        Ok(draft)
    }

    async fn draft_told(&self, told: &Told, facts: &Facts) -> Done<Option<Draft>> {
        let contact = self.0.store.contact(&told.tenant, told.contact).await?;
        let contact = contact.ok_or_else(|| not_there(told.contact))?;
        let mut draft = self.draft_of(facts, &contact, &told.actor).await?;
        if !crate::settle::apply(&mut draft, told.contact, &told.evidence) {
            return Ok(None);
        }
        if let Evidence::Taken(taken) = &told.evidence {
            self.keep_reference(&mut draft, &contact, taken).await?;
            let overtaken = self.is_overtaken(&draft, facts, &contact).await?;
            self.is_taken_after_all(&mut draft, &contact, facts, overtaken);
        }
        if let Some(sealed) = &told.beside {
            draft.seal_last(sealed.clone());
        }
        crate::stops::alarm_or_calm(&mut draft, facts);
        Ok(Some(draft))
    }

    /// Keeps how the carrier knows a contact, sealed with it.
    async fn keep_reference(
        &self,
        draft: &mut Draft,
        contact: &Contact,
        taken: &Taken,
    ) -> Done<()> {
        let mut content = Content::of(contact, &self.0.keys).await?;
        if !taken.provider_ref.is_empty() {
            content.provider_ref.clone_from(&taken.provider_ref);
        }
        if !taken.state.is_empty() {
            content.state.clone_from(&taken.state);
        }
        let key = self.0.keys.of(contact.party).await?;
        draft.reseal_contact(contact.id, content.seal(&key)?);
        Ok(())
    }

    /// A draft that holds a contact, its case, and whom it concerns.
    async fn draft_of(&self, facts: &Facts, contact: &Contact, actor: &str) -> Done<Draft> {
        let mut draft = self.draft_on(facts, actor);
        draft.hold_contact(contact.clone());
        self.hold_person(&mut draft, contact).await?;
        Ok(draft)
    }
}

/// Tells whoever can bring it again that the store is away; what nobody can is kept.
fn told_of_absence(batch: Vec<Item>) -> Vec<Item> {
    let (kept, told): (Vec<_>, Vec<_>) = batch
        .into_iter()
        .partition(|item| matches!(item.learned.what, What::Answer(_)));
    for item in told {
        let away = StoreError::Unavailable {
            what: "reading the facts of a contact",
            source: "the store is away".into(),
        };
        item.ends(Err(away.into()));
    }
    kept
}

fn not_there(contact: ContactId) -> CommandError {
    CommandError::NotFound {
        what: "contact",
        id: contact.to_string(),
    }
}
