"""The command line: `mtstore <verb> STORE …`. Data goes to stdout, everything else to stderr."""
