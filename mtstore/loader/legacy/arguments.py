"""Read arguments in the forms that older versions took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Final

from mtstore.config import Config
from mtstore.errors import InputError
from mtstore.intervals import parse_interval

_TIMESPANS: Final = {"minute": "1min", "hour": "1h", "day": "1d", "week": "1w", "month": "1mo"}
_SETTINGS_PATHS: Final = ("store", "cache_dir", "data_dir")


def as_config(settings: Any, config: Any, config_path: Any) -> Any:
    """Return the first configuration that is given, or one with the store of a settings object."""
    for given in (config, config_path):
        if given is not None:
            return given
    if settings is None:
        return {}
    if isinstance(settings, str | PathLike | Mapping | Config):
        return settings
    for name in _SETTINGS_PATHS:
        path = getattr(settings, name, None)
        if path is not None:
            return {"multi_ticker": {"store": str(path)}}
    kind = type(settings).__name__
    raise InputError(f"settings: a configuration, or an object with one of {', '.join(_SETTINGS_PATHS)}, got {kind}")


def read_timeframe(text: str) -> str:
    """Return a timeframe, or a word such as `minute`, as an interval."""
    return parse_interval(_TIMESPANS.get(text, text)).text


def range_arguments(arguments: Sequence[Any], symbol: Any, start: Any, end: Any) -> dict[str, Any]:
    """Return `([symbol,] start, end)`, each by position or by name, as a mapping; a repeated one is an InputError."""
    names = ["symbol", "start", "end"] if len(arguments) == 3 or start is not None else ["start", "end"]
    if len(arguments) > len(names):
        raise InputError(f"load_data takes a symbol, a start and an end, got {tuple(arguments)!r}")
    given = {"symbol": symbol, "start": start, "end": end}
    for name, value in zip(names, arguments, strict=False):
        if given[name] is not None:
            raise InputError(f"load_data: {name} is given twice, as {given[name]!r} and {value!r}")
        given[name] = value
    return given
