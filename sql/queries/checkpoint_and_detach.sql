-- Everything into the file, then let go of it: DETACH alone may leave changes in the write-ahead log.
CHECKPOINT {{alias}};

USE memory;

DETACH {{alias}};
