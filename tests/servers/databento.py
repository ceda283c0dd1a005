"""Databento's historical API as far as mtstore uses it, over https: real DBN, compressed with zstd."""

from __future__ import annotations

import base64
import json
import ssl
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import zstandard

from tests.servers.base import Reply, Request, VendorServer, json_reply
from tests.servers.tls import Certificates

KEY = "db-test-key-51c2e8"
NS = 1_000_000_000
_SECONDS = {"ohlcv-1s": 1, "ohlcv-1m": 60, "ohlcv-1h": 3_600, "ohlcv-1d": 86_400}


@dataclass(frozen=True)
class Interval:
    start_date: date
    end_date: date
    symbol: str


@dataclass(frozen=True)
class Mapping:
    raw_symbol: str
    intervals: list[Interval]


@dataclass
class Instrument:
    """One symbol: bars by schema, (open in seconds, price, volume, publisher), and since when it is listed.

    `renumbered` are later instrument ids, by the day from which on they hold.
    """

    number: int
    bars: dict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))
    listed: date = date(1990, 1, 1)
    renumbered: dict[date, int] = field(default_factory=dict)

    def number_on(self, day: date) -> int:
        """Return the instrument id of a day."""
        known = {date.min: self.number, **self.renumbered}
        return known[max(since for since in known if since <= day)]

    def intervals(self, first: date, last: date) -> list[Interval]:
        """The ids of the days [first, last), as the metadata of an answer have them."""
        begin = max(first, self.listed)
        bounds = [begin, *sorted(day for day in self.renumbered if begin < day < last), last]
        return [Interval(start, end, str(self.number_on(start))) for start, end in pairwise(bounds)]


