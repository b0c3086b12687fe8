-- Datasets and their commits. The records are in objects; a commit's manifest names them.
CREATE TABLE datasets (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    description TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    UNIQUE (project_id, name)
);

CREATE TABLE dataset_commits (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    dataset_id TEXT NOT NULL REFERENCES datasets (id),
    parent_id TEXT,
    message TEXT NOT NULL,
    manifest_object TEXT NOT NULL,
    records BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    source_key TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    UNIQUE (dataset_id, source_key)
);
CREATE INDEX dataset_commits_by_dataset ON dataset_commits (dataset_id, id);
