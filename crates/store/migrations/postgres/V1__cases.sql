-- Ids are the 16 bytes of the UUID, instants microseconds since 1970 UTC, bodies JSON without what is sealed.
-- What the database compares is compared by its bytes: COLLATE "C" on every text.

CREATE TABLE meta (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value TEXT NOT NULL
);

-- One row. Its lock gives positions in the order of commits; it is the last that a transaction takes.
CREATE TABLE sequencer (
    one      BOOLEAN PRIMARY KEY CHECK (one),
    position BIGINT NOT NULL
) WITH (fillfactor = 10);
INSERT INTO sequencer (one, position) VALUES (TRUE, 0);

-- Fences of leases, over all processes.
CREATE SEQUENCE fence;

CREATE TABLE case_ (
    id         BYTEA PRIMARY KEY,
    tenant     TEXT COLLATE "C" NOT NULL,
    version    BIGINT NOT NULL,
    lender_ref BYTEA NOT NULL,
    borrower   BYTEA NOT NULL,
    status     SMALLINT NOT NULL, -- 0 open, 1 paused, 2 legal, 3 closed
    stage      SMALLINT,
    worklist   BOOLEAN NOT NULL,
    policy     TEXT COLLATE "C",  -- name and version it is pinned to
    policy_version BIGINT,
    body       BYTEA NOT NULL,
    sealed     BYTEA NOT NULL
);
-- One open case a loan, for ever held by the database itself.
CREATE UNIQUE INDEX case_open ON case_ (tenant, lender_ref) WHERE status <> 3;
CREATE INDEX case_closed ON case_ (tenant, lender_ref, id) WHERE status = 3;
CREATE INDEX case_tenant ON case_ (tenant, id);
CREATE INDEX case_borrower ON case_ (tenant, borrower, id);
CREATE INDEX case_pinned ON case_ (tenant, policy, policy_version, id) WHERE status <> 3;
CREATE INDEX case_worklist ON case_ (tenant, id) WHERE worklist;

CREATE TABLE party (
    id         BYTEA PRIMARY KEY,
    tenant     TEXT COLLATE "C" NOT NULL,
    version    BIGINT NOT NULL,
    lender_ref BYTEA NOT NULL,
    points     BYTEA NOT NULL, -- the keys in party_point, so that an unchanged list is not written again
    reach      TEXT COLLATE "C" NOT NULL, -- its language, then its regions
    body       BYTEA NOT NULL,
    sealed     BYTEA NOT NULL
);
CREATE UNIQUE INDEX party_ref ON party (tenant, lender_ref);
CREATE INDEX party_reach ON party (tenant, reach);

CREATE TABLE party_point (
    tenant TEXT COLLATE "C" NOT NULL,
    point  BYTEA NOT NULL,
    party  BYTEA NOT NULL,
    PRIMARY KEY (tenant, point, party)
);

-- Wrapped data keys: left out of a dump by `pg_dump --exclude-table-data=party_key`, and dumped apart.
CREATE TABLE party_key (
    party   BYTEA PRIMARY KEY,
    wrapped BYTEA -- none: erased; the row stays as the tombstone
);

-- The flat columns are what a decision reads of a past contact; the body is never parsed for it.
CREATE TABLE contact (
    case_id     BYTEA NOT NULL,
    seq         BIGINT NOT NULL,
    tenant      TEXT COLLATE "C" NOT NULL,
    party       BYTEA NOT NULL,
    class       SMALLINT NOT NULL,
    state       SMALLINT NOT NULL,
    outcome     SMALLINT,
    at          BIGINT NOT NULL, -- of the intent, else of the plan
    effect_from BIGINT NOT NULL,
    effect_to   BIGINT NOT NULL,
    point       BYTEA,
    stage       SMALLINT,
    step        SMALLINT,
    fence       BIGINT NOT NULL,
    owner       BIGINT NOT NULL, -- the epoch of the process that wrote it last
    body        BYTEA NOT NULL,
    sealed      BYTEA NOT NULL,
    PRIMARY KEY (case_id, seq)
);
CREATE INDEX contact_party ON contact (tenant, party, at);
-- States that a restart must look after: planned, dispatching, unknown, cancelling, cancel unknown.
CREATE INDEX contact_open ON contact (state, case_id, seq) WHERE state IN (0, 1, 7, 8, 10);

