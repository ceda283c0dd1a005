"""The tests of mtstore, laid out like the package."""
