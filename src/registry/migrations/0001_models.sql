-- Models, their versions and the files of each, aliases, and tokenizers.
CREATE TABLE models (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    UNIQUE (project_id, name)
);

CREATE TABLE model_versions (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    model_id TEXT NOT NULL REFERENCES models (id),
    number BIGINT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    base_version_id TEXT,
    run_id TEXT,
    parameters BIGINT NOT NULL,
    scores TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    UNIQUE (model_id, number)
);
CREATE INDEX model_versions_by_run ON model_versions (run_id);

CREATE TABLE model_files (
    version_id TEXT NOT NULL REFERENCES model_versions (id),
    path TEXT NOT NULL,
    object TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (version_id, path)
);

CREATE TABLE model_aliases (
    model_id TEXT NOT NULL REFERENCES models (id),
    alias TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (model_id, alias)
);

CREATE TABLE tokenizers (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    vocabulary_size BIGINT NOT NULL,
    tokenizer_object TEXT NOT NULL,
    config_object TEXT NOT NULL,
    dataset_commit_id TEXT NOT NULL,
    job_id TEXT NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL
);
CREATE INDEX tokenizers_by_project ON tokenizers (project_id, id);
