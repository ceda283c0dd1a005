"""Complete downloads whose bars are not committed yet: the vendor has been paid for them, so they must not be lost.

A run keeps them in a folder of its own until it commits their bars. What it leaves there, the store moves to a folder
where the next run that makes the same request finds it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4


def download_name(request: Mapping[str, Any]) -> str:
    """Return the name of the complete download that a request brings."""
    return hashlib.sha256(json.dumps(dict(request), sort_keys=True).encode()).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class Downloads:
    """The downloads of one chunk of a run.

    Attributes
    ----------
    unfinished, complete
        The run's folders for those that are on their way, and for those that are complete and checked.
    rescued
        Where those of runs that ended early are; None: none of them is used.
    """

    unfinished: Path
    complete: Path
    rescued: Path | None = None
    _paths: list[Path] = field(default_factory=list)

    @contextmanager
    def begin(self) -> Iterator[Path]:
        """Yield the path of a download, which is deleted unless it is renamed."""
        path = self.unfinished / uuid4().hex
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def complete_path(self, request: Mapping[str, Any]) -> Path:
        """Return the path to which a download is renamed once it is complete and checked."""
        self.complete.mkdir(exist_ok=True)
        self._paths.append(self.complete / download_name(request))
        return self._paths[-1]

    def take(self, request: Mapping[str, Any], modified: date | None) -> Path | None:
        """Take over the download of a run that ended early; return its path, or None if there is none of use.

        Parameters
        ----------
        modified
            When the vendor last changed the requested data. A download from that day or before is not used, unless it
            is of today: like everything that is fetched today, it is compared with later changes.
        """
        if self.rescued is None:
            return None
        taken = self.complete_path(request)
        try:
            # Of several runs, one gets it.
            (self.rescued / taken.name).rename(taken)
        except FileNotFoundError:
            return None
        downloaded = datetime.fromtimestamp(taken.stat().st_mtime, UTC).date()
        is_outdated = modified is not None and downloaded <= modified and downloaded < datetime.now(UTC).date()
        return None if is_outdated else taken

    def delete(self) -> None:
        """Delete them: their bars are committed."""
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._paths.clear()
