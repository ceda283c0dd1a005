-- core.{{plain_name}}(): the files of the schema {{plain_schema}} of those tickers whose md5 begins with {{digits}}.
--
-- For a schema with very many files: the cost of a list of files grows with its length, however little is read.
-- Example: SELECT len(core.{{plain_name}}());

CREATE OR REPLACE MACRO core.{{name}}() AS ({{paths}}::VARCHAR[]);
