"""Source names: each is bound to one vendor and, for Databento, to one dataset."""

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
    """Return the rows of `core.sources` by source name."""
    return {row["source"]: row for row in fetch_rows(connection, sqlfiles.load("ingest.sources"))}


def row(binding: SourceBinding) -> dict[str, Any]:
    """Return a binding as a row of `core.sources`."""
    return {"source": binding.source, "provider": binding.provider, "dataset": binding.dataset}


def check_binding(binding: SourceBinding, bound: Mapping[str, Any] | None) -> None:
    """Raise SourceMismatchError if the source's name is bound to another vendor or dataset."""
    if bound is not None and (bound["provider"], bound["dataset"]) != (binding.provider, binding.dataset):
        raise SourceMismatchError(
            f"source {binding.source!r} holds {_vendor_text(bound['provider'], bound['dataset'])}, "
            f"not {_vendor_text(binding.provider, binding.dataset)}; "
            "choose another source name for the new data (--source)"
        )


def _vendor_text(provider: str, dataset: str | None) -> str:
    return f"{provider} {dataset}" if dataset else provider
