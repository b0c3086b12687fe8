-- What tokens cost, and what each call cost. Money is in whole nano-dollars, so that sums are exact.
CREATE TABLE prices (
    project_id TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt_nano_usd_per_token BIGINT NOT NULL,
    completion_nano_usd_per_token BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (project_id, model)
);

CREATE TABLE ledger_entries (
    response_id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    key_id TEXT NOT NULL,
    deployment TEXT NOT NULL,
    target_id TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    cost_nano_usd BIGINT NOT NULL
);
CREATE INDEX ledger_entries_by_time ON ledger_entries (project_id, at_ms);
