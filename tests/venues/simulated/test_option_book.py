"""What options cost: parity, no arbitrage between quotes, the settlement window, greeks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nautilus_quant.options.black76 import price
from nautilus_quant.options.implied_vol import implied_vol
from nautilus_quant.venues.simulated.market import MarketConfig
from nautilus_quant.venues.simulated.option_book import OptionQuotes, quote, settlement_value, table, units
from nautilus_quant.venues.simulated.options import Options
from nautilus_quant.venues.simulated.series import Option, options_of
from nautilus_quant.venues.simulated.stress import Stress
from tests.venues.simulated.conftest import blocks_of

S = 10**9
YEAR = 365 * 86_400 * S
OPTIONS = Options(settlements=("linear", "coin"), rapid=2, every=60.0, strikes=4)
CONFIG = MarketConfig(seed=9, step=0.5, history=60.0, options=OPTIONS)
BLOCK = blocks_of(CONFIG, 3)[-1]


def listed(row: int, block=BLOCK) -> tuple[Option, ...]:
    return tuple(o for s in block.board.series if s.underlying == row for o in options_of(OPTIONS, s))


def quoted(options: tuple[Option, ...], step: int = 20, block=BLOCK) -> OptionQuotes:
    return quote(CONFIG, block.board, table(options), step, int(block.ts[step]))


def alive(row: int, step: int) -> tuple[Option, ...]:
    return tuple(option for option in listed(row) if option.expiry > int(BLOCK.ts[step]))


@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("step", [0, 50, 119])
def test_quotes_stand_around_the_fair_value(row, step):
    options = alive(row, step)
    quotes, rows = quoted(options, step), table(options)
    years = (rows.expiry - int(BLOCK.ts[step])) / YEAR
    fair = price(quotes.forward, rows.strike, years, quotes.vol, rows.call)
    unit = np.where(rows.coin, quotes.forward, 1.0) * rows.tick
    assert (quotes.bid * unit <= fair + 1e-6).all()
    assert (quotes.ask * unit >= fair - 1e-6).all()
    assert (quotes.ask > quotes.bid).all()
    assert (quotes.bid >= 0).all()
    assert ((quotes.bid_size > 0) == (quotes.bid > 0)).all()
    assert (quotes.ask_size > 0).all()
    assert (np.abs(quotes.mark * unit - fair) <= 0.5 * unit + 1e-6).all()


def test_calls_and_puts_keep_parity_and_both_settlements_agree():
    options = alive(0, 30)
    quotes = quoted(options, 30)
    by = {(o.expiry, o.strike, o.call, o.coin): i for i, o in enumerate(options)}
    for (expiry, strike, call, coin), i in by.items():
        if call:
            j = by[expiry, strike, False, coin]
            assert quotes.vol[i] == quotes.vol[j]
            assert quotes.greeks.delta[i] - quotes.greeks.delta[j] == pytest.approx(1.0)
        if not coin:
            j = by[expiry, strike, call, True]
            assert quotes.forward[i] == quotes.forward[j]
            tick, coin_tick = 0.1, 0.0001 * quotes.forward[i]
            assert quotes.mark[i] * tick == pytest.approx(
                quotes.mark[j] * coin_tick, abs=0.5 * (tick + coin_tick)
            )


def test_the_volatility_told_is_the_one_of_the_price():
    options = tuple(o for o in alive(0, 30) if not o.coin and o.expiry - int(BLOCK.ts[30]) > 3_600 * S)
    quotes, rows = quoted(options, 30), table(options)
    years = (rows.expiry - int(BLOCK.ts[30])) / YEAR
    found = implied_vol(quotes.mark * 0.1, quotes.forward, rows.strike, years, rows.call)
    near = np.abs(quotes.greeks.delta - np.where(rows.call, 0.5, -0.5)) < 0.3
    assert near.sum() > 10
    # half a tick of 0.1 over the vega of a volatility point
    assert (np.abs(found - quotes.vol)[near] <= 0.0006 / quotes.greeks.vega[near]).all()
    assert (quotes.bid_vol <= quotes.vol + 1e-12).all()
    assert (quotes.ask_vol >= quotes.vol - 1e-12).all()


def test_an_option_is_quoted_the_same_whichever_others_are():
    options = alive(1, 20)
    every, some = quoted(options), quoted(options[7:60:5])
    for field in ("bid", "ask", "bid_size", "ask_size", "mark", "vol", "forward"):
        assert (getattr(every, field)[7:60:5] == getattr(some, field)).all(), field


def test_sizes_and_spreads_vary_between_options_and_steps():
    options = tuple(o for o in alive(0, 20) if not o.coin)
    first, second = quoted(options, 20), quoted(options, 24)
    assert (first.ask_size != second.ask_size).mean() > 0.9
    assert len(set(first.ask_size.tolist())) > len(options) / 2
    assert (first.ask_size != first.bid_size).mean() > 0.9


def test_wings_and_short_expiries_are_wider_in_volatility():
    month = [o.expiry for o in alive(0, 20)][-1]
    series = replace(
        next(s for s in BLOCK.board.series if s.expiry == month and not s.underlying), low=20, high=60
    )
    options = tuple(o for o in (*alive(0, 20), *options_of(OPTIONS, series)) if not o.coin and o.call)
    quotes = quoted(options)
    width = quotes.ask_vol - quotes.bid_vol
    days = np.array([(o.expiry - int(BLOCK.ts[20])) / (86_400 * S) for o in options])
    middle = np.abs(quotes.greeks.delta - 0.5) < 0.2
    wing = (quotes.greeks.delta < 0.1) & (quotes.bid > 0)
    assert width[middle & (days < 3)].mean() > 1.5 * width[middle & (days > 20)].mean()
    assert width[wing & (days > 20)].mean() > 1.2 * width[middle & (days > 20)].mean()


def test_spreads_answer_to_accidents():
    wide = MarketConfig(
        seed=9,
        step=0.5,
        history=60.0,
        options=OPTIONS,
        stress=(Stress(kind="spread", at=0.0, duration=600.0),),
    )
    block = blocks_of(wide, 3)[-1]
    options = tuple(o for o in alive(0, 20) if not o.coin)
    usual = quoted(options)
    hit = quote(wide, block.board, table(options), 20, int(block.ts[20]))
    assert np.median((hit.ask - hit.bid) / (usual.ask - usual.bid)) > 10  # a factor of 20
    assert (hit.mark == usual.mark).all()


def test_a_crash_moves_forwards_and_so_options():
    crash = MarketConfig(
        seed=9, step=0.5, history=60.0, options=OPTIONS, stress=(Stress(kind="crash", at=0.0, over=1.0),)
    )
    block = blocks_of(crash, 3)[-1]
    options = tuple(o for o in alive(0, 20) if o.expiry > int(BLOCK.ts[-1]) + 600 * S)
    fell = quote(crash, block.board, table(options), 20, int(block.ts[20]))
    assert fell.forward == pytest.approx(0.8 * quoted(options).forward, rel=1e-9)


def test_within_the_window_the_forward_is_what_is_known_of_the_average():
    window = 12  # a tenth of 2 x 60 s [s]
    expiry = int(next(ts for ts in BLOCK.ts if ts % (60 * S) == 0))
    (step,) = np.flatnonzero(BLOCK.ts == expiry - 3 * S)
    option = next(o for o in listed(0) if o.expiry == expiry)
    index = BLOCK.groups[0].index[0]  # as published, in tenths
    inside = (BLOCK.ts > expiry - window * S) & (BLOCK.ts <= expiry - 3 * S)
    known, now = index[inside].mean() / 10.0, BLOCK.board.index[0, step]
    expected = 0.75 * known + 0.25 * now  # nine of twelve seconds have passed
    assert quoted((option,), int(step)).forward[0] == pytest.approx(expected, rel=1e-6)


def test_the_last_quote_meets_the_settlement():
    settled = {s.series: s.price for s in BLOCK.board.settlements}
    expiry = min(key[1] for key in settled)
    (last,) = np.flatnonzero(BLOCK.ts == expiry - S // 2)
    options = tuple(o for o in listed(0) if o.expiry == expiry and not o.coin)
    quotes = quoted(options, int(last))
    for i, option in enumerate(options):
        value = settlement_value(option, settled[option.series])
        # half a second of twelve is left: the average moves by a 24th of what the index does
        assert quotes.mark[i] * 0.1 == pytest.approx(value, abs=5.0)


@pytest.mark.parametrize(
    ("call", "coin", "price_", "value"),
    [
        (True, False, 62_500.0, 500.0),
        (True, False, 61_500.0, 0.0),
        (False, False, 61_500.0, 500.0),
        (False, False, 62_000.0, 0.0),
        (True, True, 62_500.0, 0.008),  # 500 / 62500
        (False, True, 60_000.0, 0.03333333),  # 2000 / 60000, to the satoshi
        (False, True, 62_500.0, 0.0),
    ],
)
def test_what_an_option_pays(call, coin, price_, value):
    assert settlement_value(Option((0, 1), 62_000, call, coin, 0), price_) == value


def test_ticks_and_lots():
    assert [(units(Option((row, 1), 1, True, coin, 0)).price, units(Option((row, 1), 1, True, coin, 0)).size)
            for row in (0, 1) for coin in (False, True)] == [(1, 2), (4, 1), (2, 1), (4, 0)]  # fmt: skip
