"""Open the current snapshot read-only; explain read errors."""
