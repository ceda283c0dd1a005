"""Whatever comes in, it is taken or refused with an error of ours; nothing else happens anywhere.

The environment variable `FUZZ_EXAMPLES` says how many examples: the default suite takes a few, a soak as many as one
likes.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mtstore
from mtstore import Store
from mtstore.bounds import parse_bounds
from mtstore.config import load_config
from mtstore.errors import MtstoreError, TickerError
from mtstore.intervals import parse_interval
from mtstore.sources.http.failures import AttemptError
from mtstore.sources.polygon.client import WholeResponse
from mtstore.sources.polygon.responses import read_aggregates, read_details, read_references
from mtstore.synthetic import Faults, SyntheticMarket, write_dbn, write_flat_files
from tests.kits.stores import answer, bars_of, minutes, write

pytestmark = pytest.mark.security

FEW = int(os.environ.get("FUZZ_EXAMPLES", "10"))
quick = settings(max_examples=FEW, deadline=None, suppress_health_check=list(HealthCheck))
many = settings(max_examples=FEW * 10, deadline=None, suppress_health_check=list(HealthCheck))

BAD_NAMES = (
    "../../x",
    "..",
    ".",
    "/etc/passwd",
    "ticker=..",
    "a/../../b",
    "x'); DROP TABLE core.files; --",
    "x'; COPY (SELECT 1) TO 'evil'; --",
    '"; DROP VIEW bars; --',
    "{{ticker}}",
    "%2E%2E%2F",
    "NULL",
    "__HIVE_DEFAULT_PARTITION__",
    "aapl",
    "Aapl",
    "CON",
    "*",
    "?",
    "[AAPL]",
    "a\\b",
    "$HOME",
    "~",
    "é",
    "🦆",
)
REFUSED_NAMES = ("", " ", "A ", "A\0B", "A\nB", "A" * 300, "🦆" * 80, "\x7f", "\ud800")


@contextmanager
def taken_or_refused(*also: type[Exception]) -> Iterator[None]:
    """The block works, or raises an error of ours that says something."""
    expected: tuple[type[Exception], ...] = (MtstoreError, *also)
    try:
        yield
    except expected as error:
        said = str(error)
    else:
        return
    assert said
    assert "INTERNAL" not in said


def everything_beside(root: Path) -> set[str]:
    """What lies around a store."""
    return {str(path.relative_to(root.parent)) for path in root.parent.rglob("*") if root not in (path, *path.parents)}


# ---- names and paths -----------------------------------------------------------------------------------------------


def test_hostile_names_are_only_names(tmp_path: Path) -> None:
    with mtstore.open(tmp_path / "deep" / "store", create=True) as store:
        beside = everything_beside(store.path)
        write(store, *(answer(name, {0: float(place)}, minutes(0, 1)) for place, name in enumerate(BAD_NAMES)))
        found = {row[0]: row[4] for row in bars_of(store)}
        assert found == {name: float(place) for place, name in enumerate(BAD_NAMES)}
        names = sorted(BAD_NAMES)
        query = "SELECT ticker FROM resampled($names, '1min', session := 'all') ORDER BY ticker"
        assert store.sql(query, {"names": names}).fetchall() == [(name,) for name in names]
        assert len(store.align(names, "1min", session="all").to_pandas()) == 1
        for name in names:
            assert len(store.bars(name).to_pandas()) == 1
        assert everything_beside(store.path) == beside
        assert store.verify().problems == []
        for path in (store.path / "data").rglob("*"):
            assert path.resolve().is_relative_to(store.path)


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD_NAMES)
def test_each_harmful_name_is_read_alone(market: Store, name: str) -> None:
    write(market, answer(name, {0: 1.0}, minutes(0, 1)))
    query = "SELECT ticker FROM resampled([$name], '1min', session := 'all')"
    assert market.sql(query, {"name": name}).fetchall() == [(name,)]
    assert len(market.align(name, "1min", session="all").to_pandas()) == 1


@pytest.mark.parametrize("name", REFUSED_NAMES)
def test_invalid_names_raise_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with mtstore.open(tmp_path / "store", create=True) as store:
        with pytest.raises(TickerError):
            write(store, answer(name, {0: 1.0}, minutes(0, 1)))
        assert bars_of(store) == []
        assert list((store.path / "data").rglob("*")) == []


def test_a_store_behind_a_symlink_is_the_store_itself(tmp_path: Path) -> None:
    mtstore.open(tmp_path / "store", create=True).close()
    (tmp_path / "link").symlink_to("store")
    with mtstore.open(tmp_path / "link") as store:
        assert store.path == tmp_path / "store"
        write(store, answer("A", {0: 1.0}, minutes(0, 1)))
    with mtstore.open(tmp_path / "store" / ".." / "store") as store:
        assert len(bars_of(store)) == 1


def test_verify_finds_links_in_a_partition(tmp_path: Path) -> None:
    with mtstore.open(tmp_path / "store", create=True) as store:
        write(store, answer("A", {0: 1.0}, minutes(0, 1)))
        (path,) = (store.path / "data").rglob("*.parquet")
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "x.parquet").write_bytes(b"?")
        (path.parent / "x.parquet").symlink_to(tmp_path / "elsewhere" / "x.parquet")
        assert [problem.check for problem in store.verify().problems] == ["unknown_files"]
        store.repair()
        assert (tmp_path / "elsewhere" / "x.parquet").read_bytes() == b"?"
        assert store.verify().problems == []


@pytest.mark.creates
def test_files_follow_the_umask_and_stay_inside_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o077)
    try:
        with mtstore.open(tmp_path / "store", create=True) as store:
            write(store, answer("A", {0: 1.0}, minutes(0, 1)))
            store.compact()
            modes = {path: path.lstat().st_mode & 0o077 for path in store.path.rglob("*") if not path.is_symlink()}
    finally:
        os.umask(before)
    assert {path for path, mode in modes.items() if mode} == set()
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@many
@given(st.text(max_size=12) | st.sampled_from(["1min", "5min", "1h", "1d", "1mo", "5T"]))
def test_any_interval_is_read_or_refused(text: str) -> None:
    with taken_or_refused():
        parse_interval(text)


bounds = (
    st.none()
    | st.text(max_size=20)
    | st.dates()
    | st.datetimes()
    | st.datetimes(timezones=st.timezones())
    | st.from_regex(r"\A[0-9]{1,5}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9]{1,2}:[0-9]{1,2}(Z|[+-][0-9]{2}:?[0-9]{2})?)?\Z")
)


@many
@given(bounds, bounds, st.sampled_from(["UTC", "America/New_York", "../../etc/passwd", "", "Mars/Base"]))
def test_any_bounds_are_read_or_refused(start: Any, end: Any, tz: str) -> None:
    with taken_or_refused():
        parse_bounds(start, end, tz=tz)


# ---- configuration -------------------------------------------------------------------------------------------------

SECTIONS = ("multi_ticker", "tickers", "alignment", "cache", "validation", "ticker_config", "sources", "defaults")
KEYS = ("AAPL", "method", "timezone", "resampling", "priority", "weight", "enabled", "ttl_days", "max_size_gb")
words = st.sampled_from([*SECTIONS, *KEYS, "overrides", "data_source", "provider", "polygon", "session_start"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | words | st.dates()
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4))


@many
@given(st.dictionaries(words | st.text(max_size=5), trees, max_size=4))
def test_any_mapping_is_a_configuration_or_refused(tree: dict[str, Any]) -> None:
    with taken_or_refused():
        load_config(tree)


@quick
@given(st.binary(max_size=200) | trees.map(lambda tree: yaml.safe_dump(tree).encode()) | st.text().map(str.encode))
def test_any_file_is_a_configuration_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.yaml"
    path.write_bytes(content)
    with taken_or_refused():
        load_config(path)


# ---- files and answers of vendors ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Sound files of two formats."""
    folder = tmp_path_factory.mktemp("genuine")
    market = SyntheticMarket(2, seed=2, faults=Faults.none(), extended_hours=False)
    write_flat_files(market, folder / "flat", "2024-03-04", "2024-03-04")
    write_dbn(market, folder / "day.dbn", "2024-03-04", "2024-03-04")
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with mtstore.open(tmp_path_factory.mktemp("fuzz") / "store", create=True) as store:
        write(store, answer("OWNED", dict.fromkeys(range(30), 1.0), minutes(0, 30)))
        yield store


