"""The size limit of cached results, from the configuration's section `cache`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from mtstore.config.models import Cache

_SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class SizeLimit:
    """How large all cached results may be, and how long an unused one stays (None: for ever)."""

    max_bytes: int
    ttl_seconds: float | None

    @classmethod
    def from_config(cls, cache: Cache) -> Self:
        return cls(int(cache.max_size_gb * 1e9), None if cache.ttl_days is None else cache.ttl_days * _SECONDS_PER_DAY)
