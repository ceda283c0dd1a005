"""Spill folders: where a reader's DuckDB puts what does not fit into memory, one per instance.

Two processes must never share one: DuckDB names its spill files alike in all of them. DuckDB makes the folder when it
needs it and removes it at the end; what a killed process left is swept by the next writer.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from pathlib import Path

from mtstore.storage.layout import Layout, new_id

_NAME = re.compile(r"spill-(?P<host>.*)-(?P<pid>[0-9]+)-[0-9a-f]+-[0-9a-f]+\Z")


def new_folder(layout: Layout) -> Path:
    """A name for the spill folder of one DuckDB instance of this process; it is not made."""
    return layout.tmp / f"spill-{socket.gethostname()}-{os.getpid()}-{new_id()}"


def sweep(layout: Layout) -> None:
    """Delete the spill folders of dead processes of this host."""
    for folder in layout.tmp.glob("spill-*"):
        match = _NAME.match(folder.name)
        if match is not None and match["host"] == socket.gethostname() and not _is_alive(int(match["pid"])):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's process
    return True
