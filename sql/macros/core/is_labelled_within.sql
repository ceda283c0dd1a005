-- core.is_labelled_within(label_us, labels_from, labels_to): whether a bucket is in a chunk of a range.
--
-- A chunk has the buckets with left edges in [labels_from, labels_to); which of them belong to the range is another
-- question, so that all chunks together are the range.
-- NULLs: true for an open end.
-- Example: SELECT core.is_labelled_within(0, NULL, now());

CREATE OR REPLACE MACRO core.is_labelled_within(label_us, labels_from, labels_to) AS (
    coalesce(label_us >= epoch_us(labels_from::TIMESTAMPTZ), true)
    AND coalesce(label_us < epoch_us(labels_to::TIMESTAMPTZ), true)
);
