//! What the store's file says after a kill, before anything starts on it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use recoup_domain::contact::ContactState;
use recoup_domain::ids::{CaseId, ContactId};
use rusqlite::{Connection, OpenFlags};

/// Where contacts stood at the kills.
#[derive(Default)]
pub(super) struct Looks {
    last: HashMap<String, &'static str>,
    /// Contacts by the state that a kill found them in first.
    pub(super) states: BTreeMap<&'static str, usize>,
    /// Contacts that a kill hit between intent and outcome.
    pub(super) hit: HashSet<String>,
    /// Kills that hit one.
    pub(super) kills_under_way: usize,
}

impl Looks {
    /// Reads the file once more.
    pub(super) fn add(&mut self, database: &Path) -> Result<(), String> {
        let found = read(database).map_err(|e| format!("{}: {e}", database.display()))?;
        self.take(found);
        Ok(())
    }

    /// Takes where contacts stood at one more kill.
    pub(super) fn take(&mut self, found: Vec<(String, &'static str)>) {
        let mut under_way = false;
        for (contact, state) in found {
            if state == "DISPATCHING" {
                under_way = true;
                self.hit.insert(contact.clone());
            }
            if self.last.insert(contact, state) != Some(state) {
                *self.states.entry(state).or_default() += 1;
            }
        }
        self.kills_under_way += usize::from(under_way);
    }
}

fn read(database: &Path) -> rusqlite::Result<Vec<(String, &'static str)>> {
    if !database.exists() {
        // Killed before there was one.
        return Ok(Vec::new());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(database, flags)?;
    let mut all = db.prepare("SELECT case_id, seq, state FROM contact")?;
    let rows = all.query_map([], |row| {
        let case = CaseId::from_bytes(row.get(0)?);
        let contact = ContactId {
            case,
            seq: row.get(1)?,
        };
        let state: usize = row.get::<_, u32>(2)? as usize;
        let state = ContactState::ALL.get(state);
        Ok((contact.to_string(), state.map_or("?", |s| s.name())))
    })?;
    rows.collect()
}
