-- Pinned tickers, and the last use of each ticker's bars.

CREATE SCHEMA IF NOT EXISTS core;

-- One row per ticker that is never evicted.
CREATE TABLE IF NOT EXISTS core.pins (
    ticker VARCHAR NOT NULL,
    pinned_at TIMESTAMPTZ NOT NULL
);

-- One row per ticker and UTC year: the last load of its bars, as far as commits have recorded it.
CREATE TABLE IF NOT EXISTS core.uses (
    ticker VARCHAR NOT NULL,
    year INTEGER NOT NULL,               -- 0: a load without bounds, which used all
    used_at TIMESTAMPTZ NOT NULL
);
