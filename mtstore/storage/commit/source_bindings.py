"""Sources: the names under which bars are stored, each bound to one vendor and, for Databento, one dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.bars import SourceBinding
from mtstore.duckdb_instance import fetch_rows
from mtstore.errors import SourceMismatchError

if TYPE_CHECKING:
    import duckdb


def bound(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """What each known source is bound to, by its name."""
    return {row["source"]: row for row in fetch_rows(connection, sqlfiles.load("ingest.sources"))}


def row(binding: SourceBinding) -> dict[str, Any]:
    """A binding as a row of `core.sources`."""
    return {"source": binding.source, "provider": binding.provider, "dataset": binding.dataset}


def check_binding(binding: SourceBinding, bound: Mapping[str, Any] | None) -> None:
    """Refuse another vendor or dataset under a name that is bound already."""
    if bound is not None and (bound["provider"], bound["dataset"]) != (binding.provider, binding.dataset):
        raise SourceMismatchError(
            f"source {binding.source!r} holds {_described(bound['provider'], bound['dataset'])}, "
            f"not {_described(binding.provider, binding.dataset)}; "
            "give the new data a source name of its own (--source)"
        )


def _described(provider: str, dataset: str | None) -> str:
    return f"{provider} {dataset}" if dataset else provider
