-- The graph of what came from what. A node is "kind:id"; an edge goes from what was made to what it was made from.
CREATE TABLE lineage_nodes (
    project_id TEXT NOT NULL,
    node TEXT NOT NULL,
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    link TEXT NOT NULL,
    detail TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (project_id, node)
);

CREATE TABLE lineage_edges (
    project_id TEXT NOT NULL,
    made TEXT NOT NULL,
    made_from TEXT NOT NULL,
    relation TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (project_id, made, made_from, relation)
);
CREATE INDEX lineage_edges_by_source ON lineage_edges (project_id, made_from);
