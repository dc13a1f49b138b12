//! What the server itself counts: calls, connections, call-backs, rows of imports, watchers, certificates.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use recoup_store::figures::{Counts, SECONDS, Spread};
use tonic::Code;

/// The code of a call whose caller went away, or that took longer than `limits.request_timeout_ms`: nobody was
/// answered by its handler.
pub const ABANDONED: &str = "ABANDONED";

/// What the server counts. Everything begins at 0 with the process.
#[derive(Debug, Default)]
pub struct Meters {
    calls: Counts<(Arc<str>, &'static str)>,
    call_seconds: Mutex<BTreeMap<Arc<str>, Spread>>,
    calls_under_way: AtomicUsize,
    /// Streams by method and by the code of their end.
    pub stream_ends: Counts<(Arc<str>, &'static str)>,
    /// Connections by what became of them: `served`, `refused`, `handshake_failed`, `handshake_timeout`.
    pub connections: Counts<&'static str>,
    /// Connections that are open.
    pub connections_open: AtomicUsize,
    /// Call-backs by the class of their answer, such as `2xx`.
    pub callbacks: Counts<&'static str>,
    /// Rows of imports by what became of them: `opened`, `already_open`, `refused`, `failed`.
    pub import_rows: Counts<&'static str>,
    /// Watchers of events.
    pub watchers: AtomicUsize,
    /// Watchers whose stream ended because they read too slowly.
    pub watchers_slow: AtomicUsize,
    /// Looks at changed certificates: `taken`, `unusable`.
    pub certificates: Counts<&'static str>,
    /// When the certificates in use end, in seconds since 1970, UTC: `server`, `client_ca`.
    certificate_ends: Mutex<BTreeMap<&'static str, i64>>,
}

impl Meters {
    /// A call began; it is counted when this ends.
    pub fn call(self: &Arc<Self>, method: Arc<str>) -> CallMeter {
        self.calls_under_way.fetch_add(1, Ordering::Relaxed);
        CallMeter {
            meters: Arc::clone(self),
            method,
            begun: Instant::now(),
            code: ABANDONED,
        }
    }

    /// One more of something, until what this gives is dropped.
    #[must_use]
    pub fn one_more(self: &Arc<Self>, of: fn(&Self) -> &AtomicUsize) -> OneMore {
        of(self).fetch_add(1, Ordering::Relaxed);
        OneMore(Arc::clone(self), of)
    }

    /// Calls by method and code.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<(Arc<str>, &'static str), u64> {
        self.calls.read()
    }

    /// How long calls took to their answer, in seconds, by method.
    #[must_use]
    pub fn call_seconds(&self) -> BTreeMap<Arc<str>, Spread> {
        self.call_seconds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Certificates were put in use that end then (seconds since 1970, UTC), by whose they are.
    pub fn certificates_end(&self, at: BTreeMap<&'static str, i64>) {
        *self
            .certificate_ends
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// When the certificates in use end, in seconds since 1970, UTC: `server`, `client_ca`.
    #[must_use]
    pub fn certificate_ends(&self) -> BTreeMap<&'static str, i64> {
        self.certificate_ends
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Calls that have no answer yet.
    #[must_use]
    pub fn calls_under_way(&self) -> usize {
        self.calls_under_way.load(Ordering::Relaxed)
    }
}

/// Counts as long as it lives.
#[derive(Debug)]
pub struct OneMore(Arc<Meters>, fn(&Meters) -> &AtomicUsize);

impl Drop for OneMore {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, Ordering::Relaxed);
    }
}

/// A call under way.
#[derive(Debug)]
pub struct CallMeter {
    meters: Arc<Meters>,
    method: Arc<str>,
    begun: Instant,
    code: &'static str,
}

impl CallMeter {
    /// It was answered.
    pub fn answered(mut self, code: Code) {
        self.code = name_of(code);
    }
}

impl Drop for CallMeter {
    fn drop(&mut self) {
        let meters = &self.meters;
        meters.calls_under_way.fetch_sub(1, Ordering::Relaxed);
        meters.calls.add((Arc::clone(&self.method), self.code));
        let mut all = meters
            .call_seconds
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.entry(Arc::clone(&self.method))
            .or_insert_with(|| Spread::new(SECONDS))
            .add(self.begun.elapsed().as_secs_f64());
    }
}

/// A gRPC code as its specification writes it.
pub(super) const fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_nobody_waits_for_any_more_is_counted_as_abandoned() {
        let meters = Arc::new(Meters::default());
        let (left, answered) = (meters.call("a".into()), meters.call("a".into()));
        assert_eq!(meters.calls_under_way(), 2);
        drop(left);
        answered.answered(Code::Ok);
        let calls = meters.calls();
        assert_eq!(calls[&("a".into(), ABANDONED)], 1);
        assert_eq!(calls[&("a".into(), "OK")], 1);
        assert_eq!(meters.calls_under_way(), 0);
        assert_eq!(meters.call_seconds()["a"].count(), 2);
    }

    #[test]
    fn one_more_is_one_less_afterwards() {
        let meters = Arc::new(Meters::default());
        let one = meters.one_more(|m| &m.watchers);
        assert_eq!(meters.watchers.load(Ordering::Relaxed), 1);
        drop(one);
        assert_eq!(meters.watchers.load(Ordering::Relaxed), 0);
    }
}
