//! The host's table as the safe [`HostApi`].

use std::ffi::{CString, c_void};
use std::fs::File;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use prost::Message;

use super::{ABI_MAJOR, ABI_MINOR, BLOB_EXTENSION, BlobV1, Bytes, HOST_BYTES_MIN, HostV1, code};
use crate::wire::Inbound;
use crate::{Blob, Clock, HostApi, Level};

/// A host's table, copied. The host keeps `ctx` valid until the process ends.
pub(super) struct HostRef(HostV1);

// SAFETY: the ABI says that each function may be called from any thread, with this `ctx`.
unsafe impl Send for HostRef {}
// SAFETY: as above.
unsafe impl Sync for HostRef {}

impl HostRef {
    /// Takes the host's table, if it is of our ABI.
    ///
    /// # Safety
    /// `table` is NULL or points to `struct_size` bytes of a host's table.
    pub(super) unsafe fn adopt(table: *const HostV1) -> Result<Self, String> {
        if table.is_null() {
            return Err("the host gave no table".to_owned());
        }
        // SAFETY: `struct_size` and the version are the first eight bytes of every host table.
        let (size, major, minor) =
            unsafe { ((*table).struct_size, (*table).abi_major, (*table).abi_minor) };
        if major != ABI_MAJOR {
            return Err(format!(
                "the host speaks ABI {major}.{minor}, this library {ABI_MAJOR}.{ABI_MINOR}; \
                 build the library with a recoup-channel of ABI {major}"
            ));
        }
        if (size as usize) < HOST_BYTES_MIN {
            return Err(format!(
                "the host's table has {size} bytes, too few for its version"
            ));
        }
        // SAFETY: the table is at least as large as our struct.
        Ok(Self(unsafe { *table }))
    }

    /// Ends a call.
    pub(super) fn complete(&self, call_id: u64, status: i32, response: &[u8]) -> i32 {
        // SAFETY: a function of the host's table with the host's ctx; bytes live during the call.
        unsafe { (self.0.complete)(self.0.ctx, call_id, status, Bytes::of(response)) }
    }

    /// Before the first outside byte.
    pub(super) fn began(&self, call_id: u64) -> Result<(), String> {
        // SAFETY: as in `complete`.
        match unsafe { (self.0.began)(self.0.ctx, call_id) } {
            code::STALE => Err("nobody waits for this call any more".to_owned()),
            refused if refused < 0 => Err("the contact may not be sent now".to_owned()),
            _ => Ok(()),
        }
    }
}

unsafe extern "C" fn collect(user: *mut c_void, bytes: Bytes) {
    // SAFETY: `user` is the Vec that `secret` below lends for the duration of its call.
    let target = unsafe { &mut *user.cast::<Vec<u8>>() };
    // SAFETY: the host lends the bytes for this call.
    target.extend_from_slice(unsafe { bytes.as_slice() });
}

impl Clock for HostRef {
    fn wall_unix_ms(&self) -> i64 {
        let mut wall = 0;
        // SAFETY: as in `complete`; a NULL pointer means "not asked".
        unsafe { (self.0.now)(self.0.ctx, &raw mut wall, std::ptr::null_mut()) };
        wall
    }

    fn mono_ns(&self) -> u64 {
        let mut mono = 0;
        // SAFETY: as in `wall_unix_ms`.
        unsafe { (self.0.now)(self.0.ctx, std::ptr::null_mut(), &raw mut mono) };
        mono
    }
}

impl HostApi for HostRef {
    fn log(&self, level: Level, line: &str) {
        // SAFETY: as in `complete`.
        unsafe { (self.0.log)(self.0.ctx, level as i32, Bytes::of(line.as_bytes())) };
    }

    fn metric(&self, id: u32, value: f64) {
        // SAFETY: as in `complete`.
        unsafe { (self.0.metric)(self.0.ctx, id, value) };
    }

    fn secret(&self, name: &str) -> Option<String> {
        let mut found: Vec<u8> = Vec::new();
        // SAFETY: as in `complete`; the sink is called during this call only.
        let status = unsafe {
            let user = (&raw mut found).cast::<c_void>();
            (self.0.secret)(self.0.ctx, Bytes::of(name.as_bytes()), user, Some(collect))
        };
        (status == code::OK)
            .then(|| String::from_utf8(found).ok())
            .flatten()
    }

    fn event(&self, inbound: &Inbound) -> Option<u64> {
        let bytes = inbound.encode_to_vec();
        // SAFETY: as in `complete`.
        match unsafe { (self.0.event)(self.0.ctx, Bytes::of(&bytes)) } {
            0 => None,
            ticket => Some(ticket),
        }
    }

    fn blob(&self, sha256: &[u8; 32]) -> io::Result<Blob> {
        let id = CString::new(BLOB_EXTENSION).map_err(io::Error::other)?;
        // SAFETY: as in `complete`; the id is NUL-terminated.
        let found = unsafe { (self.0.get_extension)(self.0.ctx, id.as_ptr()) };
        let Some(table) = std::ptr::NonNull::new(found.cast::<BlobV1>().cast_mut()) else {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("the host has no {BLOB_EXTENSION}"),
            ));
        };
        let mut size_bytes = 0;
        // SAFETY: the host keeps the extension's table static, and 32 bytes are readable.
        let opened =
            unsafe { (table.as_ref().open)(self.0.ctx, sha256.as_ptr(), &raw mut size_bytes) };
        match opened {
            code::NOT_FOUND => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the core has no attachment of this SHA-256",
            )),
            failed if failed < 0 => Err(io::Error::other("the host could not open the attachment")),
            // SAFETY: the host gives the descriptor away.
            fd => Ok(Blob::new(
                File::from(unsafe { OwnedFd::from_raw_fd(fd) }),
                size_bytes,
            )),
        }
    }
}
