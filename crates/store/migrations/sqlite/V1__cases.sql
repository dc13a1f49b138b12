-- Ids are the 16 bytes of the UUID, instants microseconds since 1970 UTC, bodies JSON without what is sealed.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE case_ (
    id         BLOB PRIMARY KEY NOT NULL,
    tenant     TEXT NOT NULL,
    version    INTEGER NOT NULL,
    lender_ref BLOB NOT NULL,
    borrower   BLOB NOT NULL,
    status     INTEGER NOT NULL, -- 0 open, 1 paused, 2 legal, 3 closed
    stage      INTEGER,
    worklist   INTEGER NOT NULL,
    policy     TEXT,             -- name and version it is pinned to
    policy_version INTEGER,
    body       BLOB NOT NULL,
    sealed     BLOB NOT NULL
);
-- One open case a loan, for ever held by the database itself.
CREATE UNIQUE INDEX case_open ON case_ (tenant, lender_ref) WHERE status <> 3;
CREATE INDEX case_closed ON case_ (tenant, lender_ref, id) WHERE status = 3;
CREATE INDEX case_tenant ON case_ (tenant, id);
CREATE INDEX case_borrower ON case_ (borrower, id);
CREATE INDEX case_pinned ON case_ (tenant, policy, policy_version, id) WHERE status <> 3;
CREATE INDEX case_worklist ON case_ (tenant, id) WHERE worklist = 1;

CREATE TABLE party (
    id         BLOB PRIMARY KEY NOT NULL,
    tenant     TEXT NOT NULL,
    version    INTEGER NOT NULL,
    lender_ref BLOB NOT NULL,
    points     BLOB NOT NULL, -- the keys in party_point, so that an unchanged list is not written again
    reach      TEXT NOT NULL, -- its language, then its regions
    body       BLOB NOT NULL,
    sealed     BLOB NOT NULL
);
CREATE UNIQUE INDEX party_ref ON party (tenant, lender_ref);
CREATE INDEX party_reach ON party (tenant, reach);

CREATE TABLE party_point (
    tenant TEXT NOT NULL,
    point  BLOB NOT NULL,
    party  BLOB NOT NULL,
    PRIMARY KEY (tenant, point, party)
) WITHOUT ROWID;

-- The flat columns are what a decision reads of a past contact; the body is never parsed for it.
CREATE TABLE contact (
    case_id     BLOB NOT NULL,
    seq         INTEGER NOT NULL,
    tenant      TEXT NOT NULL,
    party       BLOB NOT NULL,
    class       INTEGER NOT NULL,
    state       INTEGER NOT NULL,
    outcome     INTEGER,
    at          INTEGER NOT NULL, -- of the intent, else of the plan
    effect_from INTEGER NOT NULL,
    effect_to   INTEGER NOT NULL,
    point       BLOB,
    stage       INTEGER,
    step        INTEGER,
    fence       INTEGER NOT NULL,
    body        BLOB NOT NULL,
    sealed      BLOB NOT NULL
);
CREATE UNIQUE INDEX contact_slot ON contact (case_id, seq);
CREATE INDEX contact_party ON contact (party, at);
-- States that a restart must look after: planned, dispatching, unknown, cancelling, cancel unknown.
CREATE INDEX contact_open ON contact (state) WHERE state IN (0, 1, 7, 8, 10);

CREATE TABLE sched (
    case_id BLOB PRIMARY KEY NOT NULL,
    next_at INTEGER
) WITHOUT ROWID;
CREATE INDEX sched_due ON sched (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE journal (
    position INTEGER PRIMARY KEY NOT NULL,
    tenant   TEXT NOT NULL,
    kind     INTEGER NOT NULL, -- 0 case, 1 party, 2 contact, 3 service, 4 override
    case_id  BLOB,
    party_id BLOB,
    at       INTEGER NOT NULL,
    body     BLOB NOT NULL,
    sealed   BLOB NOT NULL,    -- of the entry itself
    inner    BLOB NOT NULL     -- of the row that the event carries whole
);
CREATE INDEX journal_tenant ON journal (tenant);
CREATE INDEX journal_case ON journal (case_id) WHERE case_id IS NOT NULL;
CREATE INDEX journal_party ON journal (party_id) WHERE party_id IS NOT NULL;

CREATE TABLE leaf (
    position INTEGER PRIMARY KEY NOT NULL,
    hash     BLOB NOT NULL
);

CREATE TABLE policy (
    tenant  TEXT NOT NULL,
    name    TEXT NOT NULL,
    version INTEGER NOT NULL,
    hash    TEXT NOT NULL,
    body    BLOB NOT NULL,
    PRIMARY KEY (tenant, name, version)
);

CREATE TABLE template (
    tenant  TEXT NOT NULL,
    name    TEXT NOT NULL,
    version INTEGER NOT NULL,
    body    BLOB NOT NULL,
    PRIMARY KEY (tenant, name, version)
);

CREATE TABLE collector (
    id      BLOB PRIMARY KEY NOT NULL,
    tenant  TEXT NOT NULL,
    version INTEGER NOT NULL,
    body    BLOB NOT NULL,
    sealed  BLOB NOT NULL
);
CREATE INDEX collector_tenant ON collector (tenant, id);

-- until is that of an approved override; NULL before.
CREATE TABLE override_ (
    id      BLOB PRIMARY KEY NOT NULL,
    tenant  TEXT NOT NULL,
    version INTEGER NOT NULL,
    until   INTEGER,
    body    BLOB NOT NULL,
    sealed  BLOB NOT NULL
);
CREATE INDEX override_tenant ON override_ (tenant, id);
CREATE INDEX override_approved ON override_ (tenant, until) WHERE until IS NOT NULL;

-- How many times a lender's overrides were written: what a decision read is compared with it.
CREATE TABLE override_head (
    tenant  TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE switch (
    scope  TEXT PRIMARY KEY NOT NULL,
    paused INTEGER NOT NULL,
    body   BLOB NOT NULL
) WITHOUT ROWID;

-- The generations of a channel.
CREATE TABLE rollout (
    channel TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    body    BLOB NOT NULL
) WITHOUT ROWID;

-- The bytes of their libraries, in parts. With a rowid, for the rows are large.
CREATE TABLE library (
    channel TEXT NOT NULL,
    sha256  TEXT NOT NULL,
    part    INTEGER NOT NULL,
    bytes   BLOB NOT NULL,
    PRIMARY KEY (channel, sha256, part)
);

-- With a rowid: the oldest are purged in the order they came, without an index on their time.
CREATE TABLE request (
    tenant      TEXT NOT NULL,
    request_id  TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    -- Whose key seals the answer; NULL where it speaks of nobody.
    person      BLOB,
    sealed      BLOB NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (tenant, request_id)
);
