-- Evaluations: what was compared, and what came out.
CREATE TABLE evaluations (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    job_id TEXT NOT NULL UNIQUE,
    targets TEXT NOT NULL,
    state TEXT NOT NULL,
    result TEXT,
    error TEXT,
    created_ms BIGINT NOT NULL,
    finished_ms BIGINT
);
CREATE INDEX evaluations_by_project ON evaluations (project_id, id);
