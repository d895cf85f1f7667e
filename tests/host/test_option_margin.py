"""How far orders may move what is held, and spreads of options at the gate."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AssetClass, OrderSide
from nautilus_trader.model.identifiers import new_generic_spread_id
from nautilus_trader.model.instruments import OptionSpread
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.actors.option_margin import OptionMargin, OptionMarginConfig
from nautilus_quant.gating.intent import Intent, Side
from nautilus_quant.host.messages import publish
from nautilus_quant.host.option_margin_orders import Reach
from nautilus_quant.host.options import OptionDesk, SurfaceUpdate
from nautilus_quant.host.options_contract import contract_of
from nautilus_quant.options.stress import Lines, profits, room
from nautilus_quant.options.stress_book import ALLOWED
from nautilus_quant.options.stress_grid import Scenarios
from nautilus_quant.options.surface_fit import fit_surface
from nautilus_quant.options.svi import variance_at
from tests.actors.test_option_margin import CALLS, ETH, MARKET, SPOT, denials, order, tape
from tests.host.engine import BTC, SECOND, Script, engine
from tests.options.surface_kit import NOW, forward_of

BUY, SELL = OrderSide.BUY, OrderSide.SELL


def test_the_ends_of_what_may_be_held():
    assert Reach().ends(3.0) == (3.0, 3.0)
    assert Reach(buys=2.0, sells=5.0).ends(3.0) == (-2.0, 5.0)
    # What only reduces ends at nothing, and does nothing where there is nothing to reduce.
    assert Reach(closing_sells=5.0).ends(3.0) == (0.0, 3.0)
    assert Reach(closing_sells=2.0).ends(3.0) == (1.0, 3.0)
    assert Reach(closing_buys=5.0).ends(-3.0) == (-3.0, 0.0)
    assert Reach(closing_buys=5.0, closing_sells=5.0).ends(0.0) == (0.0, 0.0)
    assert Reach(sells=4.0, closing_sells=2.0).ends(3.0) == (-1.0, 3.0)


@settings(max_examples=100, deadline=None)
@given(st.integers(-4, 4), st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(1, 3)), max_size=4))
def test_no_way_of_filling_leads_beyond_the_ends(held, orders):
    """Every subset of the orders, in the order in which those that may open come first."""
    sums = [0.0] * 4
    for is_buy, closes, size in orders:
        sums[2 * closes + (not is_buy)] += size
    low, high = Reach(*sums).ends(float(held))
    for fills in product((False, True), repeat=len(orders)):
        position = float(held)
        for closing in (False, True):
            for (is_buy, closes, size), filled in zip(orders, fills, strict=True):
                if not filled or closes is not closing:
                    continue
                signed = float(size if is_buy else -size)
                if closes:
                    signed = signed if position * signed < 0 else 0.0
                    signed = math.copysign(min(abs(signed), abs(position)), signed)
                position += signed
        assert low - 1e-9 <= position <= high + 1e-9


def calendar(near: Any, far: Any) -> OptionSpread:
    name = new_generic_spread_id([(near.id, -1), (far.id, 1)])
    one = Quantity.from_int(1)
    return OptionSpread(
        name, name.symbol, AssetClass.CRYPTOCURRENCY, USDT, 2, Price.from_str("0.01"), one, one, "BTC",
        "CALENDAR", 0, near.expiration_ns, 0, 0,
    )  # fmt: skip


def unit_of(near: Any, far: Any, side: float) -> np.ndarray:
    """What one spread gains in each scenario, at the volatilities of the middles."""
    vols, forwards = [], []
    for one in (near, far):
        forward = forward_of(one.expiration_ns)
        left = (one.expiration_ns - NOW) / (365 * 86_400 * SECOND)
        k = math.log(float(one.strike_price) / forward)
        vols.append(math.sqrt(variance_at(k, MARKET.slices[one.expiration_ns]) / left))
        forwards.append(forward)
    contracts = [contract_of(one) for one in (near, far)]
    lines = Lines.of_options(contracts, forwards, vols, NOW)  # type: ignore[arg-type]
    found: np.ndarray = profits(lines, Scenarios.of()) @ np.array([-side, side])
    return found


def test_a_spread_is_judged_by_all_its_legs_together():
    near, far = CALLS[2], CALLS[7]
    spread = calendar(near, far)
    big = Quantity.from_int(100_000)
    quotes = [
        QuoteTick(
            spread.id,
            Price(2_000.0, 2),
            Price(2_001.0, 2),
            big,
            big,
            NOW + n * 5 * SECOND,
            NOW + n * 5 * SECOND,
        )
        for n in range(12)
    ]
    script = Script({2: order(spread, SELL, "1000"), 3: order(spread, SELL, "1")})
    made = engine(
        [*tape(), *quotes],
        actors=[OptionMargin(OptionMarginConfig(max_stress_loss=0.05))],
        strategies=[script],
        instruments=(BTC, ETH, *MARKET.instruments, spread),
    )
    made.run()
    made.dispose()
    (reason,) = denials(script)
    fits = room(np.zeros(62), unit_of(near, far, -1.0), 50_000.0)
    assert fits < 100
    assert f": {math.floor(fits)} fit" in reason


def test_a_bracket_takes_up_room_once():
    """Stop and target wait for the entry, and afterwards take each other's place."""

    def bracket(script: Script) -> None:
        made = script.order_factory.bracket(
            instrument_id=BTC.id,
            order_side=BUY,
            quantity=Quantity.from_str("1.000"),
            sl_trigger_price=Price(SPOT - 5_000.0, 1),
            tp_price=Price(SPOT + 5_000.0, 1),
        )
        script.submit_order_list(made)

    seen: list[Any] = []

    def look(_script: Script) -> None:
        seen.append(actor._options._reaches().get(BTC.id, Reach()))

    actor = OptionMargin(OptionMarginConfig(max_stress_loss=0.25))
    steps = {1: order(CALLS[2], BUY, "0.1"), 2: bracket, 4: look}
    script = Script(steps)
    made = engine(tape(), actors=[actor], strategies=[script], instruments=(BTC, ETH, *MARKET.instruments))
    made.run()
    made.dispose()
    assert denials(script) == []
    (reach,) = seen
    assert reach in {Reach(closing_sells=1.0), Reach(sells=1.0)}


