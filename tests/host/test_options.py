"""What a node knows of its options: contracts, forwards, volatilities and greeks, each with its age."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.identifiers import TraderId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.host.messages import publish
from nautilus_quant.host.options import OptionDesk, SurfaceUpdate, contract_of
from nautilus_quant.host.options_contract import decimal_vol
from nautilus_quant.options.contract import years
from nautilus_quant.options.greeks import position_greeks
from nautilus_quant.options.surface_fit import fit_surface
from tests.host.options_kit import Market, option
from tests.options.surface_kit import DAY, NOW, SECOND, SPOT, forward_of, smiles

BTC = TestInstrumentProvider.btcusdt_perp_binance()
EXPIRY = NOW + 23 * DAY


class Node:
    """A bus, a cache and a clock, with options in them."""

    def __init__(self, market: Market | None = None) -> None:
        self.clock = TestClock()
        self.clock.set_time(NOW)
        self.bus = MessageBus(TraderId("NODE-1"), self.clock)
        self.cache = Cache(None)
        self.market = market or Market(smiles(days=(9, 23)))
        for instrument in (BTC, *self.market.instruments):
            self.cache.add_instrument(instrument)
        self.desk = OptionDesk.on(self.bus, self.cache, self.clock)

    def quote(self, ts: int = NOW, **options: Any) -> None:
        for quote in self.market.quotes(ts, **options):
            self.cache.add_quote_tick(quote)

    def greeks(self, ts: int, vol: float, forward: float, expiry: int = EXPIRY) -> None:
        for one in self.market.greeks(ts, vol, forward):
            if self.desk.contract(one.instrument_id).expiry == expiry:
                self.bus.publish(
                    f"data.option_greeks.{one.instrument_id.venue}.{one.instrument_id.symbol}", one
                )

    def some(self, expiry: int = EXPIRY) -> Any:
        """The call nearest the money."""
        calls = [
            (key, one) for key, one in self.desk.contracts("BTC").items() if one.call and one.expiry == expiry
        ]
        return min(calls, key=lambda item: abs(item[1].strike - forward_of(expiry)))

    def at(self, seconds: float) -> None:
        self.clock.set_time(NOW + round(seconds * SECOND))


@pytest.fixture
def node() -> Node:
    return Node()


# -- contracts ----------------------------------------------------------------------------------------


def test_contracts_say_what_they_pay():
    coin = contract_of(option(EXPIRY, 91_000.0, False, coin=True))
    assert (coin.underlying, coin.coin_settled, coin.settlement) == ("BTC", True, "BTC")
    assert (coin.expiry, coin.strike, coin.call, coin.multiplier) == (EXPIRY, 91_000.0, False, 1.0)
    linear = contract_of(option(EXPIRY, 92_000.0, True))
    assert (linear.coin_settled, linear.settlement, linear.call) == (False, "USDT", True)
    assert linear.name == option(EXPIRY, 92_000.0, True).id.value
    assert contract_of(BTC) is None
    assert contract_of(None) is None


def test_other_peoples_option_contracts_too():
    found = contract_of(TestInstrumentProvider.aapl_option())
    assert (found.underlying, found.coin_settled, found.settlement) == ("AAPL", False, "USD")
    assert (found.strike, found.multiplier, found.call) == (149.0, 100.0, True)


def test_vols_in_per_cent_are_known_by_their_size():
    assert [decimal_vol(v) for v in (0.65, 3.2, 65.0, 320.0)] == [0.65, 3.2, 0.65, 3.2]
    assert all(math.isnan(decimal_vol(v)) for v in (None, 0.0, -1.0, math.nan, math.inf))


def test_what_has_expired_or_is_new_is_noticed(node):
    assert len(node.desk.contracts("BTC")) == len(node.market.instruments)
    assert node.desk.contracts("ETH") == {}
    assert node.desk.underlyings() == ("BTC",)
    node.cache.add_instrument(option(EXPIRY + DAY, 90_000.0, True))
    assert len(node.desk.contracts()) == len(node.market.instruments) + 1
    node.clock.set_time(NOW + 9 * DAY)
    assert {one.expiry for one in node.desk.contracts().values()} == {EXPIRY, EXPIRY + DAY}


def test_there_is_one_desk_on_a_bus(node):
    assert OptionDesk.on(node.bus, node.cache, node.clock) is node.desk


# -- forwards -----------------------------------------------------------------------------------------


def test_the_forward_is_the_venues_while_fresh_then_by_parity(node):
    node.quote()
    _, contract = node.some()
    node.greeks(NOW, 0.6, 91_234.0)
    assert node.desk.forward(contract) == (91_234.0, 0.0, "venue")
    node.at(60)
    assert node.desk.forward(contract) == (91_234.0, 60.0, "venue")
    node.at(60.001)
    node.quote(NOW + 60 * SECOND)
    found = node.desk.forward(contract)
    assert found.source == "parity"
    assert found.value == pytest.approx(forward_of(EXPIRY), rel=1e-4)


def test_a_surface_is_asked_before_quotes(node):
    node.quote()
    _, contract = node.some()
    surface = fit_surface(node.desk.chain("BTC"))
    publish(node.bus, SurfaceUpdate(key="BTC", ts=NOW, surface=surface))
    node.at(10)
    found = node.desk.forward(contract)
    assert (found.source, found.age) == ("surface", 10.0)
    assert found.value == surface.forwards[EXPIRY]
    node.at(301)
    assert node.desk.surface("BTC") is None
    assert not node.desk.forward(contract).is_known  # quotes are as old


def test_without_quotes_the_perpetual_tells(node):
    _, contract = node.some()
    assert node.desk.forward(contract) == pytest.approx((math.nan, math.inf, ""), nan_ok=True)
    size = Quantity(1, BTC.size_precision)
    bid, ask = (Price(price, BTC.price_precision) for price in (89_999.0, 90_001.0))
    node.cache.add_quote_tick(QuoteTick(BTC.id, bid, ask, size, size, NOW, NOW))
    assert node.desk.forward(contract) == (90_000.0, 0.0, "spot")
    node.at(61)
    assert not node.desk.forward(contract).is_known


def test_what_comes_from_the_future_is_not_known_yet(node):
    node.greeks(NOW + SECOND, 0.6, 91_234.0)
    _, contract = node.some()
    assert not node.desk.forward(contract).is_known
    node.at(1)
    assert node.desk.forward(contract).value == 91_234.0


# -- volatilities -------------------------------------------------------------------------------------


def test_the_volatility_is_that_of_the_surface_then_of_the_venue_then_of_the_mid(node):
    node.quote()
    key, contract = node.some()
    by_mid = node.desk.vol(contract)
    assert by_mid.source == "mid"
    assert by_mid.value == pytest.approx(0.5, abs=2e-3)
    node.greeks(NOW, 61.0, forward_of(EXPIRY))  # per cent
    assert node.desk.vol(contract) == (0.61, 0.0, "venue")
    surface = fit_surface(node.desk.chain("BTC"))
    publish(node.bus, SurfaceUpdate(key="BTC", ts=NOW, surface=surface))
    found = node.desk.vol(contract)
    assert (found.source, found.value) == ("surface", float(surface.vol(contract.strike, EXPIRY)))
    assert node.desk.greeks_of_venue(key).mark_iv == 61.0


def test_beyond_its_slices_a_surface_is_asked_last(node):
    node.quote()
    surface = fit_surface(node.desk.chain("BTC"))
    near = replace(surface, slices=surface.slices[:1])  # nine days alone
    publish(node.bus, SurfaceUpdate(key="BTC", ts=NOW, surface=near))
    key, contract = node.some()  # of 23 days
    assert node.desk.vol(contract).source == "mid"
    assert node.desk.book({key: 1.0}).vega[0] == pytest.approx(node.desk.greeks(key, 1.0).vega)
    node.at(61)  # quotes are too old by now
    found = node.desk.vol(contract)
    assert (found.source, found.value) == ("nearest", float(near.vol(contract.strike, EXPIRY)))
    key, contract = node.some(NOW + 9 * DAY)
    assert node.desk.vol(contract).source == "surface"


def test_greeks_are_those_of_what_is_known(node):
    node.quote()
    key, contract = node.some()
    node.greeks(NOW, 0.6, 91_234.0)
    found = node.desk.greeks(key, -3)
    assert found == position_greeks(contract, -3.0, 91_234.0, 0.6, NOW)
    assert found.delta < -1.0
    assert node.desk.greeks(BTC.id, 1.0) is None
    node.at(61)
    assert node.desk.greeks(key, 1.0) is None  # all is stale
    node.clock.set_time(EXPIRY)
    assert node.desk.greeks(key, 1.0) is None


def test_the_greeks_of_a_book_are_those_of_its_positions(node):
    node.quote()
    publish(node.bus, SurfaceUpdate(key="BTC", ts=NOW, surface=fit_surface(node.desk.chain("BTC"))))
    held = {
        key: 1.0 + n if n % 2 else -2.0 * n for n, key in enumerate(node.desk.contracts("BTC")) if n % 5 == 0
    }
    book = node.desk.book(held)
    for n, (key, quantity) in enumerate(held.items()):
        alone = node.desk.greeks(key, quantity)
        for name in ("value", "delta", "gamma_1pct", "vega", "theta"):
            assert getattr(book, name)[n] == pytest.approx(getattr(alone, name), rel=1e-9)
    assert book.net().vega == pytest.approx(sum(node.desk.greeks(k, q).vega for k, q in held.items()))
    assert node.desk.book({}) is None
    assert node.desk.book({**held, BTC.id: 1.0}) is None
    node.at(400)
    assert node.desk.book(held) is None


def test_a_reset_forgets(node):
    node.greeks(NOW, 0.6, 91_234.0)
    key, contract = node.some()
    node.desk.reset()
    assert not node.desk.forward(contract).is_known
    assert node.desk.greeks_of_venue(key) is None


def test_greeks_of_the_expired_are_forgotten():
    market = Market(smiles(days=(9, 23)))
    node = Node(market)
    node.greeks(NOW, 0.6, 91_234.0, expiry=NOW + 9 * DAY)
    assert {key[1] for key in node.desk._venue_forwards} == {NOW + 9 * DAY}
    node.clock.set_time(NOW + 10 * DAY)
    node.greeks(NOW + 10 * DAY, 0.6, 91_234.0)  # of those that live
    assert {node.desk.contract(key).expiry for key in node.desk._greeks} == {EXPIRY}
    assert {key[1] for key in node.desk._venue_forwards} == {EXPIRY}


# -- chains -------------------------------------------------------------------------------------------


def test_a_chain_has_the_quotes_and_when_they_were_made(node):
    node.quote()
    chain = node.desk.chain("BTC")
    assert len(chain) == len(node.market.instruments)
    assert set(chain.quoted.tolist()) == {NOW}
    key, contract = node.some()
    row = chain.names.index(key.value)
    quote = node.cache.quote_tick(key)
    assert chain.bid[row] == float(quote.bid_price)
    assert chain.ask[row] == float(quote.ask_price)
    assert (chain.strike[row], chain.expiry[row], bool(chain.call[row])) == (contract.strike, EXPIRY, True)
    assert node.desk.chain("BTC", "BINANCE").names == chain.names
    assert len(node.desk.chain("BTC", "DERIBIT")) == 0
    node.clock.set_time(NOW + 9 * DAY)
    assert set(node.desk.chain("BTC").expiry.tolist()) == {EXPIRY}


def test_options_that_are_not_quoted_are_rows_without_prices(node):
    chain = node.desk.chain("BTC")
    assert np.isnan(chain.bid).all()
    assert not chain.quoted.any()
    assert fit_surface(chain).slices == ()


@pytest.mark.parametrize("told", [True, False])
def test_premiums_in_coin_are_converted_whatever_is_known_of_the_forward(told):
    node = Node(Market(smiles(days=(23,)), coin=True))
    node.quote()
    if told:
        node.greeks(NOW, 0.5, forward_of(EXPIRY))
    else:
        size = Quantity(1, BTC.size_precision)
        price = Price(SPOT, BTC.price_precision)
        node.cache.add_quote_tick(QuoteTick(BTC.id, price, price, size, size, NOW, NOW))
    surface = fit_surface(node.desk.chain("BTC"))
    assert surface.forwards[EXPIRY] == pytest.approx(forward_of(EXPIRY), rel=1e-4)
    assert surface.atm(EXPIRY) == pytest.approx(0.5, abs=2e-3)
    _, contract = node.some()
    mid = node.desk.mid(contract)
    assert mid.value == pytest.approx(
        0.4 * forward_of(EXPIRY) * 0.5 * math.sqrt(years(NOW, EXPIRY)), rel=0.15
    )


def test_of_options_that_pay_the_same_the_tightest_is_taken():
    node = Node()
    twins = Market(smiles(days=(9, 23)), venue="OTHER")
    for instrument in twins.instruments:
        node.cache.add_instrument(instrument)
    node.quote(spread=0.010)
    for quote in twins.quotes(NOW, spread=0.002):
        node.cache.add_quote_tick(quote)
    chain = node.desk.chain("BTC")
    assert len(chain) == len(node.market.instruments)
    assert all(name.endswith(".OTHER") for name in chain.names)
    assert len(node.desk.chain("BTC", "BINANCE")) == len(node.market.instruments)
