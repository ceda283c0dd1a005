"""The mapping of custom files: its keys, their check, and what names of files say."""
