"""Which options a market lists, when they expire, and what a series settles at."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from nautilus_quant.venues.simulated.market import MarketConfig, Timeline
from nautilus_quant.venues.simulated.options import Options, expiries, window_of
from nautilus_quant.venues.simulated.player import Player, Start
from nautilus_quant.venues.simulated.series import Option, Series, observe, options_of, relist
from tests.venues.simulated.conftest import blocks_of

S = 10**9
CALENDAR = Options(daily=2, weekly=2, monthly=2)


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * S


def days(found: dict[int, str]) -> dict[str, str]:
    return {datetime.fromtimestamp(ts // S, UTC).strftime("%m-%d %H:%M"): kind for ts, kind in found.items()}


def test_the_calendar_of_a_large_venue():
    now = at("2024-02-27T12:00")  # a Tuesday; 2024-02-23 was the last Friday of February
    assert days(expiries(CALENDAR, now, now + 60 * S)) == {
        "02-28 08:00": "daily",
        "02-29 08:00": "daily",  # a leap day
        "03-01 08:00": "weekly",
        "03-08 08:00": "weekly",
        "03-29 08:00": "monthly",
        "04-26 08:00": "monthly",
    }


def test_an_expiry_of_several_kinds_is_listed_once():
    now = at("2024-03-28T09:00")  # tomorrow is a Friday, and the last of the month
    assert days(expiries(CALENDAR, now, now)) == {
        "03-29 08:00": "monthly",
        "03-30 08:00": "daily",
        "04-05 08:00": "weekly",
        "04-26 08:00": "monthly",
    }


def test_at_the_moment_of_expiry_the_next_one_is_there():
    before, then = at("2024-02-28T07:59:59"), at("2024-02-28T08:00")
    daily = Options(daily=1, weekly=0, monthly=0)
    assert days(expiries(daily, before, before)) == {"02-28 08:00": "daily"}
    assert days(expiries(daily, then, then)) == {"02-29 08:00": "daily"}
    # A block in which one expires has that one, and as many as ever after its end.
    assert days(expiries(daily, before, then)) == {"02-28 08:00": "daily", "02-29 08:00": "daily"}


def test_short_expiries_fall_on_their_multiples():
    config = Options(daily=0, weekly=0, monthly=0, rapid=2, every=20.0)
    now = at("2024-02-27T12:00:05")
    found = [(ts - at("2024-02-27T12:00")) // S for ts in expiries(config, now, now + 60 * S)]
    assert found == [20, 40, 60, 80, 100]


def test_the_settlement_window_is_short_where_expiries_are():
    assert window_of(Options()) == 300 * S
    assert window_of(Options(rapid=3, every=20.0)) == 6 * S  # a tenth of 3 x 20 s
    assert window_of(Options(rapid=1, every=10.0)) == 1 * S


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"underlyings": ("DOGE",)}, "BTC and ETH"),
        ({"settlements": ()}, "need a settlement"),
        ({"daily": 0, "weekly": 0, "monthly": 0}, "from 1 to 400 expiries"),
        ({"daily": -1}, "from 1 to 400 expiries"),
        ({"strikes": 0}, "from 1 to 100"),
        ({"every": 7.0}, "divide a day"),
        ({"window": 0.0}, "from a second"),
        ({"volatility": 0.0}, "volatility must be"),
        ({"spread": 21.0}, "spread must be"),
    ],
)
def test_impossible_options_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Options(**wrong)


def test_the_interval_must_fit_the_market_s_step():
    with pytest.raises(ValueError, match=r"options\.interval"):
        MarketConfig(step=0.25, options=Options(interval=0.3))
    assert MarketConfig(step=0.25, options=Options(interval=1.5)).option_steps == 6


def series_of(**changes: int) -> Series:
    return Series(
        **{"underlying": 0, "expiry": 100 * S, "listed": 0, "step": 50, "low": 10, "high": 12, **changes}
    )


def test_options_of_a_series_and_their_names():
    config = Options(settlements=("coin", "linear"))
    series = series_of(expiry=at("2026-12-25T08:00"), step=50_000, low=2, high=3)
    assert [option.symbol for option in options_of(config, series)] == [
        "BTCUSDT-20261225-100000-C",
        "BTCUSDT-20261225-100000-P",
        "BTCUSDT-20261225-150000-C",
        "BTCUSDT-20261225-150000-P",
        "BTC-20261225-100000-C",
        "BTC-20261225-100000-P",
        "BTC-20261225-150000-C",
        "BTC-20261225-150000-P",
    ]
    odd = Option((1, at("2026-12-25T14:30:20")), 3_000, True, True, 0)
    assert odd.symbol == "ETH-20261225T143020-3000-C"


def test_strikes_stand_around_the_index_and_follow_it():
    config = Options(underlyings=("ETH",), daily=1, weekly=0, monthly=0, strikes=4)
    start = at("2024-02-27T12:00")
    (first,) = relist(config, (), np.array([0.0, 3_000.0]), (start, start + 60 * S))
    # 20 h left: 0.5 x 3000 x 0.85 x sqrt(20 / 8760) = 60.9, rounded down to 50
    assert list(first.strikes) == [2_800, 2_850, 2_900, 2_950, 3_000, 3_050, 3_100, 3_150, 3_200]
    # at 3110 there are 90 / 50 = 1.8 strikes above, fewer than half of four: four above 3100 are listed
    (later,) = relist(config, (first,), np.array([0.0, 3_110.0]), (start + 60 * S, start + 120 * S))
    assert (later.low, later.high, later.listed) == (first.low, 62 + 4, first.listed)
    (back,) = relist(config, (later,), np.array([0.0, 3_000.0]), (start + 120 * S, start + 180 * S))
    assert back == later  # what is listed stays so until it expires


def test_the_index_is_summed_within_the_window():
    config = Options(window=3.0)
    ts = np.arange(95, 103) * S
    sums, counts = observe(config, series_of(total=0, count=0), ts, np.arange(10, 90, 10))
    # the window (97, 100]: 98, 99 and 100 s, where the index is 40, 50 and 60
    assert sums.tolist() == [0, 0, 0, 40, 90, 150, 150, 150]
    assert counts.tolist() == [0, 0, 0, 1, 2, 3, 3, 3]


def test_series_settle_at_the_average_of_the_index_they_were_shown():
    config = MarketConfig(
        seed=4, step=0.5, history=60.0, options=Options(daily=0, weekly=0, monthly=0, rapid=3, every=60.0)
    )
    blocks = blocks_of(config, 4)
    index = np.concatenate([block.groups[0].index[0] for block in blocks])  # as published [tenths]
    ts = np.concatenate([block.ts for block in blocks])
    settled = {s.series[1]: s.price for b in blocks for s in b.board.settlements if s.series[0] == 0}
    assert len(settled) == 4
    for expiry, price in settled.items():
        inside = index[(ts > expiry - 18 * S) & (ts <= expiry)]  # a tenth of 3 x 60 s
        if len(inside) == 36:  # the first began before the market
            assert price == pytest.approx(inside.mean() / 10.0, abs=0.05 + 1e-9)


def test_every_series_settles_once_on_the_border_of_blocks_too():
    config = MarketConfig(
        seed=4, step=0.5, history=60.0, options=Options(daily=0, weekly=0, monthly=0, rapid=3, every=60.0)
    )
    for origin in (1_700_000_040, 1_700_000_041):  # blocks that end on the minute, and that do not
        blocks = blocks_of(config, 4, origin * S)
        settled = [settlement.series for block in blocks for settlement in block.board.settlements]
        assert len(settled) == len(set(settled)) == 4 * 2  # underlyings
        assert all(any(expiry in block.ts for block in blocks) for _, expiry in settled)


def test_what_expired_while_the_market_stood_still_is_settled_when_it_goes_on():
    config = MarketConfig(
        seed=4, step=0.5, history=60.0, options=Options(daily=0, weekly=0, monthly=0, rapid=2, every=300.0)
    )
    player = Player(Start(Timeline(config, 1_700_000_000 * S)))
    held = {(item.underlying, item.expiry) for item in player.block.board.series}
    start = Start(player.timeline, 1, player._next_state)
    late = Player(start.within(player.timeline.origin + 86_400 * S, 3_600.0))
    assert {s.series for s in late.block.board.settlements} == held
    prices = {s.series[0]: s.price for s in late.block.board.settlements}
    assert prices[0] == pytest.approx(late.block.board.index[0, 0], abs=0.01)
