-- Make a generation the current database: macros and views need USE to resolve.
USE {{alias}}
