//! recoup_channel.h: the C ABI between recoup and a channel library. ABI 1.0.
//!
//! A channel library is a shared object that exports one function, recoup_channel_entry_v1. It
//! returns one table. Messages are protobuf of the package recoup.channel.v1 (channel.proto).
//!
//! Versions. The ABI's numbers are its own: neither recoup's nor a compiler's. Within major 1 every
//! library works with every host, older or newer, without being built again: tables only grow at
//! their end, and each side reads what struct_size says is there. A minor adds fields, extensions
//! and message fields; nobody may need them. A host's abi_minor says what it has, and so does a
//! library's. Extensions are found by id; an id that the other side does not know gives NULL, and
//! ids of drafts start with "recoup.x.". A flag or a status that a side does not know is ignored or
//! UNKNOWN. What would break this is another major, under another symbol.
//!
//! Rules
//!  1. A table is append-only within a major. Read a field only if struct_size covers it. A NULL
//!     optional function means "unsupported". What the descriptor promises, the table must hold.
//!     A table is in static storage: it does not move or change while the process lives.
//!  2. An operation that returns 0 is completed exactly once: perhaps before it returns, from any
//!     thread. One that returns less than 0 is never completed. It returns fast: it starts the work.
//!  3. Two times travel with a call. timeout_ms (monotonic, real) is for waiting,
//!     not_after_unix_ms (wall, possibly stepped: ask the host's now) is for sending. Nothing else
//!     is a deadline.
//!  4. Before the first byte of a request leaves: check not_after, then call began. If that returns
//!     less than 0, send nothing. A host that gets no began for a send takes its end as proof that
//!     nothing left, if the descriptor says `began`: say so only if it holds for every path.
//!  5. recoup_bytes are borrowed: valid only during the call that carries them. Nobody frees what
//!     the other side allocated. A message is at most 1 MiB.
//!  6. Nothing unwinds across the boundary: catch every exception and panic inside.
//!  7. create and destroy are strictly paired. One library may have many instances. destroy returns
//!     only when every thread of the instance has ended. A library is never unloaded.
//!  8. An event gets a ticket. Whoever owes the carrier an answer gives it after event_ack. No ack:
//!     not durable; offer the event again.
//!  9. Text is UTF-8. Manners: no writing to stdout, no signal handlers, no exit, no fork; no secret
//!     and nothing that identifies a person in a log line.
//!
//! Thread tags
//!  [any]   may be called from any thread, also at the same time
//!  [main]  the host calls it from the instance's one thread, never two at a time
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "this text is the header's, whose thread tags stand in brackets"
)]

use std::ffi::{c_char, c_void};

/// First field of a table: "RCPC".
pub const MAGIC: u32 = 0x5243_5043;
/// Major of this ABI; also the end of the entry symbol's name.
pub const ABI_MAJOR: u16 = 1;
/// Minor of this ABI. Sides of different minors work together.
pub const ABI_MINOR: u16 = 0;
/// The largest message that crosses, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Bit of a library's flags: it may not live in the core's process. The others are 0.
pub const FLAG_ISOLATED_ONLY: u32 = 1;
/// The host extension that opens attachments.
pub const BLOB_EXTENSION: &str = "recoup.blob/1";

/// What a function of either table returns, and the status of a completion. Those from 1 on are
/// statuses, and the bytes are a Failure then.
pub mod code {
    /// Done, or taken.
    pub const OK: i32 = 0;
    /// No such call, or it is over.
    pub const STALE: i32 = -1;
    /// The host refuses; with began: send nothing.
    pub const REFUSED: i32 = -2;
    /// The bytes are not the message that they should be, or too many.
    pub const INVALID: i32 = -3;
    /// Too many calls in flight.
    pub const BUSY: i32 = -4;
    /// The instance takes no new work.
    pub const DRAINING: i32 = -5;
    /// Something panicked on the way.
    pub const PANICKED: i32 = -6;
    /// The name is not known.
    pub const NOT_FOUND: i32 = -7;

    /// Status of a completion, with a Failure, as all below: not now. All but UNKNOWN and PANIC are
    /// the proof that nothing reached the carrier. In doubt, UNKNOWN is the only right answer.
    pub const RETRYABLE: i32 = 1;
    /// Not this way, not later either.
    pub const PERMANENT: i32 = 2;
    /// The number or the address is none, or must not be contacted: it is not used again.
    pub const REJECTED: i32 = 3;
    /// The carrier does not take the credentials.
    pub const AUTH: i32 = 4;
    /// The carrier wants fewer requests.
    pub const RATE_LIMITED: i32 = 5;
    /// It may have reached the carrier.
    pub const UNKNOWN: i32 = 6;
    /// The library does not do this.
    pub const UNSUPPORTED: i32 = 7;
    /// Something panicked: in doubt, like UNKNOWN.
    pub const PANIC: i32 = 8;
}

/// Borrowed bytes: valid only during the call that carries them. ptr may be NULL if len is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// First byte.
    pub ptr: *const u8,
    /// How many bytes.
    pub len: usize,
}

/// Takes bytes on behalf of whoever asked for them; called during the asking call.
pub type Sink = Option<unsafe extern "C" fn(user: *mut c_void, bytes: Bytes)>;

