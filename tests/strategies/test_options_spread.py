"""Spreads in real engine runs: built by delta, sized by what they can lose, left in time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.currencies import BTC, USDT

from nautilus_quant.host.messages import AllocationUpdate, publish
from nautilus_quant.host.target import TargetStrategy
from nautilus_quant.options.spread_book import Phase
from nautilus_quant.options.spreads import payoff
from nautilus_quant.strategies.options_spread import OptionsSpread, OptionsSpreadConfig
from tests.actors.expiry_runs import DAY, HOUR, MINUTE
from tests.strategies.option_runs import NEAR, PERP, START, Market, chain, few, run

EQUITY = 2_000_000.0  # a million, and ten coins at a hundred thousand
RULE: dict[str, Any] = {
    "days": 14.0,
    "least_days": 5.0,
    "most_days": 20.0,
    "back_days": 35.0,
    "cooldown": 1e9,
    "slippage": 0.0,
    "reporting_currency": "USDT",
}


def spreads(kind: str, *, sell: bool = False, coin: bool = False, **changes: Any) -> OptionsSpread:
    settings = {**RULE, "settlement": "coin" if coin else "money", **changes}
    return OptionsSpread(
        OptionsSpreadConfig(instrument=PERP.id, bar="1-HOUR", kind=kind, sell=sell, **settings)  # type: ignore[arg-type]
    )


# At 60 % and 14 days one deviation is 11.75 %: N(d1) = 0.25 at 110 000 for calls, 94 000 for puts; 0.1 at
# 118 000 and 86 000.
SHAPES: dict[str, dict[str, int]] = {
    "call_debit": {"near 110 C": 1, "near 118 C": -1},
    "call_credit": {"near 110 C": -1, "near 118 C": 1},
    "put_debit": {"near 94 P": 1, "near 86 P": -1},
    "put_credit": {"near 94 P": -1, "near 86 P": 1},
    "straddle": {"near 100 C": 1, "near 100 P": 1},
    "strangle": {"near 110 C": 1, "near 94 P": 1},
    "iron_condor": {"near 86 P": -1, "near 94 P": 1, "near 110 C": 1, "near 118 C": -1},
    "butterfly": {"near 82 C": 1, "near 100 C": -2, "near 118 C": 1},
    "calendar": {"near 110 C": -1, "far 110 C": 1},
}

# Verticals say by their name what is sold.
BOTH = [(kind, sell) for kind in SHAPES for sell in (False, True) if not (sell and kind.endswith("it"))]


@pytest.mark.parametrize("coin", [False, True])
@pytest.mark.parametrize(("kind", "sell"), BOTH)
def test_each_kind_is_built_with_protection_first_and_sized_by_its_loss(
    kind: str, sell: bool, coin: bool
) -> None:
    strategy = spreads(kind, sell=sell, coin=coin)
    ran = run(Market(chain(coin=coin), hours=2), strategy)
    book = strategy.book
    assert book is not None
    units = float(book.units)
    sign = -1 if sell else 1
    assert ran.held() == {name: pytest.approx(sign * ratio * units) for name, ratio in SHAPES[kind].items()}
    sides = [side for side, *_ in ran.traded()]
    assert sides == sorted(sides)  # BUY before SELL
    assert 0.9 * 0.02 * EQUITY < book.loss <= 0.02 * EQUITY
    assert book.phase is Phase.HELD
    ran.engine.dispose()


@pytest.mark.parametrize("coin", [False, True])
def test_no_settlement_price_costs_more_than_was_said_before(coin: bool) -> None:
    strategy = spreads("iron_condor", sell=True, coin=coin)
    ran = run(Market(chain(coin=coin), hours=2), strategy)
    book = strategy.book
    assert book is not None
    cost = -float(book.cash) * (100_000.0 if coin else 1.0)
    prices = [float(price) for price in range(40_000, 200_000, 500)]
    worst = min(payoff(book.spread, prices, in_money=True)) * float(book.units) - cost
    # What was said holds the fees of closing as well.
    assert book.loss == pytest.approx(-worst, rel=0.02)
    assert book.loss > -worst
    ran.engine.dispose()


def test_what_may_slip_is_lost_before_it_is_entered() -> None:
    found = []
    for slippage in (0.0, 0.1):
        strategy = spreads("straddle", slippage=slippage)
        run(Market(few(), hours=2), strategy).engine.dispose()
        assert strategy.book is not None
        found.append(strategy.book)
    # Ten per cent dearer: eleven instead of twelve, and filled at the best price all the same.
    assert float(found[1].units) == pytest.approx(float(found[0].units) / 1.1, abs=0.1)
    assert found[1].cash / found[1].units == pytest.approx(found[0].cash / found[0].units)
    assert found[1].loss == pytest.approx(-1.1 * float(found[1].cash), rel=0.02)


def test_its_books_are_those_of_the_account() -> None:
    for coin, currency, start in ((False, USDT, 1_000_000), (True, BTC, 10)):
        # Gone after an hour, since a straddle at rest loses its spread at once.
        strategy = spreads("straddle", coin=coin, loss_multiple=0.001, leg_timeout=1.0)
        ran = run(Market(few(coin=coin), hours=3, step=MINUTE), strategy)
        assert strategy.book is None
        assert ran.held() == {}
        assert len(ran.fills) == 4
        paid = sum(
            (-1 if f.order_side.name == "BUY" else 1) * f.last_px.as_decimal() * f.last_qty.as_decimal()
            - f.commission.as_decimal()
            for f in ran.fills
        )
        assert ran.balance(currency) - Decimal(start) == paid
        ran.engine.dispose()


def test_enough_profit_is_taken() -> None:
    strategy = spreads("iron_condor", sell=True, profit_share=0.5)
    calm = Market(chain(), hours=24, vol=lambda ts: 0.6 if ts < START + 5 * HOUR else 0.35)
    ran = run(calm, strategy)
    assert strategy.book is None
    assert ran.held() == {}
    assert [side for side, *_ in ran.traded()] == ["BUY", "BUY", "SELL", "SELL", "BUY", "BUY", "SELL", "SELL"]
    assert ran.balance() > 1_000_000
    ran.engine.dispose()


def test_too_large_a_loss_is_taken() -> None:
    strategy = spreads("put_credit", loss_multiple=1.0)
    ran = run(
        Market(chain(), hours=24, path=lambda ts: 100_000.0 if ts < START + 5 * HOUR else 91_000.0), strategy
    )
    assert strategy.book is None
    assert ran.held() == {}
    lost = 1_000_000 - ran.balance()
    assert 0 < lost < Decimal("0.02") * Decimal(EQUITY)
    ran.engine.dispose()


def test_it_is_out_before_the_expiry_and_in_again_with_the_next() -> None:
    near = START + 2 * DAY
    strategy = spreads(
        "put_credit",
        days=2.0,
        least_days=1.6,
        most_days=20.0,
        exit_days=1.5,
        profit_share=0.0,
        cooldown=3_600.0,
    )
    ran = run(Market(chain(expiries=(near, NEAR)), hours=16), strategy)
    left = [f for f in ran.fills if f.ts_event >= near - 36 * HOUR]
    assert min(f.ts_event for f in left) == near - 36 * HOUR
    assert {name.split()[0] for name in ran.held()} == {"near"}  # 14 days away now
    ran.engine.dispose()


def test_too_little_reward_is_not_worth_it() -> None:
    # A condor of 8 000 wide wings receives about 2 500: less than half of what it may lose.
    for least, enters in ((0.3, True), (0.6, False)):
        strategy = spreads("iron_condor", sell=True, min_reward=least)
        ran = run(Market(chain(), hours=2), strategy)
        assert bool(ran.fills) is enters
        ran.engine.dispose()


def test_without_options_of_its_kind_it_waits() -> None:
    strategy = spreads("calendar")
    ran = run(Market(chain(expiries=(NEAR,)), hours=3), strategy)
    assert ran.fills == []
    assert strategy.book is None
    ran.engine.dispose()
    wrong = spreads("straddle", coin=True)
    ran = run(Market(chain(coin=False), hours=3), wrong)
    assert ran.fills == []
    ran.engine.dispose()


def test_no_allocation_enters_nothing_and_closes_what_is_held() -> None:
    idle = spreads("iron_condor", sell=True, allocation=0.0)
    ran = run(Market(chain(), hours=3), idle)
    assert ran.fills == []
    ran.engine.dispose()

    class Cut(OptionsSpread):
        def on_bar(self, bar: Any) -> None:
            super().on_bar(bar)
            if bar.ts_event == START + 3 * HOUR:
                publish(self.msgbus, AllocationUpdate(key=self.id.value, ts=bar.ts_event, allocation=0.0))

    cut = Cut(spreads("iron_condor", sell=True).config)
    ran = run(Market(chain(), hours=6), cut)
    assert len(ran.fills) == 8
    assert ran.held() == {}
    assert ran.fills[-1].ts_event < START + 5 * HOUR
    ran.engine.dispose()


def test_half_an_allocation_is_half_as_large() -> None:
    sizes = []
    for share in (1.0, 0.5):
        strategy = spreads("put_debit", allocation=share)
        run(Market(chain(), hours=2), strategy).engine.dispose()
        assert strategy.book is None or strategy.book.units
        sizes.append(strategy.book.loss if strategy.book else 0.0)
    assert sizes[1] == pytest.approx(sizes[0] / 2, rel=0.05)


def test_what_it_wants_of_each_option_is_told_on_every_bar_and_zero_in_the_end() -> None:
    strategy = spreads("put_credit", loss_multiple=1.0)
    crash = Market(chain(), hours=8, path=lambda ts: 100_000.0 if ts < START + 5 * HOUR else 91_000.0)
    ran = run(crash, strategy)
    assert isinstance(strategy, TargetStrategy)
    by_name: dict[str, list[float]] = {}
    for update in ran.targets:
        by_name.setdefault(update.instrument, []).append(update.exposure)
    assert len(by_name) == 2
    signs = sorted(values[0] > 0 for values in by_name.values())
    assert signs == [False, True]
    for values in by_name.values():
        assert len(values) >= 5
        assert values[-1] == 0.0
        assert all(-1.0 <= value <= 1.0 for value in values)
    ran.engine.dispose()


def test_a_second_run_repeats_the_first() -> None:
    strategy = spreads("iron_condor", sell=True, profit_share=0.2, cooldown=3_600.0)
    market = Market(chain(), hours=30, vol=lambda ts: 0.6 - 0.2 * ((ts - START) / (30 * HOUR)))
    ran = run(market, strategy)
    first, told = ran.traded(), [(t.ts, t.instrument, t.exposure) for t in ran.targets]
    ran.fills.clear()
    ran.targets.clear()
    ran.engine.reset()
    ran.engine.run()
    assert ran.traded() == first
    assert [(t.ts, t.instrument, t.exposure) for t in ran.targets] == told
    assert len(first) > 8
    ran.engine.dispose()


def test_what_cannot_be_is_refused() -> None:
    for wrong, text in (
        ({"least_days": 30.0}, "least_days"),
        ({"wing_delta": 0.3}, "wing_delta"),
        ({"exit_days": 20.0}, "exit_days < least_days"),
        ({"leg_timeout": 0.0}, "leg_timeout"),
    ):
        with pytest.raises(ValueError, match=text):
            spreads("iron_condor", **wrong)
    with pytest.raises(ValueError, match="back_days"):
        spreads("calendar", back_days=10.0)
