"""The calendar of a ticker without a configured one, inferred from its name and its source.

Only names that are certain have a calendar of their own; everything else is taken for a US equity.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from mtstore.ranges import US_PER_SECOND

US_EQUITIES: Final = "XNYS"
SPOT_CURRENCIES: Final = "FOREX"
ALL_HOURS: Final = "24/7"

PRE_MARKET_US: Final = 19_800 * US_PER_SECOND
POST_MARKET_US: Final = 14_400 * US_PER_SECOND
"""Before the open and after the close of US equities: 04:00 to 20:00 around 09:30 to 16:00."""

TOLERATED_SHARE: Final = 0.05
"""The share of bars outside of pre- and post-market, too, that a guessed calendar may leave out without a word."""

_CALENDAR_OF_DATASET: Final = {
    "GLBX.MDP3": "CMES",
    "XEUR.EOBI": "XEUR",
    "XEEE.EOBI": "XEEE",
    "IFEU.IMPACT": "IEPA",
    "IFLL.IMPACT": "IEPA",
    "IFUS.IMPACT": "IEPA",
    "NDEX.IMPACT": "IEPA",
}
_ROOTS_OF_CALENDAR: Final = {
    "CME_FX": "6[A-Z] [EJ]7 M6[ABEJ] MCD MIR MSF R[FPY]",
    "CME_RATES": "Z[BFNTQ] Z3N TN UB TWE SR1 SR3 GE",
    "CME_ENERGY": "CL MCL QM BZ RB HO NG MNG QG",
    "CME_METALS": "GC MGC QO SI SIL QI HG MHG QC PL PA ALI",
    "CME_GRAINS": "Z[CSWMLO] KE X[CKW] MZ[CSWML]",
    "CME_LIVESTOCK": "LE HE GF",
    "CMES": "ES NQ RTY YM MES MNQ M2K MYM NKD BTC MBT ETH MET",
}
"""Patterns of the roots of CME's products, by calendar; other products of CME have CMES."""

FUTURES_CALENDARS: Final = frozenset({*_CALENDAR_OF_DATASET.values(), *_ROOTS_OF_CALENDAR})
"""Calendars of venues where futures trade, whose prices may be zero or negative."""

_CALENDAR_OF_PREFIX: Final = {"X:": "24/7", "C:": SPOT_CURRENCIES}

# Suffixes of exchanges as Yahoo has them, without those of US share classes (BRK.A). Shenzhen keeps the hours of
# Shanghai, and the National Stock Exchange of India those of Bombay.
_CALENDAR_OF_SUFFIX: Final = {
    suffix: calendar
    for calendar, suffixes in {
        "BVMF": "SA", "XAMS": "AS", "XASX": "AX", "XBKK": "BK", "XBOM": "BO NS", "XBRU": "BR", "XBUE": "BA",
        "XCSE": "CO", "XDUB": "IR", "XETR": "DE", "XFRA": "F", "XHEL": "HE", "XHKG": "HK", "XIDX": "JK", "XIST": "IS",
        "XJSE": "JO", "XKLS": "KL", "XKRX": "KS KQ", "XLIS": "LS", "XLON": "L", "XMAD": "MC", "XMEX": "MX",
        "XMIL": "MI", "XNZE": "NZ", "XOSL": "OL", "XPAR": "PA", "XPRA": "PR", "XSES": "SI", "XSGO": "SN",
        "XSHG": "SS SZ", "XSTO": "ST", "XSWX": "SW", "XTAI": "TW TWO", "XTKS": "T", "XTSE": "TO V", "XWAR": "WA",
        "XWBO": "VI",
    }.items()
    for suffix in suffixes.split()
}  # fmt: skip

