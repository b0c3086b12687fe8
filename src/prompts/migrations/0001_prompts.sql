-- Prompts, their versions, and labels that point at one version each.
CREATE TABLE prompts (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    UNIQUE (project_id, name)
);

CREATE TABLE prompt_versions (
    prompt_id TEXT NOT NULL REFERENCES prompts (id),
    number BIGINT NOT NULL,
    template TEXT NOT NULL,
    message TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (prompt_id, number)
);

CREATE TABLE prompt_labels (
    prompt_id TEXT NOT NULL REFERENCES prompts (id),
    label TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (prompt_id, label)
);
