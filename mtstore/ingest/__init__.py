"""From sources into the store: what is missing, fetched or read, checked and committed piece by piece."""
