"""A mapping with every key, as `mtstore ingest --help`, the README and `Store.ingest` show it."""

from __future__ import annotations

from typing import Final

EXAMPLE: Final = """\
schema: ohlcv-1m                # width of the bars: ohlcv-<n><s|m|h|d>
ticker: AAPL                    # of all rows; else columns: {ticker: …}, or
# ticker_from: file             # of the path: file, folder, or a pattern with (?P<ticker>…)
ticker_case: keep               # keep, upper, lower
tz: America/New_York            # zone of times without one; default: UTC
stamp: open                     # times are the bars' open or close
time_format: "%d.%m.%Y %H:%M"   # of times that are not ISO 8601
# time_unit: ms                 # of times that are numbers: ns, us, ms, s, auto
ambiguous: infer                # times that occur twice: infer, first, last, quarantine, raise
nonexistent: quarantine         # times that clocks skip: quarantine, shift, raise
columns:                        # our name: their name, or its number; default: the same name
  ts_event: [Date, Time]        # joined by a blank
  open: Open
  volume: [Up, Down]            # added
volume: required                # required, optional (may be empty), none
price_scale: 0.01               # factor of prices
decimal: ","                    # default: "."
thousands: "."                  # default: none
delimiter: ";"                  # default: ","
header: 1                       # number of header lines; 0 or false: none
skip_lines: 2                   # before the header
footer_lines: 1                 # at the end
comment: "#"                    # lines that begin so are skipped
null_values: ["", "n/a"]        # no value
encoding: latin-1               # default: UTF-8
"""
