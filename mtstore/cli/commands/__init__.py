"""One module per verb, each with a click command called `command`; a module is imported when its verb is used."""
