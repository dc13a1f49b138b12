//! One instance behind a library's table: the only place that calls a library's functions.
#![expect(unsafe_code, reason = "the foreign table is called here")]

use std::ffi::c_void;
use std::time::Duration;

use recoup_channel::abi::{Bytes, CallV1, ChannelV1, HostV1, code};

use crate::method::Method;

/// A live instance, on the thread that made it.
pub(crate) struct Foreign {
    table: ChannelV1,
    instance: *mut c_void,
}

unsafe extern "C" fn collect(user: *mut c_void, bytes: Bytes) {
    // SAFETY: `user` is the Vec that `create` below lends for the duration of its call.
    let text = unsafe { &mut *user.cast::<Vec<u8>>() };
    // SAFETY: the library lends the bytes for this call.
    text.extend_from_slice(unsafe { bytes.as_slice() });
}

impl Foreign {
    /// Makes an instance.
    ///
    /// # Errors
    /// The library's own words where it refuses.
    pub(crate) fn create(
        table: &ChannelV1,
        host: &'static HostV1,
        config_json: &str,
    ) -> Result<Self, String> {
        let Some(create) = table.create else {
            return Err("it has no `create`".to_owned());
        };
        let mut instance = std::ptr::null_mut();
        let mut why: Vec<u8> = Vec::new();
        // SAFETY: a function of the library's table; all that is lent lives during the call.
        let status = unsafe {
            create(
                host,
                Bytes::of(config_json.as_bytes()),
                &raw mut instance,
                (&raw mut why).cast(),
                Some(collect),
            )
        };
        if status >= 0 && !instance.is_null() {
            return Ok(Self {
                table: *table,
                instance,
            });
        }
        match String::from_utf8_lossy(&why).into_owned() {
            text if text.is_empty() => Err(format!("`create` gave {status} and no reason")),
            text => Err(text),
        }
    }

    /// Hands a call over. Less than 0: it was not taken.
    pub(crate) fn call(
        &self,
        method: Method,
        id: u64,
        timeout: Duration,
        not_after_unix_ms: Option<i64>,
        request: &[u8],
    ) -> i32 {
        let Some(function) = method.of(&self.table) else {
            return code::NOT_FOUND;
        };
        let times = CallV1 {
            struct_size: u32::try_from(size_of::<CallV1>()).unwrap_or(u32::MAX),
            timeout_ms: millis(timeout),
            not_after_unix_ms: not_after_unix_ms.unwrap_or(0),
        };
        // SAFETY: a function of the library's table with its own live instance; what is lent lives
        // during the call.
        unsafe { function(self.instance, id, &raw const times, Bytes::of(request)) }
    }

    /// Tells the library that nobody waits for a call.
    pub(crate) fn abandon(&self, id: u64) {
        if let Some(abandon) = self.table.abandon {
            // SAFETY: as in `call`.
            unsafe { abandon(self.instance, id) };
        }
    }

    /// Tells the library that an event is durable.
    pub(crate) fn event_ack(&self, ticket: u64) {
        if let Some(event_ack) = self.table.event_ack {
            // SAFETY: as in `call`.
            unsafe { event_ack(self.instance, ticket) };
        }
    }

    /// Lets it finish its calls for at most `drain_for`, and gives it back.
    pub(crate) fn end(self, drain_for: Duration) {
        // SAFETY: as in `call`; the instance is given back once, here.
        unsafe {
            if let Some(drain) = self.table.drain {
                drain(self.instance, millis(drain_for));
            }
            if let Some(destroy) = self.table.destroy {
                destroy(self.instance);
            }
        }
    }
}

/// Whole milliseconds, as many as fit.
pub(crate) fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
