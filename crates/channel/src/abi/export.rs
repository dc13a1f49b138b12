//! The table of a Rust channel: one shim per function, each behind `catch_unwind`.

use std::ffi::c_void;
use std::sync::OnceLock;
use std::time::Duration;

use prost::Message;

use super::host_ref::HostRef;
use super::instance::Instance;
use super::operation::{
    AskHealth, AskStatus, Cancel, Operation, ParseCallback, Poll, SendOne, Validate,
};
use super::panics::guarded;
use super::{ABI_MAJOR, ABI_MINOR, Bytes, CallV1, ChannelV1, HostV1, MAGIC, Op, Sink, code};
use crate::ChannelFactory;

/// A library's table in static storage.
#[derive(Debug)]
pub struct Table(ChannelV1);

// SAFETY: the table is never written after it is made; what it points to is leaked.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

/// What the entry function of [`export_channel!`](crate::export_channel) returns.
pub fn entry<C: ChannelFactory>(slot: &'static OnceLock<Table>, flags: u32) -> *const ChannelV1 {
    guarded(|| &raw const slot.get_or_init(|| table::<C>(flags)).0).unwrap_or(std::ptr::null())
}

/// What the descriptor promises, and nothing else, is in the table.
fn when(promised: bool, operation: Op) -> Op {
    operation.filter(|_| promised)
}

fn table<C: ChannelFactory>(flags: u32) -> Table {
    let descriptor = C::descriptor();
    let can = descriptor.capabilities.unwrap_or_default();
    Table(ChannelV1 {
        magic: MAGIC,
        struct_size: u32::try_from(size_of::<ChannelV1>()).unwrap_or(u32::MAX),
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        flags,
        descriptor: Bytes::of(descriptor.encode_to_vec().leak()),
        create: Some(create::<C>),
        send: Some(operation::<C, SendOne>),
        status: when(can.status_query, Some(operation::<C, AskStatus>)),
        cancel: when(can.cancel, Some(operation::<C, Cancel>)),
        health: Some(operation::<C, AskHealth>),
        parse_callback: when(can.callbacks, Some(operation::<C, ParseCallback>)),
        poll: when(can.poll, Some(operation::<C, Poll>)),
        validate: when(can.validate, Some(operation::<C, Validate>)),
        event_ack: Some(event_ack::<C>),
        abandon: Some(abandon::<C>),
        drain: Some(drain::<C>),
        destroy: Some(destroy::<C>),
        get_extension: None,
    })
}

unsafe extern "C" fn create<C: ChannelFactory>(
    host: *const HostV1,
    config_json: Bytes,
    instance: *mut *mut c_void,
    user: *mut c_void,
    tell: Sink,
) -> i32 {
    // SAFETY: the host gives its table and lends the configuration for this call.
    let made = guarded(|| unsafe { make::<C>(host, config_json) });
    let why = match made {
        Ok(Ok(made)) if !instance.is_null() => {
            // SAFETY: the host gives a place for the pointer.
            unsafe { *instance = Box::into_raw(Box::new(made)).cast() };
            return code::OK;
        }
        Ok(Ok(made)) => {
            made.stop();
            "the host gave no place for the instance".to_owned()
        }
        Ok(Err(why)) => why,
        Err(panic) => panic.to_string(),
    };
    if let Some(tell) = tell {
        // SAFETY: the host's sink with the host's argument.
        unsafe { tell(user, Bytes::of(why.as_bytes())) };
    }
    code::REFUSED
}

/// # Safety
/// As for the table's `create`.
unsafe fn make<C: ChannelFactory>(
    host: *const HostV1,
    config_json: Bytes,
) -> Result<Instance<C>, String> {
    // SAFETY: the caller's promise.
    let (host, config) = unsafe { (HostRef::adopt(host)?, config_json.as_slice()) };
    let config = std::str::from_utf8(config)
        .map_err(|error| format!("the configuration is not UTF-8: {error}"))?;
    Instance::start(config.to_owned(), host)
}

