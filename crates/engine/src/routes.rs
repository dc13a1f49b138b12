//! The generations of one channel in this process: which of them takes a contact, and what each has under way.

use crate::channels::{ChannelHandle, Refusals, Standing};
use jiff::Timestamp;
use recoup_channel::ChannelError;
use recoup_domain::contact::Contact;
use recoup_domain::ids::ContactId;
use recoup_domain::rollout::{Tally, is_in_share};
use recoup_store::figures::{Histogram, SECONDS, Spread};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Whether there is no room for a contact because its generation is full, or because it is left alone for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    Full,
    Rests(Duration),
}

/// A generation that takes calls.
pub(crate) struct Lane {
    pub(crate) handle: ChannelHandle,
    permits: Arc<Semaphore>,
    /// All of them.
    sends_max: usize,
    /// Kept free of sends, so that a channel full of them still reads its call-backs.
    callbacks: Arc<Semaphore>,
    refusals: Mutex<Option<Refusals>>,
    used: AtomicBool,
    seen: Seen,
}

/// What was seen of its sends, since this process has it.
struct Seen {
    sent: AtomicU64,
    failed: AtomicU64,
    rejected: AtomicU64,
    unknown: AtomicU64,
    seconds: Histogram,
}

/// What was seen of a generation's sends until some instant.
#[derive(Clone, Debug)]
pub struct Sends {
    /// Sends that came to an end.
    pub sent: u64,
    /// Of these, refused by no fault of the person's address.
    pub failed: u64,
    /// Of these, refused for the person's address.
    pub rejected: u64,
    /// Of these, ended with nobody knowing.
    pub unknown: u64,
    /// How long they took, in seconds.
    pub seconds: Spread,
}

impl Lane {
    pub(crate) fn new(handle: ChannelHandle) -> Self {
        let all = handle.in_flight_max() as usize;
        let for_callbacks = all / 4;
        let permits = Arc::new(Semaphore::new(all - for_callbacks));
        let callbacks = match for_callbacks {
            0 => permits.clone(),
            n => Arc::new(Semaphore::new(n)),
        };
        Self {
            handle,
            permits,
            sends_max: all - for_callbacks,
            callbacks,
            refusals: Mutex::default(),
            used: AtomicBool::new(false),
            seen: Seen {
                sent: AtomicU64::new(0),
                failed: AtomicU64::new(0),
                rejected: AtomicU64::new(0),
                unknown: AtomicU64::new(0),
                seconds: Histogram::new(SECONDS),
            },
        }
    }

    /// Room for one more contact under way.
    pub(crate) fn room(&self) -> Result<OwnedSemaphorePermit, NoRoom> {
        let may = match (self.handle.standing)() {
            Standing::Sound => true,
            Standing::OnTrial => self.permits.available_permits() == self.sends_max,
            Standing::Rests(left) => return Err(NoRoom::Rests(left)),
        };
        let permit = may.then(|| self.permits.clone().try_acquire_owned().ok());
        match permit {
            Some(permit) => permit.ok_or(NoRoom::Full),
            None => Err(NoRoom::Rests(Duration::ZERO)),
        }
    }

    /// Waits for room; none never, while it is there.
    pub(crate) async fn wait_for_room(&self) -> Option<OwnedSemaphorePermit> {
        self.permits.clone().acquire_owned().await.ok()
    }

    /// Waits for room to read a call-back.
    pub(crate) async fn wait_for_callback_room(&self) -> Option<OwnedSemaphorePermit> {
        self.callbacks.clone().acquire_owned().await.ok()
    }

    /// How many more contacts it may have under way.
    pub(crate) fn free(&self) -> usize {
        self.permits.available_permits()
    }

    /// Contacts and call-backs under way.
    pub(crate) fn in_flight(&self) -> u32 {
        let for_callbacks = self.handle.in_flight_max() as usize / 4;
        let free = u32::try_from(self.free() + for_callbacks).unwrap_or(u32::MAX);
        self.handle.in_flight_max().saturating_sub(free)
    }

