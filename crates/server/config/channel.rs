//! A channel of the configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A channel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelConfig {
    /// Its name in status, logs and switches: 1 to 64 of a-z, 0-9, `-` and `_`. Required.
    pub name: String,
    /// The library, a `.so` file. Required.
    pub library: PathBuf,
    /// What the library is configured with; see the README of the channel. Default: nothing.
    #[serde(default)]
    pub config: toml::Table,
    /// Secrets that the channel may ask for, by name. Default: none.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    /// The desk of the law firm that a referral goes to. Only for channels of the class legal.
    /// Default: none.
    #[serde(default)]
    pub desk: Option<String>,
    /// Where the library lives: `isolated`, in a process of its own, or `inline`, in the server's, which is full
    /// trust. Default: isolated.
    #[serde(default)]
    pub placement: PlacementConfig,
    /// The most private memory that an isolated channel may write, in MiB, from 32. Default: 512.
    #[serde(default = "memory_mib")]
    pub memory_mib: u32,
    /// Refuse the channel where this system does not give an isolated one the whole fence (landlock, seccomp).
    /// Default: false, and what is missing shows in the channel's status.
    #[serde(default)]
    pub require_sandbox: bool,
    /// Take a library that is older than the one that was live. Default: false.
    #[serde(default)]
    pub allow_downgrade: bool,
}

const fn memory_mib() -> u32 {
    512
}

/// Where a channel's library lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlacementConfig {
    /// In a process of its own.
    #[default]
    Isolated,
    /// In the server's process.
    Inline,
}

/// Where a secret is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// In an environment variable.
    Env(String),
    /// In a file, without the line end.
    File(PathBuf),
}

impl Secret {
    /// The secret's text. It appears in no message.
    ///
    /// # Errors
    /// Where the variable or file is not there.
    pub fn read(&self, base: &Path) -> Result<String, String> {
        match self {
            Self::Env(name) => std::env::var(name)
                .map_err(|_| format!("the environment variable `{name}` is not set")),
            Self::File(path) => {
                let path = base.join(path);
                std::fs::read_to_string(&path)
                    .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                    .map_err(|e| format!("cannot read {}: {e}", path.display()))
            }
        }
    }
}