def mutated(content: bytes, chance: random.Random) -> bytes:
    """A file with a few bytes changed, cut, repeated or put in."""
    body = bytearray(content)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(body))
        match chance.randrange(5):
            case 0:
                body[at] ^= 1 << chance.randrange(8)
            case 1:
                del body[at:]
            case 2:
                body[at:at] = chance.randbytes(chance.randint(1, 20))
            case 3:
                body[at : at + chance.randint(1, 50)] = b""
            case _:
                body += body[at : at + 100]
        if not body:
            break
    return bytes(body)


@quick
@given(st.integers(0, 2**32), st.integers(0, 1))
def test_any_vendor_file_is_taken_or_refused_and_the_store_stays_sound(
    market: Store, genuine: list[Path], seed: int, which: int
) -> None:
    chance, path = random.Random(seed), genuine[which % len(genuine)]
    inbox = market.path.parent / "inbox"
    shutil.rmtree(inbox, ignore_errors=True)
    inbox.mkdir()
    content = path.read_bytes()
    if path.name.endswith(".csv.gz") and chance.random() < 0.7:  # damage inside, in a sound envelope
        content = gzip.compress(mutated(gzip.decompress(content), chance))
    else:
        content = mutated(content, chance)
    (inbox / path.name).write_bytes(content)
    before = everything_beside(market.path)
    with taken_or_refused():
        market.ingest(inbox)
    assert everything_beside(market.path) == before
    assert market.sql(
        "SELECT count(*) FROM bars WHERE NOT (high >= greatest(open, close) AND volume >= 0)"
    ).fetchall() == ([(0,)])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
