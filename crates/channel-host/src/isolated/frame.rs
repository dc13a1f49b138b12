//! What goes over the lines between the core and a channel's process: the table's calls as frames.
//!
//! A frame is a head of 32 bytes, little-endian, and its bytes:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | how many bytes follow the head |
//! | 4 | 1 | kind |
//! | 5 | 1 | method, in a call |
//! | 6 | 2 | 0 |
//! | 8 | 4 | status: of a completion, a refusal or an answer; the level of a log line |
//! | 12 | 4 | time-out or drain, in milliseconds |
//! | 16 | 8 | id: of a call, a ticket, a metric; a size |
//! | 24 | 8 | an instant in Unix milliseconds (0: none), or the bits of a metric's value |
//!
//! Both ends are the same program, so this is no promise to anybody: the promise is the C ABI.

use std::io::{self, Read, Write};

use recoup_channel::abi::MESSAGE_BYTES_MAX;

/// Bytes of a head.
pub(super) const HEAD_BYTES: usize = 32;
/// The most that may follow a head. A message has its own bound; a start carries a configuration.
const BODY_BYTES_MAX: usize = MESSAGE_BYTES_MAX + 64 * 1024;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// What a frame says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Kind { $($(#[$doc])* $name = $number,)* }

        impl Kind {
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$name,)*];

            const fn numbered(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    /// Core: load this library and make an instance; see `Start`.
    Start = 1,
    /// Core: an operation.
    Call = 2,
    /// Core: nobody waits for this call.
    Abandon = 3,
    /// Core: the event with this ticket is durable.
    EventAck = 4,
    /// Core: finish, and end.
    Retire = 5,

    /// Process: the library is mapped; see `Hello`.
    Hello = 16,
    /// Process: the instance is made.
    Made = 17,
    /// Process: the library cannot be loaded; why.
    CannotLoad = 18,
    /// Process: the library refuses its configuration; why.
    Refused = 19,
    /// Process: a call ended.
    Completed = 20,
    /// Process: a call ended with more bytes than may cross; how many stands in `instant`.
    TooLarge = 21,
    /// Process: a call was not taken.
    NotTaken = 22,
    /// Process: a completion found no call.
    Stale = 23,
    /// Process: a line of the log.
    Log = 24,
    /// Process: a metric.
    Metric = 25,
    /// Process: the instance is given back; how many threads it left stands in `id`.
    Retired = 26,
    /// Process: what many lives left behind; see `Lived`.
    Lived = 27,

    /// Process asks: may this call begin?
    Began = 32,
    /// Process asks: what is the time?
    Now = 33,
    /// Process asks for a secret.
    Secret = 34,
    /// Process asks for an attachment.
    Blob = 35,
    /// Process tells an event and asks for its ticket.
    Event = 36,
    /// Core answers what was asked.
    Answer = 48,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) method: u8,
    pub(super) status: i32,
    pub(super) timeout_ms: u32,
    pub(super) id: u64,
    pub(super) instant: i64,
    pub(super) bytes: Vec<u8>,
}

impl Frame {
    pub(super) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            method: 0,
            status: 0,
            timeout_ms: 0,
            id: 0,
            instant: 0,
            bytes: Vec::new(),
        }
    }

    pub(super) const fn of(kind: Kind, id: u64) -> Self {
        let mut frame = Self::new(kind);
        frame.id = id;
        frame
    }

    pub(super) fn with(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.bytes = bytes.into();
        self
    }

    pub(super) const fn status(mut self, status: i32) -> Self {
        self.status = status;
        self
    }

    pub(super) fn head(&self) -> [u8; HEAD_BYTES] {
        let mut head = [0; HEAD_BYTES];
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        head[0..4].copy_from_slice(&length.to_le_bytes());
        head[4] = self.kind as u8;
        head[5] = self.method;
        head[8..12].copy_from_slice(&self.status.to_le_bytes());
        head[12..16].copy_from_slice(&self.timeout_ms.to_le_bytes());
        head[16..24].copy_from_slice(&self.id.to_le_bytes());
        head[24..32].copy_from_slice(&self.instant.to_le_bytes());
        head
    }

    /// Writes it, in one piece where it is small.
    pub(super) fn write_to(&self, line: &mut impl Write) -> io::Result<()> {
        let mut all = Vec::with_capacity(HEAD_BYTES + self.bytes.len());
        all.extend_from_slice(&self.head());
        all.extend_from_slice(&self.bytes);
        line.write_all(&all)
    }

    /// Reads one. The end of the line is `UnexpectedEof`.
    pub(super) fn read_from(line: &mut impl Read) -> io::Result<Self> {
        let mut head = [0; HEAD_BYTES];
        line.read_exact(&mut head)?;
        Self::read_body(&head, line)
    }

    /// Reads what follows a head.
    pub(super) fn read_body(head: &[u8; HEAD_BYTES], line: &mut impl Read) -> io::Result<Self> {
        let four = |at: usize| [head[at], head[at + 1], head[at + 2], head[at + 3]];
        let eight = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&head[at..at + 8]);
            bytes
        };
        let nonsense = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        let length = u32::from_le_bytes(four(0)) as usize;
        if length > BODY_BYTES_MAX {
            return Err(nonsense(format!("a frame of {length} bytes")));
        }
        let kind = Kind::numbered(head[4])
            .ok_or_else(|| nonsense(format!("a frame of the unknown kind {}", head[4])))?;
        let mut bytes = vec![0; length];
        line.read_exact(&mut bytes)?;
        Ok(Self {
            kind,
            method: head[5],
            status: i32::from_le_bytes(four(8)),
            timeout_ms: u32::from_le_bytes(four(12)),
            id: u64::from_le_bytes(eight(16)),
            instant: i64::from_le_bytes(eight(24)),
            bytes,
        })
    }
}

