-- What the cache knows of its entries besides the data: who is pinned, and when whose bars were last used.

CREATE SCHEMA IF NOT EXISTS core;

-- One row per ticker whose bars are never evicted.
CREATE TABLE IF NOT EXISTS core.pins (
    ticker VARCHAR NOT NULL,
    pinned_at TIMESTAMPTZ NOT NULL
);

-- One row per ticker and UTC year whose bars somebody loaded, as far as commits have folded it in.
CREATE TABLE IF NOT EXISTS core.uses (
    ticker VARCHAR NOT NULL,
    year INTEGER NOT NULL,               -- 0: a load without bounds, which used all
    used_at TIMESTAMPTZ NOT NULL
);