    /// Notes how a send ended: its error, or none where it was accepted.
    pub(crate) fn note_send(&self, error: Option<&ChannelError>, at: Timestamp) {
        self.used.store(true, Ordering::Relaxed);
        self.seen.sent.fetch_add(1, Ordering::Relaxed);
        let counter = match error {
            None => None,
            // It says that the person's address is at fault; whether it is, the live one's rate tells.
            Some(error) if crate::dispatch::refuses_address(error) => Some(&self.seen.rejected),
            Some(error) if error.proves_not_sent() => Some(&self.seen.failed),
            Some(_) => Some(&self.seen.unknown),
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        *refusals = error.map(|error| Refusals {
            count: refusals.map_or(0, |r| r.count).saturating_add(1),
            kind: error.kind(),
            at,
        });
    }

    /// Notes how long a send took.
    pub(crate) fn note_time(&self, took: Duration) {
        self.seen.seconds.took(took);
    }

    pub(crate) fn refusals(&self) -> Option<Refusals> {
        *self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn was_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn sends(&self) -> Sends {
        Sends {
            sent: self.seen.sent.load(Ordering::Relaxed),
            failed: self.seen.failed.load(Ordering::Relaxed),
            rejected: self.seen.rejected.load(Ordering::Relaxed),
            unknown: self.seen.unknown.load(Ordering::Relaxed),
            seconds: self.seen.seconds.read(),
        }
    }
}

impl Sends {
    /// None yet.
    #[must_use]
    pub fn none() -> Self {
        Self {
            sent: 0,
            failed: 0,
            rejected: 0,
            unknown: 0,
            seconds: Spread::new(SECONDS),
        }
    }

    /// What came since an earlier look, nothing where that was of a time before it was started anew; `broken` of them ended
    /// by a panic or with their process.
    #[must_use]
    pub fn since(&self, earlier: &Self, broken: u64) -> Tally {
        let counts = self.seconds.counts.iter().zip(&earlier.seconds.counts);
        let counts: Vec<u64> = counts
            .map(|(now, then)| now.saturating_sub(*then))
            .collect();
        Tally {
            sent: self.sent.saturating_sub(earlier.sent),
            failed: self.failed.saturating_sub(earlier.failed),
            rejected: self.rejected.saturating_sub(earlier.rejected),
            unknown: self.unknown.saturating_sub(earlier.unknown),
            broken,
            p95_ms: p95_ms(self.seconds.bounds, &counts),
        }
    }
}

/// The upper bound of the bucket below which 95 of 100 lie; what is above all bounds counts as twice the last.
fn p95_ms(bounds: &[f64], counts: &[u64]) -> u64 {
    let all: u64 = counts.iter().sum();
    let mut below = 0;
    for (bucket, count) in counts.iter().enumerate() {
        below += count;
        if below * 100 >= all * 95 {
            let last = bounds.last().copied().unwrap_or_default();
            let bound = bounds.get(bucket).copied().unwrap_or(last * 2.0);
            return (bound * 1000.0) as u64;
        }
    }
    0
}

/// Which generation takes what.
#[derive(Clone)]
pub(crate) struct Routes {
    pub(crate) live: Arc<Lane>,
    /// The one that is tried, and its share of the new contacts in percent.
    pub(crate) tried: Option<(Arc<Lane>, u8)>,
    /// They take no new contacts, and what is theirs as long as they are here.
    pub(crate) leaving: Vec<Arc<Lane>>,
}

impl Routes {
    /// All of them, the live one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Lane>> {
        let tried = self.tried.iter().map(|(lane, _)| lane);
        std::iter::once(&self.live)
            .chain(tried)
            .chain(&self.leaving)
    }

    /// Those that take new contacts.
    pub(crate) fn taking(&self) -> impl Iterator<Item = &Arc<Lane>> {
        let tried = self.tried.iter().filter(|(_, share)| *share > 0);
        let tried = tried.map(|(lane, _)| lane);
        let is_live = self.tried.as_ref().is_none_or(|(_, share)| *share < 100);
        is_live.then_some(&self.live).into_iter().chain(tried)
    }

    /// The one that takes a new contact.
    pub(crate) fn of_new(&self, contact: ContactId) -> &Arc<Lane> {
        match &self.tried {
            Some((lane, share)) if is_in_share(contact, lane.handle.generation, *share) => lane,
            _ => &self.live,
        }
    }

    /// The one that has a contact: that of its intent while it is here, else the live one, which goes on with it by
    /// the same key.
    pub(crate) fn of(&self, contact: &Contact) -> &Arc<Lane> {
        let own = |lane: &&Arc<Lane>| lane.handle.generation == contact.generation;
        self.all().find(own).unwrap_or(&self.live)
    }

    pub(crate) fn lane(&self, generation: u32) -> Option<&Arc<Lane>> {
        self.all().find(|lane| lane.handle.generation == generation)
    }
}

#[cfg(test)]
mod tests {
    use super::p95_ms;

    #[test]
    fn the_95th_of_100_is_read_off_its_bucket() {
        let bounds = [0.01, 0.1, 1.0];
        for (counts, wanted) in [
            ([0, 0, 0, 0], 10),
            ([95, 5, 0, 0], 10),
            ([94, 6, 0, 0], 100),
            ([0, 0, 10, 0], 1000),
            ([1, 0, 0, 1], 2000),
        ] {
            assert_eq!(p95_ms(&bounds, &counts), wanted, "{counts:?}");
        }
    }
}