/// What a channel's process is to do.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Start {
    /// The channel's name.
    #[prost(string, tag = "1")]
    pub(super) name: String,
    /// The operator's file, for words.
    #[prost(string, tag = "2")]
    pub(super) path: String,
    /// The private copy.
    #[prost(string, tag = "3")]
    pub(super) staged: String,
    /// The library's configuration.
    #[prost(string, tag = "4")]
    pub(super) config_json: String,
    /// The most private memory that it may write, in bytes.
    #[prost(uint64, tag = "5")]
    pub(super) memory_bytes: u64,
    /// Nothing is loaded unless the whole sandbox holds.
    #[prost(bool, tag = "6")]
    pub(super) require_sandbox: bool,
    /// Not to serve: make so many instances and end each, and tell what that left. 0: to serve.
    #[prost(uint32, tag = "7")]
    pub(super) lives: u32,
    /// Not to serve: tell what the library is, and make no instance of it.
    #[prost(bool, tag = "8")]
    pub(super) look: bool,
    /// The ports that it may connect to, where it is kept to some.
    #[prost(uint32, repeated, tag = "9")]
    pub(super) ports: Vec<u32>,
    /// It is kept to `ports`, also where there are none.
    #[prost(bool, tag = "10")]
    pub(super) keep_to_ports: bool,
    /// It is ended where it tries to start a process.
    #[prost(bool, tag = "11")]
    pub(super) ends_forks: bool,
}

/// What a channel's process found.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Hello {
    /// The library's descriptor.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) descriptor: Vec<u8>,
    /// The operations that it holds.
    #[prost(uint32, tag = "2")]
    pub(super) methods: u32,
    /// What of the sandbox this system does not give.
    #[prost(string, repeated, tag = "3")]
    pub(super) unguarded: Vec<String>,
    /// Its table says that it may not live in the core's process.
    #[prost(bool, tag = "4")]
    pub(super) isolated_only: bool,
}

/// What many lives of an instance left behind.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Lived {
    /// Lives that began and ended.
    #[prost(uint32, tag = "1")]
    pub(crate) lives: u32,
    /// Threads that were not there before the first.
    #[prost(uint64, tag = "2")]
    pub(crate) threads_left: u64,
    /// Resident memory after a tenth of them, in bytes.
    #[prost(uint64, tag = "3")]
    pub(crate) memory_early: u64,
    /// And after the last.
    #[prost(uint64, tag = "4")]
    pub(crate) memory_late: u64,
    /// Signals that it took over, as the bits of /proc/self/status.
    #[prost(uint64, tag = "5")]
    pub(crate) signals: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        for (n, kind) in Kind::ALL.iter().enumerate() {
            let frame = Frame {
                kind: *kind,
                method: n as u8,
                status: -3 - n as i32,
                timeout_ms: u32::MAX - n as u32,
                id: u64::MAX - n as u64,
                instant: i64::MIN + n as i64,
                bytes: vec![n as u8; n * 40],
            };
            let mut line = Vec::new();
            frame.write_to(&mut line).expect("a Vec takes it");
            frame.write_to(&mut line).expect("a Vec takes it");
            let mut rest = line.as_slice();
            assert_eq!(Frame::read_from(&mut rest).expect("the first"), frame);
            assert_eq!(Frame::read_from(&mut rest).expect("the second"), frame);
            let end = Frame::read_from(&mut rest).expect_err("the end");
            assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_before_memory_is_taken_for_it() {
        let mut head = Frame::new(Kind::Call).head();
        head[0..4].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = Frame::read_body(&head, &mut io::empty()).expect_err("too long");
        assert_eq!(error.to_string(), "a frame of 4294967295 bytes");
        let mut head = Frame::new(Kind::Call).head();
        head[4] = 99;
        let error = Frame::read_body(&head, &mut io::empty()).expect_err("no such kind");
        assert_eq!(error.to_string(), "a frame of the unknown kind 99");
    }
}
