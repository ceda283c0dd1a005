"""A YAML file or a mapping in, a checked Config out.

pydantic and yaml are imported when a configuration is loaded, not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mtstore.config.load import load_config, with_changes

if TYPE_CHECKING:
    from mtstore.config.models import Config
    from mtstore.config.ticker_settings import TickerSettings

__all__ = ["Config", "TickerSettings", "load_config", "with_changes"]


def __getattr__(name: str) -> Any:
    if name == "Config":
        from mtstore.config.models import Config

        return Config
    if name == "TickerSettings":
        from mtstore.config.ticker_settings import TickerSettings

        return TickerSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
