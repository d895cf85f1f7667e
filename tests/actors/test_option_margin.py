"""The gate of options in real engine runs, with strategies that know nothing of it."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import OptionKind, OrderSide
from nautilus_trader.model.events import OrderDenied, OrderFilled
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.actors.option_margin import OptionMargin, OptionMarginConfig, OptionRiskUpdate
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.messages import Alert, subscribe
from nautilus_quant.options.stress import Lines, book_losses, profits, worst
from nautilus_quant.options.stress_grid import Scenarios
from tests.host.engine import BTC, SECOND, Script, engine
from tests.host.options_kit import Market
from tests.options.surface_kit import NOW, forward_of, smiles

ETH = TestInstrumentProvider.ethusdt_perp_binance()
MARKET = Market(smiles(days=(9, 23)), strikes=5)
CALLS = sorted(
    (one for one in MARKET.instruments if one.option_kind == OptionKind.CALL),
    key=lambda one: (one.expiration_ns, float(one.strike_price)),
)
AT_MONEY = CALLS[2]  # the middle strike of nine days
SPOT = 90_000.0
BUY, SELL = OrderSide.BUY, OrderSide.SELL


def ticks(instrument: Any, price: float, ts: int) -> QuoteTick:
    digits, size = instrument.price_precision, Quantity(1_000, instrument.size_precision)
    return QuoteTick(
        instrument.id, Price(price - 0.5, digits), Price(price + 0.5, digits), size, size, ts, ts
    )


def tape(
    count: int = 12, *, options: int | None = None, market: Market = MARKET, every: int = 5
) -> list[Any]:
    """Quotes of everything, options first; those may fall silent after some."""
    data: list[Any] = []
    for n in range(count):
        ts = NOW + n * every * SECOND
        if options is None or n < options:
            data += market.quotes(ts)
        data += [ticks(BTC, SPOT, ts), ticks(ETH, 3_000.0, ts)]
    return data


def order(instrument: Any, side: OrderSide, size: str, price: str | None = None, **options: Any) -> Any:
    def step(script: Script) -> None:
        quantity = Quantity.from_str(size)
        make = script.order_factory
        made = (
            make.market(instrument.id, side, quantity, **options)
            if price is None
            else make.limit(instrument.id, side, quantity, Price.from_str(price), **options)
        )
        script.submit_order(made)

    return step


def run(
    steps: dict[int, Any], data: list[Any] | None = None, *, market: Market = MARKET, **config: Any
) -> Any:
    script = Script(steps)
    actor = OptionMargin(OptionMarginConfig(**{"max_stress_loss": 0.05, **config}))
    made = engine(
        tape() if data is None else data,
        actors=[actor],
        strategies=[script],
        instruments=(BTC, ETH, *market.instruments),
    )
    script.updates, script.alerts = [], []
    subscribe(made.kernel.msgbus, OptionRiskUpdate, script.updates.append)
    subscribe(made.kernel.msgbus, Alert, script.alerts.append)
    made.run()
    script.held = {p.instrument_id: p.signed_decimal_qty() for p in made.cache.positions_open()}
    script.gateway = find_gateway(made.kernel.msgbus)
    made.dispose()
    return script


def denials(script: Script) -> list[str]:
    return [event.reason for event in script.events if isinstance(event, OrderDenied)]


def fills(script: Script) -> list[tuple[str, str]]:
    return [(e.instrument_id.value, str(e.last_qty)) for e in script.events if isinstance(e, OrderFilled)]


def loss_of_one(instrument: Any = AT_MONEY, side: float = -1.0) -> float:
    """What one contract loses at worst, by its own mid."""
    from nautilus_quant.host.options_contract import contract_of

    contract = contract_of(instrument)
    assert contract is not None
    forward = forward_of(instrument.expiration_ns)
    k = np.log(contract.strike / forward)
    left = (instrument.expiration_ns - NOW) / (365 * 86_400 * SECOND)
    params = MARKET.slices[instrument.expiration_ns]
    from nautilus_quant.options.svi import variance_at

    vol = math.sqrt(variance_at(float(k), params) / left)
    grid = Scenarios.of()
    lines = Lines.of_options([contract], [forward], [vol], NOW)
    held = np.array([side])
    return worst(book_losses(profits(lines, grid), held, held), grid).loss


def test_selling_options_is_sized_by_what_they_lose_in_stress():
    script = run({2: order(AT_MONEY, SELL, "100.0"), 3: order(AT_MONEY, SELL, "1.0")})
    (reason,) = denials(script)
    assert "STRESS_LOSS" in reason
    # 5 % of a million over what one loses, in lots of 0.1.
    fit = math.floor(50_000.0 / loss_of_one() * 10) / 10
    assert f": {fit:g} fit" in reason
    assert "price +" in reason
    assert script.held == {AT_MONEY.id: Decimal("-1.0")}


def test_what_closes_always_passes_and_a_hedge_beyond_the_limit_too():
    lots = math.floor(50_000.0 / loss_of_one() * 10) / 10
    steps = {
        1: order(AT_MONEY, SELL, f"{lots:.1f}"),
        2: order(AT_MONEY, SELL, "0.5"),  # too much
        3: order(BTC, BUY, "0.500"),  # covers some of it
        4: order(AT_MONEY, SELL, "0.5"),  # for which there is room now
        5: order(AT_MONEY, BUY, f"{lots + 0.5:.1f}"),
        6: order(BTC, SELL, "0.500"),
    }
    script = run(steps)
    assert len(denials(script)) == 1
    assert len(fills(script)) == 5
    assert script.held == {}


def test_resting_orders_take_up_room_until_they_are_gone():
    lots = math.floor(50_000.0 / loss_of_one() * 10) / 10

    def cancel(script: Script) -> None:
        script.cancel_all_orders(AT_MONEY.id)

    steps = {
        1: order(AT_MONEY, SELL, f"{lots:.1f}", price="60000.00"),
        2: order(AT_MONEY, SELL, "0.5"),
        3: cancel,
        4: order(AT_MONEY, SELL, "0.5"),
    }
    script = run(steps)
    assert len(denials(script)) == 1
    assert script.held == {AT_MONEY.id: Decimal("-0.5")}


def test_two_orders_at_once_do_not_both_fit():
    lots = math.floor(50_000.0 / loss_of_one() * 10) / 10

    def both(script: Script) -> None:
        order(AT_MONEY, SELL, f"{lots:.1f}")(script)
        order(AT_MONEY, SELL, f"{lots:.1f}")(script)

    script = run({1: both})
    assert len(denials(script)) == 1
    assert script.held == {AT_MONEY.id: -Decimal(f"{lots:.1f}")}


def test_modifying_an_order_does_not_count_it_twice_and_is_no_way_round():
    lots = math.floor(50_000.0 / loss_of_one() * 10) / 10

    def change(size: str | None, price: str | None) -> Any:
        def step(script: Script) -> None:
            (one,) = script.cache.orders_open()
            script.modify_order(
                one,
                None if size is None else Quantity.from_str(size),
                None if price is None else Price.from_str(price),
            )

        return step

    steps = {
        1: order(AT_MONEY, SELL, f"{lots:.1f}", price="60000.00"),
        2: change(None, "61000.00"),
        3: change(f"{lots + 5:.1f}", None),
        4: change(f"{lots + 5:.1f}", "62000.00"),
    }
    script = run(steps)
    kinds = script.kinds()
    assert kinds.count("OrderUpdated") == 1
    assert kinds.count("OrderModifyRejected") == 2


def test_an_enlargement_on_its_way_takes_up_room():
    """The venue has not answered yet when the next order is asked about."""
    lots = math.floor(50_000.0 / loss_of_one() * 10) / 10

    def enlarge(script: Script) -> None:
        (one,) = script.cache.orders_open()
        script.modify_order(one, Quantity.from_str(f"{lots:.1f}"))
        order(AT_MONEY, SELL, "1.0")(script)

    steps = {1: order(AT_MONEY, SELL, "0.5", price="60000.00"), 2: enlarge}
    script = run(steps)
    assert script.kinds().count("OrderUpdated") == 1
    assert len(denials(script)) == 1
    alone = {1: order(AT_MONEY, SELL, "0.5", price="60000.00"), 2: order(AT_MONEY, SELL, "1.0")}
    assert denials(run(alone)) == []


def test_what_has_nothing_to_do_with_options_passes_untouched():
    script = run({0: order(ETH, BUY, "500.000"), 1: order(BTC, BUY, "20.000")}, max_stress_loss=0.01)
    assert denials(script) == []
    assert script.updates == []
    with_options = {
        1: order(AT_MONEY, SELL, "0.1"),
        2: order(ETH, BUY, "500.000"),
        3: order(BTC, BUY, "20.000"),
    }
    script = run(with_options, max_stress_loss=0.01)
    assert len(denials(script)) == 1
    assert "20 more would lose" in denials(script)[0]
    assert script.held[ETH.id] == 500


def test_an_option_nobody_quotes_is_not_opened_and_can_be_closed():
    """Quotes end after three rounds; a minute later nobody knows a volatility, and the memory is a minute."""
    data = tape(40, options=3)
    steps = {
        1: order(AT_MONEY, SELL, "0.5"),
        20: order(AT_MONEY, SELL, "0.1"),
        21: order(AT_MONEY, BUY, "0.5"),
        22: order(AT_MONEY, SELL, "0.1"),
    }
    script = run(steps, data, max_vol_age=30.0)
    assert len(denials(script)) == 2
    assert all("OPTION_RISK_UNKNOWN" in reason for reason in denials(script))
    assert script.held == {}
    unknown = [alert for alert in script.alerts if "unknown" in alert.key]
    assert [alert.severity for alert in unknown].count("WARNING") >= 1


def test_the_last_volatility_is_good_for_a_while():
    """Nothing is held, so the equity rests on nothing that is silent; an order rests, so it is remembered."""
    data = tape(40, options=3)
    resting = order(AT_MONEY, SELL, "0.5", price="60000.00")
    steps = {1: resting, 24: resting}  # quotes are good until 70 s, this is at 120 s
    (reason,) = denials(run(steps, data, max_vol_age=30.0))
    assert f"the volatility of {AT_MONEY.id} is unknown" in reason
    assert denials(run(steps, data, max_vol_age=300.0)) == []


def test_what_is_unknown_is_told_and_what_is_known_again():
    data = tape(40, options=3) + [
        quote for n in (30, 34, 38) for quote in MARKET.quotes(NOW + n * 5 * SECOND)
    ]
    resting = order(AT_MONEY, SELL, "0.5", price="60000.00")
    script = run({1: resting}, data, max_vol_age=30.0)
    told = [(alert.severity, alert.key) for alert in script.alerts if alert.source == "options"]
    assert told == [("WARNING", "options|BTC|unknown"), ("INFO", "options|BTC|unknown")]
    assert "volatility" in next(update.problem for update in script.updates if update.problem)


def test_reports_say_what_would_be_lost_where_it_sits_and_what_a_gap_costs():
    script = run({1: order(AT_MONEY, SELL, "2.0"), 2: order(BTC, BUY, "0.500")}, tape(20))
    last = script.updates[-1]
    assert last.key == "BTC"
    assert last.ts - script.updates[-2].ts == 10 * SECOND
    assert last.problem == ""
    assert 0.0 < last.loss == last.total < last.limit
    assert last.limit == pytest.approx(50_000.0, rel=1e-2)
    assert last.scenario.startswith("price +")
    assert last.concentration.vega_strike.share == 1.0
    (gap,) = last.gaps
    strike, forward = float(AT_MONEY.strike_price), forward_of(AT_MONEY.expiration_ns)
    # Ten per cent up: two calls pay what is above the strike, half a coin earns.
    paid = 2.0 * (1.1 * forward - strike - max(forward - strike, 0.0)) - 0.5 * SPOT * 0.1
    assert gap.loss == pytest.approx(paid, rel=1e-3)


def test_a_loss_near_the_limit_is_told_once():
    lots = math.floor(0.95 * 50_000.0 / loss_of_one() * 10) / 10
    script = run({1: order(AT_MONEY, SELL, f"{lots:.1f}"), 8: order(AT_MONEY, BUY, f"{lots:.1f}")}, tape(30))
    told = [(alert.severity, alert.key) for alert in script.alerts if alert.source == "options"]
    assert told == [("WARNING", "options|loss"), ("INFO", "options|loss")]
    assert script.updates[-1].ts < NOW + 60 * SECOND  # nothing is held any more, nothing is reported


def test_coin_settled_options_are_valued_at_the_forward():
    market = Market(smiles(days=(9, 23)), strikes=5, coin=True)
    calls = [one for one in market.instruments if one.option_kind == OptionKind.CALL]
    chosen = min(calls, key=lambda one: (one.expiration_ns, abs(float(one.strike_price) - SPOT)))
    script = run({2: order(chosen, SELL, "100.0")}, tape(market=market), market=market)
    (reason,) = denials(script)
    fit = math.floor(50_000.0 / loss_of_one(chosen) * 10) / 10
    said = float(reason.rsplit(": ", 1)[1].split(" ")[0])
    # Converted at the perpetual, as there is no better forward: a fraction of a per cent off.
    assert said == pytest.approx(fit, abs=0.11)


def test_the_gate_leaves_with_its_engine_and_can_be_used_again():
    script = run({1: order(AT_MONEY, SELL, "1.0")})
    assert script.gateway is None
    with pytest.raises(ValueError, match="0 < max_loss <= 1"):
        OptionMargin(OptionMarginConfig(max_stress_loss=0.0))
