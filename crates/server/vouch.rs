//! What an operator needs to vouch for libraries, without a server: what a library says of itself, and the lock that
//! a configuration would need.

use std::path::PathBuf;
use std::sync::Arc;

use recoup_channel::wire::ChannelDescriptor;
use recoup_channel_host::trust::{Endpoint, Entry, Lock, LockPlacement, endpoints_of};
use recoup_channel_host::{Host, LoadSpec};
use recoup_engine::blobs::Blobs;
use recoup_engine::clock::{LiveWall, Wall};
use sha2::{Digest, Sha256};

use crate::config::{ChannelConfig, Config, PlacementConfig};
use crate::convert::page::hex;
use crate::generations::{beside, isolation_of, read, settings_of, spec_of};
use crate::trial::{Staging, of_file};
use crate::wiring::chain;

/// What a library says of itself, and the SHA-256 of its file.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What it says.
    pub descriptor: ChannelDescriptor,
    /// Hexadecimal.
    pub sha256: String,
}

/// Asks a library in a process of its own, without settings.
///
/// # Errors
/// Why it cannot be loaded.
pub async fn show(library: PathBuf) -> Result<Shown, String> {
    let channel = ChannelConfig {
        name: "shown".to_owned(),
        ..of_file(library)
    };
    look(&channel).await
}

/// The lock that lets a server load what its configuration names, as it is now, and nothing else: a library with a
/// signature of one of `publishers` by that key, any other by its hash.
///
/// # Errors
/// Which channel cannot be read, and why.
pub async fn lock(config: &Config, publishers: &[String]) -> Result<Lock, String> {
    let mut lock = Lock::default();
    for channel in &config.channel {
        let entry = entry(channel, publishers).await;
        let entry = entry.map_err(|why| format!("channel `{}`: {why}", channel.name))?;
        lock.channel.push(entry);
    }
    Ok(lock)
}

async fn entry(channel: &ChannelConfig, publishers: &[String]) -> Result<Entry, String> {
    let shown = look(channel).await?;
    let d = &shown.descriptor;
    let endpoints = endpoints_of(d, &settings_of(channel))?;
    let of_no_port = endpoints.iter().find(|e| e.port.is_none());
    if let Some(Endpoint { host, .. }) = of_no_port {
        return Err(format!(
            "its settings name the host {host} without a port: write the port, too"
        ));
    }
    let mut secrets: Vec<String> = channel.secrets.keys().cloned().collect();
    secrets.extend(d.secret_names.iter().cloned());
    secrets.sort();
    secrets.dedup();
    let entry = Entry {
        name: channel.name.clone(),
        id: d.id.clone(),
        publishers: Vec::new(),
        sha256: Vec::new(),
        oldest: d.version.parse().ok(),
        placement: match channel.placement {
            PlacementConfig::Isolated => LockPlacement::Isolated,
            PlacementConfig::Inline => LockPlacement::Inline,
        },
        endpoints,
        secrets,
    };
    let source = read(&channel.library, String::new())?;
    let Some(signature) = source.signature.filter(|_| !publishers.is_empty()) else {
        return Ok(Entry {
            sha256: vec![shown.sha256],
            ..entry
        });
    };
    let signed = Entry {
        publishers: publishers.to_vec(),
        ..entry
    };
    let publisher = signed
        .signed_by(&signature, &source.bytes)
        .map_err(|why| format!("{}: {why}", beside(&channel.library).display()))?;
    Ok(Entry {
        publishers: vec![publisher],
        ..signed
    })
}

async fn look(channel: &ChannelConfig) -> Result<Shown, String> {
    let staging = Staging::new();
    let wall: Arc<dyn Wall> = Arc::new(LiveWall);
    let source = read(&channel.library, String::new())?;
    let without_secrets = ChannelConfig {
        secrets: std::collections::BTreeMap::new(),
        ..channel.clone()
    };
    let spec = LoadSpec {
        bytes: Some(Arc::clone(&source.bytes)),
        ..spec_of(
            &without_secrets,
            staging.folder(),
            &wall,
            &Arc::new(Blobs::default()),
        )?
    };
    let descriptor = Host::look(&spec, &isolation_of(channel)).await;
    Ok(Shown {
        descriptor: descriptor.map_err(|e| chain(&e))?,
        sha256: hex(&Sha256::digest(&source.bytes)),
    })
}
