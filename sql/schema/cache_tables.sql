-- Tables that the first stores did not have: pinned tickers, uses of bars, calendars that bars decided.

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

-- One row per ticker without a configured calendar whose bars did not fit the one that its name suggests.
CREATE TABLE IF NOT EXISTS core.observed_calendars (
    ticker VARCHAR NOT NULL,
    calendar VARCHAR NOT NULL
);
