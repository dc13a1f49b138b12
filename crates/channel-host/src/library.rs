//! Maps a staged library, for ever, and reads its table.
#![expect(unsafe_code, reason = "dlopen and the foreign table are here")]

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};
use prost::Message;
use recoup_channel::abi::{
    ABI_MAJOR, ABI_MINOR, ChannelV1, ENTRY_SYMBOL, EntryFn, FLAG_ISOLATED_ONLY, MAGIC,
    MESSAGE_BYTES_MAX, TABLE_BYTES_MIN,
};
use recoup_channel::wire::{ChannelDescriptor, ContactClass};

use crate::LoadError;
use crate::method::{Method, Methods};

const RTLD_NODELETE: std::ffi::c_int = 0x1000;
const BUILD_AGAIN: &str = "build it against the recoup_channel.h of this ABI, or in Rust with `export_channel!` \
                           of a recoup-channel of it";

/// Entry addresses of every library that this process has mapped: none may appear twice.
static ENTRIES: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// A file to map, and what people call it.
pub(crate) struct File<'a> {
    /// The channel's name.
    pub(crate) name: &'a str,
    /// The operator's file.
    pub(crate) path: &'a Path,
    /// The private copy, which is the one that is mapped.
    pub(crate) staged: &'a Path,
}

/// A mapped library. It is never unmapped, so its table may be copied freely.
#[derive(Clone, Debug)]
pub(crate) struct Library {
    table: ChannelV1,
    /// The bytes of its descriptor.
    pub(crate) descriptor: &'static [u8],
}

// SAFETY: the table's only pointers are functions and static bytes of a library that stays mapped.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    /// Maps and checks. Runs the library's constructors, so call it on a big stack.
    pub(crate) fn open(file: &File<'_>) -> Result<Self, LoadError> {
        let entry = map(file)?;
        // SAFETY: the symbol has the one signature that its name stands for.
        let table = unsafe { entry(u32::from(ABI_MINOR)) };
        let table = read_table(table).map_err(|(problem, fix)| LoadError::Table {
            name: file.name.to_owned(),
            path: file.path.to_owned(),
            problem,
            fix,
        })?;
        let bytes = table.descriptor;
        let descriptor = if bytes.ptr.is_null() || bytes.len > MESSAGE_BYTES_MAX {
            &[]
        } else {
            // SAFETY: the library keeps its descriptor in static storage.
            unsafe { bytes.as_slice() }
        };
        Ok(Self { table, descriptor })
    }

    /// Its functions.
    pub(crate) const fn table(&self) -> &ChannelV1 {
        &self.table
    }

    /// The operations that it holds.
    pub(crate) fn methods(&self) -> Methods {
        Methods::of(&self.table)
    }

    /// True where its table says that it may not live in the core's process.
    pub(crate) const fn isolated_only(&self) -> bool {
        self.table.flags & FLAG_ISOLATED_ONLY != 0
    }
}

