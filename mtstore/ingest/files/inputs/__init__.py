"""Inputs: flat files, DBN files and custom tables, each opened before any is read."""