/// The host's services for one instance. All [any]. None calls back into the library (but secret
/// into its sink). began, event, secret and the wall clock may wait for the core's word, some
/// microseconds; the others do not wait. ctx is the first argument of each.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct HostV1 {
    /// Size of the host's struct, in bytes.
    pub struct_size: u32,
    /// Major of the host's ABI.
    pub abi_major: u16,
    /// Minor of the host's ABI.
    pub abi_minor: u16,
    /// First argument of each function. Valid until the process ends.
    pub ctx: *mut c_void,
    /// Ends a call: exactly once. Copies the bytes. STALE for a call that is over.
    pub complete:
        unsafe extern "C" fn(ctx: *mut c_void, call_id: u64, status: i32, response: Bytes) -> i32,
    /// Before the first outside byte. Less than 0: send nothing.
    pub began: unsafe extern "C" fn(ctx: *mut c_void, call_id: u64) -> i32,
    /// An Inbound. Returns a ticket, not durable yet; 0: not taken, offer it again.
    pub event: unsafe extern "C" fn(ctx: *mut c_void, inbound: Bytes) -> u64,
    /// One line, UTF-8, at a level: 0 trace, 1 debug, 2 info, 3 warn, 4 error.
    pub log: unsafe extern "C" fn(ctx: *mut c_void, level: i32, line: Bytes),
    /// A metric by its index in the descriptor.
    pub metric: unsafe extern "C" fn(ctx: *mut c_void, metric_id: u32, value: f64),
    /// A secret by name, into the sink. NOT_FOUND for a name that is not granted.
    pub secret:
        unsafe extern "C" fn(ctx: *mut c_void, name: Bytes, user: *mut c_void, sink: Sink) -> i32,
    /// The wall clock (it may be stepped) and the monotonic one (always real). Either may be NULL.
    pub now: unsafe extern "C" fn(ctx: *mut c_void, wall_unix_ms: *mut i64, mono_ns: *mut u64),
    /// An extension by its id, or NULL.
    pub get_extension: unsafe extern "C" fn(ctx: *mut c_void, id: *const c_char) -> *const c_void,
}

/// The two times of a call; see rule 3.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CallV1 {
    /// Size of the caller's struct, in bytes.
    pub struct_size: u32,
    /// How long the host waits: monotonic, real, in milliseconds.
    pub timeout_ms: u32,
    /// When sending must not begin any more: wall clock, perhaps stepped; 0: no limit.
    pub not_after_unix_ms: i64,
}

/// An operation. It returns fast; see rule 2. [main]
pub type Op = Option<
    unsafe extern "C" fn(
        instance: *mut c_void,
        call_id: u64,
        call: *const CallV1,
        request: Bytes,
    ) -> i32,
>;

/// The one table of a library.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ChannelV1 {
    /// The magic number.
    pub magic: u32,
    /// Size of the library's struct, in bytes.
    pub struct_size: u32,
    /// Major of the library's ABI.
    pub abi_major: u16,
    /// Minor of the library's ABI.
    pub abi_minor: u16,
    /// Bits; those without a name are 0.
    pub flags: u32,
    /// A ChannelDescriptor, in static storage.
    pub descriptor: Bytes,
    /// Makes an instance from its JSON configuration. Less than 0: it made none, and err got the
    /// reason. Required. [main]
    pub create: Option<
        unsafe extern "C" fn(
            host: *const HostV1,
            config_json: Bytes,
            instance: *mut *mut c_void,
            user: *mut c_void,
            err: Sink,
        ) -> i32,
    >,
    /// SendRequest -> Receipt. The only operation that must be there.
    pub send: Op,
    /// StatusRequest -> Status.
    pub status: Op,
    /// CancelRequest -> Cancelled.
    pub cancel: Op,
    /// Nothing -> Health.
    pub health: Op,
    /// RawCallback -> Inbounds.
    pub parse_callback: Op,
    /// PollRequest -> Polled.
    pub poll: Op,
    /// SendRequest -> Valid.
    pub validate: Op,
    /// The event with this ticket is durable: only now confirm to the carrier. [main]
    pub event_ack: Option<unsafe extern "C" fn(instance: *mut c_void, ticket: u64)>,
    /// The time of this call is over, or nobody waits for it any more. Advisory; its completion
    /// still follows. An isolated library that has not completed a second after its time is ended.
    /// [main]
    pub abandon: Option<unsafe extern "C" fn(instance: *mut c_void, call_id: u64)>,
    /// No new work; waits up to timeout_ms for what is open. [main]
    pub drain: Option<unsafe extern "C" fn(instance: *mut c_void, timeout_ms: u32) -> i32>,
    /// Ends the instance; see rule 7. Required. [main]
    pub destroy: Option<unsafe extern "C" fn(instance: *mut c_void)>,
    /// An extension of the instance by its id, or NULL. [main]
    pub get_extension:
        Option<unsafe extern "C" fn(instance: *mut c_void, id: *const c_char) -> *const c_void>,
}

/// The host extension "recoup.blob/1": attachments, which never travel in messages.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct BlobV1 {
    /// Size of the host's struct, in bytes.
    pub struct_size: u32,
    /// Opens an attachment by the 32 bytes of its SHA-256: a descriptor for pread, which the caller
    /// closes, and the size in bytes. Less than 0: NOT_FOUND or REFUSED. ctx is the host's.
    pub open:
        unsafe extern "C" fn(ctx: *mut c_void, sha256: *const u8, size_bytes: *mut u64) -> i32,
}

/// The entry function, the only symbol that a library exports. It may be called more than once, and
/// gets the host's minor. NULL: it cannot serve that.
pub type EntryFn = unsafe extern "C" fn(host_minor: u32) -> *const ChannelV1;
