-- input_columns: what the table of inputs says of each, which the first stores did not ask for. There it stays NULL, and
-- such an input counts as one that nothing has replaced.

ALTER TABLE core.inputs ADD COLUMN IF NOT EXISTS tickers VARCHAR[];
ALTER TABLE core.inputs ADD COLUMN IF NOT EXISTS start_ts TIMESTAMPTZ;
ALTER TABLE core.inputs ADD COLUMN IF NOT EXISTS end_ts TIMESTAMPTZ;
ALTER TABLE core.inputs ADD COLUMN IF NOT EXISTS generation BIGINT;
