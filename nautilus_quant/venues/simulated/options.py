"""Which options a simulated market lists, and when they expire.

Expiries are those of large crypto venues: every day, every Friday and the last Friday of the month at 08:00
UTC; and for demonstrations `rapid` ones, on the multiples of some seconds or minutes in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, Literal

from msgspec import Struct

from nautilus_quant.config.units import Seconds

SECOND: Final = 1_000_000_000
UNDERLYINGS: Final = ("BTC", "ETH")
"""Coins that have options; each is at the same row of every array of the option market."""

SETTLEMENTS: Final = ("linear", "coin")

_HOUR: Final = 8
"""Of the day at which calendar expiries fall, UTC."""

_FRIDAY: Final = 4
_LIVES: Final[dict[str, float]] = {"daily": 86_400.0, "weekly": 7 * 86_400.0, "monthly": 30 * 86_400.0}
_LONGEST: Final = 400


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    The option market beside the perpetuals.

    Parameters
    ----------
    underlyings
        Coins that have options, of BTC ETH.
    settlements
        ``linear``: premium and settlement in USDT; ``coin``: in the coin itself, as Deribit's BTC and ETH
        options.
    daily, weekly, monthly
        How many of the next expiries of each kind are listed at any time. One that is of several kinds is
        listed once.
    rapid
        How many short expiries are listed at any time.
    every
        Time between short expiries [s]; they fall on its multiples in UTC.
    strikes
        Strikes on each side of the forward, at least; more are listed when the forward moves away.
    interval
        Time between quotes of an option [s]; a multiple of the market's `step` that divides a minute. Smaller
        is busier.
    window
        The settlement price of an expiry is the average of the index over its last `window` [s], or over a
        tenth of the time the shortest expiries are listed for, if that is less.
    volatility
        Scales all implied volatilities [-]; 1 is near what the market realises over minutes.
    spread
        Scales all spreads [-].

    """

    underlyings: tuple[str, ...] = UNDERLYINGS
    settlements: tuple[Literal["linear", "coin"], ...] = ("linear",)
    daily: int = 2
    weekly: int = 2
    monthly: int = 2
    rapid: int = 0
    every: Seconds = 60.0
    strikes: int = 5
    interval: Seconds = 2.0
    window: Seconds = 300.0
    volatility: float = 1.0
    spread: float = 1.0

    def __post_init__(self) -> None:
        _check(self)


def _check(config: Options) -> None:
    unknown = [name for name in config.underlyings if name not in UNDERLYINGS]
    if unknown or not config.underlyings:
        raise ValueError(f"options are on {' and '.join(UNDERLYINGS)}, was {list(config.underlyings)}")
    if not config.settlements:
        raise ValueError("options need a settlement, was none; try settlements: [linear]")
    counts = {name: getattr(config, name) for name in ("daily", "weekly", "monthly", "rapid")}
    if min(counts.values()) < 0 or not 0 < sum(counts.values()) <= _LONGEST:
        raise ValueError(f"options need from 1 to {_LONGEST} expiries, was {counts}; try daily: 2")
    if not 1 <= config.strikes <= 100:
        raise ValueError(f"strikes must be from 1 to 100 on each side, was {config.strikes}; typical 5–15")
    if config.every < 10 or config.every % 1 or 86_400 % config.every:
        raise ValueError(
            f"every must be whole seconds, 10 at least, that divide a day [s], was {config.every}"
        )
    if not 1 <= config.window <= 86_400:
        raise ValueError(f"window must be from a second to a day [s], was {config.window}; typical 60–1800")
    for name in ("volatility", "spread"):
        if not 0.0 < getattr(config, name) <= 20.0:
            raise ValueError(f"{name} must be in (0, 20] [times the usual], was {getattr(config, name)}")
    # Whether `interval` fits the market's step is for `MarketConfig` to say.


def window_of(config: Options) -> int:
    """Return how long the index is averaged before each expiry [ns], in whole seconds."""
    lives = _LIVES | {"rapid": config.every}
    counts: dict[str, int] = {kind: getattr(config, kind) for kind in lives}
    shortest = min(lives[kind] * count for kind, count in counts.items() if count)
    return max(int(min(config.window, shortest / 10.0)), 1) * SECOND


def expiries(config: Options, start: int, end: int) -> dict[int, str]:
    """
    List what trades between two times.

    Parameters
    ----------
    config
        The option market.
    start, end
        UNIX times [ns].

    Returns
    -------
    dict
        Kind by expiry [ns]: all that expire after `start` and up to `end`, and as many after `end` as the
        config asks for, so that none is ever missing in between.

    """
    found: dict[int, str] = {}
    for kind, series in _SERIES.items():  # an expiry of several kinds is of the longest lived one
        wanted = getattr(config, kind)
        if wanted:
            after = list(islice(series(config, end), wanted))
            found |= dict.fromkeys([*_until(series(config, start), end), *after], kind)
    return dict(sorted(found.items()))


def _until(times: Iterator[int], end: int) -> Iterator[int]:
    for ts in times:
        if ts > end:
            return
        yield ts


def _rapid(config: Options, after: int) -> Iterator[int]:
    every = round(config.every) * SECOND
    ts = (after // every + 1) * every
    while True:
        yield ts
        ts += every


def _days(after: int) -> Iterator[datetime]:
    """Go through the days' expiries later than `after` [ns]."""
    day = datetime.fromtimestamp(after // SECOND, UTC).replace(hour=_HOUR, minute=0, second=0, microsecond=0)
    while True:
        if round(day.timestamp()) * SECOND > after:
            yield day
        day += timedelta(days=1)


def _calendar(fits: Callable[[datetime], bool]) -> Callable[[Options, int], Iterator[int]]:
    def series(_config: Options, after: int) -> Iterator[int]:
        return (round(day.timestamp()) * SECOND for day in _days(after) if fits(day))

    return series


def _last_friday(day: datetime) -> bool:
    return day.weekday() == _FRIDAY and (day + timedelta(days=7)).month != day.month


_SERIES: Final[dict[str, Callable[[Any, int], Iterator[int]]]] = {
    "rapid": _rapid,
    "daily": _calendar(lambda _: True),
    "weekly": _calendar(lambda day: day.weekday() == _FRIDAY),
    "monthly": _calendar(_last_friday),
}
