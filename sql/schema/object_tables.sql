-- object_tables: tables that the published views need besides the metadata tables.
--
-- core.no_bars stays empty. Views over no file read it, and not an empty SELECT: DuckDB removes a query over a constant
-- emptiness together with the check of its arguments. core.dividend_closes is filled by insert_dividend_closes.
-- core.object_digests holds a digest of each object's text, so that a commit creates only those that differ.

CREATE TABLE IF NOT EXISTS core.object_digests (
    object VARCHAR PRIMARY KEY,
    digest VARCHAR NOT NULL
);

CREATE TABLE IF NOT EXISTS core.no_bars (
    ticker VARCHAR,
    source VARCHAR,
    schema VARCHAR,
    year INTEGER,
    ts_event TIMESTAMPTZ,
    open DOUBLE,
    high DOUBLE,
    low DOUBLE,
    close DOUBLE,
    volume DOUBLE,
    vwap DOUBLE,
    transactions BIGINT
);

CREATE TABLE IF NOT EXISTS core.no_quarantine (
    ticker VARCHAR,
    source VARCHAR,
    schema VARCHAR,
    ts_event TIMESTAMPTZ,
    open DOUBLE,
    high DOUBLE,
    low DOUBLE,
    close DOUBLE,
    volume DOUBLE,
    vwap DOUBLE,
    transactions BIGINT,
    reason VARCHAR,
    origin VARCHAR,
    run_id VARCHAR,
    seen_at TIMESTAMPTZ
);

CREATE TABLE IF NOT EXISTS core.no_revisions (
    ticker VARCHAR,
    source VARCHAR,
    schema VARCHAR,
    ts_event TIMESTAMPTZ,
    kind VARCHAR,
    old_open DOUBLE,
    old_high DOUBLE,
    old_low DOUBLE,
    old_close DOUBLE,
    old_volume DOUBLE,
    old_vwap DOUBLE,
    old_transactions BIGINT,
    new_open DOUBLE,
    new_high DOUBLE,
    new_low DOUBLE,
    new_close DOUBLE,
    new_volume DOUBLE,
    new_vwap DOUBLE,
    new_transactions BIGINT,
    run_id VARCHAR,
    seen_at TIMESTAMPTZ
);

CREATE TABLE IF NOT EXISTS core.dividend_closes (
    ticker VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    schema VARCHAR NOT NULL,
    ex_dividend_date DATE NOT NULL,
    previous_close DOUBLE NOT NULL
);
