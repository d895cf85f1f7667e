"""Exits as a part of a strategy that trades targets, and the desk against venues that answer badly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.data import Bar
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import ClientOrderId
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.host.exits_orders import ExitOrders, Rung
from nautilus_quant.host.exits_settings import ExitSettings, why_not_resting
from nautilus_quant.host.exits_targets import ExitTargetConfig, ExitTargets
from nautilus_quant.portfolio.exits import Kind
from tests.host.engine import BTC, SECOND, START, GateActor, Valve, engine, quotes
from tests.strategies.bar_runs import BARS, bars

D = Decimal


class Wishes(ExitTargets):
    """Wants what it is told at the n-th bar."""

    def __init__(self, wishes: dict[int, float], settings: ExitSettings | None, **config: Any) -> None:
        super().__init__(ExitTargetConfig(instrument=BTC.id, bar=BARS, exits=settings, **config))
        self.wishes = wishes
        self.seen = 0
        self.fills: list[tuple[int, str]] = []

    def on_bar(self, bar: Bar) -> None:
        self.seen += 1
        wish = self.wishes.get(self.seen)
        if wish is not None:
            self.set_target(BTC.id, wish, ts=bar.ts_event)

    def on_order_event(self, event: Any) -> None:
        # A bar's volume is small: the engine fills an order of a strategy in two pieces.
        if isinstance(event, OrderFilled) and self.cache.order(event.client_order_id).is_closed:
            self.fills.append(((event.ts_event - START) // SECOND, event.order_side.name))
        super().on_order_event(event)


def run(strategy: Wishes, closes: list[float], *, actors: Any = ()) -> Any:
    made = engine([*quotes(closes), *bars(closes)], strategies=[strategy], actors=list(actors))
    made.run()
    strategy.held = float(strategy.position_of(BTC.id))
    strategy.working = list(made.cache.orders_open())
    made.dispose()
    return strategy


def test_what_a_stop_has_closed_is_not_opened_again_until_the_rule_has_changed_its_mind():
    closes = [30_000.0] * 5 + [29_600.0] * 15
    settings = ExitSettings(stop_losses=((0.01, 1.0),))
    same = run(Wishes({2: 1.0, 8: 1.0, 9: 0.5, 10: 1.0}, settings), closes)
    assert [side for _, side in same.fills] == ["BUY", "SELL"]
    assert same.held == 0.0
    other = run(Wishes({2: 1.0, 8: 1.0, 10: 0.0, 12: 1.0}, settings), closes)
    assert [side for _, side in other.fills] == ["BUY", "SELL", "BUY"]
    turned = run(Wishes({2: 1.0, 8: -1.0, 12: 1.0}, settings), closes)
    assert [side for _, side in turned.fills] == ["BUY", "SELL", "SELL", "BUY"]


def test_a_target_that_fills_does_not_buy_back_what_it_sold():
    closes = [30_000.0] * 5 + [30_400.0] * 10
    settings = ExitSettings(stop_losses=((0.05, 1.0),), take_profits=((0.01, 0.5),))
    strategy = run(Wishes({2: 1.0, 9: 1.0}, settings), closes)
    assert [side for _, side in strategy.fills] == ["BUY", "SELL"]
    assert strategy.held > 0.0


def test_its_exits_go_on_resting_when_it_stops():
    settings = ExitSettings(stop_losses=((0.01, 1.0),), take_profits=((0.01, 1.0),))
    strategy = run(Wishes({2: 1.0}, settings), [30_000.0] * 10)
    assert len(strategy.working) == 2
    assert {o.strategy_id for o in strategy.working} == {strategy.id}


def test_without_settings_it_is_a_strategy_as_any():
    strategy = run(Wishes({2: 1.0}, None), [30_000.0] * 5 + [25_000.0] * 5)
    assert [side for _, side in strategy.fills] == ["BUY"]
    assert not strategy.working


def test_it_reduces_and_is_stopped_behind_closed_gates():
    valve = Valve()

    class Closes(Wishes):
        def on_bar(self, bar: Bar) -> None:
            super().on_bar(bar)
            if self.seen == 3:
                valve.close()

    settings = ExitSettings(stop_losses=((0.01, 1.0),))
    closes = [30_000.0] * 8 + [29_600.0] * 5
    strategy = run(Closes({2: 1.0, 5: 0.5}, settings), closes, actors=[GateActor(valve)])
    assert [side for _, side in strategy.fills] == ["BUY", "SELL", "SELL"]
    assert strategy.held == 0.0
    assert not strategy.working


def test_true_ranges_come_from_the_bars_of_the_strategy():
    settings = ExitSettings(
        unit="atr", stop_losses=((2.0, 1.0),), atr_bar=BARS, atr_period=3, fallback=0.05, pause=0.0
    )
    closes = [30_000.0, 30_100.0] * 10
    strategy = run(Wishes({2: 1.0}, settings), closes)
    (stop,) = strategy.working
    entry = next(iter(strategy.fills))
    assert entry[1] == "BUY"
    # Without ranges it would lie 2 * 5 % below; bars here reach a hundred or so.
    assert 29_500.0 < float(stop.trigger_price) < 30_000.0


# -- orders ----------------------------------------------------------------------------------------


def test_ids_say_whose_and_what_for():
    made = engine()
    mine, other = ExitOrders(made.kernel, "A"), ExitOrders(made.kernel, "B")

    class Named:
        def __init__(self, name: str) -> None:
            self.client_order_id = ClientOrderId(name)

    rungs = [Rung(kind, 3, 1, market) for kind in Kind for market in (False, True)]
    for rung in rungs:
        common = mine._common(Position, rung, BTC, D("1"))  # type: ignore[arg-type]
        name = common["client_order_id"].value
        assert len(name) <= 32
        assert name.isalnum()
        assert mine.rung_of(Named(name)) == rung
        assert other.rung_of(Named(name)) is None
    assert mine.rung_of(Named("O-20240101-1")) is None
    made.dispose()


class Position:
    trader_id = strategy_id = instrument_id = None
    is_long = True


# -- where exits rest ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "kind", "cash", "why"),
    [
        ((), Kind.STOP, False, ""),
        (("*",), Kind.STOP, False, "settings"),
        (("BINANCE",), Kind.LIMIT, False, "settings"),
        ((BTC.id.value,), Kind.LIMIT, False, "settings"),
        (("OKX",), Kind.STOP, False, ""),
        ((), Kind.STOP, True, "cash account"),
    ],
)
def test_where_an_exit_rests(chosen: tuple[str, ...], kind: Kind, cash: bool, why: str):
    text = why_not_resting(ExitSettings(client_side=chosen), BTC, kind, is_cash=cash)
    assert (why in text) if why else (text == "")


def test_a_venue_without_stops_of_that_kind_says_so():
    spot = TestInstrumentProvider.btcusdt_binance()
    assert "STOP_MARKET" in why_not_resting(ExitSettings(), spot, Kind.STOP, is_cash=False)
    assert "reduce-only" in why_not_resting(ExitSettings(), spot, Kind.LIMIT, is_cash=False)


def test_fees_of_the_book_stand_in_where_none_are_named():
    assert ExitSettings(break_even=0.01).params(0.002).fees == 0.002
    assert ExitSettings(break_even=0.01, fees=0.003).params(0.002).fees == 0.003
    assert ExitSettings(break_even=0.001).params(0.002).fees == pytest.approx(0.0009)  # or it would be passed
    assert ExitSettings().params(0.002).fees == 0.0
    with pytest.raises(ValueError, match="break_even > fees"):
        ExitSettings(break_even=0.001, fees=0.002).params()
