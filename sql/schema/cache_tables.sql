-- Tables that the first stores did not have: pinned tickers, uses of bars, calendars that bars decided, sessions of
-- series.

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

-- One row per series of a ticker that has several: the sessions that it begins and ends with, and those around them.
-- Derived at every commit.
CREATE TABLE IF NOT EXISTS core.series_sessions (
    ticker VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    schema VARCHAR NOT NULL,
    first_date DATE NOT NULL,            -- session of the first bar
    last_date DATE NOT NULL,
    previous_date DATE NOT NULL,         -- the session before the first one
    previous_end_us BIGINT NOT NULL,     -- its end, post-market included
    next_date DATE NOT NULL,             -- the session after the last one
    next_start_us BIGINT NOT NULL        -- its start, pre-market included
);
