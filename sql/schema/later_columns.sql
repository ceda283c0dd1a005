-- Columns that the first stores did not have. Those of inputs are NULL there, and such an input counts as not replaced;
-- that of session keys is, until their sessions change. Splits and dividends without an id are known by their values.
-- A custom calendar without a definition is computed at the next `config apply`.

ALTER TABLE core.inputs ADD COLUMN IF NOT EXISTS tickers VARCHAR[];
ALTER TABLE core.inputs ADD COLUMN IF NOT EXISTS start_ts TIMESTAMPTZ;
ALTER TABLE core.inputs ADD COLUMN IF NOT EXISTS end_ts TIMESTAMPTZ;
ALTER TABLE core.inputs ADD COLUMN IF NOT EXISTS generation BIGINT;
ALTER TABLE IF EXISTS core.session_keys ADD COLUMN IF NOT EXISTS open_phase_us BIGINT;
ALTER TABLE core.splits ADD COLUMN IF NOT EXISTS event_id VARCHAR;
ALTER TABLE core.dividends ADD COLUMN IF NOT EXISTS event_id VARCHAR;
ALTER TABLE core.calendars ADD COLUMN IF NOT EXISTS definition VARCHAR;
ALTER TABLE core.sessions ADD COLUMN IF NOT EXISTS is_extrapolated BOOLEAN;
