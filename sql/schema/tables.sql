-- The tables behind every view and macro, in the schema `core`.
--
-- Replaying the commit log under `meta/log/` writes them (insert_rows and delete_rows in queries/commit.sql), so that
-- they can be rebuilt from the log and the data files at any time. Users read the views in `main`. The tables are in
-- a schema of their own so that a user's temporary table called `files` cannot capture them.

CREATE SCHEMA IF NOT EXISTS core;

-- One row: which store this is, and which commit.
CREATE TABLE core.store_info (
    format_version INTEGER NOT NULL,
    store_id VARCHAR NOT NULL,
    root VARCHAR NOT NULL,               -- where the store was when the views were written
    generation BIGINT NOT NULL,
    committed_at TIMESTAMPTZ NOT NULL
);

-- One row per live data file.
CREATE TABLE core.files (
    file_id VARCHAR NOT NULL,
    path VARCHAR NOT NULL,               -- relative to the store's root
    schema VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    ticker VARCHAR NOT NULL,
    year INTEGER,                        -- UTC year of ts_event; NULL for daily bars
    row_count BIGINT NOT NULL,
    byte_size BIGINT NOT NULL,
    ts_min TIMESTAMPTZ NOT NULL,
    ts_max TIMESTAMPTZ NOT NULL,
    day_tz VARCHAR NOT NULL,             -- zone that daily bars are dated in
    content_id VARCHAR NOT NULL,         -- digest of the rows; equal rows, equal id
    written_at TIMESTAMPTZ NOT NULL,
    generation BIGINT NOT NULL           -- the commit that added it
);

-- One row per data file that is live no more, until the grace period has passed and it is deleted.
CREATE TABLE core.retired_files (
    file_id VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    retired_at TIMESTAMPTZ NOT NULL,
    generation BIGINT NOT NULL           -- the commit that retired it
);

-- One row per stored series: derived from core.files at every commit.
CREATE TABLE core.series (
    ticker VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    schema VARCHAR NOT NULL,
    step_us BIGINT NOT NULL,             -- width of a bar
    day_tz VARCHAR NOT NULL,
    first_ts TIMESTAMPTZ NOT NULL,
    last_ts TIMESTAMPTZ NOT NULL,
    row_count BIGINT NOT NULL,
    byte_size BIGINT NOT NULL,
    file_count BIGINT NOT NULL
);

-- The ledger of requested ranges: append-only, a newer row wins where ranges overlap.
CREATE TABLE core.coverage_ledger (
    source VARCHAR NOT NULL,
    schema VARCHAR NOT NULL,
    tickers VARCHAR[] NOT NULL,
    ranges STRUCT(start_ts TIMESTAMPTZ, end_ts TIMESTAMPTZ)[] NOT NULL,
    result VARCHAR NOT NULL,             -- complete | empty | partial | failed | quarantined
    reason VARCHAR,
    request_key VARCHAR,                 -- digest of the parameters that change the data
    run_id VARCHAR,
    fetched_at TIMESTAMPTZ NOT NULL,
    fresh_until TIMESTAMPTZ,             -- NULL: never stale
    generation BIGINT NOT NULL
);

-- One row per source: the one vendor and dataset that its name is bound to.
CREATE TABLE core.sources (
    source VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    dataset VARCHAR
);

-- One row per ticker that was configured or described.
CREATE TABLE core.ticker_settings (
    ticker VARCHAR NOT NULL,
    universe_position INTEGER,           -- place in the configured universe; NULL: not in it
    data_source VARCHAR,
    priority INTEGER,
    weight DOUBLE,
    calendar VARCHAR,
    session_start VARCHAR,               -- 'HH:MM[:SS]', wall time in timezone
    session_end VARCHAR,
    timezone VARCHAR,
    bar_interval VARCHAR,
    active_from DATE,
    active_to DATE,
    max_gap_minutes DOUBLE,
    outlier_std_threshold DOUBLE,
    metadata VARCHAR,                    -- a JSON object
    updated_at TIMESTAMPTZ NOT NULL
);

