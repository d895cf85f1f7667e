"""What a book moves and what it can be hedged with, as the cache tells it."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec
import pytest
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.enums import AccountType, OrderSide
from nautilus_trader.model.identifiers import StrategyId
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.host.hedging_market import HedgeMarket
from nautilus_quant.host.hedging_net import BookNet, unit_delta
from nautilus_quant.host.hedging_settings import HedgeSettings
from nautilus_quant.host.options import OptionDesk
from nautilus_quant.host.options_underlying import coin_of, moves_like
from nautilus_quant.options.hedging_band import BandKind
from nautilus_quant.options.hedging_params import Mode
from tests.actors.hedging_runs import CALL, OTHER, PERP
from tests.host.live import LiveSystem, live_system

SPOT = TestInstrumentProvider.btcusdt_binance()
INVERSE = TestInstrumentProvider.xbtusd_bitmex()
ETH = TestInstrumentProvider.ethusdt_perp_binance()


@pytest.fixture
def live():
    with live_system() as system:
        yield system


def market(live: LiveSystem, *names: str, max_age: float = 30.0) -> HedgeMarket:
    return HedgeMarket(live.kernel, "BTC", names, max_age)


def test_what_moves_like_a_coin():
    assert [coin_of(one) for one in (PERP, SPOT, INVERSE, ETH)] == ["BTC", "BTC", "BTC", "ETH"]
    assert coin_of(CALL) is None
    assert coin_of(None) is None
    # A pair of two coins moves like neither alone.
    assert coin_of(TestInstrumentProvider.adabtc_binance()) is None
    assert moves_like(INVERSE, "BTC")
    assert not moves_like(ETH, "BTC")


def test_a_unit_of_an_inverse_contract_is_worth_its_dollars_in_coins():
    assert unit_delta(PERP, math.nan) == 1.0
    # One dollar, at 50 000 dollars a coin.
    assert unit_delta(INVERSE, 50_000.0) == pytest.approx(2e-5)
    assert math.isnan(unit_delta(INVERSE, math.nan))


def test_candidates_are_quoted_and_of_the_coin_and_have_their_fees(live):
    live.venue("BINANCE", PERP, OTHER, ETH, SPOT)
    live.quote(PERP, 29_999.0, 30_001.0)
    live.quote(ETH, 2_000.0)
    [one] = market(live).candidates()
    assert (one.name, one.mid, one.delta) == (PERP.id.value, 30_000.0, 1.0)
    assert (one.lot, one.least) == (Decimal("0.001"), PERP.min_quantity.as_decimal())
    assert (one.taker, one.maker) == (float(PERP.taker_fee), float(PERP.maker_fee))
    assert one.funding == 0.0
    assert one.sells == float(PERP.max_quantity)


def test_only_chosen_instruments_are_candidates(live):
    live.venue("BINANCE", PERP, OTHER)
    for one in (PERP, OTHER):
        live.quote(one, 30_000.0)
    assert len(market(live).candidates()) == 2
    assert [one.name for one in market(live, OTHER.id.value).candidates()] == [OTHER.id.value]


def test_an_old_quote_is_nobodys(live):
    live.venue("BINANCE", PERP)
    live.quote(PERP, 30_000.0)
    assert market(live, max_age=1e-6).candidates() == []
    assert market(live, max_age=1e-6).price(PERP.id) == 30_000.0


@pytest.mark.parametrize(("minutes", "seconds"), [(60, 3_600.0), (None, 28_800.0)])
def test_funding_is_counted_by_the_second(live, minutes, seconds):
    live.venue("BINANCE", PERP)
    live.quote(PERP, 30_000.0)
    update = FundingRateUpdate(PERP.id, Decimal("0.0003"), live.now, live.now, minutes)
    live.cache.add_funding_rate(update)
    [one] = market(live).candidates()
    assert one.funding == pytest.approx(3e-4 / seconds)


def test_an_account_without_margin_sells_what_it_has_and_buys_what_it_can_pay(live):
    client = live.venue("BINANCE", SPOT, kind=AccountType.CASH)
    live.balance(client, USDT=15_000, BTC=0.25)
    live.quote(SPOT, 29_990.0, 30_000.0)
    [one] = market(live).candidates()
    assert one.buys == pytest.approx(0.5)
    assert one.sells == pytest.approx(0.25)


def test_an_inverse_position_is_counted_in_coins(live):
    client = live.venue("BITMEX", INVERSE)
    live.balance(client, BTC=10)
    live.quote(INVERSE, 49_999.5, 50_000.5)
    live.trade(client, INVERSE, OrderSide.SELL, "100000", 50_000.0)
    seen = market(live)
    desk = OptionDesk.on(live.kernel.msgbus, live.cache, live.clock)

    def book(chosen: list[StrategyId]) -> BookNet:
        own = StrategyId("X-HEDGE")
        return BookNet("BTC", desk, live.cache, chosen=chosen, own=own, external=True, adjusted=True)

    # 100 000 dollars sold at 50 000.
    assert book([StrategyId("S-001")]).net(seen.price).delta == pytest.approx(-2.0)
    assert book([StrategyId("S-001")]).net(lambda _: math.nan).positions == 1
    assert math.isnan(book([StrategyId("S-001")]).net(lambda _: math.nan).delta)
    # Nobody who holds options holds it.
    assert book([]).net(seen.price).positions == 0
    assert book([]).held(INVERSE.id) == -100_000.0


def test_settings_become_parameters():
    text = b'{"band": "cost_aware", "mode": "conservative", "width": 0.02, "max_vega": 500, "failures": 2}'
    settings = msgspec.json.decode(text, type=HedgeSettings)
    params, rest = settings.params(), settings.hedger()
    assert (params.band.kind, params.mode, params.band.width) == (
        BandKind.COST_AWARE,
        Mode.CONSERVATIVE,
        0.02,
    )
    assert (rest.limits.vega, rest.limits.delta, rest.breaker.failures) == (500.0, math.inf, 2)


@pytest.mark.parametrize("wrong", [{"every": 0.0}, {"max_age": 0.0}, {"calm": 0.0}, {"pause": 9e9}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="need"):
        HedgeSettings(**wrong).hedger()
