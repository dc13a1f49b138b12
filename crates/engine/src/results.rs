//! What channels answered goes on record: the second transaction of a contact, its outcome and the next schedule.
//! Who comes while others are at it leaves what they have and goes; whoever is at it takes along all that waits. So
//! answers that come together are read, decided and committed together, and one that comes alone waits for nothing.

use crate::activity::Work;
use crate::dispatch::Outgoing;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::Done;
use crate::many::give_way;
use crate::settle::WRITES_MAX;
use futures_util::FutureExt as _;
use recoup_channel::ChannelError;
use recoup_channel::wire::Receipt;
use recoup_domain::CaseId;
use recoup_domain::contact::Contact;
use recoup_store::{Change, CommitError, Facts, Guard};
use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Answers that are recorded together.
const TOGETHER: usize = 64;
/// Who may be at it at once: while the answers of one reach the disk, another decides.
const RECORDERS: usize = 2;

/// What a channel answered to a contact. Its room in the channel is free when it is on record.
pub(crate) struct Answered {
    out: Outgoing,
    result: Result<Receipt, ChannelError>,
    /// Ends when this is dropped.
    _work: Work,
}

impl Answered {
    pub(crate) const fn new(
        out: Outgoing,
        result: Result<Receipt, ChannelError>,
        work: Work,
    ) -> Self {
        Self {
            out,
            result,
            _work: work,
        }
    }
}

/// The answers that wait.
#[derive(Default)]
pub(crate) struct Results(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    answers: VecDeque<Answered>,
    recorders: usize,
}

impl Results {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves an answer. Whether whoever left it is to record, since nobody else has the time.
    fn leave(&self, answer: Answered) -> Option<Recorder<'_>> {
        let mut waiting = self.waiting();
        waiting.answers.push_back(answer);
        if waiting.recorders == RECORDERS {
            return None;
        }
        waiting.recorders += 1;
        Some(Recorder(Some(self)))
    }
}

/// One who records.
struct Recorder<'r>(Option<&'r Results>);

impl Recorder<'_> {
    /// What is recorded next; none where nothing waits, and this one is no recorder any more.
    fn next(&mut self) -> Option<Vec<Answered>> {
        let mut waiting = self.0?.waiting();
        let count = waiting.answers.len().min(TOGETHER);
        if count == 0 {
            // Under the same lock as the look: who leaves an answer from now on finds that nobody takes it along.
            waiting.recorders -= 1;
            self.0 = None;
            return None;
        }
        Some(waiting.answers.drain(..count).collect())
    }
}

impl Drop for Recorder<'_> {
    fn drop(&mut self) {
        if let Some(results) = self.0 {
            results.waiting().recorders -= 1;
        }
    }
}

impl Engine {
    /// Sees to it that an answer goes on record.
    pub(crate) async fn record(&self, answer: Answered) {
        self.note_answer(&answer);
        let Some(mut recorder) = self.0.results.leave(answer) else {
            return;
        };
        while let Some(batch) = recorder.next() {
            // Others have left their answers here: they are seen to, whatever becomes of these.
            let recording = AssertUnwindSafe(self.record_all(batch));
            if recording.catch_unwind().await.is_err() {
                tracing::error!("outcomes could not be written");
            }
            self.0.wake.notify_one();
        }
    }

    fn note_answer(&self, answer: &Answered) {
        let kind = answer.result.as_ref().err().map(ChannelError::kind);
        let name = &answer.out.handle.name;
        self.0.channels.note_send(name, kind, self.0.wall.now());
        if let Some(kind) = kind {
            tracing::warn!(contact = %answer.out.contact.id, kind, "not accepted");
        }
    }

    /// Records a batch; those whose facts moved in between are decided anew.
    async fn record_all(&self, batch: Vec<Answered>) {
        let mut todo = batch;
        for _ in 0..WRITES_MAX {
            if todo.is_empty() {
                return;
            }
            todo = self.record_once(todo).await;
        }
        for left in todo {
            let contact = left.out.contact.id;
            tracing::error!(%contact, "the outcome could not be written: its facts keep moving");
        }
    }

    /// Answers those that are to be decided anew. What the store cannot read or write of one costs that one alone.
    async fn record_once(&self, batch: Vec<Answered>) -> Vec<Answered> {
        let mut ids: Vec<_> = batch.iter().map(|a| a.out.contact.id.case).collect();
        ids.sort_unstable();
        ids.dedup();
        let by_case = self.facts_of_each(ids).await;
        let (mut changes, mut after) = (Vec::new(), Vec::new());
        for (n, answer) in batch.into_iter().enumerate() {
            give_way(n).await;
            let Some(facts) = by_case.get(&answer.out.contact.id.case) else {
                continue;
            };
            if let Some((change, cancels)) = self.result_of(&answer, facts).await {
                changes.push(change);
                after.push((answer, cancels));
            }
        }
        let results = self.0.store.commit_all(changes).await;
        let mut again = Vec::new();
        for (result, (answer, cancels)) in results.into_iter().zip(after) {
            match result {
                Ok(_) => self.call_off(cancels),
                // Somebody else has said what became of it.
                Err(CommitError::Stale(Guard::Contact(..))) => {}
                Err(CommitError::Stale(_)) => again.push(answer),
                Err(CommitError::Store(error)) => {
                    let contact = answer.out.contact.id;
                    tracing::error!(%contact, %error, "the outcome could not be written");
                }
                Err(error) => {
                    let contact = answer.out.contact.id;
                    tracing::error!(%contact, %error, "an outcome was refused");
                }
            }
        }
        again
    }

    async fn facts_of_each(&self, ids: Vec<CaseId>) -> HashMap<CaseId, Facts> {
        let mut found = Vec::with_capacity(ids.len());
        match self.facts_of_many(&ids).await {
            Ok(all) => found = all,
            Err(_) => {
                for case in ids {
                    match self.0.store.facts(&[case]).await {
                        Ok(facts) => found.extend(facts),
                        Err(error) => {
                            tracing::error!(%case, %error, "the outcome could not be written");
                        }
                    }
                }
            }
        }
        found.into_iter().map(|f| (f.case.id, f)).collect()
    }

    /// What an answer changes, and who is to be called off; none where that cannot be said, which costs this contact
    /// alone.
    async fn result_of(&self, answer: &Answered, facts: &Facts) -> Option<(Change, Vec<Contact>)> {
        let drafting = AssertUnwindSafe(self.draft_result(answer, facts));
        let why = match drafting.catch_unwind().await {
            Ok(Ok(draft)) => return Some(draft.finish()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "a panic; the log says where".to_owned(),
        };
        let contact = answer.out.contact.id;
        tracing::error!(%contact, error = why, "the outcome could not be written");
        None
    }

    async fn draft_result(&self, answer: &Answered, facts: &Facts) -> Done<Draft> {
        let Answered { out, result, .. } = answer;
        let mut draft = self.draft_on(facts, &format!("channel:{}", out.handle.name));
        draft.hold_contact(out.contact.clone());
        self.hold_person(&mut draft, &out.contact).await?;
        self.reseal(&mut draft, out, result).await?;
        crate::dispatch::note_result(&mut draft, out, result);
        self.end_if_overtaken(&mut draft, out, facts).await;
        self.schedule_next(&mut draft, facts).await;
        draft.guard_all();
        Ok(draft)
    }
}