-- One row per ticker that is configured or stored, with its calendar resolved: derived at every commit.
CREATE TABLE core.ticker_list (
    ticker VARCHAR NOT NULL,
    universe_position INTEGER,
    data_source VARCHAR,
    priority INTEGER,
    weight DOUBLE,
    calendar VARCHAR NOT NULL,
    calendar_is_inferred BOOLEAN NOT NULL,
    session_key VARCHAR NOT NULL,        -- the calendar, with the ticker's own window if it has one
    session_start VARCHAR,
    session_end VARCHAR,
    timezone VARCHAR,
    bar_interval VARCHAR,
    active_from DATE,
    active_to DATE,
    max_gap_minutes DOUBLE,
    outlier_std_threshold DOUBLE,
    metadata VARCHAR,
    updated_at TIMESTAMPTZ
);

-- One row per calendar in use.
CREATE TABLE core.calendars (
    calendar VARCHAR NOT NULL,
    timezone VARCHAR NOT NULL,
    definition VARCHAR                   -- digest of a custom calendar's definition; NULL: unknown
);

-- One row per calendar and trading session.
CREATE TABLE core.sessions (
    calendar VARCHAR NOT NULL,
    session_date DATE NOT NULL,
    open_ts TIMESTAMPTZ NOT NULL,
    close_ts TIMESTAMPTZ NOT NULL,
    break_start_ts TIMESTAMPTZ,
    break_end_ts TIMESTAMPTZ,
    is_half_day BOOLEAN NOT NULL,
    is_extrapolated BOOLEAN              -- beyond the years that the calendar lists; NULL: no
);

-- One row per split: split_from shares became split_to.
CREATE TABLE core.splits (
    ticker VARCHAR NOT NULL,
    execution_date DATE NOT NULL,
    split_from DOUBLE NOT NULL,
    split_to DOUBLE NOT NULL,
    source VARCHAR NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    event_id VARCHAR                     -- as the source names it
);

-- One row per cash dividend.
CREATE TABLE core.dividends (
    ticker VARCHAR NOT NULL,
    ex_dividend_date DATE NOT NULL,
    cash_amount DOUBLE NOT NULL,
    currency VARCHAR,
    dividend_type VARCHAR,
    source VARCHAR NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    event_id VARCHAR
);

-- One row per run that wrote, or tried to.
CREATE TABLE core.ingest_runs (
    run_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,               -- ingest | update | compact | rebuild | …
    started_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ,
    status VARCHAR NOT NULL,             -- running | complete | incomplete | failed | undone
    tickers BIGINT NOT NULL,
    files BIGINT NOT NULL,
    rows BIGINT NOT NULL,
    quarantined_rows BIGINT NOT NULL,
    error VARCHAR,
    arguments VARCHAR                    -- a JSON object
);

-- One row per ingested file: the same file again is a no-op as long as its bars were not replaced.
CREATE TABLE core.inputs (
    input_key VARCHAR NOT NULL,          -- digest of the file's sha256 and of the part ingested
    sha256 VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    byte_size BIGINT NOT NULL,
    source VARCHAR NOT NULL,
    schema VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    ingested_at TIMESTAMPTZ NOT NULL,
    tickers VARCHAR[],                   -- of which it brought bars; NULL: of all that there are
    start_ts TIMESTAMPTZ,                -- range of its bars and of its coverage; NULL if empty
    end_ts TIMESTAMPTZ,
    generation BIGINT                    -- the commit that recorded it
);

-- One row per default that `mtstore config apply` published.
CREATE TABLE core.settings (
    key VARCHAR NOT NULL,
    value VARCHAR NOT NULL               -- JSON
);

-- One row per parquet file under meta/ that holds quarantined rows or revisions.
CREATE TABLE core.meta_files (
    kind VARCHAR NOT NULL,               -- quarantine | revisions
    path VARCHAR NOT NULL                -- relative to the store's root
);
