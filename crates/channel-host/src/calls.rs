//! The calls in flight on one instance. An id is instance, generation and slot: a completion that
//! comes too late, twice or from an older instance finds nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use recoup_channel::Call;
use tokio::sync::oneshot;

const INDEX_BITS: u32 = 24;
const GENERATION_BITS: u32 = 24;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;
const GENERATION_MASK: u64 = (1 << GENERATION_BITS) - 1;

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The library completed it.
    Completed { status: i32, bytes: Vec<u8> },
    /// The library completed it with more bytes than may cross.
    TooLarge { bytes: u64 },
    /// The library did not take it, with this code.
    NotTaken(i32),
    /// Its process is gone, and the call had come so far.
    Died { how: String, stage: Stage },
}

/// How far a call had come when it was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It waits for the instance's thread: the library has not seen it.
    Queued,
    /// The library has it.
    Handed,
}

#[derive(Debug)]
pub(crate) struct Calls {
    instance: u16,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    all: Vec<Slot>,
    free: Vec<usize>,
    live: usize,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u64,
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    answer: oneshot::Sender<Answer>,
    call: Call,
    stage: Stage,
}

impl Calls {
    pub(crate) fn new(instance: u16) -> Self {
        Self {
            instance,
            slots: Mutex::default(),
        }
    }

    /// A new call; `None` where `limit` are in flight.
    pub(crate) fn insert(
        &self,
        call: Call,
        limit: usize,
    ) -> Option<(u64, oneshot::Receiver<Answer>)> {
        let mut slots = self.slots();
        if slots.live >= limit {
            return None;
        }
        let index = match slots.free.pop() {
            Some(index) => index,
            None => {
                slots.all.push(Slot::default());
                slots.all.len() - 1
            }
        };
        slots.live += 1;
        let (answer, wait) = oneshot::channel();
        let slot = &mut slots.all[index];
        slot.generation = (slot.generation + 1) & GENERATION_MASK;
        slot.pending = Some(Pending {
            answer,
            call,
            stage: Stage::Queued,
        });
        let id = (u64::from(self.instance) << (INDEX_BITS + GENERATION_BITS))
            | (slot.generation << INDEX_BITS)
            | (index as u64 & INDEX_MASK);
        Some((id, wait))
    }

    /// The library gets the call now; `None` where nobody waits for it any more.
    pub(crate) fn hand_over(&self, id: u64) -> Option<Call> {
        let mut slots = self.slots();
        let pending = self.find(&mut slots, id)?.pending.as_mut()?;
        pending.stage = Stage::Handed;
        Some(pending.call.clone())
    }

    /// The caller's view of a call that is in flight.
    pub(crate) fn call(&self, id: u64) -> Option<Call> {
        let mut slots = self.slots();
        Some(self.find(&mut slots, id)?.pending.as_ref()?.call.clone())
    }

    /// Ends a call. False: no such call, or it is over.
    pub(crate) fn finish(&self, id: u64, answer: Answer) -> bool {
        let Some(pending) = self.take(id) else {
            return false;
        };
        // Nobody may be waiting by now; the slot is free either way.
        let _ = pending.answer.send(answer);
        true
    }

    /// Gives a call up; `None` where it is over.
    pub(crate) fn forget(&self, id: u64) -> Option<Stage> {
        self.take(id).map(|pending| pending.stage)
    }

    /// Ends every call that is in flight: the instance's process is gone.
    pub(crate) fn all_died(&self, how: &str) {
        let pending: Vec<Pending> = {
            let mut slots = self.slots();
            let Slots { all, free, live } = &mut *slots;
            let taken = all.iter_mut().enumerate();
            let taken = taken.filter_map(|(index, slot)| Some((index, slot.pending.take()?)));
            let (indices, pending): (Vec<_>, Vec<_>) = taken.unzip();
            free.extend(indices);
            *live = 0;
            pending
        };
        for one in pending {
            let how = how.to_owned();
            let stage = one.stage;
            let _ = one.answer.send(Answer::Died { how, stage });
        }
    }

    /// How many are in flight.
    pub(crate) fn live(&self) -> usize {
        self.slots().live
    }

    fn take(&self, id: u64) -> Option<Pending> {
        let mut slots = self.slots();
        let pending = self.find(&mut slots, id)?.pending.take()?;
        slots.live -= 1;
        slots.free.push((id & INDEX_MASK) as usize);
        Some(pending)
    }

    fn find<'a>(&self, slots: &'a mut Slots, id: u64) -> Option<&'a mut Slot> {
        if id >> (INDEX_BITS + GENERATION_BITS) != u64::from(self.instance) {
            return None;
        }
        let slot = slots.all.get_mut((id & INDEX_MASK) as usize)?;
        (slot.generation == (id >> INDEX_BITS) & GENERATION_MASK).then_some(slot)
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use recoup_channel::Clock;
    use std::sync::Arc;
    use std::time::Duration;

    struct Still;
    impl Clock for Still {
        fn wall_unix_ms(&self) -> i64 {
            0
        }
        fn mono_ns(&self) -> u64 {
            0
        }
    }

    fn call() -> Call {
        Call::new(Duration::from_secs(1), Arc::new(Still))
    }

    fn done() -> Answer {
        Answer::Completed {
            status: 0,
            bytes: Vec::new(),
        }
    }

    #[test]
    fn a_call_ends_once_and_its_slot_is_used_again_under_another_id() {
        let calls = Calls::new(7);
        let (first, _wait) = calls.insert(call(), 1).expect("a slot");
        assert!(calls.insert(call(), 1).is_none(), "one is the limit");
        assert!(calls.finish(first, done()));
        assert!(
            !calls.finish(first, done()),
            "the second completion is stale"
        );
        let (second, _wait) = calls.insert(call(), 1).expect("the slot is free");
        assert_ne!(first, second);
        assert!(
            !calls.finish(first, done()),
            "the old id does not hit the new call"
        );
        assert_eq!(calls.live(), 1);
    }

    #[test]
    fn another_instances_id_finds_nothing() {
        let (old, new) = (Calls::new(1), Calls::new(2));
        let (id, _wait) = old.insert(call(), 9).expect("a slot");
        let (_, _wait2) = new.insert(call(), 9).expect("a slot");
        assert!(!new.finish(id, done()));
        assert_eq!((old.live(), new.live()), (1, 1));
        assert!(!new.finish(u64::MAX, done()));
    }

    #[test]
    fn a_forgotten_call_says_how_far_it_came() {
        let calls = Calls::new(1);
        let (queued, _wait) = calls.insert(call(), 9).expect("a slot");
        let (handed, _wait2) = calls.insert(call(), 9).expect("a slot");
        assert!(calls.hand_over(handed).is_some());
        assert_eq!(calls.forget(queued), Some(Stage::Queued));
        assert_eq!(calls.forget(handed), Some(Stage::Handed));
        assert_eq!(calls.forget(handed), None);
        assert!(
            calls.hand_over(queued).is_none(),
            "the library never sees it"
        );
    }
}
