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
//! A library lives in one of two places, and both keep all of the above. `isolated`: a process of its
//! own, which the core ends when it hangs and starts again when it dies; see [`serve_isolated`].
//! `inline`: this process. A library that aborts, segfaults or calls `exit` takes the process with it:
//! **inline is full trust.**

mod blob;
mod calls;
mod circuit;
mod context;
pub mod descriptor;
mod error;
mod foreign;
mod inline;
mod instance;
mod isolated;
pub mod kit;
mod library;
mod loaded;
mod method;
mod product;
mod services;
pub mod settings;
mod spec;
mod stage;
pub mod trust;

use recoup_channel::wire::ChannelDescriptor;

pub use circuit::Standing;
pub use error::LoadError;
pub use instance::Process;
pub use isolated::serve as serve_isolated;
pub use loaded::{LoadedChannel, State};
pub use spec::{BlobSource, Isolation, Limits, LoadSpec, NoBlobs, Placement, Sink};

/// Where channel libraries are loaded.
#[derive(Debug)]
pub struct Host;

impl Host {
    /// Stages a library, verifies it, loads it where its placement says and makes an instance of it.
    ///
    /// The work runs on threads of its own; only the waiting happens here.
    ///
    /// # Errors
    /// See [`LoadError`]; nothing of the library stays in use then.
    pub async fn load(spec: LoadSpec) -> Result<LoadedChannel, LoadError> {
        LoadedChannel::load(spec).await
    }

    /// What a library says of itself, asked in a process of its own, behind the whole fence. No instance is made:
    /// its code sees neither settings nor secrets.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn look(
        spec: &LoadSpec,
        isolation: &Isolation,
    ) -> Result<ChannelDescriptor, LoadError> {
        product::look(spec, isolation).await
    }
}
