"""One ticker's made-up life: what it is like, its closing price on every session, its bars of any month.

A month is drawn from (seed, ticker, step, year, month) alone, around a path of closes drawn from (seed, ticker, year):
a bar depends neither on the other tickers nor on the requested range.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from mtstore.synthetic.clock import PRE, REGULAR, Clock, Sessions, Slots, month_slots, year_sessions
from mtstore.synthetic.faults import Faults, Split, YearPlan, plan_year

BASE_STEPS_SECONDS = (1, 60)
"""The widths that are drawn; wider bars are computed from them."""

_FIRST_YEAR = 2000
_LEVEL_BAND = (np.log(5.0), np.log(900.0))
_LIQUID_TRADES_PER_MINUTE = 30.0
_EXTENDED_ACTIVITY = 0.005
_INTRADAY_SHARE = 0.6  # of a day's variance happens while the market is open, or looks like it
_REGULAR_SECONDS = 390 * 60

# What a generator is for; part of its seed.
_TRAITS, _LEVELS, _DAYS, _BARS, _FAULTS, _SPLITS = range(6)


_INT, _REAL = np.int64, np.float64
BAR_DTYPE = np.dtype({
    "names": ["seconds", "open_cents", "high_cents", "low_cents", "close_cents", "volume", "vwap", "transactions"],
    "formats": [_INT, _INT, _INT, _INT, _INT, _REAL, _REAL, _INT],
})  # fmt: skip
"""The fields of bars: `seconds` is the open, UTC; prices are whole cents."""

Bars: TypeAlias = "np.recarray[Any, Any]"


def join_bars(parts: Sequence[Bars]) -> Bars:
    """Return parts one after the other; no bars without any."""
    return np.concatenate([np.empty(0, BAR_DTYPE), *parts]).view(np.recarray)


class TickerModel:
    """One ticker of the synthetic market."""

    def __init__(
        self,
        ticker: str,
        *,
        seed: int,
        clock: Clock,
        faults: Faults,
        is_thin: bool | None,
        splits: tuple[Split, ...] | None,
        fractional_volume: bool,
    ) -> None:
        self.ticker = ticker
        self._entropy = (seed, int.from_bytes(hashlib.sha256(ticker.encode()).digest()[:16], "big"))
        self._clock = clock
        self._faults = faults
        self._given_splits = splits
        self._fractional_volume = fractional_volume
        # Each month needs its year's draws; the caches live as long as the model.
        self.plan = functools.cache(self._make_plan)
        self.splits_before = functools.cache(self._make_splits_before)
        self._level = functools.cache(self._make_level)
        self._days = functools.lru_cache(maxsize=2)(self._make_days)
        traits = self._rng(_TRAITS)
        self._start_level = traits.uniform(np.log(20.0), np.log(400.0))
        self._day_sigma = traits.uniform(0.008, 0.025)
        self._volume_per_minute = float(np.exp(traits.normal(7.5, 0.8)))
        self._shares_per_trade = traits.uniform(40.0, 160.0)
        thin_draw, thin_rate = traits.random(), float(np.exp(traits.uniform(np.log(0.05), np.log(2.0))))
        if is_thin is None:
            is_thin = faults.thin and thin_draw < 0.25
        self.is_thin = is_thin
        self._trades_per_minute = thin_rate if is_thin else _LIQUID_TRADES_PER_MINUTE
        if is_thin:
            self._volume_per_minute *= 0.05

    def _rng(self, *purpose: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([*self._entropy, *purpose])))

    # ---- years -------------------------------------------------------------------------------------------------

    def _make_plan(self, year: int) -> YearPlan:
        sessions = year_sessions(self._clock, year)
        if not len(sessions):
            return YearPlan()
        rng = self._rng(_FAULTS, year)
        return plan_year(self._faults, rng, sessions)

    def _make_level(self, year: int) -> float:
        """Return the log price at the end of the year before, without splits, within a fixed band."""
        if year <= _FIRST_YEAR:
            return float(self._start_level)
        previous = self._level(year - 1)
        moved = previous + self._rng(_LEVELS, year - 1).normal(0.03, 0.2)
        return float(np.clip(moved, *_LEVEL_BAND))

    def _make_splits_before(self, year: int) -> tuple[Split, ...]:
        """Return the splits executed before a year, by date."""
        if self._given_splits is not None:
            return tuple(split for split in self._given_splits if split.execution_date.year < year)
        if year <= _FIRST_YEAR or not self._faults.splits:
            return ()
        return self.splits_before(year - 1) + self._draw_splits(year - 1)

    def _draw_splits(self, year: int) -> tuple[Split, ...]:
        before = self.splits_before(year)
        level = float(np.exp(self._level(year))) * math.prod(split.price_factor for split in before)
        rng = self._rng(_SPLITS, year)
        chance, pick, where = rng.random(), int(rng.integers(3)), rng.uniform(0.1, 0.9)
        sessions = year_sessions(self._clock, year)
        if chance > 0.5 or not len(sessions) or 10.0 <= level <= 100.0:
            return ()
        labels = sessions.labels.tolist()
        day = labels[int(where * len(labels))]
        shares = (2.0, 3.0, 4.0)[pick]
        return (Split(self.ticker, day, 1.0, shares) if level > 100.0 else Split(self.ticker, day, shares, 1.0),)

    def _make_days(self, year: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return log prices of a year's sessions without splits: previous close, open and close."""
        count = len(year_sessions(self._clock, year))
        rng = self._rng(_DAYS, year)
        walk = np.cumsum(rng.normal(0.0, self._day_sigma, count))
        gaps = rng.normal(0.0, 0.4 * self._day_sigma, count)
        progress = np.arange(1, count + 1) / max(count, 1)
        start, end = self._level(year), self._level(year + 1)
        closes = start + walk + progress * (end - start - (walk[-1] if count else 0.0))
        before = np.concatenate([[start], closes[:-1]])[:count]
        return before, before + gaps, closes

    # ---- months ------------------------------------------------------------------------------------------------

    def month(self, year: int, month: int, step_seconds: int) -> Bars:
        """Return the bars of the sessions whose date is in a month; `step_seconds` is in BASE_STEPS_SECONDS."""
        slots = month_slots(self._clock, year, month, step_seconds)
        rng = self._rng(_BARS, step_seconds, year, month)
        traded = np.flatnonzero(self._draw_traded(rng, slots, year, step_seconds))
        if not len(traded):
            return join_bars([])
        sigma = self._day_sigma * _INTRADAY_SHARE * np.sqrt(step_seconds / _REGULAR_SECONDS)
        factor = self._session_factors(slots.sessions, year)[slots.session[traded]]
        closes = self._draw_closes(rng, slots, traded, year, sigma)
        opens, highs, lows = _draw_wicks(rng, closes, slots.session[traded], sigma)
        cents = [np.maximum(np.rint(np.exp(log) * (100.0 * factor)), 1.0) for log in (opens, highs, lows, closes)]
        seconds = slots.seconds[traded]
        self._plant(self.plan(year), seconds, cents, step_seconds)
        volume, trades = self._draw_volume(rng, slots.shape[traded] / factor, step_seconds)
        share = rng.random(len(traded), dtype=np.float32)
        vwap = np.rint((cents[2] + (cents[1] - cents[2]) * share) * 100.0) / 10_000.0
        return np.rec.fromarrays([seconds, *cents, volume, vwap, trades], dtype=BAR_DTYPE)

    def _draw_traded(self, rng: np.random.Generator, slots: Slots, year: int, step_seconds: int) -> np.ndarray:
        per_slot = self._trades_per_minute * step_seconds / 60
        chances = -np.expm1(-per_slot * np.array([_EXTENDED_ACTIVITY, 1.0, _EXTENDED_ACTIVITY]))
        traded: np.ndarray = rng.random(len(slots.seconds), dtype=np.float32) < chances[slots.phase]
        if not self.is_thin and step_seconds >= 60:
            traded |= slots.phase == REGULAR
        plan = self.plan(year)
        for second in (plan.bad_print and plan.bad_print[0], plan.impossible_row):
            if second is not None:
                traded |= slots.seconds == second
        if plan.halt is not None:
            traded &= ~((plan.halt[0] <= slots.seconds) & (slots.seconds < plan.halt[1]))
        return traded

    def _draw_closes(
        self, rng: np.random.Generator, slots: Slots, traded: np.ndarray, year: int, sigma: float
    ) -> np.ndarray:
        """Return log closes: a random walk, bent to meet each session's open and close."""
        steps = np.sqrt(np.diff(traded, prepend=traded[0]).astype(np.float64))
        walk = np.cumsum(steps * rng.standard_normal(len(traded), dtype=np.float32)) * sigma
        before, opens, closes = (
            days[np.isin(year_sessions(self._clock, year).labels, slots.sessions.labels)] for days in self._days(year)
        )
        places = np.column_stack([slots.open_slot, slots.close_slot]).ravel()
        prices = np.column_stack([opens, closes]).ravel()
        if slots.phase[0] == PRE:
            places, prices = np.append(0, places), np.append(before[0], prices)
        bend = prices - np.interp(places, traded, walk)
        bent: np.ndarray = walk + np.interp(traded, places, bend)
        return bent

    def _session_factors(self, sessions: Sessions, year: int) -> np.ndarray:
        factors = np.ones(len(sessions))
        for split in self.splits_before(year + 1):
            factors[sessions.labels >= np.datetime64(split.execution_date)] *= split.price_factor
        return factors

    def _draw_volume(
        self, rng: np.random.Generator, shape: np.ndarray, step_seconds: int
    ) -> tuple[np.ndarray, np.ndarray]:
        noise = np.exp(0.8 * rng.standard_normal(len(shape), dtype=np.float32))
        volume = np.maximum(np.ceil(self._volume_per_minute * step_seconds / 60 * shape * noise), 1.0)
        trades = np.maximum(volume / self._shares_per_trade, 1.0).astype(np.int64)
        if self._fractional_volume:
            volume = volume + rng.integers(0, 1000, len(volume)) / 1000.0
        return volume, trades

    @staticmethod
    def _plant(plan: YearPlan, seconds: np.ndarray, cents: list[np.ndarray], step_seconds: int) -> None:
        opens, highs, lows, closes = cents
        if plan.bad_print is not None:
            at = np.flatnonzero(seconds == plan.bad_print[0])
            closes[at] = np.maximum(np.rint(closes[at] * plan.bad_print[1]), 1.0)
            highs[at] = np.maximum(highs[at], closes[at])
            lows[at] = np.minimum(lows[at], closes[at])
        if plan.impossible_row is not None:
            at = np.flatnonzero(seconds == plan.impossible_row)
            highs[at] = np.minimum(opens[at], closes[at]) - 1.0
            lows[at] = np.maximum(opens[at], closes[at]) + 1.0


def _draw_wicks(
    rng: np.random.Generator, closes: np.ndarray, session: np.ndarray, sigma: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log opens near the previous close (a session's first: near its own close), and highs and lows."""
    count = len(closes)
    previous = np.concatenate([closes[:1], closes[:-1]])
    starts_session = np.diff(session, prepend=-1) != 0
    opens = np.where(starts_session, closes, previous)
    opens += (0.3 * sigma) * rng.standard_normal(count, dtype=np.float32)
    top, bottom = np.maximum(opens, closes), np.minimum(opens, closes)
    reach = (0.5 * sigma) * np.abs(rng.standard_normal((2, count), dtype=np.float32))
    return opens, top + reach[0], bottom - reach[1]
