"""Load a frame: assemble its table, or read it from the table cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mtstore import sqlfiles
from mtstore.duckdb_instance import fetch_rows
from mtstore.loader.load.configured_view import configured_view
from mtstore.loader.validation.outcome import ValidationOutcome
from mtstore.query.align.assemble import assemble
from mtstore.query.cache import result_cache, table_cache
from mtstore.query.cache.cache_limits import enforce_cache_limits
from mtstore.query.cache.size_limit import SizeLimit
from mtstore.query.fast.rollups import Rollups
from mtstore.query.request.result import mapped_errors

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from mtstore.config import Config
    from mtstore.loader.load.load import Load
    from mtstore.query.snapshot.store_facts import StoreFacts
    from mtstore.query.table.wide_table import WideTable
    from mtstore.storage.repository import Repository


def load_frame(load: Load, store: Repository) -> pd.DataFrame:
    """Check a load, and return its frame; errors as `Load.check` and `assemble`."""
    with configured_view(store, load.config) as facts, mapped_errors():
        frame = load.to_frame(_load_table(load, store, facts))
        load.check_calendars(facts)
    store.last_used.record(load.tickers, *load.call.bounds.covering_us())
    if load.fetched.has_rows and load.config.multi_ticker.cache.evict == "refetchable":
        enforce_cache_limits(store, load.config)
    return frame


def _load_table(load: Load, store: Repository, facts: StoreFacts) -> WideTable:
    """Return a table that the caller may change, from the cache where the same was assembled before."""
    load.check_range(facts, store.path)
    limit = _cache_limit(load.config)

    def build(path: Path | None) -> table_cache.BuiltTable:
        options = load.check_validity(facts, may_inline=True)
        options = replace(options, values_path=path, rollups=None if limit is None else Rollups(store, limit))
        wide = assemble(facts.connection, load.call, load.fields, options, facts=facts)
        load.finish(options)
        return wide, _to_json(load.outcome)

    item_bytes = 4 if load.arguments.dtype == "float32" else 8
    if limit is None or not table_cache.should_cache(load.call, len(load.fields), item_bytes):
        return build(None)[0]
    key = result_cache.cache_key(facts.connection, load.call, _cache_parameters(load, facts))
    found = table_cache.find_table(store, key)
    if found is not None:
        load.apply_outcome(_from_json(found[1]))
        return found[0]
    return table_cache.build_table(store, key, limit, build)[0]


def _cache_limit(config: Config) -> SizeLimit | None:
    """Return the size limit of cached results; None if the configuration wants none."""
    cache = config.multi_ticker.cache
    # With a time to live of 0, no cached result would ever be found.
    if not (cache.enabled and cache.derived) or cache.ttl_days == 0:
        return None
    return SizeLimit.from_config(cache)


def _cache_parameters(load: Load, facts: StoreFacts) -> dict[str, Any]:
    """Return what a table and its validation depend on, besides the request and the stored bars."""
    multi = load.config.multi_ticker
    return {
        "fields": load.fields,
        "dtype": load.arguments.dtype,
        "label": multi.alignment.label,
        "fill_value": multi.alignment.fill_value,
        "limits": {
            name: [
                entry.on_failure,
                entry.max_gap_minutes if entry.check_gaps else None,
                (entry.outlier_std_threshold, entry.outlier_warning_std) if entry.check_outliers else None,
            ]
            for name, entry in (load.resolve_settings() if multi.validation.enabled else {}).items()
        },
        "defaults": load.config.default_settings(),
        "applied": fetch_rows(facts.connection, sqlfiles.load("objects.applied_settings")),
    }


def _to_json(outcome: ValidationOutcome) -> dict[str, Any]:
    # A cached load has not failed, and its dropped outliers are missing in the table already.
    return {
        "warning": outcome.warning,
        "flags": {name: labels.tolist() for name, labels in outcome.flags.items()},
        "gap_counts": dict(outcome.gap_counts),
        "outlier_counts": dict(outcome.outlier_counts),
    }


def _from_json(stored: Mapping[str, Any]) -> ValidationOutcome:
    import numpy as np

    flags = {name: np.array(labels, dtype=np.int64) for name, labels in stored["flags"].items()}
    return ValidationOutcome(**{**stored, "flags": flags})
