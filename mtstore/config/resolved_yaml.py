"""A configuration written out: every default, every ticker resolved, keys as the names of their variables."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtstore.config.models import Config
    from mtstore.config.ticker_settings import TickerSettings


def resolved_tree(config: Config) -> dict[str, Any]:
    """The configuration with all layers laid together; loading it gives the same settings for every ticker."""
    tree = config.model_dump(mode="json", by_alias=True)
    said = config.ticker_config.defaults.model_fields_set
    settings = {entry.ticker: _entry(entry, said) for entry in config.all_tickers.values()}
    tree["multi_ticker"]["tickers"] = {ticker: settings.pop(ticker) for ticker in config.universe}
    # Defaults still hold for tickers that nobody names; the rest is said in full above.
    tree["ticker_config"] = {
        "defaults": config.ticker_config.defaults.model_dump(mode="json", exclude_unset=True),
        "overrides": settings,
    }
    return tree


def resolved_yaml(config: Config) -> str:
    """`resolved_tree` as YAML that plain YAML readers understand alike: times and odd tickers are quoted."""
    import yaml

    return yaml.safe_dump(resolved_tree(config), sort_keys=False, allow_unicode=True, width=100)


def unset_keys(config: Config) -> tuple[str, ...]:
    """The environment variables that sources want and the environment lacks, each once."""
    keys = [source.api_key for source in config.sources.values() if hasattr(source, "api_key")]
    return tuple(dict.fromkeys(key.variable for key in keys if not key.is_set()))


def _entry(settings: TickerSettings, said_by_defaults: AbstractSet[str]) -> dict[str, Any]:
    """One ticker's keys; a null only where it takes back a default."""
    row = settings.to_row() | {
        "check_gaps": settings.check_gaps,
        "check_outliers": settings.check_outliers,
        "on_failure": settings.on_failure,
        "metadata": settings.metadata or None,
        "resampling": settings.bar_interval,
    }
    for key in ("ticker", "universe_position", "bar_interval"):
        del row[key]
    for key in ("active_from", "active_to"):
        row[key] = row[key].isoformat() if row[key] else None
    return {key: value for key, value in row.items() if value is not None or key in said_by_defaults - {"metadata"}}
