"""Options of synthetic DBN files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class DbnOptions:
    """Options of a DBN file.

    Attributes
    ----------
    dataset, version
        As in the metadata; versions 1 to 3.
    publishers
        Ids of the venues. With several, a bar's volume is spread over one record per venue (most of it on the
        first, which has the bar's open and close; the others have its high and low), so that the bars
        aggregated as documented are the market's.
    first_instrument_id
        The first ticker's id; the others follow.
    ids_move_on
        A UTC date from which every ticker has the id of the next one.
    listed_from
        UTC dates from which some tickers resolve; their earlier bars are omitted, and they are `partial`.
    not_found
        Requested symbols that do not exist.
    undefined_every
        In every n-th record, all four prices are undefined.
    limit
        Most records, as of a request with a limit.
    """

    dataset: str = "XNAS.ITCH"
    version: int = 3
    publishers: tuple[int, ...] = (2,)
    first_instrument_id: int = 1001
    ids_move_on: date | None = None
    listed_from: Mapping[str, date] | None = None
    not_found: tuple[str, ...] = ()
    undefined_every: int | None = None
    limit: int | None = None
