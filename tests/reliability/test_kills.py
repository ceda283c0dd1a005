"""Writers killed with SIGKILL, at every named step and at random moments: what is left is a committed state."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mtstore.storage.commit.failpoints import FAILPOINTS
from mtstore.synthetic import Faults, SyntheticMarket, write_flat_files
from tests.kits import kill_process
from tests.kits.kill_process import look, random_moments, run_killed_after, run_killed_at, run_through
from tests.kits.store_paths import StorePlace

pytestmark = pytest.mark.creates

COMMITTED = FAILPOINTS.index("log-renamed")
SEED = 20_240_105


def some_of(steps: Sequence[str], *always: str) -> list[Any]:
    """Return all steps; those that are not named are slow."""
    return [step if step in always else pytest.param(step, marks=pytest.mark.slow) for step in steps]


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> StorePlace:
    return StorePlace(kill_process.make_base(tmp_path_factory.mktemp("kills") / "store"))


@pytest.fixture(autouse=True)
def reset(arena: StorePlace) -> Iterator[None]:
    yield
    arena.fresh()


@pytest.fixture(scope="module")
def before(arena: StorePlace) -> kill_process.State:
    return look(arena.root)


@pytest.fixture(scope="module")
def replaced(arena: StorePlace) -> kill_process.State:
    run_through("replace", arena.root)
    found = look(arena.root)
    arena.fresh()
    return found


@pytest.mark.parametrize(
    "step", some_of(FAILPOINTS, "staged", "data-renamed", "catalog-verified", "log-renamed", "public-renamed")
)
def test_writer_killed_at_a_step_leaves_one_committed_state(
    arena: StorePlace, before: kill_process.State, replaced: kill_process.State, step: str
) -> None:
    assert before != replaced
    assert run_killed_at("replace", arena.root, step), f"the operation never reaches {step}"
    assert look(arena.root, rebuilds=True) == (before if FAILPOINTS.index(step) < COMMITTED else replaced)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operation", "step"),
    list(itertools.product(("compact", "rebuild"), [step for step in FAILPOINTS if step != "staged"])),
)
def test_maintenance_killed_at_any_step_changes_no_row(
    arena: StorePlace, before: kill_process.State, operation: str, step: str
) -> None:
    killed = run_killed_at(operation, arena.root, step)
    assert killed or (operation == "rebuild" and step in {"locked", "intent-written", "data-renamed", "pruned"})
    assert look(arena.root, rebuilds=True) == before


@pytest.mark.slow
@pytest.mark.parametrize("step", FAILPOINTS)
def test_a_writer_of_several_commits_killed_in_the_first_leaves_all_of_it_or_nothing(
    arena: StorePlace, before: kill_process.State, step: str
) -> None:
    assert run_killed_at("append", arena.root, step)
    earlier, later = closes(before), closes(look(arena.root, rebuilds=True))
    if FAILPOINTS.index(step) < COMMITTED:
        assert later == earlier
    else:
        assert later == {**earlier, "A": {**earlier["A"], 1_000: 1.0, 1_001: 2.0}}


_EVICTING = [step for step in FAILPOINTS if step not in {"staged", "intent-written", "data-renamed"}]


@pytest.mark.parametrize("step", some_of(_EVICTING, "catalog-verified", "log-renamed"))
def test_an_eviction_killed_at_any_step_is_done_or_not_done(
    arena: StorePlace, before: kill_process.State, step: str
) -> None:
    assert run_killed_at("evict", arena.root, step)
    found = look(arena.root, rebuilds=True)
    if FAILPOINTS.index(step) < COMMITTED:
        assert found == before
    else:
        assert found["bars"] == []
        assert [row for row in found["core.coverage_ledger"] if row[-1] in {"complete", "empty"}] == []


@pytest.mark.parametrize(
    "step", some_of(["locked", "catalog-verified", "log-renamed", "public-copied"], "catalog-verified", "log-renamed")
)
def test_making_a_store_killed_at_any_step_can_be_done_again(tmp_path: Path, step: str) -> None:
    assert run_killed_at("init", tmp_path / "store", step)
    run_through("init", tmp_path / "store")
    assert look(tmp_path / "store")["bars"] == []


def test_the_next_writer_carries_on_after_a_kill(arena: StorePlace, replaced: kill_process.State) -> None:
    for step in ("data-renamed", "log-renamed", "public-copied"):
        assert run_killed_at("replace", arena.root, step)
    run_through("replace", arena.root)
    found = look(arena.root)
    assert found["bars"] == replaced["bars"]


def random_kills(arena: StorePlace, count: int, seed: int) -> int:
    """Operations killed at random moments one after the other, on one store; how many died before their end.

    Now and then the store is brought back to how it began, so that there is again something to ingest and to evict.
    """
    names = ("replace", "append", "ingest", "compact", "rebuild", "publish", "evict")
    flat = arena.root.parent / "flat"
    if not flat.exists():
        write_flat_files(
            SyntheticMarket(3, seed=2, faults=Faults.none(), extended_hours=False), flat, *["2024-03-04"] * 2
        )
    longest = {name: run_through(name, arena.root) for name in names}
    arena.fresh()
    died = 0
    earlier = look(arena.root)
    moments = zip(itertools.cycle(names), random_moments(count, 1.0, seed), strict=False)
    for number, (name, part) in enumerate(moments, start=1):
        died += run_killed_after(name, arena.root, part * longest[name])
        later = look(arena.root)
        assert_one_of_the_committed_states(name, closes(earlier), closes(later))
        assert_tickers_are_whole(earlier, later)
        assert_copy_is_whole(arena.root)
        earlier = later
        if number % (3 * len(names)) == 0:
            look(arena.root, rebuilds=True)
            arena.fresh()
            earlier = look(arena.root)
    look(arena.root, rebuilds=True)
    return died


def assert_tickers_are_whole(earlier: kill_process.State, later: kill_process.State) -> None:
    """What came from files stays, and of each ticker there is a whole session or nothing."""
    counts = [Counter(row[0] for row in state["bars"] if row[0] not in {"A", "B", "C"}) for state in (earlier, later)]
    assert set(counts[1].values()) <= {390}
    assert counts[1] >= counts[0]


def assert_copy_is_whole(root: Path) -> None:
    """A published copy is there as a whole or not at all; what a killed process left beside it goes nowhere near it."""
    copy = root.parent / "copy.duckdb"
    if copy.exists():
        with duckdb.connect(copy, read_only=True) as connection:
            ((count,),) = connection.execute("SELECT count(*) FROM bars").fetchall()
            assert count > 0
    for leftover in root.parent.glob(".copy.duckdb-*"):
        leftover.unlink()


def closes(state: kill_process.State) -> dict[str, dict[int, float]]:
    """The closes of each ticker, by minute."""
    found: dict[str, dict[int, float]] = {"A": {}, "B": {}, "C": {}}
    for ticker, minute, close, *_ in state["bars"]:
        if ticker in found:
            found[ticker][minute] = close
    return found


def assert_one_of_the_committed_states(
    operation: str, earlier: dict[str, dict[int, float]], later: dict[str, dict[int, float]]
) -> None:
    expected = [earlier]
    if operation == "replace":
        kept = {minute: close for minute, close in earlier["A"].items() if minute >= 100}
        tail = {minute: close for minute, close in earlier["C"].items() if minute >= 10}
        expected.append({"A": {5: 3.0, 6: 3.0, **kept}, "B": earlier["B"], "C": {1: 1.0, **tail}})
    if operation == "append":
        for ticker in ("A", "B", "C"):
            last = expected[-1]
            expected.append({**last, ticker: {**last[ticker], 1_000: 1.0, 1_001: 2.0}})
    if operation == "evict":  # tickers whose bars all came from a vendor go, in one commit
        for gone in ("A", "B", "AB"):
            expected.append({ticker: {} if ticker in gone else kept for ticker, kept in earlier.items()})
    assert later in expected


@pytest.mark.slow
def test_writers_killed_at_random_moments_leave_committed_states(arena: StorePlace) -> None:
    assert random_kills(arena, 30, SEED) > 0


def test_an_ingest_that_was_killed_is_done_by_doing_it_again(tmp_path: Path) -> None:
    market = SyntheticMarket(3, seed=2, faults=Faults.none(), extended_hours=False)
    write_flat_files(market, tmp_path / "flat", "2024-03-04", "2024-03-05")
    root = tmp_path / "store"
    run_through("init", root)
    seconds = [0.3, 0.9]
    before: set[tuple[object, ...]] = set()
    for moment in seconds:
        run_killed_after("ingest", root, moment)
        found = set(map(tuple, look(root)["bars"]))
        assert found >= before, "what was committed stays"
        per_ticker = Counter(ticker for ticker, *_ in found)
        assert all(count == 2 * 390 for count in per_ticker.values()), "a ticker is there as a whole or not at all"
        before = found
    run_through("ingest", root)
    assert Counter(ticker for ticker, *_ in look(root, rebuilds=True)["bars"]) == dict.fromkeys(market.tickers, 780)


@pytest.mark.slow
def test_writers_killed_at_many_random_moments_leave_committed_states(
    arena: StorePlace, pytestconfig: pytest.Config
) -> None:
    kills = pytestconfig.getoption("kills")
    assert random_kills(arena, kills, SEED + 1) > kills // 10
