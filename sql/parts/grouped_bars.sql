-- core.{{plain_name}}(tickers): the statement that reads the {{plain_schema}} files of a call's tickers.
--
-- Macros give it to query(), so that a call costs what its own files cost, however many there are. A call that names no
-- tickers, or most of them, reads the view.
-- NULLs: as core.wanted_tickers.
-- Example: SELECT core.{{plain_name}}(['AAPL']);

CREATE OR REPLACE MACRO core.{{name}}(tickers) AS (
    CASE WHEN len(core.wanted_tickers(tickers)) BETWEEN 1 AND {{most_tickers}} THEN
        replace(
            {{statement}},
            '$groups',
            array_to_string(
                list_sort(list_distinct([
                    {{group_prefix}} || md5(coalesce(name, ''))[1:{{digits}}] || '()'
                    FOR name IN core.wanted_tickers(tickers)
                ])),
                ', '
            )
        )
    ELSE {{whole}} END
);
