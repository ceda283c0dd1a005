"""What the server of forked processes has imported and worked out before it forks; it has opened no database."""

from __future__ import annotations

import duckdb  # noqa: F401
import exchange_calendars  # noqa: F401
import pandas as pd  # noqa: F401
import pyarrow.compute
import pyarrow.parquet  # noqa: F401

from mtstore.calendars import session_table

session_table("XNYS")
