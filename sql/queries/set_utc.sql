-- Every client of ours works in UTC; nothing that is published depends on it.
SET GLOBAL TimeZone = 'UTC'
