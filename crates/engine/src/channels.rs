//! The channels that are loaded, and how much each may have under way.

use jiff::Timestamp;
use recoup_channel::wire::ChannelDescriptor;
use recoup_channel::{Clock, DynChannel};
use recoup_domain::ContactClass;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Wall;
use crate::figures::Calls;

/// In-flight contacts of a channel whose descriptor names no number.
const IN_FLIGHT_DEFAULT: u32 = 16;
/// In-flight contacts of any channel.
const IN_FLIGHT_MAX: u32 = 256;

/// A channel that is loaded.
#[derive(Clone)]
pub struct ChannelHandle {
    /// The name policies use.
    pub name: String,
    /// The kind of contact it makes.
    pub class: ContactClass,
    /// What its library says of itself.
    pub descriptor: ChannelDescriptor,
    /// SHA-256 of the library, hexadecimal.
    pub digest: String,
    /// The channel itself.
    pub channel: Arc<dyn DynChannel>,
    /// The desk a referral goes to.
    pub desk: Option<String>,
    /// How it stands with its host: contacts of one that is left alone wait before their intent.
    pub standing: AskStanding,
}

/// How a channel stands with its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Calls go through.
    Sound,
    /// It failed again and again, and is tried with one call.
    OnTrial,
    /// It failed again and again, and is left alone for so long.
    Rests(Duration),
}

/// Asks a host how a channel stands. It answers at once.
pub type AskStanding = Arc<dyn Fn() -> Standing + Send + Sync>;

impl Standing {
    /// For a channel that no host watches over.
    #[must_use]
    pub fn always_sound() -> AskStanding {
        Arc::new(|| Self::Sound)
    }
}

impl std::fmt::Debug for ChannelHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChannelHandle({}, {})", self.name, self.class)
    }
}

impl ChannelHandle {
    /// Whether an accepted contact can be called off at the carrier.
    #[must_use]
    pub fn can_cancel(&self) -> bool {
        self.descriptor
            .capabilities
            .as_ref()
            .is_some_and(|c| c.cancel)
    }

    /// Whether the carrier can be asked what became of a contact.
    #[must_use]
    pub fn can_query(&self) -> bool {
        self.descriptor
            .capabilities
            .as_ref()
            .is_some_and(|c| c.status_query)
    }

    /// How many contacts it may have under way.
    #[must_use]
    pub fn in_flight_max(&self) -> u32 {
        let said = self
            .descriptor
            .capabilities
            .as_ref()
            .map_or(0, |c| c.max_in_flight);
        if said == 0 {
            IN_FLIGHT_DEFAULT
        } else {
            said.min(IN_FLIGHT_MAX)
        }
    }
}

impl recoup_decide::ChannelNames for Channels {
    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// A channel as an operator sees it.
#[derive(Clone, Debug)]
pub struct ChannelInfo {
    /// The channel.
    pub handle: ChannelHandle,
    /// Contacts under way.
    pub in_flight: u32,
    /// Sends that were not accepted, since one last was; none where the last one was.
    pub refusals: Option<Refusals>,
    /// Whether anything was sent by it since the start; what was before is not remembered here.
    pub used: bool,
}

/// Sends in a row that a channel did not accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusals {
    /// How many.
    pub count: u32,
    /// The kind of the newest error, such as `auth`.
    pub kind: &'static str,
    /// When that was.
    pub at: Timestamp,
}

/// All channels that are loaded, by name.
pub(crate) struct Channels(BTreeMap<String, Slot>);

struct Slot {
    handle: ChannelHandle,
    permits: Arc<Semaphore>,
    /// All of them.
    sends_max: usize,
    /// Kept free of sends, so that a channel full of them still reads its call-backs.
    callbacks: Arc<Semaphore>,
    refusals: Mutex<Option<Refusals>>,
    used: AtomicBool,
    calls: Calls,
}

