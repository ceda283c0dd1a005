-- Columns of the table of inputs that the first stores did not have. They are NULL there, and such an input counts as
-- not replaced.

ALTER TABLE core.inputs ADD COLUMN IF NOT EXISTS tickers VARCHAR[];
ALTER TABLE core.inputs ADD COLUMN IF NOT EXISTS start_ts TIMESTAMPTZ;
ALTER TABLE core.inputs ADD COLUMN IF NOT EXISTS end_ts TIMESTAMPTZ;
ALTER TABLE core.inputs ADD COLUMN IF NOT EXISTS generation BIGINT;
