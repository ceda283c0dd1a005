from __future__ import annotations

import warnings
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mtstore
from mtstore import DataAligner, MultiTickerDataLoader
from mtstore.errors import InputError, IntervalError
from mtstore.synthetic import Faults, SyntheticMarket, write_flat_files
from tests.kits.reasons import NOT_POSITIVE

NEW_YORK = "America/New_York"
DAYS = ("2023-11-22", "2023-11-24")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Three tickers, two sessions, the second a half day; thin trading and pre- and post-market bars."""
    folder = tmp_path_factory.mktemp("aligner")
    market = SyntheticMarket(("AAA", "BBB", "CCC"), seed=7, faults=Faults.none())
    files = write_flat_files(market, folder / "flat", *DAYS)
    with mtstore.open(folder / "store", create=True) as made:
        made.ingest(files)
        yield made


@pytest.fixture(scope="module")
def stored_frames(store):
    """The very bars of the store, as frames; BBB with holes of its own."""
    frames = {}
    for ticker in ("CCC", "AAA", "BBB"):
        table = store.sql("FROM bars WHERE ticker = ? ORDER BY ts_event", [ticker]).to_pandas()
        frames[ticker] = table.set_index("ts_event")[["open", "high", "low", "close", "volume", "vwap", "transactions"]]
    return frames


def bars(times, tz=None, **columns):
    """Bars whose prices count up from 1."""
    index = pd.DatetimeIndex(times, tz=tz)
    count = np.arange(1.0, len(index) + 1)
    values = {"open": count, "high": count + 1, "low": count - 0.5, "close": count + 0.5, "volume": count * 100}
    return pd.DataFrame(values | columns, index=index)


def minutes(start, count, step=1, tz=None):
    return bars(pd.date_range(start, periods=count, freq=f"{step}min"), tz)


OPTIONS = [
    {"method": "outer_join", "resampling": "5min"},
    {"method": "inner_join", "resampling": "1min"},
    {"method": "forward_fill", "resampling": "1min", "fill_volume": "ffill"},
    {"method": "outer_join", "resampling": "1h", "label": "right", "session": "all", "fill_value": 0.0},
    {"method": "outer_join", "resampling": "1d", "timezone": "Asia/Tokyo"},
    {"method": "outer_join", "resampling": "1w", "anchor": "midnight"},
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("options", OPTIONS)
def test_frames_give_what_a_store_with_the_same_bars_gives(store, stored_frames, options):
    config = {"store": store.path, "tickers": list(stored_frames), "alignment": options, "on_missing": "warn"}
    with MultiTickerDataLoader(config) as loader:
        wanted = loader.load_data()
    aligner = DataAligner(**options)
    given = aligner.align_data(stored_frames)
    assert len(wanted) > 1 or options["resampling"] == "1w"
    pd.testing.assert_frame_equal(given, wanted)


def test_bounds_and_fields_mean_what_they_mean_to_a_loader(store, stored_frames):
    config = {"store": store.path, "tickers": ["AAA", "BBB"], "on_missing": "warn"}
    with MultiTickerDataLoader(config) as loader:
        wanted = loader.load_data("2023-11-24", "2023-11-24", fields=["close", "vwap"], columns="multi")
    given = DataAligner().align_data(
        {name: stored_frames[name] for name in ("AAA", "BBB")}, "2023-11-24", "2023-11-24", fields=["close", "vwap"],
        columns="multi",
    )  # fmt: skip
    assert len(wanted) == 210
    pd.testing.assert_frame_equal(given, wanted)


def test_naive_times_are_wall_time_in_the_alignment_s_zone_unless_said_otherwise():
    frame = minutes("2024-01-03 09:30", 3)
    as_new_york = DataAligner().align_data({"A": frame})
    assert str(as_new_york.index[0]) == "2024-01-03 09:30:00-05:00"
    as_utc = DataAligner(naive_as="UTC", session="all").align_data({"A": frame})
    assert str(as_utc.index[0]) == "2024-01-03 04:30:00-05:00"


@pytest.mark.parametrize(
    ("wall", "why"), [("2024-11-03 01:30", "happens twice"), ("2024-03-10 02:30", "does not exist")]
)
def test_a_wall_time_that_its_zone_has_twice_or_not_at_all_is_an_error_that_names_the_row(wall, why):
    frame = bars([pd.Timestamp(wall) - pd.Timedelta("1h 40min"), pd.Timestamp(wall)])
    with pytest.raises(InputError, match=rf"'BTC', row 1: {wall}:00 {why} in America/New_York.*naive_as='UTC'"):
        DataAligner(calendar="24/7").align_data({"BTC": frame})
    assert len(DataAligner(calendar="24/7", naive_as="UTC", resampling="1min").align_data({"BTC": frame})) == 2


def test_rows_in_any_order_any_zone_and_any_spelling_of_columns_give_the_same():
    plain = minutes("2024-01-03 09:30", 5)
    wanted = DataAligner().align_data({"A": plain, "B": plain})
    mixed = plain.iloc[::-1].rename(columns=str.title).tz_localize(NEW_YORK).tz_convert("Asia/Tokyo")
    with_column = plain.rename_axis("timestamp").reset_index()
    pd.testing.assert_frame_equal(DataAligner().align_data({"A": mixed, "B": with_column}), wanted)


def test_of_rows_with_one_time_the_last_counts_and_a_warning_says_so_where_they_differ():
    frame = minutes("2024-01-03 09:30", 3)
    same = pd.concat([frame, frame.iloc[[1]]])
    wanted = DataAligner().align_data({"A": frame})
    pd.testing.assert_frame_equal(DataAligner().align_data({"A": same}), wanted)
    other = pd.concat([frame, frame.iloc[[1]] * 2])
    aligner = DataAligner()
    with pytest.warns(
        UserWarning, match="'A': 1 of 4 rows .*row 1 at 2024-01-03 14:31:00 UTC: another row of the same"
    ):
        given = aligner.align_data({"A": other})
    assert given["A_open"].tolist() == [1.0, 4.0, 3.0]
    assert aligner.quarantine[["ticker", "row", "open"]].values.tolist() == [["A", 1, 2.0]]


FAULTS = {
    "high is below open or close": {"high": 1.0},
    "low is above open or close": {"low": 1000.0, "high": 1001.0},
    NOT_POSITIVE: {"low": 0.0},
    "a price is not finite": {"high": np.inf},
    "close is missing": {"close": np.nan},
    "volume is missing, negative or not finite": {"volume": -1.0},
}


def with_every_fault(count=60):
    """Minutes: six have one fault each, one is there twice, one differs from its double, one lies between minutes."""
    frame = minutes("2024-01-03 14:30", count, tz="UTC")
    for number, fault in enumerate(FAULTS.values()):
        for name, value in fault.items():
            frame.loc[frame.index[6 * number + 3], name] = value
    other = (frame.iloc[[50]] * 2).assign(volume=7.0)
    between = frame.iloc[[20]].set_axis(frame.index[[20]] + pd.Timedelta("17s"))
    return pd.concat([frame.iloc[::-1], frame.iloc[[40]], other, between])


@pytest.mark.parametrize("native", ["1min", None])
def test_rejected_rows_have_the_reasons_of_a_store(tmp_path, native):
    frame = with_every_fault()
    good = minutes("2024-01-03 14:30", 60, tz="UTC")
    with mtstore.open(tmp_path / "store", create=True) as store:
        store.ingest(frame, ticker="BAD", schema="ohlcv-1m")
        store.ingest(good, ticker="GOOD", schema="ohlcv-1m")
        wanted = store.align(["BAD", "GOOD"], "5min").to_pandas()
        refused = store.sql("SELECT ticker, ts_event, reason, volume FROM quarantine ORDER BY ALL").to_pandas()
    aligner = DataAligner(resampling="5min", native_interval=native)
    with pytest.warns(
        UserWarning, match=r"'BAD': 8 of 63 rows cannot be bars and are left out, the first, row 56 at .* high"
    ):
        given = aligner.align_data({"BAD": frame, "GOOD": good})
    pd.testing.assert_frame_equal(given, wanted)
    found = aligner.quarantine
    assert set(found["reason"]) == {*FAULTS, "ts_event is not on a whole bar",
                                    "another row of the same ts_event differs and came later"}  # fmt: skip
    ours = found[["ticker", "ts_event", "reason", "volume"]].sort_values(["ticker", "ts_event", "reason"])
    theirs = refused.assign(ts_event=refused["ts_event"].dt.tz_convert("UTC"))
    assert ours.astype(str).values.tolist() == theirs.astype(str).values.tolist()
    assert list(frame.index[found["row"]]) == list(found["ts_event"])
    np.testing.assert_array_equal(frame["open"].to_numpy()[found["row"]], found["open"].to_numpy())


def test_without_a_bad_row_the_quarantine_is_empty():
    aligner = DataAligner(native_interval="1min")
    with pytest.warns(UserWarning, match="cannot be bars"):
        aligner.align_data({"A": with_every_fault()})
    assert len(aligner.quarantine) == 8
    aligner.align_data({"A": minutes("2024-01-03 09:30", 3)})
    assert aligner.quarantine.empty
    assert list(aligner.quarantine.columns[:3]) == ["ticker", "row", "ts_event"]


def test_missing_column_does_not_hide_bad_values_in_others():
    frame = minutes("2024-01-03 09:30", 4)[["low", "close"]]
    frame.iloc[2, 0] = 100.0
    aligner = DataAligner()
    with pytest.warns(UserWarning, match="'A': 1 of 4 rows .*low is above open or close"):
        given = aligner.align_data({"A": frame})
    assert given["A_close"].tolist() == [1.5, 2.5, 4.5]


def test_prices_below_zero_are_legal_where_futures_trade():
    oil = minutes("2020-04-20 13:00", 5, tz=NEW_YORK)
    oil[["open", "high", "low", "close"]] -= 40.0
    assert len(DataAligner(calendar={"CLK0": "CME"}).align_data({"CLK0": oil})) == 5
    with pytest.warns(UserWarning, match="'USO': 5 of 5 rows .*a price is zero or negative"):
        assert DataAligner().align_data({"USO": oil}).empty


def test_of_two_rows_of_one_day_the_last_counts():
    days = bars(pd.to_datetime(["2024-03-04 16:00", "2024-03-05 09:30", "2024-03-05 16:00"]), NEW_YORK)
    with pytest.warns(UserWarning, match="'A': 1 of 3 rows .*row 1 .*another row of the same"):
        given = DataAligner(native_interval="1d").align_data({"A": days})
    assert given["A_open"].tolist() == [1.0, 3.0]


def test_frames_are_left_as_they_were():
    frame = minutes("2024-01-03 09:30", 3).iloc[::-1]
    before = frame.copy(deep=True)
    DataAligner("ffill", fill_value=0.0).align_data({"A": frame})
    pd.testing.assert_frame_equal(frame, before)


def test_frames_with_different_columns_share_those_that_any_has():
    closes = minutes("2024-01-03 09:30", 3)[["close"]]
    given = DataAligner().align_data({"A": closes, "B": closes.assign(volume=1)})
    assert list(given.columns) == ["A_close", "A_volume", "B_close", "B_volume"]
    assert given["A_volume"].isna().all()
    assert given["B_volume"].eq(1).all()


def test_columns_that_bars_do_not_have_are_left_out_with_a_warning():
    frame = minutes("2024-01-03 09:30", 2).assign(rsi=50.0, symbol="A")
    with pytest.warns(UserWarning, match="'A': columns that bars do not have are left out: rsi"):
        given = DataAligner().align_data({"A": frame})
    assert list(given.columns) == ["A_open", "A_high", "A_low", "A_close", "A_volume"]


def test_rows_without_a_value_are_no_bars():
    frame = minutes("2024-01-03 09:30", 4)
    frame.iloc[1] = np.nan
    given = DataAligner("forward_fill").align_data({"A": frame, "B": minutes("2024-01-03 09:30", 4)})
    assert given["A_close"].tolist() == [1.5, 1.5, 3.5, 4.5]
    assert given["A_volume"].tolist() == [100.0, 0.0, 300.0, 400.0]


def test_one_ticker_is_its_own_alignment():
    given = DataAligner("inner_join", resampling="5min").align_data({"A": minutes("2024-01-03 09:30", 10)})
    assert given["A_open"].tolist() == [1.0, 6.0]
    assert given["A_volume"].tolist() == [1500.0, 4000.0]
    assert str(pd.DatetimeIndex(given.index).tz) == NEW_YORK


def test_no_ticker_gives_neither_rows_nor_columns():
    given = DataAligner().align_data({})
    assert given.shape == (0, 0)
    assert given.index.name == "timestamp"
    assert str(pd.DatetimeIndex(given.index).tz) == NEW_YORK


@pytest.mark.parametrize("empty", [pd.DataFrame(), minutes("2024-01-03 09:30", 0)])
def test_a_ticker_without_rows_keeps_its_columns_and_takes_no_part_in_an_inner_join(empty):
    frame = minutes("2024-01-03 09:30", 3)
    given = DataAligner("inner_join").align_data({"EMPTY": empty, "A": frame})
    assert len(given) == 3
    assert given.filter(like="EMPTY").isna().all(axis=None)
    assert list(given.columns[:2]) == ["EMPTY_open", "EMPTY_high"]
    alone = DataAligner().align_data({"EMPTY": empty})
    assert alone.shape == (0, 5)


def test_thin_trading_does_not_widen_the_result():
    dense = minutes("2024-01-03 09:30", 60)
    given = DataAligner("outer_join").align_data({"DENSE": dense, "THIN": dense.iloc[::7]})
    assert len(given) == 60
    assert given["THIN_close"].count() == 9
    coarse = DataAligner("inner_join", resampling="1min").align_data({"DENSE": dense, "THIN": dense.iloc[::7]})
    assert len(coarse) == 9


def test_the_interval_of_the_bars_is_found_out():
    assert len(DataAligner().align_data({"A": minutes("2024-01-03 09:30", 78, step=5)})) == 78
    days = bars(pd.bdate_range("2024-03-04", periods=10))
    daily = DataAligner().align_data({"A": days})
    assert list(daily.index) == list(pd.bdate_range("2024-03-04", periods=10, tz=NEW_YORK))
    weekly = DataAligner(resampling="1w").align_data({"A": days.tz_localize("UTC")})
    assert weekly["A_volume"].tolist() == [1500.0, 4000.0]
    hours = DataAligner().align_data({"A": minutes("2024-01-03 09:30", 7, step=60)})
    assert [f"{moment:%H:%M}" for moment in hours.index] == [f"{hour:02d}:30" for hour in range(9, 16)]


def test_an_interval_finer_than_the_bars_or_no_multiple_of_them_is_refused():
    frame = minutes("2024-01-03 09:30", 12, step=5)
    with pytest.raises(IntervalError, match=r"resampling: was 1min, which is finer than.*'A', which are 5min apart"):
        DataAligner(resampling="1min").align_data({"A": frame})
    with pytest.raises(IntervalError, match="12min, which is finer than, or not a multiple of"):
        DataAligner(resampling="12min").align_data({"A": frame})
    thin = DataAligner(resampling="1min", native_interval="1min").align_data({"A": frame})
    assert len(thin) == 12


@pytest.mark.parametrize("resampling", [None, "5min", "1h"])
def test_days_beside_minutes_need_an_interval_that_both_give_and_the_error_says_whose_bars_are_what(resampling):
    frames = {"DAY": bars(pd.bdate_range("2024-01-02", periods=5)), "MIN": minutes("2024-01-03 09:30", 390)}
    frames |= {"ALSO": frames["DAY"]}
    with pytest.raises(
        IntervalError,
        match=rf"widths \('MIN': 1min; 'DAY', 'ALSO': 1d\).*none of {resampling or '1min'}.*resampling='1d' or",
    ):
        DataAligner(resampling=resampling).align_data(frames)
    given = DataAligner(resampling="1d").align_data(frames)
    assert (given["DAY_close"].count(), given["MIN_close"].count()) == (5, 1)


def test_hourly_frame_beside_minutes_needs_an_interval():
    frames = {"H": minutes("2024-01-03 09:30", 7, step=60), "MIN": minutes("2024-01-03 09:30", 390)}
    with pytest.raises(IntervalError, match=r"'MIN': 1min; 'H': 1h\).*resampling='1h' or wider.*native_interval"):
        DataAligner().align_data(frames)
    assert DataAligner(resampling="1h").align_data(frames)["MIN_close"].count() == 7
    assert DataAligner(native_interval="1min").align_data(frames)["H_close"].count() == 7


def test_a_given_width_that_half_of_the_rows_do_not_fit_is_refused():
    frame = minutes("2024-01-03 09:30", 3)
    with pytest.raises(InputError, match=r"'A': 2024-01-03T14:31.*is not on a whole bar of 5min"):
        DataAligner(native_interval={"A": "5min"}).align_data({"A": frame})


def test_single_row_needs_a_given_interval():
    lone = minutes("2024-01-03 09:30", 1)
    with pytest.raises(InputError, match="'A': one row does not show"):
        DataAligner().align_data({"A": lone})
    assert len(DataAligner(resampling="5min").align_data({"A": lone})) == 1
    assert len(DataAligner().align_data({"A": lone, "B": minutes("2024-01-03 09:30", 2)})) == 2


def test_frame_wholly_outside_session_warns():
    sunday = minutes("2024-01-07 10:00", 5)
    with pytest.warns(UserWarning, match="none of the 5 bars is left.*session='all' keeps bars outside"):
        assert DataAligner().align_data({"A": sunday}).empty
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(DataAligner(session="all").align_data({"A": sunday})) == 5
        assert len(DataAligner(calendar={"A": "24/7"}).align_data({"A": sunday})) == 5


@pytest.mark.parametrize(
    ("frames", "sentence"),
    [
        ({"A": [1, 2]}, "'A': bars come as a pandas DataFrame, got list"),
        ({1: pd.DataFrame()}, "tickers 1: a ticker is text"),
        ([("A", pd.DataFrame())], "a frame per ticker"),
        ({"A": pd.DataFrame({"close": [1.0]})}, "'A': the index holds RangeIndex, not times"),
        ({"A": pd.DataFrame({"close": ["x"]}, index=pd.DatetimeIndex(["2024-01-03"]))}, "'A': column 'close' holds"),
        ({"A": pd.DataFrame({"rsi": [1.0]}, index=pd.DatetimeIndex(["2024-01-03"]))}, "'A': no column of bars"),
        ({"A": pd.DataFrame({"close": [1.0]}, index=pd.DatetimeIndex([pd.NaT]))}, "'A', row 0: the time is missing"),
        ({"A": bars(["2024-01-03 09:30"]).rename(columns={"open": "Close"})}, "'Close' and 'close' are both close"),
    ],
)
def test_what_cannot_be_read_is_refused_by_ticker(frames, sentence):
    with pytest.raises(InputError, match=sentence):
        DataAligner(resampling="1min").align_data(frames)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"method": "outr_join"}, "did you mean 'outer_join'"),
        ({"timezone": "America/NewYork"}, "unknown time zone"),
        ({"resampling": "5T"}, "write 5min"),
        ({"fill_volumes": "zero"}, "unknown option 'fill_volumes'; did you mean 'fill_volume'"),
        ({"adjust": "splits"}, "frames come without splits"),
        ({"label": "middle"}, "label 'middle' is not one of left, right"),
        ({"tz": "UTC"}, "unknown option 'tz'; here it is called 'timezone'"),
        ({"alignment_method": "inner_join"}, "unknown option 'alignment_method'; here it is called 'method'"),
        ({"max_age": 5}, "max_age 5 is not a duration"),
        ({"max_age": timedelta(minutes=-1)}, "max_age .* is not a duration"),
        ({"lookback": 3}, "lookback 3 is not a duration"),
        ({"across_sessions": "no"}, "across_sessions 'no': True or False"),
        ({"calendar": 5}, "unknown calendar 5"),
        ({"calendar": "XNIS"}, "unknown calendar 'XNIS'; did you mean 'XNYS'"),
        ({"calendar": {"A": ["XNYS"]}}, "unknown calendar"),
        ({"native_interval": "5T"}, "write 5min"),
        ({"native_interval": {"A": 5}}, "a bar interval is text like '5min', got 5"),
        ({"fill_value": "x"}, "fill_value 'x': a number"),
        ({"timezone": 5}, "unknown time zone 5"),
    ],
)
def test_options_that_cannot_be_right_are_refused_when_they_are_given(options, sentence):
    with pytest.raises(InputError, match=sentence):
        DataAligner(**options)


def test_the_options_that_are_named_as_valid_are_taken_by_their_names():
    with pytest.raises(InputError) as caught:
        DataAligner(fild="x")  # type: ignore[arg-type]
    valid = str(caught.value).partition("(valid: ")[2].rstrip(")").split(", ")
    assert not {"tz", "method", "adjust", "from_source", "from_schema"} & set(valid)
    good: dict[str, Any] = {
        "session": "all",
        "anchor": "epoch",
        "partial": "cut",
        "fill_volume": "null",
        "fill_prices": "close",
        "fill": "none",
    }
    good |= {"max_age": "5min", "lookback": timedelta(0), "across_sessions": False}
    assert set(good) == set(valid)
    DataAligner(**good)


def test_one_field_may_be_given_by_its_name_and_none_means_all():
    frames = {"A": bars(["2024-01-03 09:30"])}
    aligner = DataAligner(resampling="1min")
    assert list(aligner.align_data(frames, fields="close").columns) == ["A_close"]
    pd.testing.assert_frame_equal(aligner.align_data(frames, fields=[]), aligner.align_data(frames))
    with pytest.raises(InputError, match="fields 5: one of open"):
        aligner.align_data(frames, fields=5)  # type: ignore[arg-type]
