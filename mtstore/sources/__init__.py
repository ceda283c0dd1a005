"""Read vendors' files and call their services; no module here depends on a store."""
