-- The one row that says which store and which commit this is.
DELETE FROM core.store_info;

INSERT INTO core.store_info
VALUES ($format_version, $store_id, $root, $generation, $committed_at);
