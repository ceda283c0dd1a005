"""The guide's environment acts on closed bars only: it observes the newest closes at each time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mtstore
from tests.docs.documents import GUIDE, read_blocks

TICKERS = ["AAPL", "MSFT", "SPY"]
START, END = "2023-11-20", "2023-11-24"
MINUTE = pd.Timedelta("1min")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the demo's store."""
    made = tmp_path_factory.mktemp("tutorial")
    program = Path(sys.executable).parent / "mtstore"
    subprocess.run([program, "demo", made / "demo"], check=True, capture_output=True)
    return made


@pytest.fixture(scope="module")
def guide(folder: Path) -> dict[str, Any]:
    """Return the names that the guide's code defines; its configuration is written to the folder."""
    blocks = read_blocks(GUIDE / "training.md")
    (source,) = [block.text for block in blocks if block.language == "python" and "class ClosedBars" in block.text]
    (setup,) = [block.text for block in blocks if "<<'YAML'" in block.text]
    written = setup.split("<<'YAML'\n")[1].split("\nYAML\n")[0].replace("./demo", str(folder / "demo"))
    (folder / "env.yaml").write_text(written)
    names: dict[str, Any] = {"__name__": "tutorial", "mtstore": mtstore}
    exec(compile(source.split("\nenv = ")[0], "training.md", "exec"), names)  # noqa: S102 - the guide's own code
    return names


@pytest.fixture(scope="module")
def make_env(guide: dict[str, Any], folder: Path) -> Callable[..., Any]:
    """Make the environment of the guide with its configuration."""
    return lambda end=END: guide["ClosedBars"](str(folder / "env.yaml"), START, end)


@pytest.fixture(scope="module")
def minute_bars(folder: Path) -> pd.DataFrame:
    with mtstore.open(folder / "demo") as store:
        return store.bars(TICKERS, "2023-11-15", END, session="regular").to_pandas()


def _known(bars: pd.DataFrame, moment: pd.Timestamp) -> np.ndarray:
    """Return the close of each ticker's newest bar that has closed at a moment."""
    closed = bars[bars["ts_event"] + MINUTE <= moment]
    newest = closed.sort_values("ts_event").groupby("ticker")["close"].last()
    return newest[TICKERS].to_numpy()


def test_every_observation_ends_with_the_newest_closed_bars(make_env, minute_bars):
    env = make_env()
    observation, info = env.reset()
    steps, terminated = 0, False
    while not terminated:
        np.testing.assert_array_equal(info["close"], _known(minute_bars, info["closed_at"]))
        assert not observation[-1].any()
        observation, _, terminated, truncated, info = env.step(np.zeros(3))
        assert not truncated
        steps += 1
    assert steps == 276 - env.window
    assert str(info["closed_at"]) == "2023-11-24 13:00:00-05:00"


def test_reward_is_what_a_trade_after_the_observation_would_have_earned(make_env, minute_bars):
    env = make_env()
    _, info = env.reset()
    for number in range(150):
        begin = info["closed_at"]
        only = np.eye(3)[number % 3]
        _, reward, _, _, info = env.step(only)
        bars = minute_bars[minute_bars["ticker"] == TICKERS[number % 3]]
        opened = info["closed_at"] - pd.Timedelta("5min")
        assert opened >= begin  # the order is given before its bar opens
        bars = bars[(bars["ts_event"] >= opened) & (bars["ts_event"] < info["closed_at"])].sort_values("ts_event")
        expected = bars["close"].iloc[-1] / bars["open"].iloc[0] - 1 if len(bars) else 0.0
        assert reward == pytest.approx(expected, abs=1e-12)


def test_days_to_come_change_nothing_that_was_seen(make_env):
    short, long = make_env("2023-11-21"), make_env(END)
    for one in (short, long):
        one.reset()
    terminated = False
    while not terminated:
        mine, theirs = short.step(np.ones(3)), long.step(np.ones(3))
        np.testing.assert_array_equal(mine[0], theirs[0])
        assert mine[1] == theirs[1]
        terminated = mine[2]
    assert not theirs[2]


def test_gymnasium_accepts_the_environment(guide: dict[str, Any], folder: Path) -> None:
    checker = pytest.importorskip(
        "gymnasium.utils.env_checker", reason="the guide's Gymnasium class is checked where gymnasium is installed"
    )
    (source,) = [block.text for block in read_blocks(GUIDE / "training.md") if block.mark == "gymnasium"]
    names = dict(guide)
    exec(compile(source, "training.md", "exec"), names)  # noqa: S102 - the guide's own code
    checker.check_env(names["GymBars"](str(folder / "env.yaml"), START, END), skip_render_check=True)