-- A row is a case that is due by itself; a lease is no state of it. Leases end by the database's clock.
CREATE TABLE sched (
    case_id BYTEA PRIMARY KEY,
    next_at BIGINT NOT NULL,
    fence   BIGINT,
    owner   BIGINT,       -- the epoch of the process that has the lease: it ends with the process, too
    leased_until TIMESTAMPTZ
);
CREATE INDEX sched_due ON sched (next_at, case_id);

CREATE TABLE journal (
    position BIGINT PRIMARY KEY,
    tenant   TEXT COLLATE "C" NOT NULL,
    kind     SMALLINT NOT NULL, -- 0 case, 1 party, 2 contact, 3 service, 4 override
    case_id  BYTEA,
    party_id BYTEA,
    at       BIGINT NOT NULL,
    body     BYTEA NOT NULL,
    sealed   BYTEA NOT NULL,    -- of the entry itself
    inner_   BYTEA NOT NULL     -- of the row that the event carries whole
);
CREATE INDEX journal_tenant ON journal (tenant, position);
CREATE INDEX journal_case ON journal (case_id, position) WHERE case_id IS NOT NULL;
CREATE INDEX journal_party ON journal (party_id, position) WHERE party_id IS NOT NULL;

CREATE TABLE leaf (
    position BIGINT PRIMARY KEY,
    hash     BYTEA NOT NULL
);

CREATE TABLE policy (
    tenant  TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    hash    TEXT COLLATE "C" NOT NULL,
    body    BYTEA NOT NULL,
    PRIMARY KEY (tenant, name, version)
);

CREATE TABLE template (
    tenant  TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    body    BYTEA NOT NULL,
    PRIMARY KEY (tenant, name, version)
);

CREATE TABLE collector (
    id      BYTEA PRIMARY KEY,
    tenant  TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    body    BYTEA NOT NULL,
    sealed  BYTEA NOT NULL
);
CREATE INDEX collector_tenant ON collector (tenant, id);

-- until_ is that of an approved override; NULL before.
CREATE TABLE override_ (
    id      BYTEA PRIMARY KEY,
    tenant  TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    until_  BIGINT,
    body    BYTEA NOT NULL,
    sealed  BYTEA NOT NULL
);
CREATE INDEX override_tenant ON override_ (tenant, id);
CREATE INDEX override_approved ON override_ (tenant, until_) WHERE until_ IS NOT NULL;

-- How many times a lender's overrides were written: what a decision read is compared with it.
CREATE TABLE override_head (
    tenant  TEXT COLLATE "C" PRIMARY KEY,
    version BIGINT NOT NULL
);

CREATE TABLE switch (
    scope  TEXT COLLATE "C" PRIMARY KEY,
    paused BOOLEAN NOT NULL,
    body   BYTEA NOT NULL
);

-- The generations of a channel.
CREATE TABLE rollout (
    channel TEXT COLLATE "C" PRIMARY KEY,
    version BIGINT NOT NULL,
    body    BYTEA NOT NULL
);

-- The bytes of their libraries, in parts.
CREATE TABLE library (
    channel TEXT COLLATE "C" NOT NULL,
    sha256  TEXT COLLATE "C" NOT NULL,
    part    BIGINT NOT NULL,
    bytes   BYTEA NOT NULL,
    PRIMARY KEY (channel, sha256, part)
);

CREATE TABLE request (
    tenant      TEXT COLLATE "C" NOT NULL,
    request_id  TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    -- Whose key seals the answer; NULL where it speaks of nobody.
    person      BYTEA,
    sealed      BYTEA NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (tenant, request_id)
);
CREATE INDEX request_at ON request (at);

-- Counts of a lender's cases by status (kind 0) and contacts by class and state (kind 1), moved in the transaction
-- that moves the row.
CREATE TABLE tally (
    tenant TEXT COLLATE "C" NOT NULL,
    kind   SMALLINT NOT NULL,
    code   SMALLINT NOT NULL,
    n      BIGINT NOT NULL,
    PRIMARY KEY (tenant, kind, code)
) WITH (fillfactor = 50);
