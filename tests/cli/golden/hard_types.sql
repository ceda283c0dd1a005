SELECT
    1 AS row,
    9007199254740993::BIGINT AS whole,
    12345678901234567890::HUGEINT AS huge,
    0.1::DOUBLE AS fraction,
    'nan'::DOUBLE AS nothing,
    '-inf'::DOUBLE AS below,
    12.50::DECIMAL(10, 2) AS decimal,
    true AS flag,
    'a,b "c"' || chr(10) || 'ü' AS text,
    '' AS empty,
    DATE '2023-01-03' AS day,
    TIME '09:30:00' AS clock,
    TIMESTAMP '2023-01-03 09:30:00.25' AS wall,
    TIMESTAMPTZ '2023-01-03 09:30:00-05' AS instant,
    'infinity'::TIMESTAMPTZ AS forever,
    INTERVAL '1 month 2 days 3 seconds' AS span,
    'x'::ENUM ('x', 'y') AS word,
    '\x01\xFF'::BLOB AS raw,
    [1, NULL] AS list,
    {'at': DATE '2023-01-03', 'n': 1} AS struct,
    MAP {'k': 1.5::DOUBLE} AS map
UNION ALL BY NAME
SELECT 2 AS row
ORDER BY row
