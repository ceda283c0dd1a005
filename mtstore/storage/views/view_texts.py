"""The statements of the views and macros of `sql/objects.txt`, filled in for one store.

Filled in are the parquet files of each schema, the configured universe, and the defaults of options. The text of each
view and macro, with its comments, is in its file under `sql/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mtstore import sqlfiles
from mtstore.bars import BAR_SCHEMAS, PRICE_COLUMNS, VALUE_COLUMNS, is_daily
from mtstore.sqlfiles import Sql, identifier, join, literal
from mtstore.storage.views.file_groups import FileGroups

WIDE_TICKER_LIMIT: Final = 100
"""The largest universe that the view `aligned` shows; a view of more columns is slower than the alternatives."""

DEFAULTS: Final[Mapping[str, Any]] = {
    "alignment.method": "outer_join",
    "alignment.timezone": "America/New_York",
    "alignment.resampling": "1min",
    "alignment.session": "regular",
    "alignment.anchor": "session",
    "alignment.adjust": "none",
    "alignment.partial": "drop",
    "alignment.fill_value": None,
    "alignment.fill_volume": "zero",
    "alignment.fill_prices": "own",
    "alignment.max_age": None,
    "alignment.across_sessions": True,
    "validation.max_gap_minutes": 5.0,
    "validation.outlier_std_threshold": 3.0,
}
"""The values of settings that the applied configuration does not have."""

_METHODS: Final = {
    "outer_join": "aligned_outer",
    "inner_join": "aligned_inner",
    "forward_fill": "aligned_ffill",
}
_UNION: Final = "\nUNION ALL\n"


@dataclass(frozen=True, slots=True)
class ViewInputs:
    """What the views and macros of one database are created from.

    Attributes
    ----------
    root
        The folder that relative paths start from.
    store
        What distinguishes the store, and its copies: macros refuse to answer with the rows of another.
    data_files
        The parquet files of each schema.
    quarantine_files, revision_files
        The parquet files of quarantined rows and of revisions.
    settings
        The applied configuration's values by dotted key (`alignment.timezone`), as `DEFAULTS` has them.
    universe
        The configured universe, in its order.
    """

    root: Path
    store: str = ""
    data_files: Mapping[str, Sequence[str]] = field(default_factory=dict)
    quarantine_files: Sequence[str] = ()
    revision_files: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    universe: Sequence[str] = ()

    def setting(self, key: str) -> Any:
        """Return the applied value of a setting, or its default."""
        return self.settings.get(key, DEFAULTS[key])


def view_texts(inputs: ViewInputs) -> Iterator[Sql]:
    """Yield the statement of each view and macro, in the order of `sql/objects.txt`."""
    values = _values(inputs)
    for name in sqlfiles.published_objects():
        if name == "parts/schema_view":
            for schema in _schemas(inputs):
                yield _fill(name, values | _schema_values(schema, inputs))
        elif name == "parts/grouped_bars":
            for groups in filter(None, (_groups(schema, inputs) for schema in _schemas(inputs))):
                yield from groups.texts()
        else:
            yield _fill(name, values)


def view_name(schema: str) -> str:
    """Return the name of the view of a schema's bars, without `core.`: `bars_ohlcv_1m` for `ohlcv-1m`."""
    return f"bars_{schema.replace('-', '_')}"


def _groups(schema: str, inputs: ViewInputs) -> FileGroups | None:
    paths = inputs.data_files.get(schema, ())
    return FileGroups.of(schema, view_name(schema), paths, inputs.root, is_daily=is_daily(schema))


def _fill(name: str, values: Mapping[str, Sql]) -> Sql:
    """Load a file with those of `values` that it has placeholders for."""
    return sqlfiles.load(name, **{key: values[key] for key in sqlfiles.placeholders(name)})


def _schemas(inputs: ViewInputs) -> list[str]:
    return [*BAR_SCHEMAS, *sorted(set(inputs.data_files) - set(BAR_SCHEMAS))]


def _values(inputs: ViewInputs) -> dict[str, Sql]:
    """Return the value of every placeholder."""
    schemas = _schemas(inputs)
    parts = {name: _fill(f"parts/{name}", {}) for name in _COMMENT_PARTS}
    return {
        **parts,
        "store": literal(inputs.store),
        "universe": literal(list(inputs.universe)),
        **{key.partition(".")[2]: literal(inputs.setting(key)) for key in DEFAULTS},
        "tz": literal(inputs.setting("alignment.timezone")),
        "fill_volume": literal(inputs.setting("alignment.fill_volume") or "null"),
        "schema_arms": join((_schema_arm(schema) for schema in schemas), _UNION),
        "chosen_intraday_arms": _chosen_arms([name for name in schemas if not is_daily(name)], inputs),
        "chosen_daily_arms": _chosen_arms([name for name in schemas if is_daily(name)], inputs),
        "quarantine_files": source_of_rows(inputs.quarantine_files, inputs, "core.no_quarantine"),
        "revision_files": source_of_rows(inputs.revision_files, inputs, "core.no_revisions"),
        **_wide_values(inputs),
    }