def test_orders_of_before_are_counted_when_the_gate_starts_again():
    lots = 3.0

    def restart(_script: Script) -> None:
        actor.stop()
        actor.reset()
        actor.start()

    actor = OptionMargin(OptionMarginConfig(max_stress_loss=0.05))
    steps = {
        1: order(CALLS[2], SELL, f"{lots}", price="60000.00"),
        2: restart,
        3: order(CALLS[2], SELL, "3.0"),
    }
    script = Script(steps)
    made = engine(tape(), actors=[actor], strategies=[script], instruments=(BTC, ETH, *MARKET.instruments))
    made.run()
    made.dispose()
    assert len(denials(script)) == 1
    assert "STRESS_LOSS" in denials(script)[0]


def test_what_nobody_listed_and_a_gate_that_does_not_run_deny():
    asked = Intent(
        NOW, "S-1", CALLS[0].id.value, Side.BUY, Decimal(1), None, Decimal(0), Decimal(1), 1.0, order="O-1"
    )
    verdict = OptionMargin().check(asked)
    assert (verdict.allowed, verdict.code) == (0, "OPTION_RISK_UNKNOWN")
    seen: list[Any] = []

    def ask(script: Script) -> None:
        seen.append(actor.check(asked._replace(instrument="BTC-NEVER-LISTED.BINANCE")))
        seen.append(actor.check(asked._replace(ts=script.clock.timestamp_ns(), instrument=ETH.id.value)))

    actor = OptionMargin()
    made = engine(
        tape(), actors=[actor], strategies=[Script({2: ask})], instruments=(BTC, ETH, *MARKET.instruments)
    )
    made.run()
    made.dispose()
    assert seen[0].code == "OPTION_RISK_UNKNOWN"
    assert seen[1] is ALLOWED


def test_an_expiry_the_surface_does_not_cover_is_stressed_at_its_own_volatility():
    """The nearest slice says little of it while its own quotes are there: as everybody else prices it."""
    found: list[Any] = []

    def look(script: Script) -> None:
        desk = OptionDesk.on(script.msgbus, script.cache, script.clock)
        surface = fit_surface(desk.chain("BTC"))
        near = replace(surface, slices=surface.slices[:1])
        publish(script.msgbus, SurfaceUpdate(key="BTC", ts=script.clock.timestamp_ns(), surface=near))
        contract, ts = contract_of(CALLS[7]), script.clock.timestamp_ns()
        (told,) = [one for one in MARKET.greeks(ts, 0.9, SPOT) if one.instrument_id == CALLS[7].id]
        script.msgbus.publish(f"data.option_greeks.{CALLS[7].venue}.{CALLS[7].symbol}", told)
        own = desk.vol(contract)
        (vol,) = actor._options._volatilities([contract], script.clock.timestamp_ns())
        found.extend((own.source, own.value, vol, float(near.vol(contract.strike, contract.expiry))))

    actor = OptionMargin()
    made = engine(
        tape(), actors=[actor], strategies=[Script({2: look})], instruments=(BTC, ETH, *MARKET.instruments)
    )
    made.run()
    made.dispose()
    source, own, vol, nearest = found
    assert (source, own, vol) == ("venue", 0.9, 0.9)
    assert nearest < 0.6
