-- The keys of all input files that went in before.
SELECT input_key
FROM core.inputs
