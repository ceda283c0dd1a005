"""Reasons for rejected rows that depend on a ticker's calendar."""

from __future__ import annotations

GUESS = "XNYS (guessed)"
NOT_POSITIVE = (
    f"a price is zero or negative: {GUESS} does not allow it; set `calendar: CMES` for a future and ingest again"
)
