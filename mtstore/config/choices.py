"""The option words of the configuration, the Python API and the command line."""

from __future__ import annotations

from typing import Final, Literal, get_args

Method = Literal["outer_join", "inner_join", "forward_fill"]
Label = Literal["left", "right"]
Session = Literal["regular", "all"]
Anchor = Literal["session", "midnight", "epoch"]
Adjust = Literal["none", "splits", "all"]
Partial = Literal["drop", "cut"]
FillVolume = Literal["zero", "ffill", "null"]
FillPrices = Literal["own", "close"]
Evict = Literal["derived", "refetchable"]
OnFailure = Literal["warn", "raise", "drop", "flag"]
OnMissing = Literal["raise", "warn"]
OnError = Literal["skip", "raise"]
SkipColumns = Literal["nan", "drop"]
Provider = Literal["polygon", "databento", "files", "synthetic"]
PolygonClient = Literal["polygon", "massive"]

METHODS: Final[tuple[str, ...]] = get_args(Method)
LABELS: Final[tuple[str, ...]] = get_args(Label)
ON_MISSING: Final[tuple[str, ...]] = get_args(OnMissing)
SESSIONS: Final[tuple[str, ...]] = get_args(Session)
ANCHORS: Final[tuple[str, ...]] = get_args(Anchor)
ADJUSTMENTS: Final[tuple[str, ...]] = get_args(Adjust)
PARTIALS: Final[tuple[str, ...]] = get_args(Partial)
FILL_VOLUMES: Final[tuple[str, ...]] = get_args(FillVolume)
FILL_PRICES: Final[tuple[str, ...]] = get_args(FillPrices)
PROVIDERS: Final[tuple[str, ...]] = get_args(Provider)
