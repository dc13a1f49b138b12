//! Stages, verifies and loads channel libraries, and calls them as [`recoup_channel::Channel`].
//!
//! Start reading at [`Host::load`] and then at [`LoadedChannel`]. What the host holds by itself,
//! whatever a library does:
//! - the operator's file is read once and never mapped; the copy that is mapped is never unloaded;
//! - the library's table is called on the instance's own 8 MiB thread, never on a tokio worker;
//! - each call ends, by its completion or by its time, and a completion after that finds no slot;
//! - an instance that panicked is made anew, one that overruns again and again is left alone for a
//!   while.
//!
//! What it cannot hold while libraries live in this process (placement `inline`): a library that
//! aborts, segfaults or calls `exit` takes the process with it. **Inline is full trust.**

mod blob;
mod callbacks;
mod calls;
mod circuit;
mod error;
mod instance;
pub mod kit;
mod library;
mod loaded;
mod spec;
mod stage;

pub use error::LoadError;
pub use loaded::{LoadedChannel, State};
pub use spec::{BlobSource, Limits, LoadSpec, NoBlobs, Sink};

/// Where channel libraries are loaded.
#[derive(Debug)]
pub struct Host;

impl Host {
    /// Stages a library, verifies it, loads it into this process and makes an instance of it.
    ///
    /// The work runs on a thread of its own; only the waiting happens here.
    ///
    /// # Errors
    /// See [`LoadError`]; nothing of the library stays in use then.
    pub async fn load(spec: LoadSpec) -> Result<LoadedChannel, LoadError> {
        LoadedChannel::load(spec).await
    }
}
