-- What a target's engines round their weights to while they load them: none, int8 or int4.
ALTER TABLE deployment_targets ADD COLUMN quantize TEXT NOT NULL DEFAULT 'none';
