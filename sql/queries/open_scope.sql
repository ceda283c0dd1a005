-- An empty in-memory database as the current one.
ATTACH ':memory:' AS {{scope}};

USE {{scope}};
