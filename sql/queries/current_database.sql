-- The database that names resolve in.
SELECT current_database()
