"""From files and frames."""
