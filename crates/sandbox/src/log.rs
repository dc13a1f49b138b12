//! The sandbox log: one writer, group commit. The format is docs/formats/sandbox-log.md.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use serde::Serialize;
use tokio::sync::{mpsc as tokio_mpsc, oneshot};

use crate::Error;
use crate::options::{Channel, Outcome};

/// The most lines that one fdatasync covers.
const GROUP_LINES_MAX: usize = 4_096;

/// A line of the log.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Line<'a> {
    Open {
        format: u32,
        seed: u64,
        clock: &'a str,
    },
    Receipt(Receipt<'a>),
    Outcome {
        key: Option<&'a str>,
        channel: Channel,
        dest: &'a str,
        outcome: Outcome,
        at_us: i64,
        wall_us: i64,
        virtual_us: Option<i64>,
    },
    Reply {
        channel: Channel,
        from: &'a str,
        text: &'a str,
        at_us: i64,
    },
    Misbehave {
        what: &'a str,
        n: u64,
    },
}

/// What is written of one request.
#[derive(Debug, Serialize)]
pub(crate) struct Receipt<'a> {
    pub(crate) n: u64,
    pub(crate) wall_us: i64,
    pub(crate) mono_us: i64,
    pub(crate) virtual_us: Option<i64>,
    pub(crate) channel: Channel,
    pub(crate) op: Op,
    pub(crate) dest: &'a str,
    pub(crate) ordinal: u64,
    pub(crate) key: Option<&'a str>,
    pub(crate) payload_sha256: &'a str,
    pub(crate) text: Option<&'a str>,
    pub(crate) effect_from_us: Option<i64>,
    pub(crate) effect_to_us: Option<i64>,
    pub(crate) answer: u16,
    pub(crate) effect: bool,
    pub(crate) outcome: Option<Outcome>,
}

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Op {
    Send,
    Cancel,
}

struct Entry {
    line: Vec<u8>,
    written: oneshot::Sender<()>,
}

/// A promise that a line is on the disk. What it was written for must not happen before.
#[must_use = "nothing may be answered or called back before its line is on the disk"]
pub(crate) struct Written(oneshot::Receiver<()>);

/// The log could not be written; the sandbox is about to end.
#[derive(Debug)]
pub(crate) struct Lost;

impl Written {
    pub(crate) async fn wait(self) -> Result<(), Lost> {
        self.0.await.map_err(|_| Lost)
    }
}

/// The way to the writer. Lines come to the file in the order of the calls.
pub(crate) struct Log {
    // Unbounded, and yet bounded by the open requests: each waits for its lines.
    tx: mpsc::Sender<Entry>,
}

impl Log {
    /// Opens `path`, writes the first line and starts the writer. `failed` hears of a write error.
    pub(crate) fn open(
        path: &Path,
        seed: u64,
        stepped: bool,
        failed: tokio_mpsc::UnboundedSender<Error>,
    ) -> Result<Log, Error> {
        let about = |source| Error::Log {
            path: path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(about)?;
        if file.metadata().map_err(about)?.len() > 0 {
            return Err(Error::LogNotEmpty {
                path: path.to_owned(),
            });
        }
        let clock = if stepped { "stepped" } else { "live" };
        let first = encode(&Line::Open {
            format: 1,
            seed,
            clock,
        });
        file.write_all(&first)
            .and_then(|()| file.sync_all())
            .map_err(about)?;
        let (tx, rx) = mpsc::channel();
        let path = path.to_owned();
        thread::Builder::new()
            .name("sandbox-log".into())
            .spawn(move || {
                if let Err(source) = write_groups(&mut file, &rx) {
                    let _ = failed.send(Error::Log { path, source });
                }
            })
            .map_err(Error::Start)?;
        Ok(Log { tx })
    }

    pub(crate) fn append(&self, line: &Line<'_>) -> Written {
        let (written, waiting) = oneshot::channel();
        // A writer that is gone drops the entry, and the promise then says so.
        let _ = self.tx.send(Entry {
            line: encode(line),
            written,
        });
        Written(waiting)
    }
}

fn encode(line: &Line<'_>) -> Vec<u8> {
    // Plain structs of strings and numbers: serialising them into memory cannot fail.
    let mut bytes = serde_json::to_vec(line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Takes what waits, writes it, syncs once and only then releases those who wait.
fn write_groups(file: &mut File, rx: &mpsc::Receiver<Entry>) -> io::Result<()> {
    while let Ok(first) = rx.recv() {
        let mut bytes = first.line;
        let mut waiting = vec![first.written];
        while waiting.len() < GROUP_LINES_MAX {
            let Ok(next) = rx.try_recv() else { break };
            bytes.extend_from_slice(&next.line);
            waiting.push(next.written);
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        for written in waiting {
            let _ = written.send(());
        }
    }
    Ok(())
}
