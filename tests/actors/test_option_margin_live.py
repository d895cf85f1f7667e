"""The gate of options on a live kernel: what is judged, and what it finds when it starts anew."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from nautilus_trader.model.enums import OptionKind, OrderSide

from nautilus_quant.actors.option_margin import OptionMargin, OptionMarginConfig
from nautilus_quant.gating.intent import UNLIMITED, Intent, Side
from tests.host.live import live_system
from tests.host.options_kit import Market
from tests.options.surface_kit import DAY, svi


@pytest.fixture
def live():
    with live_system() as system:
        yield system


@pytest.fixture
def market(live):
    now = live.now
    made = Market({now + days * DAY: svi(days) for days in (9, 23)}, strikes=5, start=now)
    live.client = live.venue("BINANCE", *made.instruments)
    live.balance(live.client, USDT=1_000_000)
    return made


def call_of(market):
    calls = [one for one in market.instruments if one.option_kind == OptionKind.CALL]
    return sorted(calls, key=lambda one: (one.expiration_ns, float(one.strike_price)))[2]


def quote(live, market) -> None:
    for tick in market.quotes(live.now):
        live.cache.add_quote_tick(tick)


def started(live) -> OptionMargin:
    gate = OptionMargin(OptionMarginConfig(max_stress_loss=0.05))
    live.kernel.trader.add_actor(gate)
    gate.start()
    live.turn()
    return gate


def asked(live, instrument, size: str) -> Intent:
    opening = Decimal(size)
    return Intent(
        live.now, "S-1", instrument.id.value, Side.SELL, opening, None, Decimal(0), opening, 1.0, order="O-1"
    )


def test_an_option_is_sized_once_it_is_quoted(live, market):
    gate, chosen = started(live), call_of(market)
    assert gate.check(asked(live, chosen, "0.1")).code == "OPTION_RISK_UNKNOWN"
    time.sleep(1.05)  # forwards by parity are looked for once a second
    quote(live, market)
    assert gate.check(asked(live, chosen, "0.1")).allowed is UNLIMITED
    verdict = gate.check(asked(live, chosen, "1000"))
    assert verdict.code == "STRESS_LOSS"
    # A naked call loses some 16 % of 90 000, of 50 000.
    assert 2.5 < float(verdict.allowed) < 5.0
    gate.stop()
    live.turn()


def test_a_gate_that_starts_anew_finds_what_is_held(live, market):
    gate, chosen = started(live), call_of(market)
    quote(live, market)
    before = gate.check(asked(live, chosen, "1000")).allowed
    live.trade(live.client, chosen, OrderSide.SELL, "1.0", 3_000.0)
    quote(live, market)
    gate.stop()
    live.turn()
    gate.reset()
    gate.start()
    live.turn()
    after = gate.check(asked(live, chosen, "1000"))
    assert after.code == "STRESS_LOSS"
    assert after.allowed == pytest.approx(before - 1, abs=Decimal("0.2"))
    gate.stop()
    live.turn()
