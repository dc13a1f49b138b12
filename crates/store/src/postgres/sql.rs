//! Every statement, as constant text. A test prepares them all.

macro_rules! statements {
    ($list:ident: $($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* pub(super) const $name: &str = $sql;)*
        #[cfg(test)]
        pub(super) const $list: &[&str] = &[$($sql),*];
    };
}

/// The epochs of the processes that live: each holds a lock of this class on its own.
macro_rules! living {
    () => {
        "ARRAY(SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND objsubid = 2 AND classid = 1919247215
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    };
}

statements! { ALL:
    META_GET = "SELECT value FROM meta WHERE name = $1";
    META_PUT = "INSERT INTO meta (name, value) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    META_LOCK = "SELECT value FROM meta WHERE name = $1 FOR UPDATE";

    // Locks that are no row's. The first two last as long as the transaction, the others as long as the session.
    RULES_SHARED = "SELECT pg_advisory_xact_lock_shared($1)";
    RULES_ALONE = "SELECT pg_advisory_xact_lock($1)";
    OPEN_LOCK = "SELECT pg_advisory_lock($1)";
    OPEN_UNLOCK = "SELECT pg_advisory_unlock($1)";
    OWN_ALONE = "SELECT pg_try_advisory_lock($1)";
    OWN_EPOCH = "SELECT pg_try_advisory_lock(1919247215, $1)";
    TELL = "SELECT pg_notify('recoup', '')";

    // What guards and checks read of rows; all in one order, so that two who want the same rows wait and do not
    // block each other for ever.
    CASE_HEADS = "SELECT id, version, tenant, status FROM case_ WHERE id = ANY($1)
        ORDER BY id FOR NO KEY UPDATE";
    PARTY_HEADS = "SELECT id, version, tenant, points FROM party WHERE id = ANY($1)
        ORDER BY id FOR NO KEY UPDATE";
    CONTACT_HEADS = "SELECT k.case_id, k.seq, k.state, k.fence, k.tenant, k.party
        FROM contact AS k JOIN UNNEST($1::bytea[], $2::bigint[]) AS w (case_id, seq)
        ON k.case_id = w.case_id AND k.seq = w.seq
        ORDER BY k.case_id, k.seq FOR NO KEY UPDATE OF k";
    LEASES = "SELECT case_id, fence, owner = $2 AND leased_until > clock_timestamp() FROM sched
        WHERE case_id = ANY($1) ORDER BY case_id FOR UPDATE";
    LOANS = "SELECT c.tenant, c.lender_ref, c.id FROM case_ AS c
        JOIN UNNEST($1::text[], $2::bytea[]) AS w (tenant, lender_ref)
        ON c.tenant = w.tenant AND c.lender_ref = w.lender_ref WHERE c.status <> 3";
    PARTY_REFS = "SELECT p.tenant, p.lender_ref, p.id FROM party AS p
        JOIN UNNEST($1::text[], $2::bytea[]) AS w (tenant, lender_ref)
        ON p.tenant = w.tenant AND p.lender_ref = w.lender_ref";
    POLICY_HEADS = "SELECT p.tenant, p.name, p.version, p.hash FROM policy AS p
        JOIN UNNEST($1::text[], $2::text[], $3::bigint[]) AS w (tenant, name, version)
        ON p.tenant = w.tenant AND p.name = w.name AND p.version = w.version";
    TEMPLATE_HEADS = "SELECT t.tenant, t.name, t.version, t.body FROM template AS t
        JOIN UNNEST($1::text[], $2::text[], $3::bigint[]) AS w (tenant, name, version)
        ON t.tenant = w.tenant AND t.name = w.name AND t.version = w.version";
    COLLECTOR_HEADS = "SELECT id, version, tenant FROM collector WHERE id = ANY($1)";
    OVERRIDE_HEADS = "SELECT id, version, tenant FROM override_ WHERE id = ANY($1)";
    OVERRIDES_VERSIONS = "SELECT tenant, version FROM override_head WHERE tenant = ANY($1)";
    ROLLOUT_VERSIONS = "SELECT channel, version FROM rollout WHERE channel = ANY($1)";
    SWITCHES_OFF = "SELECT scope FROM switch WHERE paused";
    REQUESTS = "SELECT r.tenant, r.request_id, r.fingerprint, r.person, r.sealed, r.at FROM request AS r
        JOIN UNNEST($1::text[], $2::text[]) AS w (tenant, request_id)
        ON r.tenant = w.tenant AND r.request_id = w.request_id";

    // What a group of changes writes.
    CASE_UPDATE = "UPDATE case_ AS c SET version = w.version, status = w.status, stage = w.stage,
        worklist = w.worklist, policy = w.policy, policy_version = w.policy_version, body = w.body,
        sealed = w.sealed FROM UNNEST($1::bytea[], $2::bigint[], $3::smallint[], $4::smallint[],
        $5::boolean[], $6::text[], $7::bigint[], $8::bytea[], $9::bytea[])
        AS w (id, version, status, stage, worklist, policy, policy_version, body, sealed)
        WHERE c.id = w.id";
    CASE_INSERT = "INSERT INTO case_ (id, version, status, stage, worklist, policy, policy_version,
        body, sealed, tenant, lender_ref, borrower)
        SELECT * FROM UNNEST($1::bytea[], $2::bigint[], $3::smallint[], $4::smallint[],
        $5::boolean[], $6::text[], $7::bigint[], $8::bytea[], $9::bytea[], $10::text[], $11::bytea[],
        $12::bytea[])";
    PARTY_UPDATE = "UPDATE party AS p SET version = w.version, points = w.points, body = w.body,
        sealed = w.sealed, reach = w.reach
        FROM UNNEST($1::bytea[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[], $6::text[])
        AS w (id, version, points, body, sealed, reach) WHERE p.id = w.id";
    PARTY_INSERT = "INSERT INTO party (id, version, points, body, sealed, reach, tenant, lender_ref)
        SELECT * FROM UNNEST($1::bytea[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[],
        $6::text[], $7::text[], $8::bytea[])";
    POINT_PUT = "INSERT INTO party_point (tenant, point, party)
        SELECT * FROM UNNEST($1::text[], $2::bytea[], $3::bytea[]) ORDER BY 1, 2, 3
        ON CONFLICT DO NOTHING";
    KEY_PUT = "INSERT INTO party_key (party, wrapped) SELECT * FROM UNNEST($1::bytea[], $2::bytea[])
        ORDER BY 1 ON CONFLICT (party) DO UPDATE SET wrapped = excluded.wrapped";
    CONTACT_UPDATE = "UPDATE contact AS k SET state = w.state, outcome = w.outcome, at = w.at,
        effect_from = w.effect_from, effect_to = w.effect_to, point = w.point, fence = w.fence,
        body = w.body, sealed = w.sealed, owner = $12
        FROM UNNEST($1::bytea[], $2::bigint[], $3::smallint[], $4::smallint[], $5::bigint[],
        $6::bigint[], $7::bigint[], $8::bytea[], $9::bigint[], $10::bytea[], $11::bytea[])
        AS w (case_id, seq, state, outcome, at, effect_from, effect_to, point, fence, body, sealed)
        WHERE k.case_id = w.case_id AND k.seq = w.seq";
    CONTACT_INSERT = "INSERT INTO contact (case_id, seq, state, outcome, at, effect_from, effect_to,
        point, fence, body, sealed, owner, tenant, party, class, stage, step)
        SELECT w.case_id, w.seq, w.state, w.outcome, w.at, w.effect_from, w.effect_to, w.point,
        w.fence, w.body, w.sealed, $12::bigint, w.tenant, w.party, w.class, w.stage, w.step
        FROM UNNEST($1::bytea[], $2::bigint[], $3::smallint[], $4::smallint[], $5::bigint[],
        $6::bigint[], $7::bigint[], $8::bytea[], $9::bigint[], $10::bytea[], $11::bytea[],
        $13::text[], $14::bytea[], $15::smallint[], $16::smallint[], $17::smallint[])
        AS w (case_id, seq, state, outcome, at, effect_from, effect_to, point, fence, body, sealed,
        tenant, party, class, stage, step)";
    SCHED_PUT = "INSERT INTO sched (case_id, next_at)
        SELECT * FROM UNNEST($1::bytea[], $2::bigint[]) ORDER BY 1
        ON CONFLICT (case_id) DO UPDATE SET next_at = excluded.next_at, fence = NULL,
        owner = NULL, leased_until = NULL";
    SCHED_DROP = "DELETE FROM sched WHERE case_id = ANY($1)";
    WAKE_ALL = "INSERT INTO sched AS s (case_id, next_at)
        SELECT id, $2 FROM case_ WHERE tenant = $1 AND status IN (0, 2) ORDER BY id
        ON CONFLICT (case_id) DO UPDATE SET next_at = excluded.next_at
        WHERE s.next_at > excluded.next_at";
    POLICY_PUT = "INSERT INTO policy (tenant, name, version, hash, body) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (tenant, name, version) DO UPDATE SET body = excluded.body";
    TEMPLATE_PUT = "INSERT INTO template (tenant, name, version, body) VALUES ($1, $2, $3, $4)
        ON CONFLICT (tenant, name, version) DO UPDATE SET body = excluded.body";
    COLLECTOR_PUT = "INSERT INTO collector (id, tenant, version, body, sealed)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO UPDATE SET version = excluded.version, body = excluded.body,
        sealed = excluded.sealed";
    SWITCH_PUT = "INSERT INTO switch (scope, paused, body) VALUES ($1, $2, $3)
        ON CONFLICT (scope) DO UPDATE SET paused = excluded.paused, body = excluded.body";
    OVERRIDE_PUT = "INSERT INTO override_ (id, tenant, version, until_, body, sealed)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (id) DO UPDATE SET version = excluded.version, until_ = excluded.until_,
        body = excluded.body, sealed = excluded.sealed";
    ROLLOUT_PUT = "INSERT INTO rollout (channel, version, body) VALUES ($1, $2, $3)
        ON CONFLICT (channel) DO UPDATE SET version = excluded.version, body = excluded.body";
    LIBRARY_PUT = "INSERT INTO library (channel, sha256, part, bytes) VALUES ($1, $2, $3, $4)
        ON CONFLICT (channel, sha256, part) DO UPDATE SET bytes = excluded.bytes";
    LIBRARY_DROP = "DELETE FROM library WHERE channel = $1 AND sha256 = $2";
    OVERRIDES_COUNT = "INSERT INTO override_head AS h (tenant, version) VALUES ($1, 1)
        ON CONFLICT (tenant) DO UPDATE SET version = h.version + 1";
    REQUEST_PUT = "INSERT INTO request (tenant, request_id, fingerprint, person, sealed, at)
        SELECT * FROM UNNEST($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bigint[])";
    REQUEST_PURGE = "DELETE FROM request WHERE ctid = ANY (ARRAY(SELECT ctid FROM request WHERE at < $1
        LIMIT 10000 FOR UPDATE SKIP LOCKED))";

    // The last lock of a transaction: from here to its commit nobody else is given a position.
    TAKE_POSITIONS = "UPDATE sequencer SET position = position + $1
        RETURNING position, pg_current_xact_id()::text";
    JOURNAL_PUT = "INSERT INTO journal (position, tenant, kind, case_id, party_id, at, body, sealed, inner_)
        SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::smallint[], $4::bytea[], $5::bytea[],
        $6::bigint[], $7::bytea[], $8::bytea[], $9::bytea[])";
    LEAF_PUT = "INSERT INTO leaf (position, hash) SELECT * FROM UNNEST($1::bigint[], $2::bytea[])";
    TALLY_MOVE = "INSERT INTO tally AS t (tenant, kind, code, n)
        SELECT * FROM UNNEST($1::text[], $2::smallint[], $3::smallint[], $4::bigint[])
        ON CONFLICT (tenant, kind, code) DO UPDATE SET n = t.n + excluded.n";
    XACT_STATUS = "SELECT pg_xact_status($1::text::xid8)";

    // What is due.
    CLAIM = concat!("WITH due AS (SELECT case_id, next_at FROM sched
            WHERE next_at <= $1 AND (leased_until IS NULL OR leased_until <= clock_timestamp()
                OR owner <> ALL (", living!(), "))
            ORDER BY next_at, case_id LIMIT $2 FOR UPDATE SKIP LOCKED),
        given AS MATERIALIZED (SELECT case_id, next_at, nextval('fence') AS fence
            FROM (SELECT case_id, next_at FROM due ORDER BY next_at, case_id) AS d)
        UPDATE sched AS s SET fence = g.fence, owner = $4,
            leased_until = clock_timestamp() + make_interval(secs => $3)
        FROM given AS g WHERE s.case_id = g.case_id
        RETURNING s.case_id, s.next_at, s.fence");
    NEXT_DUE = concat!("SELECT next_at FROM sched
        WHERE leased_until IS NULL OR leased_until <= clock_timestamp() OR owner <> ALL (", living!(), ")
        ORDER BY next_at, case_id LIMIT 1");
    CLOCK = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint";
    SCHED_OF = "SELECT case_id, next_at FROM sched WHERE case_id = ANY($1)";
    DUE_COUNT = "SELECT COUNT(*) FROM sched AS s JOIN case_ AS c ON c.id = s.case_id
        WHERE s.next_at <= $1 AND c.tenant = $2";
    NEXT_DUE_OF = "SELECT s.next_at FROM sched AS s JOIN case_ AS c ON c.id = s.case_id
        WHERE c.tenant = $1 ORDER BY s.next_at, s.case_id LIMIT 1";

    // What a decision reads.
    CASES_BY_ID = "SELECT body, sealed FROM case_ WHERE id = ANY($1)";
    PARTIES_BY_ID = "SELECT body, sealed FROM party WHERE id = ANY($1)";
    PAST = "SELECT k.case_id, k.seq, k.class, k.state, k.outcome, k.at, k.effect_from, k.effect_to,
        k.point, k.stage, k.step, k.party, k.tenant
        FROM UNNEST($1::text[], $2::bytea[]) AS w (tenant, party)
        JOIN contact AS k ON k.tenant = w.tenant AND k.party = w.party
        ORDER BY k.at, k.case_id, k.seq";
    POSITION = "SELECT position FROM sequencer";
    OVERRIDES_VERSION = "SELECT version FROM override_head WHERE tenant = $1";
    OVERRIDES_APPROVED = "SELECT body, sealed FROM override_
        WHERE tenant = $1 AND until_ > COALESCE(
        (SELECT at FROM journal ORDER BY position DESC LIMIT 1), 0) ORDER BY id";

    // Other reads.
    OVERRIDE_OF = "SELECT body, sealed FROM override_ WHERE id = $1 AND tenant = $2";
    OVERRIDES = "SELECT body, sealed FROM override_ WHERE tenant = $1 ORDER BY id";
    CASE_OF = "SELECT body, sealed FROM case_ WHERE id = $1 AND tenant = $2";
    CASE_OPEN_OF_REF = "SELECT body, sealed FROM case_
        WHERE tenant = $1 AND lender_ref = $2 AND status <> 3";
    CASE_CLOSED_OF_REF = "SELECT body, sealed FROM case_
        WHERE tenant = $1 AND lender_ref = $2 AND status = 3 ORDER BY id DESC LIMIT 1";
    CASES = "SELECT body, sealed FROM case_ WHERE tenant = $1 AND id > $2
        AND ($3::smallint IS NULL OR status = $3) AND ($4::smallint IS NULL OR stage = $4)
        ORDER BY id LIMIT $5";
    CASES_ON_WORKLIST = "SELECT body, sealed FROM case_ WHERE tenant = $1 AND id > $2 AND worklist
        AND ($3::smallint IS NULL OR status = $3) AND ($4::smallint IS NULL OR stage = $4)
        ORDER BY id LIMIT $5";
    CASES_OF_BORROWER = "SELECT body, sealed FROM case_ WHERE borrower = $6 AND tenant = $1 AND id > $2
        AND ($3::smallint IS NULL OR status = $3) AND ($4::smallint IS NULL OR stage = $4)
        AND (NOT $7 OR worklist) ORDER BY id LIMIT $5";
    CASES_OPEN_OF = "SELECT body, sealed FROM case_
        WHERE borrower = $1 AND tenant = $2 AND status <> 3 ORDER BY id";
    CASES_WAITING = "SELECT COUNT(*) FROM case_ WHERE tenant = $1 AND worklist";
    CASES_PINNED = "SELECT COUNT(*) FROM case_
        WHERE tenant = $1 AND policy = $2 AND policy_version = $3 AND status <> 3";
    CASES_OF_POLICY = "SELECT body, sealed FROM case_ WHERE tenant = $1 AND policy = $2
        AND policy_version = $3 AND status <> 3 AND id > $4 ORDER BY id LIMIT $5";
    // From one value to the next in the index: as many steps as there are values, not as there are parties.
    REACH = "WITH RECURSIVE one (reach) AS (
            SELECT MIN(reach) FROM party WHERE tenant = $1
            UNION ALL
            SELECT (SELECT MIN(p.reach) FROM party AS p WHERE p.tenant = $1 AND p.reach > one.reach)
            FROM one WHERE one.reach IS NOT NULL)
        SELECT reach FROM one WHERE reach IS NOT NULL AND EXISTS (
            SELECT 1 FROM party AS p JOIN case_ AS c ON c.borrower = p.id AND c.tenant = p.tenant
            WHERE p.tenant = $1 AND p.reach = one.reach AND c.status <> 3)
        LIMIT $2";
    PARTY_OF = "SELECT body, sealed FROM party WHERE id = $1 AND tenant = $2";
    PARTY_BY_REF = "SELECT body, sealed FROM party WHERE tenant = $1 AND lender_ref = $2";
    PARTIES_BY_POINT = "SELECT p.body, p.sealed FROM party_point AS pp JOIN party AS p
        ON p.id = pp.party WHERE pp.tenant = $1 AND pp.point = $2 ORDER BY pp.party";
    KEY_GET = "SELECT wrapped FROM party_key WHERE party = $1 AND wrapped IS NOT NULL";
    CONTACT_OF = "SELECT body, sealed FROM contact WHERE case_id = $1 AND seq = $2 AND tenant = $3";
    CONTACTS_OF_CASE = "SELECT body, sealed FROM contact WHERE case_id = $1 AND tenant = $2
        AND seq > $3 AND ($4::bytea IS NULL OR party = $4) AND ($5::smallint IS NULL OR state = $5)
        AND ($6::smallint IS NULL OR class = $6) ORDER BY seq LIMIT $7";
    CONTACTS_OF_PARTY = "SELECT body, sealed FROM contact WHERE party = $1 AND tenant = $2
        AND (case_id, seq) > ($3, $4) AND ($5::smallint IS NULL OR state = $5)
        AND ($6::smallint IS NULL OR class = $6) ORDER BY case_id, seq LIMIT $7";
    // Walks the tenant's cases in order and each one's contacts: no index over all contacts is kept.
    CONTACTS = "SELECT k.body, k.sealed FROM case_ AS c JOIN contact AS k ON k.case_id = c.id
        WHERE c.tenant = $1 AND c.id >= $2 AND (k.case_id, k.seq) > ($2, $3)
        AND ($4::smallint IS NULL OR k.state = $4) AND ($5::smallint IS NULL OR k.class = $5)
        ORDER BY c.id, k.seq LIMIT $6";
    CONTACTS_OPEN_IN = "SELECT body, sealed FROM contact
        WHERE state = $1 AND state IN (0, 1, 7, 8, 10) ORDER BY case_id, seq LIMIT $2";
    CONTACTS_IN = "SELECT body, sealed FROM contact WHERE state = $1 ORDER BY case_id, seq LIMIT $2";
    CONTACTS_LEFT = concat!("SELECT body, sealed FROM contact
        WHERE state = $1 AND state IN (0, 1, 7, 8, 10) AND owner <> ALL (", living!(), ")
        ORDER BY case_id, seq LIMIT $2");
    JOURNAL = "SELECT position, tenant, at, body, sealed, inner_ FROM journal
        WHERE position > $1 ORDER BY position LIMIT $2";
    JOURNAL_OF_TENANT = "SELECT position, tenant, at, body, sealed, inner_ FROM journal
        WHERE position > $1 AND tenant = $3 ORDER BY position LIMIT $2";
    JOURNAL_OF_CASE = "SELECT position, tenant, at, body, sealed, inner_ FROM journal
        WHERE case_id = $4 AND position > $1 AND ($3::text IS NULL OR tenant = $3)
        AND ($5::bytea IS NULL OR party_id = $5) ORDER BY position LIMIT $2";
    JOURNAL_OF_PARTY = "SELECT position, tenant, at, body, sealed, inner_ FROM journal
        WHERE party_id = $4 AND position > $1 AND ($3::text IS NULL OR tenant = $3)
        ORDER BY position LIMIT $2";
    NEWEST_AT = "SELECT at FROM journal ORDER BY position DESC LIMIT 1";
    LEAVES = "SELECT position, hash FROM leaf WHERE position > $1 ORDER BY position LIMIT $2";
    POLICIES = "SELECT body FROM policy WHERE ($1::text IS NULL OR tenant = $1)
        ORDER BY tenant, name, version";
    TEMPLATES = "SELECT body FROM template WHERE ($1::text IS NULL OR tenant = $1)
        ORDER BY tenant, name, version";
    COLLECTOR_OF = "SELECT body, sealed FROM collector WHERE id = $1 AND tenant = $2";
    COLLECTORS = "SELECT body, sealed FROM collector WHERE tenant = $1 ORDER BY id";
    ROLLOUTS = "SELECT body FROM rollout ORDER BY channel";
    LIBRARY_PART = "SELECT bytes FROM library WHERE channel = $1 AND sha256 = $2 AND part = $3";
    SWITCHES = "SELECT body FROM switch WHERE paused ORDER BY scope";
    REQUEST_GET = "SELECT fingerprint, person, sealed, at FROM request
        WHERE tenant = $1 AND request_id = $2";
    TALLY_OF = "SELECT tenant, kind, code, n FROM tally WHERE tenant = $1";
    TALLY_ALL = "SELECT tenant, kind, code, n FROM tally";
}

/// The key of the lock that who changes a rule holds alone, and who relies on one shares: switches, overrides,
/// policies, templates, collectors.
pub(super) const RULES: i64 = 0x7265_636f_7570_0001;
/// Held while a store is being opened: one migrates, others wait.
pub(super) const OPENING: i64 = 0x7265_636f_7570_0002;
/// Held by the one process of a store whose clock is stepped.
pub(super) const ALONE: i64 = 0x7265_636f_7570_0003;
