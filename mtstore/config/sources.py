"""The `sources` section: vendors over the network, and the names of their keys.

A key is written `${NAME}` and stays the name of an environment variable until `SecretKey.reveal()` is called, so that
no configuration object, error, log line or repr can contain one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, PlainSerializer, Tag, WithJsonSchema

from mtstore.arguments import did_you_mean
from mtstore.bars import BAR_SCHEMAS
from mtstore.config.choices import PolygonClient
from mtstore.config.fields import Section, invalid, with_variables
from mtstore.errors import SourceAuthError

_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}\Z")


@dataclass(frozen=True, slots=True)
class SecretKey:
    """The name of the environment variable that holds a vendor's key."""

    variable: str

    def is_set(self) -> bool:
        """Return whether the environment variable is set."""
        return bool(os.environ.get(self.variable, "").strip())

    def reveal(self) -> str:
        """Return the key; raise SourceAuthError if the variable is not set."""
        if not self.is_set():
            raise SourceAuthError(f"the environment variable {self.variable} is not set; it must hold the vendor's key")
        return os.environ[self.variable].strip()

    def __str__(self) -> str:
        return f"${{{self.variable}}}"


def _read_key(value: Any) -> SecretKey:
    if isinstance(value, SecretKey):
        return value
    matched = _REFERENCE.match(value) if isinstance(value, str) else None
    if matched is None:
        raise invalid("keys come from the environment only: write the name of a variable, like ${POLYGON_API_KEY}")
    return SecretKey(matched[1])


def _web_address(value: str, schemes: tuple[str, ...]) -> str:
    try:
        parts = urlsplit(value)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        raise invalid(f"an address is written {schemes[-1]}://host[:port]") from None
    if parts.username is not None or parts.password is not None:
        raise invalid("an address holds no user name or password")
    rest = parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in schemes or not parts.hostname or not has_port or rest:
        raise invalid(f"an address is written {schemes[-1]}://host[:port], without a path")
    return value.rstrip("/")


def _databento_schema(value: str) -> str:
    if value not in BAR_SCHEMAS:
        hint = did_you_mean(value, BAR_SCHEMAS)
        raise invalid(f"Databento has bars as {', '.join(BAR_SCHEMAS)}{hint}; other widths are computed from these")
    return value


Key = Annotated[
    SecretKey,
    BeforeValidator(_read_key),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$", "examples": ["${POLYGON_API_KEY}"]}
    ),
]
PlainOrTlsAddress = Annotated[
    str, BeforeValidator(with_variables), AfterValidator(lambda value: _web_address(value, ("http", "https")))
]
TlsAddress = Annotated[
    str, BeforeValidator(with_variables), AfterValidator(lambda value: _web_address(value, ("https",)))
]
Word = Annotated[str, BeforeValidator(with_variables), Field(min_length=1)]
BarSchema = Annotated[
    str, BeforeValidator(with_variables), AfterValidator(_databento_schema), Field(examples=["ohlcv-1m", "ohlcv-1d"])
]


class NetworkSource(Section):
    """Settings of all vendors over the network."""

    max_concurrency: int = Field(default=4, ge=1, le=100, description="Requests under way at the same time.")
    timeout_seconds: float = Field(
        default=30, gt=0, description="Longest silence of the vendor before a request is retried."
    )
    requests_per_minute: float | None = Field(
        default=None, ge=1, description="The vendor's rate limit; null for none. Polygon's free plan allows 5."
    )
    publishing_lag_seconds: float = Field(
        default=960, ge=0, description="Bars that closed less than this ago may be unfinished and are not requested."
    )


class PolygonSource(NetworkSource):
    """Polygon.io, now Massive: aggregates, splits, dividends and ticker details over REST."""

    provider: Literal["polygon"] = Field(description="The vendor.")
    client: PolygonClient = Field(default="polygon", description="The client package: polygon-api-client, or massive.")
    api_key: Key = Field(default=SecretKey("POLYGON_API_KEY"), description="The variable that holds the key.")
    base_url: PlainOrTlsAddress | None = Field(
        default=None, description="Scheme, host and port; null for the vendor's own."
    )


class DatabentoSource(NetworkSource):
    """Databento: historical bars of one dataset."""

    provider: Literal["databento"] = Field(description="The vendor.")
    api_key: Key = Field(default=SecretKey("DATABENTO_API_KEY"), description="The variable that holds the key.")
    dataset: Word = Field(description="One dataset, like XNAS.ITCH or GLBX.MDP3.", examples=["XNAS.ITCH"])
    schema_: BarSchema = Field(default="ohlcv-1m", alias="schema", description="The bars to fetch.")
    stype_in: Literal["raw_symbol", "instrument_id", "parent", "continuous", "nasdaq_symbol"] = Field(
        default="raw_symbol", description="What the tickers are: raw symbols, continuous contracts, …"
    )
    check_record_counts: bool = Field(
        default=True, description="Compare each response with the vendor's own count; one more request each."
    )
    gateway: TlsAddress | None = Field(default=None, description="https, host and port; null for the vendor's own.")
    max_cost_usd: float = Field(
        default=0.0, ge=0, description="Most dollars one run may spend; 0 allows only what is free."
    )


class LocalSource(Section):
    """A name for bars from files or from the synthetic market."""

    provider: Literal["files", "synthetic"] = Field(description="Where the bars come from.")


SOURCE_OF_PROVIDER: Final[Mapping[str, type[Section]]] = {
    "polygon": PolygonSource,
    "databento": DatabentoSource,
    "files": LocalSource,
    "synthetic": LocalSource,
}


def _provider_tag(value: Any) -> str | None:
    found = value.get("provider") if isinstance(value, dict) else getattr(value, "provider", None)
    found = str(found) if isinstance(found, str) else None
    return {"polygon": "polygon", "databento": "databento", "files": "local", "synthetic": "local"}.get(found or "")


Source = Annotated[
    Annotated[PolygonSource, Tag("polygon")]
    | Annotated[DatabentoSource, Tag("databento")]
    | Annotated[LocalSource, Tag("local")],
    Discriminator(
        _provider_tag,
        custom_error_type="unknown_provider",
        custom_error_message="no such provider",
    ),
]


def bound_dataset(source: PolygonSource | DatabentoSource | LocalSource) -> str | None:
    """Return the dataset of a source; only Databento has several."""
    return source.dataset if isinstance(source, DatabentoSource) else None
