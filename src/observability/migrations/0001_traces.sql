-- Traces, their spans, and scores about them.
CREATE TABLE traces (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    started_ms BIGINT NOT NULL,
    duration_ms DOUBLE PRECISION NOT NULL,
    first_token_ms DOUBLE PRECISION,
    deployment TEXT NOT NULL,
    target_id TEXT NOT NULL,
    target_label TEXT NOT NULL,
    model TEXT NOT NULL,
    status TEXT NOT NULL,
    error TEXT NOT NULL,
    key_id TEXT NOT NULL,
    end_user TEXT NOT NULL,
    input TEXT NOT NULL,
    output TEXT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    cost_nano_usd BIGINT NOT NULL,
    request_id TEXT NOT NULL
);
CREATE INDEX traces_by_project ON traces (project_id, started_ms, id);
CREATE INDEX traces_by_target ON traces (deployment, target_id);

CREATE TABLE spans (
    trace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    parent_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    start_offset_ms DOUBLE PRECISION NOT NULL,
    duration_ms DOUBLE PRECISION NOT NULL,
    status TEXT NOT NULL,
    attributes TEXT NOT NULL,
    PRIMARY KEY (trace_id, id)
);

CREATE TABLE scores (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value DOUBLE PRECISION,
    text_value TEXT,
    comment TEXT NOT NULL,
    source TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    UNIQUE (project_id, idempotency_key)
);
CREATE INDEX scores_by_trace ON scores (trace_id);
