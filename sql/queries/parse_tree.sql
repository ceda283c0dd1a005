-- A statement as DuckDB's own parser reads it: a JSON object with `statements`, or with `error` and its message.
SELECT json_serialize_sql($statement::VARCHAR) AS tree;
