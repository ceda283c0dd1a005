"""Write a configuration with every default and every ticker resolved; keys appear as variable names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from mtstore.config.sources import SOURCE_OF_PROVIDER
from mtstore.config.ticker_settings import OUTLIER_KEYS

if TYPE_CHECKING:
    from mtstore.config.models import Config
    from mtstore.config.ticker_settings import TickerSettings


def resolved_tree(config: Config) -> dict[str, Any]:
    """Return the configuration with all layers merged; loading it gives each ticker the same settings."""
    tree = config.model_dump(mode="json", by_alias=True)
    validation = config.multi_ticker.validation
    for key in OUTLIER_KEYS - validation.model_fields_set:  # a load warns of more where they are stated
        del tree["multi_ticker"]["validation"][key]
    stated = config.ticker_config.defaults.model_fields_set
    settings = {entry.ticker: _entry(entry, stated) for entry in config.all_tickers.values()}
    tree["multi_ticker"]["tickers"] = {ticker: settings.pop(ticker) for ticker in config.universe}
    # Defaults still apply to tickers that the configuration does not name.
    tree["ticker_config"] = {
        "defaults": config.ticker_config.defaults.model_dump(mode="json", exclude_unset=True),
        "overrides": settings,
    }
    return tree


def resolved_yaml(config: Config) -> str:
    """Return `resolved_tree` as YAML; times and tickers that YAML would convert are quoted.

    The value of a variable that holds a key appears as `${NAME}` in any text, because a path may be made of it, too.
    """
    import yaml

    tree = _with_names(resolved_tree(config), _values_of_keys(config))
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=100)


def unset_keys(config: Config) -> tuple[str, ...]:
    """Return the environment variables of the sources' keys that are not set, each once."""
    keys = [source.api_key for source in config.sources.values() if hasattr(source, "api_key")]
    return tuple(dict.fromkeys(key.variable for key in keys if not key.is_set()))


def _values_of_keys(config: Config) -> dict[str, str]:
    """Return `${NAME}` by the value of each variable that holds a key, the longest value first."""
    defaults = [section.model_fields.get("api_key") for section in SOURCE_OF_PROVIDER.values()]
    keys = [getattr(source, "api_key", None) for source in config.sources.values()]
    names = {key.variable: str(key) for key in (*keys, *(one and one.default for one in defaults)) if key}
    found = {os.environ.get(variable, "").strip(): name for variable, name in names.items()}
    return {value: found[value] for value in sorted(found, key=len, reverse=True) if value}


def _with_names(value: Any, names: Mapping[str, str]) -> Any:
    """Return a tree in which each key's value, wherever a text holds it, is replaced by its variable's name."""
    if isinstance(value, dict):
        return {_with_names(key, names): _with_names(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_names(item, names) for item in value]
    if isinstance(value, str):
        for key, name in names.items():
            value = value.replace(key, name)
    return value


def _entry(settings: TickerSettings, stated_by_defaults: AbstractSet[str]) -> dict[str, Any]:
    """Return one ticker's keys; null only where it resets a default."""
    row = settings.to_row() | {
        "check_gaps": settings.check_gaps,
        "check_outliers": settings.check_outliers,
        "on_failure": settings.on_failure,
        "metadata": settings.metadata or None,
        "resampling": settings.bar_interval,
    }
    if not settings.has_outlier_limit:
        row |= dict.fromkeys(OUTLIER_KEYS)
    for key in ("ticker", "universe_position", "bar_interval"):
        del row[key]
    for key in ("active_from", "active_to"):
        row[key] = row[key].isoformat() if row[key] else None
    return {key: value for key, value in row.items() if value is not None or key in stated_by_defaults - {"metadata"}}