/// The instance behind a pointer of ours.
///
/// # Safety
/// `instance` comes from `create` of the same channel, and `destroy` has not been called.
unsafe fn borrow<'a, C>(instance: *mut c_void) -> Option<&'a Instance<C>> {
    // SAFETY: the caller's promise; NULL gives None.
    unsafe { instance.cast::<Instance<C>>().as_ref() }
}

unsafe extern "C" fn operation<C: ChannelFactory, O: Operation<C>>(
    instance: *mut c_void,
    call_id: u64,
    call: *const CallV1,
    request: Bytes,
) -> i32 {
    // SAFETY: the host passes our instance, its times and bytes that live during this call.
    let (instance, call) = unsafe { (borrow::<C>(instance), call.as_ref()) };
    let (Some(instance), Some(call)) = (instance, call) else {
        return code::INVALID;
    };
    if (call.struct_size as usize) < size_of::<CallV1>() {
        return code::INVALID;
    }
    // SAFETY: as above.
    let bytes = unsafe { request.as_slice() };
    guarded(|| instance.submit::<O>(call_id, *call, bytes)).unwrap_or(code::PANICKED)
}

unsafe extern "C" fn event_ack<C: ChannelFactory>(instance: *mut c_void, ticket: u64) {
    // SAFETY: the host passes our instance.
    if let Some(instance) = unsafe { borrow::<C>(instance) } {
        let _ = guarded(|| instance.event_ack(ticket));
    }
}

unsafe extern "C" fn abandon<C: ChannelFactory>(instance: *mut c_void, call_id: u64) {
    // SAFETY: the host passes our instance.
    if let Some(instance) = unsafe { borrow::<C>(instance) } {
        let _ = guarded(|| instance.abandon(call_id));
    }
}

unsafe extern "C" fn drain<C: ChannelFactory>(instance: *mut c_void, timeout_ms: u32) -> i32 {
    // SAFETY: the host passes our instance.
    let Some(instance) = (unsafe { borrow::<C>(instance) }) else {
        return code::INVALID;
    };
    let timeout = Duration::from_millis(u64::from(timeout_ms));
    guarded(|| instance.drain(timeout)).unwrap_or(code::PANICKED)
}

unsafe extern "C" fn destroy<C: ChannelFactory>(instance: *mut c_void) {
    if instance.is_null() {
        return;
    }
    // SAFETY: the pointer comes from `create` and is given back once.
    let instance = unsafe { Box::from_raw(instance.cast::<Instance<C>>()) };
    let _ = guarded(|| instance.stop());
}

/// Makes a crate of type `cdylib` a channel library: emits its one exported function.
///
/// The type implements [`Channel`](crate::Channel) and [`ChannelFactory`](crate::ChannelFactory).
/// Each instance runs on a tokio runtime of its own, on one thread of 8 MiB. A panic ends its
/// operation as `Panic` and is written to the host's log. That needs unwinding: with
/// `panic = "abort"` the crate doesn't compile, unless it says that it is never loaded into the
/// core's process: `export_channel! { AcmeSms, isolated_only }`.
#[macro_export]
macro_rules! export_channel {
    ($channel:ty) => {
        #[cfg(panic = "abort")]
        compile_error!(
            "a channel built with panic=abort takes the core down: build it with panic=unwind, \
             or write export_channel! { Type, isolated_only }"
        );
        $crate::export_channel! { @entry $channel, 0 }
    };
    ($channel:ty, isolated_only) => {
        $crate::export_channel! { @entry $channel, $crate::abi::FLAG_ISOLATED_ONLY }
    };
    (@entry $channel:ty, $flags:expr) => {
        /// The library's only exported function: its table.
        #[allow(unsafe_code, reason = "an exported name is unsafe by definition")]
        #[unsafe(no_mangle)]
        pub extern "C" fn recoup_channel_entry_v1(
            _host_minor: u32,
        ) -> *const $crate::abi::ChannelV1 {
            static TABLE: ::std::sync::OnceLock<$crate::abi::Table> = ::std::sync::OnceLock::new();
            $crate::abi::entry::<$channel>(&TABLE, $flags)
        }
    };
}
