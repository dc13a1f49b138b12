//! The server with one bug planted in it, for the tests that show that such a bug is found. The command line is that of
//! `recoup`; `RECOUP_PLANT` names the bug, or nothing for none; docs/reliability.md says what each does. Never shipped.
//!
//! A bug is a decorator between the engine and its store or channels. It writes nothing into the sandbox's log or the
//! export: what they show is what truly happened.

mod channel;
mod outbox;
mod store;

use std::process::ExitCode;
use std::sync::Arc;

use recoup::wiring::Seams;
use recoup_testkit::around::Wrapped;

use channel::Bent;
use store::Planted;

fn main() -> ExitCode {
    let name = std::env::var("RECOUP_PLANT").unwrap_or_default();
    match seams(&name) {
        Some(seams) => recoup::cli::main_with(&seams),
        None => {
            eprintln!("planted: RECOUP_PLANT is `{name}`; it can be {}", names());
            ExitCode::from(2)
        }
    }
}

fn names() -> String {
    let channels = channel::BUGS.iter().map(|(name, _)| *name);
    let stores = store::BUGS.iter().map(|(name, _)| *name);
    let all: Vec<&str> = channels.chain(stores).collect();
    format!("{} or empty", all.join(", "))
}

/// What stands around store and channels for a bug; none where there is no such bug.
fn seams(name: &str) -> Option<Seams> {
    let mut seams = Seams::default();
    if let Some((_, bug)) = channel::BUGS.iter().find(|(n, _)| *n == name) {
        seams.channel = Arc::new(|channel| Arc::new(Bent::new(channel, *bug)));
    } else if let Some((_, bug)) = store::BUGS.iter().find(|(n, _)| *n == name) {
        seams.store = Arc::new(|store| Arc::new(Wrapped(Planted::new(store, *bug))));
        if *bug == store::Bug::CancelForgotten {
            seams.channel =
                Arc::new(|channel| Arc::new(Bent::new(channel, channel::Bug::NoCancel)));
        }
    } else if !name.is_empty() {
        return None;
    }
    Some(seams)
}
