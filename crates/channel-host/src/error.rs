//! Why a library was not loaded: names the file, what differs and what would be right.

use std::io;
use std::path::PathBuf;

/// Why a library was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file can't be read.
    #[error(
        "channel `{name}`: cannot read its library {path}; \
         check `library` and that this user may read the file",
        path = path.display()
    )]
    Unreadable {
        /// The channel.
        name: String,
        /// The library.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no shared library of this machine.
    #[error(
        "channel `{name}`: {path} is {found}, not {wanted}; \
         build the channel as a shared library (in Rust a `cdylib`) for this machine",
        path = path.display()
    )]
    NotALibrary {
        /// The channel.
        name: String,
        /// The library.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What it has to be.
        wanted: String,
    },
    /// The private copy can't be made.
    #[error(
        "channel `{name}`: cannot stage its library in {run_dir}; \
         the folder must be this user's own, writable, and on a file system that allows programs",
        run_dir = run_dir.display()
    )]
    Staging {
        /// The channel.
        name: String,
        /// The folder for copies.
        run_dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The dynamic loader refused it.
    #[error("channel `{name}`: the system cannot load {path}: {message}", path = path.display())]
    Dlopen {
        /// The channel.
        name: String,
        /// The library.
        path: PathBuf,
        /// What the loader said.
        message: String,
    },
    /// The entry symbol is missing.
    #[error("channel `{name}`: {path} does not export `{symbol}`; {hint}", path = path.display())]
    NoEntry {
        /// The channel.
        name: String,
        /// The library.
        path: PathBuf,
        /// The symbol.
        symbol: &'static str,
        /// What to do.
        hint: String,
    },
    /// The table is not one that this host can use.
    #[error("channel `{name}`: the table of {path} {problem}; {fix}", path = path.display())]
    Table {
        /// The channel.
        name: String,
        /// The library.
        path: PathBuf,
        /// What differs.
        problem: String,
        /// What to do.
        fix: &'static str,
    },
    /// The descriptor is broken, or promises what the table has not.
    #[error(
        "channel `{name}`: the descriptor of {path} {problem}; \
         correct it (in Rust `ChannelFactory::descriptor`) and build it again",
        path = path.display()
    )]
    Descriptor {
        /// The channel.
        name: String,
        /// The library.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The library wants a process of its own.
    #[error(
        "channel `{name}`: {path} may only run isolated; take its `placement = \"inline\"` away",
        path = path.display()
    )]
    IsolatedOnly {
        /// The channel.
        name: String,
        /// The library.
        path: PathBuf,
    },
    /// The library refused its configuration.
    #[error("channel `{name}`: {path} refuses its configuration: {message}", path = path.display())]
    Refused {
        /// The channel.
        name: String,
        /// The library.
        path: PathBuf,
        /// What the library said.
        message: String,
    },
    /// The channel's process cannot load the library.
    #[error("{message}")]
    NotLoaded {
        /// What the process said: the text of one of the errors above.
        message: String,
    },
    /// The channel's process ended before it had an instance.
    #[error(
        "channel `{name}`: {path} could not be started in a process of its own: {how}",
        path = path.display()
    )]
    Died {
        /// The channel.
        name: String,
        /// The library.
        path: PathBuf,
        /// How it ended.
        how: String,
    },
    /// The library did not answer.
    #[error(
        "channel `{name}`: {path} did not {step} within {seconds} s",
        path = path.display()
    )]
    Hung {
        /// The channel.
        name: String,
        /// The library.
        path: PathBuf,
        /// What it was to do.
        step: &'static str,
        /// How long it had.
        seconds: u64,
    },
    /// The system gave no thread.
    #[error("channel `{name}`: the system gives no thread for it")]
    NoThread {
        /// The channel.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}
