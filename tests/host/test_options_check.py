"""What venues tell of greeks, held against what their own volatility and forward come to."""

from __future__ import annotations

import math

import pytest
from nautilus_trader.core.nautilus_pyo3 import GreeksConvention
from nautilus_trader.model.data import OptionGreeks

from nautilus_quant.host.options_check import checks, venue_greeks
from nautilus_quant.options.black76 import price_and_greeks
from nautilus_quant.options.contract import years
from nautilus_quant.options.surface_watch import SurfaceWatch
from nautilus_quant.options.venue_greeks import Convention, Source
from tests.actors.test_iv_monitor import SLICES, TIMES, monitor, run
from tests.host.options_kit import Market, many, option
from tests.host.test_options import Node
from tests.options.surface_kit import DAY, NOW, forward_of

EXPIRY = NOW + 23 * DAY


def tell(node: Node, *, vega: float = 1.0, iv: float = 50.0) -> int:
    """Every option's greeks as Deribit publishes them, at a volatility of 50 % told in per cent."""
    for one in node.market.instruments:
        forward, call = forward_of(one.expiration_ns), node.desk.contract(one.id).call
        left = years(NOW, one.expiration_ns)
        _, greeks = price_and_greeks(forward, float(one.strike_price), left, 0.5, call)
        told = [float(getattr(greeks, name)) for name in ("delta", "gamma", "vega", "theta", "rho")]
        told[2] *= vega
        made = OptionGreeks(one.id, *told, iv, None, None, forward, None, NOW, NOW)
        node.bus.publish(f"data.option_greeks.{one.id.venue}.{one.id.symbol}", made)
    return len({one.expiration_ns for one in node.market.instruments})


def test_greeks_that_fit_are_the_venues_one_of_each_expiry():
    node = Node()
    expiries = tell(node)
    found = checks(node.desk, "BTC")
    assert len(found) == expiries == 2
    assert [check.source for check in found.values()] == [Source.VENUE] * 2
    assert node.some()[0] in found  # the call nearest to the money
    assert checks(node.desk, "BTC", "DERIBIT") == {}
    assert checks(node.desk, "ETH") == {}


def test_a_unit_that_is_wrong_is_found_and_what_is_old_is_not_looked_at():
    node = Node()
    tell(node, vega=100.0)
    assert [check.disagree for check in checks(node.desk, "BTC").values()] == [("vega",)] * 2
    node.at(31)
    assert checks(node.desk, "BTC") == {}


def test_what_a_venue_told_becomes_what_the_rules_take():
    name = option(EXPIRY, 90_000.0, True).id
    told = venue_greeks(OptionGreeks(name, 0.5, 2e-5, 70.0, -60.0, 9.0, 55.0, None, None, 9e4, None, 1, 2))
    assert (told.ts, told.delta, told.gamma, told.vega, told.theta) == (2, 0.5, 2e-5, 70.0, -60.0)
    assert (told.mark_iv, told.underlying_price) == (0.55, 9e4)
    assert told.convention is Convention.BLACK_SCHOLES
    okx = option(EXPIRY, 90_000.0, True, venue="OKX").id
    other = venue_greeks(
        OptionGreeks(
            okx, 0.5, 0.0, 0.0, 0.0, 0.0, None, None, None, 9e4, None, 1, 2, GreeksConvention.PRICE_ADJUSTED
        )
    )
    assert math.isnan(other.mark_iv)
    assert math.isnan(other.underlying_price)
    assert other.convention is Convention.PRICE_ADJUSTED


def test_most_must_be_wrong_to_be_told_and_it_is_told_once():
    watch = SurfaceWatch("BTC")
    assert watch.tell_greeks({}, 0) == watch.tell_greeks({"A": "x"}, 2) == []
    (note,) = watch.tell_greeks({"A": "vega of the venue", "B": "y"}, 3)
    assert (note.about, note.severity) == ("BTC|greeks", "WARNING")
    assert "2 of 3 greeks of the venue cannot be right, e.g. of A: vega of the venue" in note.text
    assert watch.tell_greeks({"A": "x", "B": "y"}, 3) == watch.tell_greeks({}, 0) == []
    again = SurfaceWatch("BTC").restore(watch.to_dict())
    assert again.tell_greeks({"A": "x", "B": "y"}, 3) == []
    (note,) = again.tell_greeks({}, 3)
    assert note.severity == "INFO"


@pytest.mark.parametrize("wrong", [False, True])
def test_the_monitor_tells_it(wrong):
    market = Market(SLICES)
    told = []
    for ts in TIMES:
        for one in market.instruments:
            forward = forward_of(one.expiration_ns)
            left = years(ts, one.expiration_ns)
            call = one.option_kind.name == "CALL"
            _, greeks = price_and_greeks(forward, float(one.strike_price), left, 0.5, call)
            numbers = [float(getattr(greeks, name)) for name in ("delta", "gamma", "vega", "theta", "rho")]
            numbers[0] -= 0.5 * wrong
            told.append(OptionGreeks(one.id, *numbers, 0.5, None, None, forward, None, ts, ts))
    made, heard, alerts = run(monitor(), [*many(market, TIMES), *told], market)
    assert heard
    assert [(a.key, a.severity) for a in alerts] == [("iv|BTC|greeks", "WARNING")] * wrong
    made.dispose()
