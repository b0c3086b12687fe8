-- Deployments, the targets that share their traffic, and what was decided about them.
CREATE TABLE deployments (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    UNIQUE (project_id, name)
);

CREATE TABLE deployment_targets (
    id TEXT PRIMARY KEY,
    deployment_id TEXT NOT NULL REFERENCES deployments (id),
    position BIGINT NOT NULL,
    label TEXT NOT NULL,
    version_id TEXT NOT NULL,
    model TEXT NOT NULL,
    number BIGINT NOT NULL,
    weight BIGINT NOT NULL,
    UNIQUE (deployment_id, label)
);

CREATE TABLE deployment_changes (
    id TEXT PRIMARY KEY,
    deployment_id TEXT NOT NULL REFERENCES deployments (id),
    at_ms BIGINT NOT NULL,
    what TEXT NOT NULL,
    changed_by TEXT NOT NULL
);
CREATE INDEX deployment_changes_by_deployment ON deployment_changes (deployment_id, id);

CREATE TABLE deployment_decisions (
    id TEXT PRIMARY KEY,
    deployment_id TEXT NOT NULL REFERENCES deployments (id),
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    evidence TEXT NOT NULL,
    decided_ms BIGINT NOT NULL,
    decided_by TEXT NOT NULL
);
CREATE INDEX deployment_decisions_by_deployment ON deployment_decisions (deployment_id, id);
