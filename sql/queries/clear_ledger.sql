-- Empty the coverage ledger, to be written anew with ranges cut out.
DELETE FROM core.coverage_ledger