/// The loader's own words stand in the source.
fn in_full(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn map(file: &File<'_>) -> Result<EntryFn, LoadError> {
    let failed = |message: String| LoadError::Dlopen {
        name: file.name.to_owned(),
        path: file.path.to_owned(),
        message,
    };
    let flags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
    // SAFETY: running the library's constructors is what an inline channel is trusted with.
    let handle = unsafe { Handle::open(Some(file.staged), flags) }
        .map_err(|error| failed(in_full(&error)))?;
    // SAFETY: as in `Library::open`.
    let symbol = unsafe { handle.get::<EntryFn>(ENTRY_SYMBOL.as_bytes()) }.map(|entry| *entry);
    // SAFETY: only looked up, never called.
    let other = |name: &[u8]| unsafe { handle.get::<EntryFn>(name) }.is_ok();
    let (newer, draft) = (
        other(b"recoup_channel_entry_v2"),
        other(b"recoup_channel_entry_v0"),
    );
    // Unloading does nothing for Rust libraries and crashes on C ones with a live thread.
    std::mem::forget(handle);
    let entry = symbol.map_err(|_| LoadError::NoEntry {
        name: file.name.to_owned(),
        path: file.path.to_owned(),
        symbol: ENTRY_SYMBOL,
        hint: if newer {
            format!("it is for ABI 2, and this host speaks {ABI_MAJOR}.{ABI_MINOR}")
        } else if draft {
            format!("it is of a draft before ABI 1; build it again for {ABI_MAJOR}.{ABI_MINOR}")
        } else {
            "define it as recoup_channel.h says, and do not hide it; in Rust `export_channel!` does"
                .to_owned()
        },
    })?;
    let address = entry as usize;
    let mut entries = ENTRIES.lock().unwrap_or_else(PoisonError::into_inner);
    if entries.contains(&address) {
        return Err(failed(
            "the loader gave a library that is mapped already".to_owned(),
        ));
    }
    entries.push(address);
    Ok(entry)
}

/// Copies what the library's table has; what it has not is NULL.
fn read_table(table: *const ChannelV1) -> Result<ChannelV1, (String, &'static str)> {
    if table.is_null() || !table.is_aligned() {
        return Err((
            format!(
                "is missing: its entry function gives none to a host of ABI \
                 {ABI_MAJOR}.{ABI_MINOR}"
            ),
            "ask its vendor for one that serves this host",
        ));
    }
    // SAFETY: magic, size and version are the first twelve bytes of every table.
    let (magic, size, major, minor) = unsafe {
        (
            (*table).magic,
            (*table).struct_size,
            (*table).abi_major,
            (*table).abi_minor,
        )
    };
    if magic != MAGIC {
        return Err((
            format!("starts with {magic:#010x} and not {MAGIC:#010x}"),
            BUILD_AGAIN,
        ));
    }
    if major != ABI_MAJOR {
        let problem =
            format!("is of ABI {major}.{minor}, and this host of {ABI_MAJOR}.{ABI_MINOR}");
        return Err((problem, BUILD_AGAIN));
    }
    if (size as usize) < TABLE_BYTES_MIN {
        return Err((
            format!("has {size} bytes, and none of its ABI has fewer than {TABLE_BYTES_MIN}"),
            BUILD_AGAIN,
        ));
    }
    // SAFETY: the library says that its table is at least as large as ours.
    let table = unsafe { *table };
    let required = [
        ("create", table.create.is_none()),
        ("send", table.send.is_none()),
        ("destroy", table.destroy.is_none()),
    ];
    match required.iter().find(|(_, missing)| *missing) {
        Some((name, _)) => Err((format!("has no `{name}`"), "that function is required")),
        None => Ok(table),
    }
}

/// Reads a descriptor and holds it against the operations that the table has.
pub(crate) fn read_descriptor(bytes: &[u8], held: Methods) -> Result<ChannelDescriptor, String> {
    if bytes.is_empty() {
        return Err("is missing".to_owned());
    }
    let descriptor = ChannelDescriptor::decode(bytes)
        .map_err(|error| format!("is no ChannelDescriptor ({error})"))?;
    if !descriptor.id.contains('.') {
        return Err(format!(
            "has the id `{}`, not one in reverse-DNS form",
            descriptor.id
        ));
    }
    if descriptor.version.is_empty() || descriptor.kind.is_empty() {
        return Err("lacks `version` or `kind`".to_owned());
    }
    if descriptor.contact_class() == ContactClass::Unspecified {
        return Err("lacks a known `contact_class`, which decides the rules that apply".to_owned());
    }
    let can = descriptor.capabilities.unwrap_or_default();
    let promises = [
        ("status_query", can.status_query, Method::Status),
        ("cancel", can.cancel, Method::Cancel),
        ("callbacks", can.callbacks, Method::ParseCallback),
        ("poll", can.poll, Method::Poll),
        ("validate", can.validate, Method::Validate),
    ];
    match promises
        .iter()
        .find(|(_, promised, method)| *promised && !held.hold(*method))
    {
        Some((name, ..)) => Err(format!(
            "promises `{name}`, and the table has no such operation"
        )),
        None => Ok(descriptor),
    }
}
