//! What the core does for one instance of a channel, wherever the instance lives.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use prost::Message;
use recoup_channel::Clock;
use recoup_channel::abi::{MESSAGE_BYTES_MAX, code};
use recoup_channel::wire::Inbound;

use crate::calls::{Answer, Calls};
use crate::services::Services;
use crate::{BlobSource, LoadSpec, Sink, blob};

pub(crate) const LOG_BYTES_MAX: usize = 16 * 1024;

/// The core's side of one instance: its calls, and what it may ask for.
pub(crate) struct Context {
    pub(crate) name: String,
    pub(crate) calls: Calls,
    clock: Arc<dyn Clock>,
    /// The descriptor's, once it is known.
    pub(crate) metrics: OnceLock<Vec<String>>,
    secrets: BTreeMap<String, String>,
    blobs: Arc<dyn BlobSource>,
    sink: Arc<dyn Sink>,
    tickets: Arc<AtomicU64>,
    stale: AtomicU64,
    failed: AtomicBool,
    printed: AtomicU64,
    leaked: AtomicU64,
}

impl Context {
    pub(crate) fn new(spec: &LoadSpec, tickets: Arc<AtomicU64>) -> Arc<Self> {
        static INSTANCES: AtomicU16 = AtomicU16::new(1);
        Arc::new(Self {
            name: spec.name.clone(),
            calls: Calls::new(INSTANCES.fetch_add(1, Ordering::Relaxed)),
            clock: spec.clock.clone(),
            metrics: OnceLock::new(),
            secrets: spec.secrets.clone(),
            blobs: spec.blobs.clone(),
            sink: spec.sink.clone(),
            tickets,
            stale: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            printed: AtomicU64::new(0),
            leaked: AtomicU64::new(0),
        })
    }

    /// Completions that found no call.
    pub(crate) fn stale(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }

    /// True for the first who asks, and for nobody after that.
    pub(crate) fn first_failure(&self) -> bool {
        !self.failed.swap(true, Ordering::SeqCst)
    }

    /// It printed a line.
    pub(crate) fn count_printed(&self) {
        self.printed.fetch_add(1, Ordering::Relaxed);
    }

    /// Lines that it printed, and texts of it that held a secret.
    pub(crate) fn manners(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.printed), of(&self.leaked))
    }

    /// A completion found no call.
    pub(crate) fn count_stale(&self) {
        self.stale.fetch_add(1, Ordering::Relaxed);
    }

    /// A secret that slipped into a text does not get on.
    pub(crate) fn without_secrets(&self, mut text: String) -> String {
        for secret in self.secrets.values().filter(|secret| secret.len() >= 4) {
            if text.contains(secret.as_str()) {
                self.leaked.fetch_add(1, Ordering::Relaxed);
                text = text.replace(secret.as_str(), "[secret]");
            }
        }
        text
    }
}

impl Services for Context {
    fn complete(&self, id: u64, status: i32, bytes: &[u8]) -> i32 {
        let fits = bytes.len() <= MESSAGE_BYTES_MAX;
        let answer = if fits {
            Answer::Completed {
                status,
                bytes: bytes.to_vec(),
            }
        } else {
            Answer::TooLarge {
                bytes: bytes.len() as u64,
            }
        };
        if !self.calls.finish(id, answer) {
            self.count_stale();
            return code::STALE;
        }
        if fits { code::OK } else { code::INVALID }
    }

    fn began(&self, id: u64) -> i32 {
        let Some(call) = self.calls.call(id) else {
            return code::STALE;
        };
        match call.began() {
            Ok(()) => code::OK,
            Err(_) => code::REFUSED,
        }
    }

    fn event(&self, bytes: &[u8]) -> u64 {
        let Ok(inbound) = Inbound::decode(bytes) else {
            tracing::warn!(channel = %self.name, "an event that is no Inbound was dropped");
            return 0;
        };
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        if self.sink.event(ticket, inbound) {
            ticket
        } else {
            0
        }
    }

    fn log(&self, level: i32, line: &[u8]) {
        let line = String::from_utf8_lossy(&line[..line.len().min(LOG_BYTES_MAX)]);
        let line = self.without_secrets(line.into_owned());
        let channel = &self.name;
        match level {
            i32::MIN..=0 => tracing::trace!(%channel, "{line}"),
            1 => tracing::debug!(%channel, "{line}"),
            2 => tracing::info!(%channel, "{line}"),
            3 => tracing::warn!(%channel, "{line}"),
            4.. => tracing::error!(%channel, "{line}"),
        }
    }

    fn metric(&self, id: u32, value: f64) {
        let named = self.metrics.get().and_then(|all| all.get(id as usize));
        if let Some(name) = named {
            self.sink.metric(name, value);
        }
    }

    fn secret(&self, name: &[u8]) -> Option<Vec<u8>> {
        let name = std::str::from_utf8(name).ok()?;
        let found = self.secrets.get(name).map(|s| s.clone().into_bytes());
        if found.is_none() {
            tracing::warn!(channel = %self.name, secret = %name,
                "the channel asked for a secret that it is not granted");
        }
        found
    }

    fn wall_unix_ms(&self) -> i64 {
        self.clock.wall_unix_ms()
    }

    fn mono_ns(&self) -> u64 {
        self.clock.mono_ns()
    }

    fn open_blob(&self, sha256: &[u8; 32]) -> Result<(OwnedFd, u64), i32> {
        match blob::open(&*self.blobs, sha256) {
            Ok(opened) => Ok(opened),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(code::NOT_FOUND),
            Err(error) => {
                tracing::error!(channel = %self.name, %error, "an attachment cannot be opened");
                Err(code::REFUSED)
            }
        }
    }
}
