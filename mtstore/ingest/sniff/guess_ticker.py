"""Guess where the ticker is: in the name of a file, or of its folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mtstore.ingest.sniff.draft import Draft
from mtstore.sources.custom.mapping.file_name import name_facts, schema_of_width

_WIDTH: Final = r"(?i:\d{1,4}[ _]?(?:[smhd]|sec|mins?|minutes?|hours?|days?)|[mh]\d{1,4}|d1|daily|hourly|minute)"
_NAME: Final = r"(?:^|/)(?P<ticker>[A-Za-z0-9^@$.][A-Za-z0-9.^=@$&+-]{0,14}?)"
_WITH_WIDTH: Final = rf"{_NAME}(?P<sign>[ _-](?:full_)?)(?P<width>{_WIDTH})(?:[ _.-][^/]*)?$"
_WITH_DATE: Final = rf"{_NAME}[ _-]\d{{4}}[^/]*$"
_PLAIN: Final = re.compile(
    r"[A-Z^@$.][A-Z0-9.^=@$&+ -]{0,14}\Z|[a-z]{1,5}(?:\.[a-z]{1,3})?\Z|\d{4,6}(?:\.[A-Z]{1,3})?\Z"
)
_FOLDER: Final = re.compile(r"[A-Z][A-Z0-9.^=-]{0,11}\Z|[a-z]{1,5}\Z")
_WORDS: Final = frozenset(
    str.split(
        "price prices bar bars ohlc ohlcv export exports history hist download quote quotes minute daily day intra "
        "test sample file files out output table chart trade trades mine raw all stock stocks new old tmp csv input "
        "candles klines header final temp home root work days hours a b c x y z in us csvs data"
    )
)


def guess_ticker(paths: Sequence[Path], draft: Draft) -> str | None:
    """Set `ticker_from`, or leave `ticker` open; return the schema that the name of the first file says."""
    names = [path.absolute().as_posix() for path in paths]
    if all(re.match(r"(?:ticker|symbol)=", path.absolute().parent.name, re.IGNORECASE) for path in paths):
        draft.set("ticker_from", "folder", f"the folder {paths[0].absolute().parent.name!r}")
        return None
    for pattern, what in ((_WITH_WIDTH, "the ticker and the width"), (_WITH_DATE, "the ticker, before a date")):
        facts = [_facts(pattern, name) for name in names]
        if facts[0] is not None and all(facts) and _are_names([one[0] for one in facts if one]):
            rule = next(one for one in (*_short_rules(names[0]), pattern) if facts == [_facts(one, n) for n in names])
            draft.set("ticker_from", rule, f"{what} in names such as {paths[0].name!r}: {facts[0][0]}")
            _set_case([one[0] for one in facts if one], draft)
            return facts[0][1]
    stems = [ticker_of_stem(name) for name in names]
    if all(map(_PLAIN.match, stems)) and _are_names(stems):
        draft.set("ticker_from", "file", f"the name of the file: {stems[0]}")
        _set_case(stems, draft)
        return None
    folders = [path.absolute().parent.name for path in paths]
    if len(set(folders)) > 1 and all(map(_FOLDER.match, folders)) and _are_names(folders):
        draft.set("ticker_from", "folder", f"the name of the folder: {folders[0]}")
        _set_case(folders, draft)
        return None
    draft.choose(
        "ticker",
        [stems[0] if len(stems) == 1 else "TICKER"],
        f"neither a column nor the name {paths[0].name!r} shows it: write the ticker, or ticker_from: file",
    )
    return None


def ticker_of_stem(name: str) -> str:
    """Return the name of a file without suffixes."""
    facts = name_facts("file", name)
    return (facts.ticker if facts else None) or ""


def _facts(rule: str, name: str) -> tuple[str, str | None] | None:
    match = re.search(rule, name)
    if match is None:
        return None
    width = match.groupdict().get("width")
    try:
        return match["ticker"], None if width is None else schema_of_width(width)
    except ValueError:
        return None


def _short_rules(name: str) -> list[str]:
    """Return patterns that are easier to read, and may do for all names."""
    match = re.search(_WITH_WIDTH, name)
    width = match and re.sub(r"\d+", r"\\d+", re.escape(match["width"]))
    rules = [rf"(?P<ticker>[^/]+?){match['sign']}(?P<width>{width})[^/]*$"] if match else []
    return [*rules, r"(?P<ticker>[^/]+?)[ _-]\d{4}[^/]*$"]


def _are_names(texts: Sequence[str]) -> bool:
    """Return whether texts are tickers rather than words or dates; a few of many tickers are words, too (ALL, A)."""
    if all(re.fullmatch(r"\d{1,3}|(?:19|20)\d\d(?:\d\d)?", text) for text in texts):
        return False
    return sum(text.casefold() in _WORDS for text in texts) * 5 <= len(texts)


def _set_case(tickers: Sequence[str], draft: Draft) -> None:
    if all(one == one.lower() and one != one.upper() for one in tickers):
        draft.set("ticker_case", "upper", f"{tickers[0]!r} is {tickers[0].upper()}", doubt="`keep` keeps small letters")