answers = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["OK", "DELAYED", "ERROR"]) | json_values,
        "ticker": st.just("AAPL") | json_values,
        "adjusted": st.booleans() | json_values,
        "resultsCount": st.integers(0, 3) | json_values,
        "results": st.lists(
            st.dictionaries(st.sampled_from("tohlcvn") | st.just("vw"), st.floats() | st.integers() | json_values),
            max_size=3,
        )
        | json_values,
        "next_url": st.just("https://x/v2/aggs/ticker/AAPL/range/1/minute/1/2?cursor=a") | json_values,
        "request_id": json_values,
    },
)


@many
@given(
    answers.map(lambda body: json.dumps(body).encode())
    | st.binary(max_size=60)
    | json_values.map(lambda v: json.dumps(v).encode())
)
def test_any_answer_of_a_vendor_is_read_or_refused(body: bytes) -> None:
    response = WholeResponse(200, {}, body)
    for read in (
        lambda: read_aggregates(response, ticker="AAPL", span="minute"),
        lambda: read_references(response),
        lambda: read_details(response, ticker="AAPL"),
    ):
        with taken_or_refused(AttemptError):
            read()


# ---- arguments of macros -------------------------------------------------------------------------------------------

anything = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["OWNED", "1min", "5min", "regular", "all", "splits", "America/New_York", "2024-01-02", *BAD_NAMES]
    )
    | st.lists(st.sampled_from(["OWNED", "ZZZ", *BAD_NAMES]) | st.none(), max_size=3)
    | st.dates(date(1900, 1, 1), date(2200, 1, 1))
    | st.datetimes()
    | st.timedeltas(timedelta(0), timedelta(days=400))
)
calls = st.sampled_from(
    [
        "FROM resampled($tickers, $width, start_ts := $start, end_ts := $end, session := $word)",
        "FROM aligned_outer($tickers, $width, start_ts := $start, end_ts := $end, tz := $word)",
        "FROM aligned_ffill($tickers, $width, start_ts := $start, end_ts := $end, fill_volume := $word)",
        "FROM gaps($tickers, $width, start_ts := $start, end_ts := $end, tz := $word)",
    ]
)


@quick
@given(calls, st.fixed_dictionaries(dict.fromkeys(("tickers", "width", "start", "end", "word"), anything)))
def test_any_argument_of_a_macro_is_taken_or_refused(market: Store, call: str, values: dict[str, Any]) -> None:
    before = everything_beside(market.path)
    with taken_or_refused():
        market.sql(call, values, timeout_seconds=30).fetchall()
    assert everything_beside(market.path) == before
    assert market.sql("SELECT count(*) FROM bars WHERE ticker = 'OWNED'").fetchall() == [(30,)]
