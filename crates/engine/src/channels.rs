//! The channels that are loaded, and how much each may have under way.

use jiff::Timestamp;
use recoup_channel::wire::ChannelDescriptor;
use recoup_channel::{Clock, DynChannel};
use recoup_decide::{ChannelNames, Presence};
use recoup_domain::ContactClass;
use recoup_domain::contact::Contact;
use recoup_domain::ids::ContactId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use crate::clock::Wall;
use crate::figures::Calls;
use crate::routes::{Lane, Routes, Sends};

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
    /// The number of the generation, from 1.
    pub generation: u32,
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

impl ChannelNames for Channels {
    fn presence(&self, name: &str) -> Presence {
        let all = self.read();
        if all.slots.contains_key(name) {
            Presence::Here
        } else if all.awaited.contains(name) {
            Presence::Awaited
        } else {
            Presence::Unknown
        }
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

/// A generation of a channel in this process.
#[derive(Clone, Debug)]
pub struct GenerationInfo {
    /// Its number.
    pub generation: u32,
    /// Contacts and call-backs under way.
    pub in_flight: u32,
    /// Sends that were not accepted, since one last was.
    pub refusals: Option<Refusals>,
    /// Whether anything was sent by it in this process.
    pub used: bool,
    /// What was seen of its sends.
    pub sends: Sends,
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

/// All channels of the configuration.
pub(crate) struct Channels(RwLock<All>);

struct All {
    /// Those that are loaded, by name.
    slots: BTreeMap<String, Arc<Slot>>,
    /// Those that could not be loaded so far.
    awaited: BTreeSet<String>,
}

/// What came of saying who takes a channel's contacts.
pub(crate) enum Routed {
    /// Nothing was changed.
    No,
    /// It is so now.
    Done,
    /// It is, and the channel was not there before; it makes this kind of contact.
    Joined(ContactClass),
}

struct Slot {
    /// The kind of contact it makes, whichever generation does.
    class: ContactClass,
    routes: RwLock<Arc<Routes>>,
    calls: Arc<Calls>,
}

impl Slot {
    fn new(handle: ChannelHandle) -> Self {
        let class = handle.class;
        let routes = Routes {
            live: Arc::new(Lane::new(handle)),
            tried: None,
            leaving: Vec::new(),
        };
        Self {
            class,
            routes: RwLock::new(Arc::new(routes)),
            calls: Arc::default(),
        }
    }

    fn routes(&self) -> Arc<Routes> {
        self.routes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// As [`Channels::route`].
    fn route(&self, handles: Vec<ChannelHandle>, live: u32, tried: Option<(u32, u8)>) -> bool {
        let mut held = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let known = handles.into_iter().filter(|h| h.class == self.class);
        let mut lanes: Vec<Arc<Lane>> = known
            .map(|handle| match held.lane(handle.generation) {
                Some(lane) => lane.clone(),
                None => Arc::new(Lane::new(handle)),
            })
            .collect();
        let mut out = |number: u32| {
            let found = lanes.iter().position(|l| l.handle.generation == number)?;
            Some(lanes.swap_remove(found))
        };
        let Some(live) = out(live) else {
            return false;
        };
        let tried = tried.and_then(|(number, share)| Some((out(number)?, share)));
        *held = Arc::new(Routes {
            live,
            tried,
            leaving: lanes,
        });
        true
    }
}

impl Channels {
    /// `awaited` are the names of those that could not be loaded so far.
    pub(crate) fn new(
        handles: Vec<ChannelHandle>,
        awaited: impl IntoIterator<Item = String>,
    ) -> Self {
        let slot = |handle: ChannelHandle| (handle.name.clone(), Arc::new(Slot::new(handle)));
        Self(RwLock::new(All {
            slots: handles.into_iter().map(slot).collect(),
            awaited: awaited.into_iter().collect(),
        }))
    }

    fn read(&self) -> RwLockReadGuard<'_, All> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        self.read().slots.get(name).cloned()
    }

    /// The generation that takes contacts which no other is tried with.
    pub(crate) fn live(&self, name: &str) -> Option<Arc<Lane>> {
        Some(self.slot(name)?.routes().live.clone())
    }

    /// The kind of contact that a channel makes; none for one that is not there.
    pub(crate) fn class(&self, name: &str) -> Option<ContactClass> {
        self.slot(name).map(|s| s.class)
    }

    /// The generation that takes a new contact.
    pub(crate) fn of_new(&self, name: &str, contact: ContactId) -> Option<Arc<Lane>> {
        Some(self.slot(name)?.routes().of_new(contact).clone())
    }

    /// The generation that has a contact, or goes on with it.
    pub(crate) fn of(&self, contact: &Contact) -> Option<Arc<Lane>> {
        let slot = self.slot(&contact.channel)?;
        Some(slot.routes().of(contact).clone())
    }

    /// Names and classes, for policies.
    pub(crate) fn names(&self) -> BTreeMap<String, ContactClass> {
        let all = self.read();
        let named = all.slots.iter().map(|(name, s)| (name.clone(), s.class));
        named.collect()
    }

    /// What is counted of a channel's calls.
    pub(crate) fn calls(&self, name: &str) -> Option<Arc<Calls>> {
        self.slot(name).map(|s| s.calls.clone())
    }

    /// How many more contacts it may have under way, whichever generation takes them; no bound for a channel that is
    /// not there.
    pub(crate) fn free(&self, name: &str) -> usize {
        let Some(slot) = self.slot(name) else {
            return usize::MAX;
        };
        let routes = slot.routes();
        let free = routes.taking().map(|lane| lane.free());
        free.min().unwrap_or(usize::MAX)
    }

    pub(crate) fn list(&self) -> Vec<ChannelInfo> {
        let info = |s: &Arc<Slot>| {
            let routes = s.routes();
            let live = &routes.live;
            ChannelInfo {
                handle: live.handle.clone(),
                in_flight: routes.all().map(|lane| lane.in_flight()).sum(),
                refusals: live.refusals(),
                used: routes.all().any(|lane| lane.was_used()),
            }
        };
        self.read().slots.values().map(info).collect()
    }

    /// Every generation of a channel that is in this process, the live one first.
    pub(crate) fn generations(&self, name: &str) -> Vec<GenerationInfo> {
        let Some(slot) = self.slot(name) else {
            return Vec::new();
        };
        let info = |lane: &Arc<Lane>| GenerationInfo {
            generation: lane.handle.generation,
            in_flight: lane.in_flight(),
            refusals: lane.refusals(),
            used: lane.was_used(),
            sends: lane.sends(),
        };
        slot.routes().all().map(info).collect()
    }

    /// Who takes what from now on. Generations that are here already stay what they are; nothing changes where the live
    /// one is not among them, or is of another class than the channel. An awaited channel joins those that are here.
    pub(crate) fn route(
        &self,
        name: &str,
        handles: Vec<ChannelHandle>,
        live: u32,
        tried: Option<(u32, u8)>,
    ) -> Routed {
        let done = |slot: &Slot, handles| match slot.route(handles, live, tried) {
            true => Routed::Done,
            false => Routed::No,
        };
        if let Some(slot) = self.slot(name) {
            return done(&slot, handles);
        }
        let Some(first) = handles.iter().find(|h| h.generation == live) else {
            return Routed::No;
        };
        let slot = Slot::new(first.clone());
        let class = slot.class;
        if !slot.route(handles, live, tried) {
            return Routed::No;
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !all.awaited.remove(name) {
            return Routed::No;
        }
        all.slots.insert(name.to_owned(), Arc::new(slot));
        Routed::Joined(class)
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
