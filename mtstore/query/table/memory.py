"""What a configuration allows a load to take, and the share of it that is DuckDB's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtstore.query.table.memory_budget import free_bytes

if TYPE_CHECKING:
    from mtstore.config import Config

_DUCKDB_SHARE = 0.5
_LEAST_DUCKDB_BYTES = 128_000_000


def load_limit(config: Config) -> int:
    """Most bytes that the rows and the result of one load may take: `multi_ticker.memory_limit`, now."""
    from mtstore.config.fields import memory_bytes

    return memory_bytes(config.multi_ticker.memory_limit, free_bytes())


def duckdb_limit(config: Config) -> str:
    """DuckDB's `memory_limit`: half of what a load may take; beyond it, it spills into the store's `tmp/`."""
    size = max(int(load_limit(config) * _DUCKDB_SHARE), _LEAST_DUCKDB_BYTES)
    return f"{size // 1_000_000}MB"
