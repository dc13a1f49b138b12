//! A copy of the store while it is used, and a store that was one.
//!
//! The files are written beside their place and named at the end, so that what bears a name is whole. The wrapped
//! keys are copied after the rows: every row of the copy finds its key, also in any newer copy of the keys.

use super::open::{open_reader, private};
use super::sql;
use crate::change::{Scope, Switch};
use crate::codec::{COPY, RESTORED, plain};
use crate::restored::{Copied, CopyError, CopyMark, CopyTo, Restored};
use crate::{Read, StoreError};
use jiff::Timestamp;
use recoup_domain::ids::TenantId;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Who a restore acts as in the switch that it lays.
const ACTOR: &str = "restore";
/// Minutes from 1970 to 2020: histories are numbered by minutes since then.
const MINUTES_TO_2020: i64 = 26_297_280;

/// Makes copies, one at a time.
pub(super) struct Copier {
    files: Arc<[PathBuf; 2]>,
    under_way: Arc<AtomicBool>,
}

/// The right to make a copy now.
pub(super) struct Copying {
    files: Arc<[PathBuf; 2]>,
    under_way: Arc<AtomicBool>,
}

impl Copier {
    pub(super) fn new(files: [PathBuf; 2]) -> Self {
        Self {
            files: Arc::new(files),
            under_way: Arc::default(),
        }
    }

    /// Whether a copy is being made.
    pub(super) fn under_way(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.under_way)
    }

    pub(super) fn begin(&self) -> Result<Copying, CopyError> {
        if self.under_way.swap(true, Ordering::SeqCst) {
            return Err(CopyError::Busy);
        }
        Ok(Copying {
            files: Arc::clone(&self.files),
            under_way: Arc::clone(&self.under_way),
        })
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        self.under_way.store(false, Ordering::SeqCst);
    }
}

impl Copying {
    pub(super) fn copy(&self, to: &CopyTo) -> Result<Copied, CopyError> {
        must_be_name(&to.name)?;
        let place = to.dir.join(&to.name);
        let half = to.dir.join(format!(".{}.part", to.name));
        make_folder(&to.dir)?;
        make_folder(&to.keys_dir)?;
        if place.exists() {
            return Err(CopyError::Exists(place));
        }
        // Of a process that died over it.
        remove(&half)?;
        make_folder(&half)?;
        let copied = self.fill(to, &half).and_then(|copied| {
            fs::rename(&half, &place).map_err(|e| at(&place, &e))?;
            sync(&to.dir)?;
            Ok(copied)
        });
        if copied.is_err() {
            drop(fs::remove_dir_all(&half));
        }
        copied
    }

    /// Both files, whole and on the disk; those of the keys in their place, as they serve any copy.
    fn fill(&self, to: &CopyTo, half: &Path) -> Result<Copied, CopyError> {
        let [main, keys] = &*self.files;
        let rows = half.join("recoup.db");
        vacuum(main, &rows)?;
        let position = mark(&rows)?;
        let sha256 = seal(&rows)?;
        let sums = half.join("SHA256SUMS");
        let written = File::create(&sums).and_then(|mut f| {
            writeln!(f, "{sha256}  recoup.db")?;
            f.sync_all()
        });
        written.map_err(|e| at(&sums, &e))?;
        sync(half)?;
        let (new_keys, keys_place) = (
            to.keys_dir.join(".keys.db.part"),
            to.keys_dir.join("keys.db"),
        );
        remove(&new_keys)?;
        let named = vacuum(keys, &new_keys)
            .and_then(|()| seal(&new_keys))
            .and_then(|_| fs::rename(&new_keys, &keys_place).map_err(|e| at(&keys_place, &e)));
        if let Err(error) = named {
            drop(fs::remove_file(&new_keys));
            return Err(error);
        }
        sync(&to.keys_dir)?;
        let size = |path: &Path| fs::metadata(path).map_or(0, |m| m.len());
        Ok(Copied {
            name: to.name.clone(),
            sha256,
            position,
            bytes: size(&rows) + size(&keys_place),
        })
    }
}

fn must_be_name(name: &str) -> Result<(), CopyError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let good =
        (1..=64).contains(&name.len()) && !name.starts_with('.') && name.chars().all(is_plain);
    match good {
        true => Ok(()),
        false => Err(CopyError::Name(name.to_owned())),
    }
}

/// One snapshot of a file, without its free pages. The writer goes on beside it.
fn vacuum(from: &Path, to: &Path) -> Result<(), CopyError> {
    // Made here, so that nobody else may read it from the first byte on.
    private().open(to).map_err(|e| at(to, &e))?;
    let conn = open_reader(from)?;
    let text = to.to_str().ok_or_else(|| CopyError::Place {
        path: to.to_owned(),
        problem: "its path is no UTF-8; give another folder",
    })?;
    let done = conn.execute(sql::COPY_INTO, [text]);
    done.map(drop).map_err(|e| failed(to, e))
}

/// Marks the file as a copy, and answers the newest position it holds.
fn mark(path: &Path) -> Result<u64, CopyError> {
    let told = |e| failed(path, e);
    let conn = Connection::open(path).map_err(told)?;
    // One file, with no log beside it.
    conn.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
        .map_err(told)?;
    let mark = CopyMark {
        taken_at: machine_now(&conn).map_err(told)?,
    };
    let mark = serde_json::to_string(&mark).map_err(|e| crate::codec::unreadable("a mark", e))?;
    conn.execute(sql::META_PUT, params![COPY, mark])
        .map_err(told)?;
    let position = conn.query_row(sql::POSITION, [], |r| r.get::<_, i64>(0));
    Ok(position.map_err(told)?.cast_unsigned())
}

