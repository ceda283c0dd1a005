"""Guess which of a table's columns are ours: by names (synonyms, in any case), or without a header by values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from mtstore.errors import BrokenFileError
from mtstore.ingest.sniff.draft import Draft
from mtstore.ingest.sniff.guess_times import Kind, TimeGuess, guess_times, is_clock
from mtstore.ingest.sniff.text_head import Sample, is_number
from mtstore.sources.custom.mapping.file_name import schema_of_width

_PRICES: Final = ("open", "high", "low", "close")
_ORDERS: Final = (
    _PRICES,
    ("open", "close", "high", "low"),
    ("close", "high", "low", "open"),
    ("high", "low", "open", "close"),
    ("open", "close", "low", "high"),
)
_SYNONYMS: Final = {
    "open": "open o first openprice openingprice priceopen pxopen op eröffnung eroeffnung erster anfang "
    "openbid bidopen",
    "high": "high h max highprice pricehigh pxhigh hi hoch höchst hoechst tageshoch highbid bidhigh",
    "low": "low l min lowprice pricelow pxlow lo tief niedrigst tagestief lowbid bidlow",
    "close": "close c last closeprice priceclose closingprice pxclose pxlast closelast cl schluss schlusskurs letzter "
    "settle settlement price nav value closebid bidclose",
    "volume": "volume v vol shares volumen qty quantity size basevolume volumebase tradevolume totalvolume volumebtc "
    "stück stueck umsatz tickvolume tickvol sharevolume",
    "transactions": "transactions trades numberoftrades tradecount numtrades tradescount barcount notrades n "
    "count ticks",
    "vwap": "vwap vw average wap avgprice",
    "ticker": "ticker symbol sym tickersymbol instrument code stock security name rootsymbol",
    "publisher_id": "publisherid",
}  # fmt: skip
_TIMES: Final = str.split(
    "tsevent windowstart opentime timestamp datetime unix unixtime unixtimestamp epoch date time gmttime utctime "
    "localtime timeutc dateutc timestampms timestampns timestamputc datetimeutc begin start starttime barstart "
    "periodstart t ts dt day tradedate tradingday zeitpunkt zeit datum closetime endtime dategmt timegmt index "
    "price"
)
_CLOCK_NAMES: Final = ("time", "clock", "zeit", "hour", "uhrzeit", "timeutc", "localtime", "timegmt")
_FEWEST_BARS: Final = 0.9
_SIDES: Final = frozenset(("bid", "ask", "mid", "adj", "adjusted", "prev", "previous", "time"))
_CLOSES: Final = ("closetime", "endtime")
_WIDTHS: Final = ("per", "interval", "timeframe", "period", "resolution")
_ZONES: Final = ("tz", "timezone", "zone")


def guess_columns(path: object, sample: Sample, draft: Draft) -> tuple[TimeGuess, list[str], tuple[int, ...]]:
    """Set `columns` in `draft`; return how times are read, the times, and their columns.

    Raises
    ------
    BrokenFileError
        No column has times, or none has prices.
    """
    plain = [_plain(name) for name in sample.names]
    guess, values, places = _times(sample, plain)
    if guess is None:
        shown = ", ".join(map(repr, sample.names if sample.has_header else sample.rows[0]))
        has_clock = any(is_clock(sample.column(place)[:200]) for place in range(len(plain)))
        hint = "; for a date in the file's name write ticker_from with (?P<date>…)" if has_clock else ""
        raise BrokenFileError(
            f"{path}: no column has times{' with a date' if has_clock else ''}{hint}; its columns are {shown[:300]}"
        )
    if sample.has_header and _is_wide(sample, plain):
        raise BrokenFileError(
            f"{path}: it has columns of several tickers side by side; write one row for each bar, with the ticker in a "
            f"column; its columns are {', '.join(map(repr, sample.names))[:300]}"
        )
    columns: dict[str, Any] = {"ts_event": _names(sample, places)}
    draft.notes["columns.ts_event"] = f"{guess.note}" + (", joined" if len(places) > 1 else "")
    if sample.has_header:
        _by_name(sample, plain, set(places), columns, draft)
    if not columns.keys() & set(_PRICES):
        _by_value(sample, set(places), columns, draft)
    missing = [one for one in _PRICES if one not in columns]
    if missing:
        shown = ", ".join(map(repr, sample.names))[:300]
        raise BrokenFileError(f"{path}: no column for {', '.join(missing)}; its columns are {shown}")
    draft.tree["columns"] = columns
    if sample.has_header and plain[places[0]] in _CLOSES:
        draft.set("stamp", "close", f"{sample.names[places[0]]!r} is a bar's end")
    return guess, values, places


def _is_wide(sample: Sample, plain: Sequence[str]) -> bool:
    """Return whether opens and closes stand in several columns each, under names of tickers."""
    known = {word for words in _SYNONYMS.values() for word in words.split()}
    for price in ("open", "close"):
        parts = [re.split(r"[\W_]+", name.casefold()) for name in sample.names]
        named = [
            at
            for at, words in enumerate(parts)
            if price in words and not _SIDES & set(words) and plain[at] not in known
        ]
        if len(named) < 2 and plain.count(price) < 2:
            return False
    return True


def _times(sample: Sample, plain: Sequence[str]) -> tuple[TimeGuess | None, list[str], tuple[int, ...]]:
    """Return how times are read, the times and their columns: instants before wall times before dates."""
    order = [plain.index(name) for name in _TIMES if name in plain]
    if not sample.has_header:
        order = list(range(min(3, len(plain))))
    guesses = {place: guess for place in order if (guess := _guess(sample, place)) is not None}
    if not guesses and sample.has_header:
        # Numbers may be prices; text that is a time is one under any name.
        tried = {place: _guess(sample, place) for place in range(len(plain))}
        guesses = {place: guess for place, guess in tried.items() if guess is not None and guess.unit is None}
    if not guesses:
        return None, [], ()
    place = min(guesses, key=lambda one: ("instant", "naive", "date").index(guesses[one].kind))
    guess, values = guesses[place], sample.column(place)
    clock = _clock_column(sample, plain, place) if guess.kind == "date" else None
    if clock is None:
        return guess, values, (place,)
    if _has_kind(sample, place):
        return TimeGuess("naive", "a date and a time"), values, (place, clock)
    joined = [f"{row[place].strip()} {row[clock].strip()}" for row in sample.rows]
    both = guess_times(joined)
    return (guess, values, (place,)) if both is None else (both, joined, (place, clock))


def _guess(sample: Sample, place: int) -> TimeGuess | None:
    kind = _has_kind(sample, place)
    if kind:
        return TimeGuess(kind, f"a column of {'times with a zone' if kind == 'instant' else kind + ' times'}")
    return guess_times(sample.column(place))


def _has_kind(sample: Sample, place: int) -> Kind | None:
    return sample.kinds[place] if sample.kinds else None


def _clock_column(sample: Sample, plain: Sequence[str], date_place: int) -> int | None:
    if not sample.has_header:
        place = date_place + 1
        return place if place < len(plain) and is_clock(sample.column(place)[:200]) else None
    places = [plain.index(name) for name in (*_CLOCK_NAMES, *_TIMES) if name in plain]
    return next((place for place in places if place != date_place and is_clock(sample.column(place)[:200])), None)


def _by_name(sample: Sample, plain: Sequence[str], taken: set[int], columns: dict[str, Any], draft: Draft) -> None:
    for ours, words in _SYNONYMS.items():
        found = [place for word in words.split() for place, name in enumerate(plain) if name == word]
        found += [place for place, name in enumerate(plain) if ours == "volume" and name.startswith("volume")]
        found = [place for place in dict.fromkeys(found) if place not in taken]
        if ours == "ticker":
            found = [place for place in found if sample.column(place)]
        else:
            found = [place for place in found if not sample.column(place) or _is_numeric(sample, place)]
        if not found:
            continue
        taken.add(found[0])
        columns[ours] = _name(sample, found[0])
        others = [sample.names[place] for place in found[1:]]
        draft.notes[f"columns.{ours}"] = _example(sample, found[0]) + (
            f"; also possible: {', '.join(others)}" if others else ""
        )
        if others and ours == "volume":
            draft.doubts.append(f"columns.volume: {sample.names[found[0]]!r}, not {others[0]!r}")
    _special(sample, plain, taken, columns, draft)


def _special(sample: Sample, plain: Sequence[str], taken: set[int], columns: dict[str, Any], draft: Draft) -> None:
    if "volume" not in columns and {"up", "down"} <= set(plain):
        columns["volume"] = [sample.names[plain.index(name)] for name in ("up", "down")]
        draft.notes["columns.volume"] = "the sum of two columns"
    if {"tickvol", "vol"} <= set(plain):
        columns["volume"] = "|".join(sample.names[plain.index(name)].strip("<>") for name in ("vol", "tickvol"))
        draft.notes["columns.volume"] = "the first of the two that is not 0 throughout"
    missing = [one for one in _PRICES if one not in columns]
    if missing == ["open", "high", "low"]:
        for ours in missing:
            columns[ours] = columns["close"]
            draft.notes[f"columns.{ours}"] = "the only price"
        draft.doubts.append(f"columns: {columns['close']!r} is the only price: it is open, high, low and close")
        columns.update({ours: columns.pop(ours) for ours in ("close", "volume", "ticker") if ours in columns})
    for ours, words in (("width", _WIDTHS), ("tz", _ZONES)):
        place = next((plain.index(word) for word in words if word in plain and plain.index(word) not in taken), None)
        if place is not None and (ours == "tz" or _are_widths(sample.column(place))):
            columns[ours] = _name(sample, place)
            draft.notes[f"columns.{ours}"] = _example(sample, place)


def _by_value(sample: Sample, taken: set[int], columns: dict[str, Any], draft: Draft) -> None:
    """Take the first four columns of numbers as prices, in the order in which most rows are bars."""
    taken |= {place for place in range(len(sample.names)) if _name(sample, place) in columns.values()}
    rest = [place for place in range(len(sample.names)) if place not in taken]
    numeric = [place for place in rest if _is_numeric(sample, place)]
    text = [place for place in rest if place not in numeric and sample.column(place)]
    if "ticker" not in columns and text and text[0] < (numeric[0] if numeric else 0):
        columns["ticker"] = _name(sample, text[0])
        draft.notes["columns.ticker"] = _example(sample, text[0])
    if len(numeric) < 4:
        return
    shares = [_share_of_bars(sample, dict(zip(order, numeric, strict=False))) for order in _ORDERS]
    best = 0 if shares[0] >= 0.5 else shares.index(max(shares))
    if sample.has_header and shares[best] < _FEWEST_BARS:
        return
    found = dict(zip(_ORDERS[best], numeric, strict=False))
    for ours in _PRICES:
        columns[ours] = _name(sample, found[ours])
        draft.notes[f"columns.{ours}"] = _example(sample, found[ours])
    draft.notes["columns.open"] += f"; as {', '.join(_ORDERS[best])} {shares[best]:.0%} of the rows are bars"
    if len(numeric) > 4 and "volume" not in columns:
        columns["volume"] = _name(sample, numeric[4])
        draft.notes["columns.volume"] = _example(sample, numeric[4]) + "; the number after the prices"
    if sample.has_header:
        draft.doubts.append("columns: the names are not known, so the order of the columns decides")
    elif len(numeric) > 5:
        others = ", ".join(str(place + 1) for place in numeric[5:])
        draft.doubts.append(f"columns: {others}: not read; transactions or vwap, perhaps")


def _share_of_bars(sample: Sample, places: dict[str, int]) -> float:
    good = total = 0
    for row in sample.rows[:500]:
        try:
            values = {ours: _number(row[place]) for ours, place in places.items()}
        except (ValueError, IndexError):
            continue
        total += 1
        inner = (values["open"], values["close"])
        good += values["high"] >= max(inner) and values["low"] <= min(inner)
    return good / total if total else 0.0


def _number(text: str) -> float:
    text = re.sub(r"[^\d.,eE+-]", "", text)
    if "," in text:
        text = text.replace(".", "").replace(",", ".") if text.rfind(",") > text.rfind(".") else text.replace(",", "")
    return float(text)


def _is_numeric(sample: Sample, place: int) -> bool:
    values = sample.column(place)[:300]
    return sum(map(is_number, values)) * 2 >= len(values)


def _are_widths(values: list[str]) -> bool:
    try:
        return bool(values) and len({schema_of_width(value) for value in values}) == 1
    except ValueError:
        return False


def _names(sample: Sample, places: tuple[int, ...]) -> Any:
    found = [_name(sample, place) for place in places]
    return found[0] if len(found) == 1 else found


def _name(sample: Sample, place: int) -> Any:
    """Return a column's name; its number where the name is empty, occurs twice or has a sign with another meaning."""
    name = sample.names[place].strip()
    is_twice = sum(one.strip().casefold() == name.casefold() for one in sample.names) > 1
    return place + 1 if not sample.has_header or not name or is_twice or "|" in name or name.isdigit() else name


def _example(sample: Sample, place: int) -> str:
    values = sample.column(place)
    return f"as in {values[0][:40]}" if values else "empty in the first rows"


def _plain(name: str) -> str:
    return re.sub(r"[^\w]|_", "", re.sub(r"\A\s*\d+\.\s", "", name.casefold()))
