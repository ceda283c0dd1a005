"""Runs: the row that every ingest leaves in the table `ingest_runs`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mtstore.storage.layout import new_id


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has begun."""

    run_id: str
    kind: str
    started_at: datetime
    arguments: Mapping[str, Any]

    def row(
        self, *, status: str, tickers: int, files: int, rows: int, quarantined_rows: int, error: str | None = None
    ) -> dict[str, Any]:
        """The run, ended just now, as a row of `core.ingest_runs`."""
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
    return Run(new_id(), kind, datetime.now(UTC), arguments)
