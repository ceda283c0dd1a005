-- A scope's tables: the large ones seen through, the small ones copied, so that a configuration can lay its tickers over.
DROP TABLE core.files;

CREATE VIEW core.files AS
SELECT *
FROM {{generation}}.core.files;

DROP TABLE core.coverage_ledger;

CREATE VIEW core.coverage_ledger AS
SELECT *
FROM {{generation}}.core.coverage_ledger;

INSERT INTO core.store_info FROM {{generation}}.core.store_info;

INSERT INTO core.sources FROM {{generation}}.core.sources;

INSERT INTO core.calendars FROM {{generation}}.core.calendars;

INSERT INTO core.sessions FROM {{generation}}.core.sessions;

INSERT INTO core.splits FROM {{generation}}.core.splits;

INSERT INTO core.dividends FROM {{generation}}.core.dividends;

INSERT INTO core.ingest_runs FROM {{generation}}.core.ingest_runs;

INSERT INTO core.meta_files FROM {{generation}}.core.meta_files;

INSERT INTO core.ticker_settings
SELECT * REPLACE (NULL AS universe_position)
FROM {{generation}}.core.ticker_settings;
