-- Read every value of a table, so that the checksums of all its blocks are checked.
SELECT
    count(*) AS row_count,
    bit_xor(hash(row_of_table)) AS digest
FROM {{table}} AS row_of_table
