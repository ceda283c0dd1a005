"""The row that every run of ingest leaves in `core.ingest_runs`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mtstore.storage.layout import new_id


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has begun."""

    run_id: str
    kind: str
    arguments: Mapping[str, Any]
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _began: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        """Return how long the run has taken so far."""
        return time.monotonic() - self._began

    def row(
        self, *, status: str, tickers: int, files: int, rows: int, quarantined_rows: int, error: str | None = None
    ) -> dict[str, Any]:
        """Return the row of `core.ingest_runs` for a run that ends now."""
        return {
            "run_id": self.run_id,
            "kind": self.kind,
            "started_at": self.started_at,
            "finished_at": datetime.now(UTC),
            "status": status,
            "tickers": tickers,
            "files": files,
            "rows": rows,
            "quarantined_rows": quarantined_rows,
            "error": error,
            "arguments": json.dumps(dict(self.arguments), default=str),
        }


def start_run(kind: str, arguments: Mapping[str, Any]) -> Run:
    """Begin a run."""
    return Run(new_id(), kind, arguments)
