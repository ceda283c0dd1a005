-- core.{{plain_name}}(): the files of the schema {{plain_schema}} of those tickers whose md5 begins with {{digits}}.
--
-- Made where a schema has very many files: what it costs to read a list grows with the list, whatever is read of it.
-- Example: SELECT len(core.{{plain_name}}());

CREATE OR REPLACE MACRO core.{{name}}() AS ({{paths}}::VARCHAR[]);