_CURRENCY: Final = "(?:USD|EUR|GBP|JPY|CHF|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|TRY|ZAR|MXN|SGD|HKD|CNH|CNY|ILS|KRW)"
_COIN: Final = "(?:BTC|XBT|ETH|SOL|XRP|LTC|BCH|ADA|DOGE|DOT|BNB|AVAX)"
_CONTRACT: Final = r"(?:[FGHJKMNQUVXZ]\d{1,2}| \d\d-\d\d|=F|\d!|\.[cnv]\.\d+)\Z"
# Databento has spreads (6EH4-6EM4), options (6EH4 C1100) and parents (6E.FUT), too.
_PRODUCT: Final = r"(?:[FGHJKMNQUVXZ]\d{1,2}(?:[ -]|\Z)|\.)"


def _roots(calendar: str) -> str:
    return f"(?:{_ROOTS_OF_CALENDAR[calendar].replace(' ', '|')})"


_GROUP_OF_PRODUCT: Final = [(re.compile(_roots(name) + _PRODUCT), name) for name in _ROOTS_OF_CALENDAR]

_CALENDAR_OF_SHAPE: Final = (
    # EURUSD, EUR/USD, EURUSD=X
    (re.compile(rf"{_CURRENCY}[/._-]?{_CURRENCY}(?:=X)?\Z"), SPOT_CURRENCIES),
    # BTC/USD, BTCUSDT, BTCUSD, BTC-PERP
    (re.compile(r"[A-Z0-9]{2,10}[/-](?:USD|USDT|USDC|EUR|GBP|BTC|ETH)\Z"), "24/7"),
    (re.compile(rf"[A-Z0-9]{{2,12}}(?:USDT|USDC|[-_]PERP)\Z|{_COIN}{_CURRENCY}\Z"), "24/7"),
    # ESH4, ESH24, ES 03-24, ES=F, ES1!, ES.c.0. Energy is missing: its prices may be negative, which only a configured
    # calendar or a known data set allows.
    *((re.compile(f"/?{_roots(name)}{_CONTRACT}"), name) for name in _ROOTS_OF_CALENDAR if name != "CME_ENERGY"),
)


class TickerCalendar(NamedTuple):
    """The calendar of a ticker, whether it was guessed, and whether the ticker has session hours of its own."""

    name: str
    is_guessed: bool
    has_own_hours: bool = False

    def __str__(self) -> str:
        return f"{self.name} (guessed)" if self.is_guessed else self.name


def guess_calendar(ticker: str, provider: str, dataset: str | None = None) -> TickerCalendar:
    """Return the inferred calendar of a ticker, marked as guessed."""
    return TickerCalendar(infer_calendar(ticker, provider, dataset), is_guessed=True)


def infer_calendar(ticker: str, provider: str, dataset: str | None = None) -> str:
    """Return the inferred calendar of a ticker without a configured one.

    Polygon's prefixes decide first (`X:` crypto 24/7, `C:` currencies FOREX), then Databento's dataset (`GLBX.MDP3` is
    CMES, or the product group: `6EH4` is CME_FX, `ZCH4` CME_GRAINS). Other sources are read by the name: pairs of
    currencies (`EURUSD` is FOREX) and of crypto (`BTC/USD`, `BTC-PERP` are 24/7), futures of CME (`ESH4` is CMES), and
    the suffix of an exchange (`7203.T` is XTKS). Everything else is taken for a US equity, XNYS. An inferred calendar
    never suppresses a fetch.
    """
    by_prefix = _CALENDAR_OF_PREFIX.get(ticker[:2])
    if by_prefix is not None:
        return by_prefix
    if dataset == "GLBX.MDP3":
        return next((name for product, name in _GROUP_OF_PRODUCT if product.match(ticker)), "CMES")
    by_dataset = _CALENDAR_OF_DATASET.get(dataset or "")
    if by_dataset is not None:
        return by_dataset
    if provider == "databento":
        return US_EQUITIES
    by_shape = next((calendar for shape, calendar in _CALENDAR_OF_SHAPE if shape.match(ticker)), None)
    if by_shape is not None:
        return by_shape
    base, _, suffix = ticker.rpartition(".")
    # Polygon writes other things after the point: BRK.A, ACHR.WS.
    return _CALENDAR_OF_SUFFIX.get(suffix, US_EQUITIES) if base and provider != "polygon" else US_EQUITIES
