"""Sessions of the library equal its answers under pandas 2; what it raises names the calendar."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from exchange_calendars.exchange_calendar_xnys import XNYSExchangeCalendar

import mtstore
from mtstore.calendars import session_table
from mtstore.calendars.library import library
from mtstore.cli.main import run
from mtstore.config import load_config
from mtstore.errors import InputError
from mtstore.storage.settings.apply_config import apply_config
from tests.kits.session_digests import ANSWERS, digests

FROZEN = {row["calendar"]: {year: text for year, text in row.items() if text and year != "calendar"}
          for row in csv.DictReader(ANSWERS.read_text().splitlines())}  # fmt: skip
USES_OFFSETS = {"ASEX", "XBEL", "XBOM", "XBSE", "XCYS", "XKRX", "XMOS", "XNYS", "XTAE"}
CASES = [pytest.param(name, marks=() if name in USES_OFFSETS else pytest.mark.slow) for name in FROZEN]


@pytest.mark.parametrize("calendar", CASES)
def test_sessions_of_each_year_equal_those_under_pandas_2(calendar: str) -> None:
    assert digests(calendar) == FROZEN[calendar]


def test_every_calendar_of_the_library_has_frozen_answers() -> None:
    assert set(library().get_calendar_names(include_aliases=False)) <= FROZEN.keys() | {"BROKEN"}


def test_special_saturdays_and_the_israeli_week_are_sessions() -> None:
    days = {str(day) for name in ("XBOM", "XTAE") for day in session_table(name)["session_date"].to_pylist()}
    assert {"2024-01-20", "2025-02-01", "2024-03-10"} <= days
    israeli = {str(day) for day in session_table("XTAE")["session_date"].to_pylist()}
    assert "2024-03-08" not in israeli


class _Broken(XNYSExchangeCalendar):  # type: ignore[misc]
    """A calendar of a library that does not fit the installed pandas."""

    name = "BROKEN"

    @property
    def regular_holidays(self) -> object:
        raise NotImplementedError("implemented by subclasses")


@pytest.fixture
def broken() -> Iterator[str]:
    """Register a calendar that cannot be built."""
    library().register_calendar_type("BROKEN", _Broken)
    yield "BROKEN"
    library().deregister_calendar("BROKEN")


def test_error_of_the_library_names_the_calendar(broken: str) -> None:
    with pytest.raises(InputError, match=r"calendar 'BROKEN': exchange_calendars .*NotImplementedError: impl") as error:
        session_table(broken)
    assert isinstance(error.value.__cause__, NotImplementedError)


def test_config_commands_name_the_calendar_that_cannot_be_built(
    broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, folder = tmp_path / "config.yaml", tmp_path / "store"
    file.write_text(f"multi_ticker: {{tickers: {{A: {{calendar: {broken}}}}}}}")
    with mtstore.open(folder, create=True) as store, pytest.raises(InputError, match="calendar 'BROKEN'"):
        apply_config(store.repository, load_config(file))
    for command in (["check", str(file)], ["apply", str(folder), str(file)]):
        assert run(["config", *command]) == 2
        assert "calendar 'BROKEN'" in capsys.readouterr().err


@pytest.mark.skipif(pd.__version__ < "3.1", reason="earlier versions of pandas apply the library's offsets")
def test_offsets_that_pandas_passes_over_are_an_error() -> None:
    program = "import exchange_calendars\nfrom mtstore.calendars.library import check_offsets\ncheck_offsets()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "InputError: exchange_calendars misses sessions with pandas" in done.stderr
