-- Work for other processes: what to run, how far it is, how it ended.
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    idempotency_key TEXT,
    spec TEXT NOT NULL,
    argv TEXT NOT NULL,
    environment TEXT NOT NULL,
    limits TEXT NOT NULL,
    priority BIGINT NOT NULL,
    attempts_max BIGINT NOT NULL,
    state TEXT NOT NULL,
    version BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    not_before_ms BIGINT NOT NULL,
    cancel_requested BOOLEAN NOT NULL,
    lease_owner TEXT NOT NULL,
    lease_token TEXT NOT NULL,
    lease_expires_ms BIGINT NOT NULL,
    heartbeat_ms BIGINT,
    handle TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    started_ms BIGINT,
    finished_ms BIGINT,
    exit_code BIGINT,
    signal BIGINT,
    error_code TEXT,
    error TEXT,
    progress TEXT,
    result TEXT,
    UNIQUE (project_id, idempotency_key)
);
CREATE INDEX jobs_by_project ON jobs (project_id, id);
CREATE INDEX jobs_by_subject ON jobs (project_id, subject, id);
CREATE INDEX jobs_by_state ON jobs (state, priority DESC, id);