/// Checks a written file, brings it to the disk, and answers its SHA-256.
fn seal(path: &Path) -> Result<String, CopyError> {
    let conn = Connection::open(path).map_err(|e| failed(path, e))?;
    let found: String = conn
        .query_row("PRAGMA integrity_check(1)", [], |r| r.get(0))
        .map_err(|e| failed(path, e))?;
    if found != "ok" {
        return Err(CopyError::Unsound(found));
    }
    conn.close().map_err(|(_, e)| failed(path, e))?;
    sync(path)?;
    let mut file = File::open(path).map_err(|e| at(path, &e))?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).map_err(|e| at(path, &e))? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

fn make_folder(path: &Path) -> Result<(), CopyError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|e| at(path, &e))
}

fn remove(path: &Path) -> Result<(), CopyError> {
    let gone = match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    match gone {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(at(path, &e)),
        _ => Ok(()),
    }
}

/// Brings a file, or the names in a folder, to the disk.
fn sync(path: &Path) -> Result<(), CopyError> {
    let done = File::open(path).and_then(|f| f.sync_all());
    done.map_err(|e| at(path, &e))
}

fn at(path: &Path, error: &io::Error) -> CopyError {
    use io::ErrorKind as K;
    tracing::warn!(path = %path.display(), %error, "a copy of the store was not made");
    let problem = match error.kind() {
        K::StorageFull | K::QuotaExceeded => NO_ROOM,
        K::PermissionDenied | K::ReadOnlyFilesystem => NO_RIGHT,
        K::NotADirectory | K::AlreadyExists => "a file is in the way; give another folder",
        _ => "the medium failed; the log of the server says how",
    };
    CopyError::Place {
        path: path.to_owned(),
        problem,
    }
}

const NO_ROOM: &str = "there is no room; make some, or give a folder of another disk";
const NO_RIGHT: &str = "the server may not write there; give it the right, or another folder";

fn failed(path: &Path, error: rusqlite::Error) -> CopyError {
    let problem = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => NO_ROOM,
        Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::CannotOpen) => NO_RIGHT,
        _ => "it could not be written; the log of the server says why",
    };
    tracing::warn!(path = %path.display(), %error, "a copy of the store was not made");
    CopyError::Place {
        path: path.to_owned(),
        problem,
    }
}

/// Now by the machine's clock, which no policy asks for.
fn machine_now(conn: &Connection) -> rusqlite::Result<Timestamp> {
    let seconds: i64 = conn.query_row(sql::MACHINE_S, [], |r| r.get(0))?;
    Ok(Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// Where the store is a copy: it stops to be one, stops dispatch, and begins a history of its own, whose number is
/// that of the minute, so that two stores restored from one copy differ.
pub(super) fn begin_history(tx: &Connection) -> Read<()> {
    let told = |e| StoreError::Broken {
        what: "beginning the history of a restored store",
        source: Box::new(e) as Box<dyn std::error::Error + Send + Sync>,
    };
    let get = |name: &str| {
        let found = tx.query_row(sql::META_GET, [name], |r| r.get::<_, String>(0));
        found.optional().map_err(&told)
    };
    let Some(mark) = get(COPY)? else {
        return Ok(());
    };
    let mark: CopyMark = plain("the mark of a copy", mark.as_bytes())?;
    let mut all: Vec<Restored> = match get(RESTORED)? {
        Some(text) => plain("the restores", text.as_bytes())?,
        None => Vec::new(),
    };
    let now = machine_now(tx).map_err(told)?;
    let minute = u32::try_from(now.as_second() / 60 - MINUTES_TO_2020).unwrap_or(1);
    let last = all.last().map_or(0, |r| r.history);
    let position: i64 = tx
        .query_row(sql::POSITION, [], |r| r.get(0))
        .map_err(told)?;
    let restored = Restored {
        history: minute.max(last.saturating_add(1)),
        position: position.cast_unsigned(),
        taken_at: mark.taken_at,
    };
    let switch = stop(&restored, now)?;
    all.push(restored);
    let encoded = |e| crate::codec::unreadable("a restore", e);
    let all = serde_json::to_string(&all).map_err(encoded)?;
    let switch = serde_json::to_vec(&switch).map_err(encoded)?;
    tx.execute(sql::META_PUT, params![RESTORED, all])
        .map_err(told)?;
    tx.execute(sql::SWITCH_PUT, params![RESTORED, true, switch])
        .map_err(told)?;
    tx.execute(sql::META_DROP, [COPY]).map_err(told)?;
    Ok(())
}

fn stop(restored: &Restored, at: Timestamp) -> Read<Switch> {
    // No lender's person laid it, and none can lift it as a pause.
    let nobody = TenantId::new(ACTOR).map_err(|e| crate::codec::unreadable("a name", e))?;
    Ok(Switch {
        scope: Scope::Restored,
        paused: true,
        reason: format!(
            "the store was restored from the copy of {} (journal at {}): contacts may have been made since; compare \
             with the carriers, then recoup store reconciled",
            restored.taken_at, restored.position
        ),
        tenant: nobody,
        by: ACTOR.to_owned(),
        at,
    })
}