class DatabentoServer(VendorServer):
    """See the module. `starts` and `ends` bound the dataset, `licence_ends` what the key may have of it.

    `dollars_per_record` is the price.
    """

    scheme = "https"

    def __init__(self, certificates: Certificates) -> None:
        super().__init__()
        self.certificates = certificates
        self.keys = {KEY}
        self.dataset = "XNAS.ITCH"
        self.instruments: dict[str, Instrument] = {}
        self.starts = datetime(2018, 5, 1, tzinfo=UTC)
        self.ends = datetime(2024, 6, 1, tzinfo=UTC)
        self.really_ends: datetime | None = None
        self.licence_ends: datetime | None = None
        self.dollars_per_record = 0.0
        self.conditions: dict[date, tuple[str, str | None]] = {}
        self.frames = 1
        self.extra_symbols: list[str] = []
        self.warnings: list[str] = []

    def tls_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificates.chain, self.certificates.key)
        return context

    def list_symbol(self, symbol: str, **known) -> Instrument:
        """List a symbol in the dataset."""
        return self.instruments.setdefault(symbol, Instrument(1_000 + len(self.instruments), **known))

    def answer(self, request: Request) -> Reply:
        sent = request.headers.get("Authorization", "").removeprefix("Basic ")
        if base64.b64decode(sent).decode().rstrip(":") not in self.keys:
            return error_reply(401, "auth_authentication_failed", "Authentication failed.")
        method = request.path.removeprefix("/v0/")
        given = {**request.query, **request.form}
        if given.get("dataset") not in (None, self.dataset):
            return error_reply(422, "dataset_not_found", f"no dataset {given['dataset']}")
        handlers = {
            "timeseries.get_range": self._range,
            "metadata.get_cost": lambda given: self._counted(given, lambda count: count * self.dollars_per_record),
            "metadata.get_record_count": lambda given: self._counted(given, lambda count: count),
            "metadata.get_billable_size": lambda given: self._counted(given, lambda count: count * 56),
            "metadata.get_dataset_range": self._dataset_range,
            "metadata.get_dataset_condition": self._condition,
        }
        if method not in handlers:
            return error_reply(404, "not_found", f"no method {method}")
        return handlers[method](given)

    def _check(self, given) -> Reply | None:
        start, end = int(given["start"]), int(given["end"])
        ends = self.really_ends or self.ends
        if end > int(ends.timestamp()) * NS:
            payload = {"dataset": self.dataset, "available_end": ends.strftime("%Y-%m-%dT%H:%M:%S.000000000Z")}
            return error_reply(422, "data_end_after_available_end", "The dataset ends earlier.", payload)
        if start < int(self.starts.timestamp()) * NS:
            return error_reply(422, "data_start_before_available_start", "The dataset begins later.")
        if not self._found(given):
            return error_reply(422, "symbology_invalid_request", "None of the symbols could be resolved")
        return None

    def _unlicensed(self, given) -> Reply | None:
        if self.licence_ends is None or int(given["end"]) <= int(self.licence_ends.timestamp()) * NS:
            return None
        message = f"A licence is required. Try again with an end time before {self.licence_ends:%Y-%m-%d}."
        return error_reply(422, "dataset_unavailable_range", message)

    def _found(self, given) -> list[str]:
        until = _day(int(given["end"]) - 1)
        return [
            name
            for name in given["symbols"].split(",")
            if name in self.instruments and self.instruments[name].listed <= until
        ]

    def _counted(self, given, value) -> Reply:
        return self._check(given) or json_reply(value(len(self._records(given))))

    def _range(self, given) -> Reply:
        refused = self._check(given) or self._unlicensed(given)
        if refused:
            return refused
        raw = self.dbn(given)
        cuts = np.linspace(0, len(raw), self.frames + 1).astype(int)
        pieces = [zstandard.compress(raw[a:b]) for a, b in pairwise(cuts)]
        is_partial = len(self._found(given)) < len(given["symbols"].split(","))
        reply = Reply(206 if is_partial else 200, b"".join(pieces), {"Content-Type": "application/octet-stream"})
        warnings = list(self.warnings)
        if is_partial:
            warnings.append("Warning: The streaming request had one or more symbols which did not resolve")
        return reply.header("X-Warning", json.dumps(warnings)) if warnings else reply

    def dbn(self, given) -> bytes:
        """Return the response as plain DBN."""
        import databento_dbn

        first, last = _day(int(given["start"])), _day(int(given["end"]) - 1) + timedelta(days=1)
        found = self._found(given)
        mappings: list[Any] = [
            Mapping(name, self.instruments[name].intervals(first, last)) for name in [*found, *self.extra_symbols]
        ]
        asked = given["symbols"].split(",")
        metadata = databento_dbn.Metadata(
            dataset=self.dataset,
            start=int(given["start"]),
            end=int(given["end"]),
            stype_in=databento_dbn.SType.from_str(given["stype_in"]),
            stype_out=databento_dbn.SType.from_str("instrument_id"),
            schema=databento_dbn.Schema.from_str(given["schema"]),
            symbols=asked,
            partial=[name for name in found if self.instruments[name].listed > first],
            not_found=[name for name in asked if name not in found],
            mappings=mappings,
        )
        return bytes(metadata) + self._records(given).tobytes()

    def _records(self, given) -> np.ndarray:
        import databento_dbn

        start, end = int(given["start"]), int(given["end"])
        dtype = np.dtype(databento_dbn.OHLCVMsg._dtypes)
        rows = [
            (at * NS, self.instruments[name].number_on(_day(at * NS)), price, volume, publisher)
            for name in [*self._found(given), *self.extra_symbols]
            for at, price, volume, publisher in self.instruments[name].bars[given["schema"]]
            if start <= at * NS < end and _day(at * NS) >= self.instruments[name].listed
        ]
        records = np.zeros(len(rows), dtype)
        records["length"] = dtype.itemsize // 4
        records["rtype"] = int(databento_dbn.RType.from_schema(databento_dbn.Schema.from_str(given["schema"])))
        for place, (at, number, price, volume, publisher) in enumerate(sorted(rows)):
            record = records[place]
            record["ts_event"], record["instrument_id"], record["publisher_id"] = at, number, publisher
            record["volume"] = volume
            fixed = databento_dbn.UNDEF_PRICE if price is None else round(price * 1e9)
            spread = 0 if price is None else NS
            record["open"], record["close"] = fixed, fixed
            record["high"], record["low"] = fixed + spread, fixed - spread
        return records

    def _dataset_range(self, given) -> Reply:
        window = {"start": _iso(self.starts), "end": _iso(self.ends)}
        return json_reply({**window, "schema": dict.fromkeys(_SECONDS, window)})

    def _condition(self, given) -> Reply:
        day, last = date.fromisoformat(given["start_date"]), date.fromisoformat(given["end_date"])
        rows = []
        while day <= last:
            state, modified = self.conditions.get(day, ("available", "2020-01-01"))
            rows.append({"date": day.isoformat(), "condition": state, "last_modified_date": modified})
            day += timedelta(days=1)
        return json_reply(rows)


def error_reply(code: int, case: str, message: str, payload=None) -> Reply:
    detail = {"case": case, "message": message, "status_code": code, "docs": None, "payload": payload or {}}
    return json_reply({"detail": detail}, code).header("request-id", "req-db")


def bars(
    start: str, count: int, *, step: int = 60, first_price: float = 100.0, publisher: int = 2
) -> list[tuple[Any, ...]]:
    """Return `count` bars from an instant of UTC on."""
    at = int(datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp())
    return [(at + step * i, first_price + i % 50, 10 + i % 7, publisher) for i in range(count)]


def _day(at_ns: int) -> date:
    return datetime.fromtimestamp(at_ns // NS, UTC).date()


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000000000Z")
