-- The rows of an aligned call as a wide table is filled with them; `slot` is the ticker's place in $names.
SELECT
    names.slot,
    epoch_us(aligned.ts_event) AS ts_us,
    {{columns}}
FROM ({{call}}) AS aligned
INNER JOIN (
    SELECT
        unnest($names) AS ticker,
        unnest(range(len($names)))::INTEGER AS slot
) AS names USING (ticker)
