"""The table of a load: found among the derived results, or made, and kept for whoever asks for the same again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.loader.validation.outcome import Verdict
from mtstore.query.align.assemble import assemble
from mtstore.query.cache import result_cache, table_cache
from mtstore.query.cache.size_limit import SizeLimit
from mtstore.query.fast.rollups import Rollups

if TYPE_CHECKING:
    from pathlib import Path

    from mtstore.config import Config
    from mtstore.loader.load.load import Load
    from mtstore.query.snapshot.store_facts import StoreFacts
    from mtstore.query.table.wide_table import WideTable
    from mtstore.storage.repository import Repository


def make_table(load: Load, store: Repository, facts: StoreFacts) -> WideTable:
    """Check a load, and make its table; a table that was made of the same before is mapped, and judged as it was.

    The values are the caller's own, and may be written. Errors as `Load.check` and `assemble`.
    """
    load.check_range(facts, store.path)
    room = _room(load.config)

    def work(path: Path | None) -> table_cache.BuiltTable:
        making = load.check_validity(facts, may_watch=True)
        making = replace(making, values_path=path, rollups=None if room is None else Rollups(store, room))
        wide = assemble(facts.connection, load.call, load.fields, making, facts=facts)
        load.settle(making)
        return wide, _said(load.verdict)

    item_bytes = 4 if load.dtype == "float32" else 8
    if room is None or not table_cache.should_cache(load.call, len(load.fields), item_bytes):
        return work(None)[0]
    key = result_cache.cache_key(facts.connection, load.call, _parameters(load, facts))
    found = table_cache.find_table(store, key)
    if found is not None:
        load.conclude(_verdict(found[1]))
        return found[0]
    return table_cache.build_table(store, key, room, work)[0]


def _room(config: Config) -> SizeLimit | None:
    """The room that a configuration leaves for derived results; None if it wants none."""
    cache = config.multi_ticker.cache
    if not (cache.enabled and cache.derived) or cache.ttl_days == 0:  # nobody could find what is kept for no time
        return None
    return SizeLimit.from_config(cache)


def _parameters(load: Load, facts: StoreFacts) -> dict[str, Any]:
    """All that a table and its verdict depend on besides the call and what is stored."""
    multi = load.config.multi_ticker
    limits = {}
    if multi.validation.enabled:
        limits = {name: _limits(load.config, name) for name in load.call.tickers or ()}
    return {
        "fields": load.fields,
        "dtype": load.dtype,
        "label": multi.alignment.label,
        "fill_value": multi.alignment.fill_value,
        "limits": limits,
        "defaults": load.config.default_settings(),
        "applied": fetch_rows(facts.connection, sqlfiles.load("objects.applied_settings")),
    }


def _limits(config: Config, ticker: str) -> list[Any]:
    entry = config.ticker(ticker)
    return [
        entry.on_failure,
        entry.max_gap_minutes if entry.check_gaps else None,
        entry.outlier_std_threshold if entry.check_outliers else None,
    ]


def _said(verdict: Verdict) -> dict[str, Any]:
    """A verdict that lets a load pass, as JSON can hold it; what it blanked is missing in the table already."""
    return {
        "warning": verdict.warning,
        "flags": {name: labels.tolist() for name, labels in verdict.flags.items()},
        "gap_counts": dict(verdict.gap_counts),
        "outlier_counts": dict(verdict.outlier_counts),
    }


def _verdict(said: Mapping[str, Any]) -> Verdict:
    import numpy as np

    return Verdict(
        warning=said["warning"],
        flags={name: np.array(labels, dtype=np.int64) for name, labels in said["flags"].items()},
        gap_counts=said["gap_counts"],
        outlier_counts=said["outlier_counts"],
    )
