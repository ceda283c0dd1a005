-- Attach a generation for reading and make it the current database: macros and views need USE to resolve.
ATTACH {{path}} AS {{alias}} (READ_ONLY);

USE {{alias}};