impl Channels {
    pub(crate) fn new(handles: Vec<ChannelHandle>) -> Self {
        let slot = |handle: ChannelHandle| {
            let all = handle.in_flight_max() as usize;
            let for_callbacks = all / 4;
            let permits = Arc::new(Semaphore::new(all - for_callbacks));
            let callbacks = match for_callbacks {
                0 => permits.clone(),
                n => Arc::new(Semaphore::new(n)),
            };
            let slot = Slot {
                handle,
                permits,
                sends_max: all - for_callbacks,
                callbacks,
                refusals: Mutex::default(),
                used: AtomicBool::new(false),
                calls: Calls::default(),
            };
            (slot.handle.name.clone(), slot)
        };
        Self(handles.into_iter().map(slot).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&ChannelHandle> {
        self.0.get(name).map(|s| &s.handle)
    }

    /// Names and classes, for policies.
    pub(crate) fn names(&self) -> BTreeMap<String, ContactClass> {
        self.0
            .iter()
            .map(|(name, s)| (name.clone(), s.handle.class))
            .collect()
    }

    /// Notes how a send ended: the kind of its error, or none where it was accepted.
    pub(crate) fn note_send(&self, name: &str, error: Option<&'static str>, at: Timestamp) {
        let Some(slot) = self.0.get(name) else {
            return;
        };
        slot.used.store(true, Ordering::Relaxed);
        slot.calls.sends.add(error.unwrap_or("accepted"));
        let mut refusals = slot.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        *refusals = error.map(|kind| Refusals {
            count: refusals.map_or(0, |r| r.count).saturating_add(1),
            kind,
            at,
        });
    }

    /// What is counted of a channel's calls.
    pub(crate) fn calls(&self, name: &str) -> Option<&Calls> {
        self.0.get(name).map(|s| &s.calls)
    }

    /// Room for one more contact under way; none where the channel is full or left alone.
    pub(crate) fn room(&self, name: &str) -> Option<OwnedSemaphorePermit> {
        let slot = self.0.get(name)?;
        let may = match (slot.handle.standing)() {
            Standing::Sound => true,
            Standing::OnTrial => slot.permits.available_permits() == slot.sends_max,
            Standing::Rests(_) => false,
        };
        may.then(|| slot.permits.clone().try_acquire_owned().ok())?
    }

    /// How long a channel is left alone, where it is not to be called, or by one call alone.
    pub(crate) fn rests(&self, name: &str) -> Option<Duration> {
        match (self.0.get(name)?.handle.standing)() {
            Standing::Sound => None,
            Standing::OnTrial => Some(Duration::ZERO),
            Standing::Rests(left) => Some(left),
        }
    }

    /// How many more contacts it may have under way; no bound for a channel that is not there.
    pub(crate) fn free(&self, name: &str) -> usize {
        self.0
            .get(name)
            .map_or(usize::MAX, |s| s.permits.available_permits())
    }

    /// Waits for room; none for a channel that is not there.
    pub(crate) async fn wait_for_room(&self, name: &str) -> Option<OwnedSemaphorePermit> {
        let permits = self.0.get(name)?.permits.clone();
        permits.acquire_owned().await.ok()
    }

    /// Waits for room to read a call-back; none for a channel that is not there.
    pub(crate) async fn wait_for_callback_room(&self, name: &str) -> Option<OwnedSemaphorePermit> {
        let permits = self.0.get(name)?.callbacks.clone();
        permits.acquire_owned().await.ok()
    }

    pub(crate) fn list(&self) -> Vec<ChannelInfo> {
        let info = |s: &Slot| {
            let for_callbacks = s.handle.in_flight_max() as usize / 4;
            let free = s.permits.available_permits() + for_callbacks;
            let free = u32::try_from(free).unwrap_or(u32::MAX);
            let in_flight = s.handle.in_flight_max().saturating_sub(free);
            ChannelInfo {
                handle: s.handle.clone(),
                in_flight,
                refusals: *s.refusals.lock().unwrap_or_else(PoisonError::into_inner),
                used: s.used.load(Ordering::Relaxed),
            }
        };
        self.0.values().map(info).collect()
    }
}

/// The engine's clocks as channels read them.
pub struct ChannelClock {
    wall: Arc<dyn Wall>,
    origin: std::time::Instant,
}

impl ChannelClock {
    /// Wall time from `wall`, monotonic time from the system.
    #[must_use]
    pub fn new(wall: Arc<dyn Wall>) -> Self {
        Self {
            wall,
            origin: std::time::Instant::now(),
        }
    }
}

impl Clock for ChannelClock {
    fn wall_unix_ms(&self) -> i64 {
        // Held against `not_after`.
        self.wall.latest().as_millisecond()
    }

    fn mono_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
