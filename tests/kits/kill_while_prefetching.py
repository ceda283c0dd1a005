"""Modules and results that the fork server loads before it forks. It opens no database."""

from __future__ import annotations

import duckdb  # noqa: F401
import exchange_calendars  # noqa: F401
import pandas as pd  # noqa: F401
import pyarrow.compute
import pyarrow.parquet  # noqa: F401

from mtstore.calendars import session_table

session_table("XNYS")
