-- Lay a configuration, or frames in memory, over a snapshot.

-- name: open
-- Make an empty in-memory database the current one.
ATTACH ':memory:' AS {{overlay}};

USE {{overlay}};

-- name: fill
-- Fill an overlay: views of the snapshot's large tables, copies of the small ones for a configuration to change.
DROP TABLE core.files;

CREATE VIEW core.files AS
SELECT *
FROM {{snapshot}}.core.files;

DROP TABLE core.coverage_ledger;

CREATE VIEW core.coverage_ledger AS
SELECT *
FROM {{snapshot}}.core.coverage_ledger;

INSERT INTO core.store_info FROM {{snapshot}}.core.store_info;

INSERT INTO core.sources FROM {{snapshot}}.core.sources;

INSERT INTO core.calendars BY NAME FROM {{snapshot}}.core.calendars;

INSERT INTO core.sessions BY NAME FROM {{snapshot}}.core.sessions;

INSERT INTO core.splits BY NAME FROM {{snapshot}}.core.splits;

INSERT INTO core.dividends BY NAME FROM {{snapshot}}.core.dividends;

-- Of tickers with the same sessions, the closes before their ex-dates are known.
INSERT INTO core.dividend_closes FROM {{snapshot}}.core.dividend_closes;

INSERT INTO core.object_digests
SELECT *
FROM {{snapshot}}.core.object_digests
WHERE starts_with(object, 'dividends of ');

INSERT INTO core.ingest_runs FROM {{snapshot}}.core.ingest_runs;

INSERT INTO core.meta_files FROM {{snapshot}}.core.meta_files;

INSERT INTO core.ticker_settings
SELECT * REPLACE (NULL AS universe_position)
FROM {{snapshot}}.core.ticker_settings;

INSERT INTO core.observed_calendars
SELECT ticker, calendar
FROM {{snapshot}}.core.ticker_list
WHERE calendar_is_inferred;

-- name: close
-- Detach an overlay.
USE {{snapshot}};

DETACH {{overlay}};

-- name: frame_view
-- One schema's bars read from the relation of frames in memory, in place of files: the columns of parts/schema_view.
CREATE OR REPLACE VIEW core.{{view}} AS
SELECT
    ticker::VARCHAR AS ticker,
    'frames'::VARCHAR AS source,
    {{schema}}::VARCHAR AS schema,
    year(timezone('UTC', ts_event))::INTEGER AS year,
    ts_event::TIMESTAMPTZ AS ts_event,
    open::DOUBLE AS open,
    high::DOUBLE AS high,
    low::DOUBLE AS low,
    close::DOUBLE AS close,
    volume::DOUBLE AS volume,
    vwap::DOUBLE AS vwap,
    transactions::BIGINT AS transactions
FROM {{relation}};

-- name: clear_frames
-- Remove the last request's tickers and bars from a database of frames.
DELETE FROM core.files;

DELETE FROM core.ticker_settings;

-- name: ticker_facts
-- The store's own settings of some tickers ($tickers), with the sources of their bars.
SELECT
    listed.ticker,
    listed.calendar,
    listed.session_start,
    listed.session_end,
    listed.timezone,
    listed.data_source,
    listed.active_from,
    listed.active_to,
    coalesce(
        list(DISTINCT series.source) FILTER (WHERE series.source IS NOT NULL),
        []
    ) || coalesce(
        list(DISTINCT sources.provider) FILTER (
            WHERE sources.provider IS NOT NULL AND sources.provider <> series.source
        ),
        []
    ) AS source_names,
    count(DISTINCT series.source) AS source_count
FROM core.ticker_list AS listed
LEFT JOIN core.series AS series USING (ticker)
LEFT JOIN core.sources AS sources USING (source)
WHERE list_contains($tickers, listed.ticker)
GROUP BY ALL
