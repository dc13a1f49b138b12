//! Maps a staged library, for ever, and reads its table.
#![expect(unsafe_code, reason = "dlopen and the foreign table are here")]

use std::mem::size_of;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};
use prost::Message;
use recoup_channel::abi::{
    ABI_MAJOR, ABI_MINOR, ChannelV0, ENTRY_SYMBOL, EntryFn, FLAG_ISOLATED_ONLY, MAGIC,
    MAX_IN_FLIGHT_DEFAULT, MESSAGE_BYTES_MAX,
};
use recoup_channel::wire::{Capabilities, ChannelDescriptor, ContactClass};

use crate::stage::stage;
use crate::{LoadError, LoadSpec};

const RTLD_NODELETE: std::ffi::c_int = 0x1000;
const BUILD_AGAIN: &str = "build it with `export_channel!` of this version's recoup-channel";

/// Entry addresses of every library that this process has mapped: none may appear twice.
static ENTRIES: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// A mapped library. It is never unmapped, so its table may be copied freely.
#[derive(Clone, Debug)]
pub(crate) struct Library {
    pub(crate) path: PathBuf,
    pub(crate) sha256: [u8; 32],
    pub(crate) table: ChannelV0,
    pub(crate) descriptor: ChannelDescriptor,
}

// SAFETY: the table's only pointers are functions and static bytes of a library that stays mapped.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    /// Stages, maps and checks. Runs the library's constructors, so call it on a big stack.
    pub(crate) fn open(spec: &LoadSpec) -> Result<Self, LoadError> {
        let staged = stage(spec)?;
        let entry = map(spec, &staged.path)?;
        // SAFETY: the symbol has the one signature that its name stands for.
        let table = unsafe { entry(u32::from(ABI_MINOR)) };
        let table = read_table(table).map_err(|(problem, fix)| LoadError::Table {
            name: spec.name.clone(),
            path: spec.path.clone(),
            problem,
            fix,
        })?;
        let descriptor = read_descriptor(&table).map_err(|problem| LoadError::Descriptor {
            name: spec.name.clone(),
            path: spec.path.clone(),
            problem,
        })?;
        let wants_own_process = descriptor.capabilities.is_some_and(|can| can.isolated_only);
        if table.flags & FLAG_ISOLATED_ONLY != 0 || wants_own_process {
            return Err(LoadError::IsolatedOnly {
                name: spec.name.clone(),
                path: spec.path.clone(),
            });
        }
        Ok(Self {
            path: spec.path.clone(),
            sha256: staged.sha256,
            table,
            descriptor,
        })
    }

    /// What it can do; nothing where it says nothing.
    pub(crate) fn capabilities(&self) -> Capabilities {
        self.descriptor.capabilities.unwrap_or_default()
    }

    /// How many calls an instance takes at once.
    pub(crate) fn max_in_flight(&self) -> usize {
        match self.capabilities().max_in_flight {
            0 => MAX_IN_FLIGHT_DEFAULT as usize,
            limit => limit as usize,
        }
    }
}

fn map(spec: &LoadSpec, staged: &std::path::Path) -> Result<EntryFn, LoadError> {
    let failed = |message: String| LoadError::Dlopen {
        name: spec.name.clone(),
        path: spec.path.clone(),
        message,
    };
    let flags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
    // SAFETY: running the library's constructors is what an inline channel is trusted with.
    let handle =
        unsafe { Handle::open(Some(staged), flags) }.map_err(|error| failed(error.to_string()))?;
    // SAFETY: as in `Library::open`.
    let symbol = unsafe { handle.get::<EntryFn>(ENTRY_SYMBOL.as_bytes()) }.map(|entry| *entry);
    // SAFETY: only looked up, never called.
    let newer = unsafe { handle.get::<EntryFn>(b"recoup_channel_entry_v1") }.is_ok();
    // Unloading does nothing for Rust libraries and crashes on C ones with a live thread.
    std::mem::forget(handle);
    let entry = symbol.map_err(|_| LoadError::NoEntry {
        name: spec.name.clone(),
        path: spec.path.clone(),
        symbol: ENTRY_SYMBOL,
        hint: if newer {
            format!("it is for ABI 1, and this host speaks {ABI_MAJOR}.{ABI_MINOR}")
        } else {
            "a Rust channel has it from `recoup_channel::export_channel!`".to_owned()
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
fn read_table(table: *const ChannelV0) -> Result<ChannelV0, (String, &'static str)> {
    if table.is_null() || !table.is_aligned() {
        return Err((
            "is missing: the entry function returned no table".to_owned(),
            BUILD_AGAIN,
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
    if (major, minor) != (ABI_MAJOR, ABI_MINOR) {
        let problem =
            format!("is of ABI {major}.{minor}, and this host of {ABI_MAJOR}.{ABI_MINOR}");
        return Err((problem, BUILD_AGAIN));
    }
    let wanted = size_of::<ChannelV0>();
    if (size as usize) < wanted {
        return Err((
            format!("has {size} bytes, and its ABI {wanted}"),
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

fn read_descriptor(table: &ChannelV0) -> Result<ChannelDescriptor, String> {
    let bytes = table.descriptor;
    if bytes.ptr.is_null() || bytes.len == 0 || bytes.len > MESSAGE_BYTES_MAX {
        return Err(format!("has {} bytes", bytes.len));
    }
    // SAFETY: the library keeps its descriptor in static storage.
    let descriptor = ChannelDescriptor::decode(unsafe { bytes.as_slice() })
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
        ("status_query", can.status_query, table.status.is_some()),
        ("cancel", can.cancel, table.cancel.is_some()),
        ("callbacks", can.callbacks, table.parse_callback.is_some()),
        ("poll", can.poll, table.poll.is_some()),
        ("validate", can.validate, table.validate.is_some()),
    ];
    match promises
        .iter()
        .find(|(_, promised, held)| *promised && !held)
    {
        Some((name, ..)) => Err(format!(
            "promises `{name}`, and the table has no such operation"
        )),
        None => Ok(descriptor),
    }
}
