-- Attach a generation for reading, under a name of its own.
ATTACH {{path}} AS {{alias}} (READ_ONLY)