_COMMENT_PARTS: Final = (
    "bar_column_comments",
    "resampled_columns",
    "aligned_columns",
    "coverage_columns",
    "quality_columns",
    "returns_columns",
    "quarantine_columns",
    "revision_columns",
)


def _schema_arm(schema: str) -> Sql:
    return _fill("parts/schema_arm", {"view": identifier(view_name(schema))})


def _chosen_arms(schemas: Sequence[str], inputs: ViewInputs) -> Sql:
    """Return an arm for each schema with stored bars: each arm costs every call the time to bind it."""
    stored = [schema for schema in schemas if schema in inputs.data_files]
    return join((_chosen_arm(schema, inputs) for schema in stored or schemas[:1]), _UNION)


def _chosen_arm(schema: str, inputs: ViewInputs) -> Sql:
    groups = _groups(schema, inputs)
    view = {"view": identifier(view_name(schema))}
    bars = _fill("parts/all_bars", view) if groups is None else groups.source
    # A date without a session counts to the next one, which can be weeks later.
    days = literal(35 if is_daily(schema) else 0)
    return _fill("parts/chosen_arm", {"bars": bars, "schema": literal(schema), "days": days})


def _schema_values(schema: str, inputs: ViewInputs) -> dict[str, Sql]:
    kind = "daily" if is_daily(schema) else "intraday"
    paths = inputs.data_files.get(schema, ())
    # Only intraday bars have the year in their files' paths.
    year = "year_of_ts_event" if paths and kind == "daily" else "year_of_path"
    return {
        "view": identifier(view_name(schema)),
        "plain_name": Sql(view_name(schema)),
        "plain_schema": Sql(schema),
        "year": _fill(f"parts/{year}", {}),
        "files": source_of_bars(schema, paths, inputs),
    }


def source_of_bars(schema: str, paths: Sequence[str], inputs: ViewInputs) -> Sql:
    """Return the source of the view of a schema's bars."""
    return _files(inputs, paths, f"files_of_{'daily' if is_daily(schema) else 'intraday'}_bars", "core.no_bars")


def source_of_rows(paths: Sequence[str], inputs: ViewInputs, empty: str = "") -> Sql:
    """Return the source of the views of quarantined rows and of revisions."""
    return _files(inputs, paths, "plain_files", empty)


def _files(inputs: ViewInputs, paths: Sequence[str], part: str, empty: str) -> Sql:
    """Return a list of files, or the empty table with the same columns."""
    if not paths:
        return Sql(empty)
    return _fill(f"parts/{part}", {"paths": literal([f"{inputs.root}/{path}" for path in paths])})


def _wide_values(inputs: ViewInputs) -> dict[str, Sql]:
    """Return the placeholders of the wide views."""
    universe = inputs.universe
    method = Sql(_METHODS[inputs.setting("alignment.method")])
    call = {
        "method": method,
        "universe": literal(list(universe)),
        "bar_interval": literal(inputs.setting("alignment.resampling")),
        "anchor": literal(inputs.setting("alignment.anchor")),
        "limit": literal(WIDE_TICKER_LIMIT),
        "ticker_count": literal(len(universe)),
    }
    pairs = [(ticker, column) for ticker in universe for column in VALUE_COLUMNS]
    wide = {
        "aligned_wide": [
            (ticker, column, f"{ticker}_{column}")
            for ticker, column in (pairs if len(universe) <= WIDE_TICKER_LIMIT else [])
        ],
        "wide_close": [(ticker, "close", ticker) for ticker in universe],
        "wide_volume": [(ticker, "volume", ticker) for ticker in universe],
    }
    values = {"method": method, "aligned_source": _fill(f"parts/{'universe' if universe else 'no_universe'}", call)}
    values["width_check"] = _fill("parts/width_check", call)
    for view, columns in wide.items():
        values[f"{view}_columns"] = join((_wide_column(inputs, *column) for column in columns), "")
        values[f"{view}_comments"] = join(
            (Sql(f"--   {identifier(name)}: {ticker}: {value}\n") for ticker, value, name in columns), ""
        )
    return values


def _wide_column(inputs: ViewInputs, ticker: str, column: str, name: str) -> Sql:
    fill_value = inputs.setting("alignment.fill_value")
    part = "wide_column" if fill_value is None or column in (*PRICE_COLUMNS, "vwap") else "wide_column_filled"
    values = {
        "ticker": literal(ticker),
        "value": identifier(column),
        "type": Sql("BIGINT" if column == "transactions" else "DOUBLE"),
        "alias": identifier(name),
        "fill_value": literal(fill_value),
    }
    return Sql(",\n    " + _fill(f"parts/{part}", values))
