-- How many replicas a target has: a fixed number, or as many as its load needs between two numbers.
ALTER TABLE deployment_targets ADD COLUMN replicas_min BIGINT NOT NULL DEFAULT 1;
ALTER TABLE deployment_targets ADD COLUMN replicas_max BIGINT NOT NULL DEFAULT 1;
