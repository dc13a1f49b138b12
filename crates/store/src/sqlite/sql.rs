//! Every statement, as constant text. A test prepares them all.

macro_rules! statements {
    ($list:ident: $($(#[$doc:meta])* $name:ident = $sql:literal;)*) => {
        $($(#[$doc])* pub(super) const $name: &str = $sql;)*
        #[cfg(test)]
        pub(super) const $list: &[&str] = &[$($sql),*];
    };
}

statements! { MAIN:
    META_GET = "SELECT value FROM meta WHERE name = ?1";
    META_PUT = "INSERT INTO meta (name, value) VALUES (?1, ?2)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    META_DROP = "DELETE FROM meta WHERE name = ?1";
    /// Seconds of the machine's clock: of what no policy judges.
    MACHINE_S = "SELECT unixepoch()";
    COPY_INTO = "VACUUM INTO ?1";

    BEGIN = "BEGIN IMMEDIATE";
    COMMIT = "COMMIT";
    SAVE = "SAVEPOINT change";
    SAVE_UNDO = "ROLLBACK TO change";
    SAVE_END = "RELEASE change";

    // What guards and checks read.
    CASE_HEAD = "SELECT version, tenant, status FROM case_ WHERE id = ?1";
    CASE_OPEN = "SELECT id FROM case_ WHERE tenant = ?1 AND lender_ref = ?2 AND status <> 3";
    PARTY_HEAD = "SELECT version, tenant, points, reach FROM party WHERE id = ?1";
    PARTY_OF_REF = "SELECT id FROM party WHERE tenant = ?1 AND lender_ref = ?2";
    CONTACT_HEAD = "SELECT rowid, state, fence, tenant, party FROM contact
        WHERE case_id = ?1 AND seq = ?2";
    SWITCH_HITS = "SELECT 1 FROM switch WHERE scope IN ('all', 'restored', ?1, ?2) AND paused = 1";
    POLICY_HASH = "SELECT hash FROM policy WHERE tenant = ?1 AND name = ?2 AND version = ?3";
    TEMPLATE_BODY = "SELECT body FROM template WHERE tenant = ?1 AND name = ?2 AND version = ?3";
    COLLECTOR_HEAD = "SELECT version, tenant FROM collector WHERE id = ?1";
    OVERRIDE_HEAD = "SELECT version, tenant FROM override_ WHERE id = ?1";
    OVERRIDES_VERSION = "SELECT version FROM override_head WHERE tenant = ?1";
    ROLLOUT_VERSION = "SELECT version FROM rollout WHERE channel = ?1";
    REQUEST_GET = "SELECT fingerprint, person, sealed, at FROM request
        WHERE tenant = ?1 AND request_id = ?2";

    // What a change writes.
    CASE_INSERT = "INSERT INTO case_
        (id, tenant, version, lender_ref, borrower, status, stage, worklist, policy, policy_version,
        body, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    CASE_UPDATE = "UPDATE case_ SET version = ?2, status = ?3, stage = ?4, worklist = ?5, policy = ?6,
        policy_version = ?7, body = ?8, sealed = ?9 WHERE id = ?1";
    PARTY_INSERT = "INSERT INTO party (id, tenant, version, lender_ref, points, body, sealed, reach)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    PARTY_UPDATE = "UPDATE party SET version = ?2, points = ?3, body = ?4, sealed = ?5 WHERE id = ?1";
    // Apart: a column of an index that is named is written to the index, changed or not.
    PARTY_REACH = "UPDATE party SET reach = ?2 WHERE id = ?1";
    POINT_PUT = "INSERT OR IGNORE INTO party_point (tenant, point, party) VALUES (?1, ?2, ?3)";
    CONTACT_INSERT = "INSERT INTO contact (case_id, seq, tenant, party, class, state, outcome, at,
        effect_from, effect_to, point, stage, step, fence, body, sealed)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    CONTACT_UPDATE = "UPDATE contact SET state = ?2, outcome = ?3, at = ?4, effect_from = ?5,
        effect_to = ?6, point = ?7, fence = ?8, body = ?9, sealed = ?10 WHERE rowid = ?1";
    SCHED_PUT = "INSERT INTO sched (case_id, next_at) VALUES (?1, ?2)
        ON CONFLICT (case_id) DO UPDATE SET next_at = excluded.next_at";
    SCHED_DROP = "DELETE FROM sched WHERE case_id = ?1";
    POLICY_PUT = "INSERT INTO policy (tenant, name, version, hash, body) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (tenant, name, version) DO UPDATE SET body = excluded.body";
    TEMPLATE_PUT = "INSERT INTO template (tenant, name, version, body) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (tenant, name, version) DO UPDATE SET body = excluded.body";
    COLLECTOR_PUT = "INSERT INTO collector (id, tenant, version, body, sealed)
        VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET version = excluded.version, body = excluded.body,
        sealed = excluded.sealed";
    SWITCH_PUT = "INSERT INTO switch (scope, paused, body) VALUES (?1, ?2, ?3)
        ON CONFLICT (scope) DO UPDATE SET paused = excluded.paused, body = excluded.body";
    OVERRIDE_PUT = "INSERT INTO override_ (id, tenant, version, until, body, sealed)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (id) DO UPDATE SET version = excluded.version, until = excluded.until,
        body = excluded.body, sealed = excluded.sealed";
    ROLLOUT_PUT = "INSERT INTO rollout (channel, version, body) VALUES (?1, ?2, ?3)
        ON CONFLICT (channel) DO UPDATE SET version = excluded.version, body = excluded.body";
    LIBRARY_PUT = "INSERT INTO library (channel, sha256, part, bytes) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (channel, sha256, part) DO UPDATE SET bytes = excluded.bytes";
    LIBRARY_DROP = "DELETE FROM library WHERE channel = ?1 AND sha256 = ?2";
    OVERRIDES_COUNT = "INSERT INTO override_head (tenant, version) VALUES (?1, 1)
        ON CONFLICT (tenant) DO UPDATE SET version = version + 1";
    WAKE_ALL = "INSERT INTO sched (case_id, next_at)
        SELECT id, ?2 FROM case_ WHERE tenant = ?1 AND status IN (0, 2)
        ON CONFLICT (case_id) DO UPDATE SET next_at = excluded.next_at
        WHERE next_at IS NULL OR next_at > excluded.next_at";
    REQUEST_PUT = "INSERT INTO request (tenant, request_id, fingerprint, person, sealed, at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    JOURNAL_PUT = "INSERT INTO journal
        (position, tenant, kind, case_id, party_id, at, body, sealed, inner)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    LEAF_PUT = "INSERT INTO leaf (position, hash) VALUES (?1, ?2)";
    REQUEST_PURGE = "DELETE FROM request WHERE rowid IN (SELECT rowid FROM
        (SELECT rowid, at FROM request ORDER BY rowid LIMIT 10000) WHERE at < ?1)";

    // What is due.
    DUE = "SELECT case_id, next_at FROM sched WHERE next_at IS NOT NULL AND next_at <= ?1
        ORDER BY next_at, case_id LIMIT ?2";
    NEXT_DUE = "SELECT case_id, next_at FROM sched WHERE next_at IS NOT NULL
        ORDER BY next_at, case_id LIMIT ?1";
    SCHED_OF = "SELECT case_id, next_at FROM sched WHERE case_id = ?1 AND next_at IS NOT NULL";
    DUE_COUNT = "SELECT COUNT(*) FROM sched AS s CROSS JOIN case_ AS c ON c.id = s.case_id
        WHERE s.next_at IS NOT NULL AND s.next_at <= ?1 AND c.tenant = ?2";
    NEXT_DUE_OF = "SELECT s.case_id, s.next_at FROM sched AS s CROSS JOIN case_ AS c
        ON c.id = s.case_id WHERE s.next_at IS NOT NULL AND c.tenant = ?1
        ORDER BY s.next_at, s.case_id LIMIT 1";

    // What a decision reads.
    CASE_BY_ID = "SELECT body, sealed FROM case_ WHERE id = ?1";
    PARTY_BY_ID = "SELECT body, sealed FROM party WHERE id = ?1";
    PAST = "SELECT case_id, seq, class, state, outcome, at, effect_from, effect_to, point, stage, step
        FROM contact WHERE party = ?1 AND tenant = ?2 ORDER BY at, case_id, seq";
    POSITION = "SELECT COALESCE(MAX(position), 0) FROM journal";

    OVERRIDES_APPROVED = "SELECT body, sealed FROM override_
        WHERE tenant = ?1 AND until > COALESCE(
        (SELECT at FROM journal ORDER BY position DESC LIMIT 1), 0) ORDER BY id";

    // Other reads.
    OVERRIDE_OF = "SELECT body, sealed FROM override_ WHERE id = ?1 AND tenant = ?2";
    OVERRIDES = "SELECT body, sealed FROM override_ WHERE tenant = ?1 ORDER BY id";
    CASE_OF = "SELECT body, sealed FROM case_ WHERE id = ?1 AND tenant = ?2";
    CASE_OPEN_OF_REF = "SELECT body, sealed FROM case_
        WHERE tenant = ?1 AND lender_ref = ?2 AND status <> 3";
    CASE_CLOSED_OF_REF = "SELECT body, sealed FROM case_
        WHERE tenant = ?1 AND lender_ref = ?2 AND status = 3 ORDER BY id DESC LIMIT 1";
    CASES = "SELECT body, sealed FROM case_ WHERE tenant = ?1 AND id > ?2
        AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR stage = ?4) ORDER BY id LIMIT ?5";
    CASES_ON_WORKLIST = "SELECT body, sealed FROM case_ WHERE tenant = ?1 AND id > ?2 AND worklist = 1
        AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR stage = ?4) ORDER BY id LIMIT ?5";
    CASES_OF_BORROWER = "SELECT body, sealed FROM case_ WHERE borrower = ?6 AND tenant = ?1 AND id > ?2
        AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR stage = ?4)
        AND (?7 = 0 OR worklist = 1) ORDER BY id LIMIT ?5";
    CASES_OPEN_OF = "SELECT body, sealed FROM case_
        WHERE borrower = ?1 AND tenant = ?2 AND status <> 3 ORDER BY id";
    CASES_WAITING = "SELECT COUNT(*) FROM case_ WHERE tenant = ?1 AND worklist = 1";
    CASES_PINNED = "SELECT COUNT(*) FROM case_
        WHERE tenant = ?1 AND policy = ?2 AND policy_version = ?3 AND status <> 3";
    CASES_OF_POLICY = "SELECT body, sealed FROM case_ WHERE tenant = ?1 AND policy = ?2
        AND policy_version = ?3 AND status <> 3 AND id > ?4 ORDER BY id LIMIT ?5";
    // From one value to the next in the index: as many steps as there are values, not as there are parties.
    REACH = "WITH RECURSIVE one (reach) AS (
            SELECT MIN(reach) FROM party WHERE tenant = ?1
            UNION ALL
            SELECT (SELECT MIN(p.reach) FROM party AS p WHERE p.tenant = ?1 AND p.reach > one.reach)
            FROM one WHERE one.reach IS NOT NULL)
        SELECT reach FROM one WHERE reach IS NOT NULL AND EXISTS (
            SELECT 1 FROM party AS p CROSS JOIN case_ AS c ON c.borrower = p.id
            WHERE p.tenant = ?1 AND p.reach = one.reach AND c.status <> 3)
        LIMIT ?2";
    PARTY_OF = "SELECT body, sealed FROM party WHERE id = ?1 AND tenant = ?2";
    PARTY_BY_REF = "SELECT body, sealed FROM party WHERE tenant = ?1 AND lender_ref = ?2";
    PARTIES_BY_POINT = "SELECT p.body, p.sealed FROM party_point AS pp CROSS JOIN party AS p
        ON p.id = pp.party WHERE pp.tenant = ?1 AND pp.point = ?2 ORDER BY pp.party";
    CONTACT_OF = "SELECT body, sealed FROM contact WHERE case_id = ?1 AND seq = ?2 AND tenant = ?3";
    CONTACTS_OF_CASE = "SELECT body, sealed FROM contact WHERE case_id = ?1 AND tenant = ?2
        AND seq > ?3 AND (?4 IS NULL OR party = ?4) AND (?5 IS NULL OR state = ?5)
        AND (?6 IS NULL OR class = ?6) ORDER BY seq LIMIT ?7";
    CONTACTS_OF_PARTY = "SELECT body, sealed FROM contact WHERE party = ?1 AND tenant = ?2
        AND (case_id, seq) > (?3, ?4) AND (?5 IS NULL OR state = ?5)
        AND (?6 IS NULL OR class = ?6) ORDER BY case_id, seq LIMIT ?7";
    // Walks the tenant's cases in order and each one's contacts: no index over all contacts is kept.
    CONTACTS = "SELECT k.body, k.sealed FROM case_ AS c CROSS JOIN contact AS k ON k.case_id = c.id
        WHERE c.tenant = ?1 AND c.id >= ?2 AND (k.case_id, k.seq) > (?2, ?3)
        AND (?4 IS NULL OR k.state = ?4) AND (?5 IS NULL OR k.class = ?5)
        ORDER BY c.id, k.seq LIMIT ?6";
    CONTACTS_OPEN_IN = "SELECT body, sealed FROM contact
        WHERE state = ?1 AND state IN (0, 1, 7, 8, 10) ORDER BY rowid LIMIT ?2";
    CONTACTS_IN = "SELECT body, sealed FROM contact WHERE state = ?1 ORDER BY rowid LIMIT ?2";
    JOURNAL = "SELECT position, tenant, at, body, sealed, inner FROM journal
        WHERE position > ?1 ORDER BY position LIMIT ?2";
    JOURNAL_OF_TENANT = "SELECT position, tenant, at, body, sealed, inner FROM journal
        WHERE position > ?1 AND tenant = ?3 ORDER BY position LIMIT ?2";
    JOURNAL_OF_CASE = "SELECT position, tenant, at, body, sealed, inner FROM journal
        WHERE case_id = ?4 AND position > ?1 AND (?3 IS NULL OR tenant = ?3)
        AND (?5 IS NULL OR party_id = ?5) ORDER BY position LIMIT ?2";
    JOURNAL_OF_PARTY = "SELECT position, tenant, at, body, sealed, inner FROM journal
        WHERE party_id = ?4 AND position > ?1 AND (?3 IS NULL OR tenant = ?3)
        ORDER BY position LIMIT ?2";
    NEWEST_AT = "SELECT at FROM journal ORDER BY position DESC LIMIT 1";
    LEAVES = "SELECT position, hash FROM leaf WHERE position > ?1 ORDER BY position LIMIT ?2";
    POLICIES = "SELECT body FROM policy WHERE (?1 IS NULL OR tenant = ?1)
        ORDER BY tenant, name, version";
    TEMPLATES = "SELECT body FROM template WHERE (?1 IS NULL OR tenant = ?1)
        ORDER BY tenant, name, version";
    COLLECTOR_OF = "SELECT body, sealed FROM collector WHERE id = ?1 AND tenant = ?2";
    COLLECTORS = "SELECT body, sealed FROM collector WHERE tenant = ?1 ORDER BY id";
    ROLLOUTS = "SELECT body FROM rollout ORDER BY channel";
    LIBRARY_PART = "SELECT bytes FROM library WHERE channel = ?1 AND sha256 = ?2 AND part = ?3";
    SWITCHES = "SELECT body FROM switch WHERE paused = 1 ORDER BY scope";
    CASES_BY_STATUS = "SELECT tenant, status, COUNT(*) FROM case_ GROUP BY tenant, status";
    CONTACTS_BY_STATE = "SELECT tenant, class * 13 + state, COUNT(*) FROM contact GROUP BY tenant, class, state";
}

/// The tables of the key store, a file of its own: an erased key must not come back with a backup of
/// the main file.
pub(super) const KEYS_SCHEMA: &str = "CREATE TABLE IF NOT EXISTS party_key (
    party   BLOB PRIMARY KEY NOT NULL,
    wrapped BLOB -- none: erased; the row stays as the tombstone
) WITHOUT ROWID;";

statements! { KEYS:
    KEY_PUT = "INSERT INTO party_key (party, wrapped) VALUES (?1, ?2)
        ON CONFLICT (party) DO UPDATE SET wrapped = excluded.wrapped";
    KEY_GET = "SELECT wrapped FROM party_key WHERE party = ?1 AND wrapped IS NOT NULL";
}
