//! What the host offers to a channel.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::Clock;
use crate::wire::Inbound;

/// How loud a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// For whoever debugs the channel.
    Trace = 0,
    /// For whoever debugs the deployment.
    Debug = 1,
    /// Worth knowing.
    Info = 2,
    /// Somebody should look.
    Warn = 3,
    /// Somebody must act.
    Error = 4,
}

/// The host's services. The library gets the core's through its C ABI; a test may bring its own.
pub trait HostApi: Clock {
    /// Writes one line. It must hold no secret and nothing that identifies a person.
    fn log(&self, level: Level, line: &str);
    /// Writes a metric of the descriptor's list, by its index there.
    fn metric(&self, id: u32, value: f64);
    /// A secret by name; `None` where the name is not allowed or not set.
    fn secret(&self, name: &str) -> Option<String>;
    /// Tells the core something. The ticket comes back in `event_acked` once it is durable;
    /// `None`: not taken, offer it again.
    fn event(&self, inbound: &Inbound) -> Option<u64>;
    /// Opens an attachment by the SHA-256 of its bytes.
    ///
    /// # Errors
    /// `NotFound` for a hash that the core does not have, `Unsupported` where the host has no
    /// attachments.
    fn blob(&self, sha256: &[u8; 32]) -> io::Result<Blob>;
}

/// A handle to the host's services. Cheap to clone.
#[derive(Clone)]
pub struct Host(Arc<dyn HostApi>);

impl Host {
    /// Wraps an implementation; for tests of a channel without a host.
    pub fn new(api: Arc<dyn HostApi>) -> Self {
        Self(api)
    }
}

impl std::ops::Deref for Host {
    type Target = dyn HostApi;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host")
    }
}

/// An attachment's bytes, read in place.
#[derive(Debug)]
pub struct Blob {
    file: File,
    size_bytes: u64,
}

impl Blob {
    /// Wraps an open file of this size.
    pub fn new(file: File, size_bytes: u64) -> Self {
        Self { file, size_bytes }
    }

    /// Size in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Reads at an offset; 0 at the end. It has no position, so threads may share it.
    ///
    /// # Errors
    /// Those of `pread`.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// Those of `pread`, and `InvalidInput` where it is larger than `max_bytes`.
    pub fn read_all(&self, max_bytes: u64) -> io::Result<Vec<u8>> {
        if self.size_bytes > max_bytes {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "attachment of {} bytes is over {max_bytes}",
                    self.size_bytes
                ),
            ));
        }
        let size = usize::try_from(self.size_bytes).map_err(io::Error::other)?;
        let mut bytes = vec![0; size];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}
