"""Venues of one coin as a node sees them, and what it tells of them."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from nautilus_trader.model.data import BookOrder, OrderBookDepth10, QuoteTick
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Currency, Price, Quantity

from nautilus_quant.carry.cross_venue_fills import FillChange, Grade
from nautilus_quant.carry.cross_venue_inventory import Move, Supply, SupplyChange
from nautilus_quant.carry.cross_venue_outage import Access, OutageChange
from nautilus_quant.gating.intent import Side
from nautilus_quant.host.cross_venue_memory import CrossVenueMemory
from nautilus_quant.host.cross_venue_messages import TransferAdvice
from nautilus_quant.host.cross_venue_watch import FoundStock, VenueVoice
from nautilus_quant.host.messages import Alert, subscribe
from nautilus_quant.host.state import shared_store
from tests.strategies.cross_venue_runs import MID, SECOND, START, A, B, arb, build, perp, quotes, spot, wiggle

LAST = START + 29 * SECOND + 5


@pytest.fixture
def at():
    """The desk of a node that has heard half a minute of quotes, and trades nothing."""
    made = []

    def begin(items, *, balances=None, size=5.0, extra=(), **config):
        strategy = arb(items, least_samples=10**6, **config)
        data = [*quotes(dict.fromkeys(items, wiggle), 30, size=size), *extra]
        engine = build(data, [strategy], items, balances=balances)
        engine.run(streaming=True)
        made.append(engine)
        desk = strategy._desk
        desk.look(LAST)
        return desk

    yield begin
    for engine in made:
        engine.end()
        engine.dispose()


# -- prices ----------------------------------------------------------------------------------------------


def test_a_market_is_told_in_coins_with_the_fees_of_its_own_venue(at) -> None:
    mini = perp("SIM_E", "0.0006", "1", "0.001")
    desk = at((mini, B), size=700.0)
    one, two = (desk.markets[item.id.value] for item in (mini, B))
    assert [size for _, size in one.bids] == [pytest.approx(0.7)]
    assert [size for _, size in two.bids] == [700.0]
    assert one.bids[0][0] == pytest.approx(MID * (1 + wiggle(29)) - 2.0, abs=0.06)
    assert one.mid == pytest.approx(two.mid)
    assert (one.entry_fee, one.exit_fee, one.rest_fee) == (0.0006, 0.0006, 0.0001)
    assert (two.entry_fee, two.exit_fee, two.rest_fee) == (0.0005, 0.0005, 0.0001)
    assert desk.smallest(mini.id.value, B.id.value) == 0.001


def test_a_market_that_is_old_or_was_never_heard_is_none(at) -> None:
    desk = at((A, B), extra=())
    desk.look(LAST + 60 * SECOND)
    assert desk.markets == {}
    assert desk.price == pytest.approx(MID, rel=1e-3)  # the last one known, for limits


def test_books_that_are_silent_are_old_where_quotes_are_not(at) -> None:
    levels = [BookOrder(OrderSide.BUY, Price(MID - n, 1), Quantity(1, 3), n) for n in range(1, 11)]
    others = [BookOrder(OrderSide.SELL, Price(MID + n, 1), Quantity(1, 3), n) for n in range(1, 11)]
    then = LAST - 4 * SECOND
    deep = OrderBookDepth10(A.id, levels, others, [1] * 10, [1] * 10, 0, 0, then, then)
    desk = at((A, B), extra=[deep], stale_after=3.0)
    assert set(desk.markets) == {B.id.value}
    assert len(at((A, B), extra=[deep], stale_after=5.0).markets[A.id.value].bids) == 10


def test_another_quote_currency_is_converted(at) -> None:
    euro = Currency.from_str("EUR")
    values = CryptoPerpetual.to_dict(A) | {
        "id": str(InstrumentId(Symbol("BTCEUR-PERP"), Venue("SIM_F"))),
        "quote_currency": "EUR",
        "settlement_currency": "EUR",
    }
    foreign = CryptoPerpetual.from_dict(values)
    desk = at((A, foreign), balances={"F": ["100000 EUR"]})
    assert foreign.quote_currency == euro
    assert set(desk.markets) == {A.id.value}  # nobody knows what a euro is worth
    assert math.isnan(desk.stocks[foreign.id.value].free_to_buy)
    assert desk.stocks[foreign.id.value].room(Side.BUY) == 0.0


# -- inventories -----------------------------------------------------------------------------------------


def test_a_margin_account_bears_what_its_free_money_does(at) -> None:
    desk = at((A, B), reserve=0.25, inventory_limit=40_000.0, targets={B.id.value: 0.5})
    one, two = (desk.stocks[item.id.value] for item in (A, B))
    # 75 000 of free money at a margin of 0.05 of the price of a coin
    assert one.free_to_buy == pytest.approx(75_000 / (0.05 * desk.price))
    assert one.free_to_sell == one.free_to_buy
    assert (one.held, one.target, two.target) == (0.0, 0.0, 0.5)
    assert one.limit == pytest.approx(40_000 / desk.price)


def test_a_cash_account_buys_with_money_and_sells_what_it_has(at) -> None:
    one, two = spot("SIM_A"), spot("SIM_B")
    held = {"A": ["30000 USDT", "0.4 BTC"], "B": ["8000 USDT", "2 BTC"]}
    desk = at((one, two), balances=held, reserve=0.5, inventory_limit=20_000.0, targets={two.id.value: 1.2})
    first, second = (desk.stocks[item.id.value] for item in (one, two))
    assert first.free_to_buy == pytest.approx(15_000 / desk.price)
    assert first.free_to_sell == pytest.approx(0.4)
    assert (first.held, first.target) == (0.4, 0.4)  # as found
    assert (second.held, second.target, second.excess) == (2.0, 1.2, 0.8)
    assert first.limit == pytest.approx(0.4)  # it cannot hold less than nothing
    assert second.limit == pytest.approx(20_000 / desk.price)
    assert desk.moved(one.id.value) != desk.moved(one.id.value)  # no terms: NaN


def test_transfers_are_advised_once_something_is_low(at) -> None:
    one, two = spot("SIM_A"), spot("SIM_B")
    terms = {two.id.value: {"fixed": 0.01, "seconds": 600.0}}
    held = {"A": ["30000 USDT", "0 BTC"], "B": ["30000 USDT", "2 BTC"]}
    targets = {one.id.value: 1.0, two.id.value: 1.0}
    desk = at((one, two), balances=held, targets=targets, transfers=terms, inventory_limit=80_000.0)
    desk.access(LAST, lambda _: False)
    desk.supplies()
    assert desk.transfers() == [Move(two.id.value, one.id.value, 1.0, 0.01, 600.0)]
    assert desk.moved(two.id.value) == pytest.approx(0.01 / desk.stocks[two.id.value].limit)
    plenty = at(
        (one, two), balances={"A": ["90000 USDT", "1 BTC"], "B": ["90000 USDT", "1.1 BTC"]}, targets=targets
    )
    plenty.supplies()
    assert plenty.transfers() == []


# -- emergencies -----------------------------------------------------------------------------------------


def test_a_refuge_knows_its_cost_and_its_room(at) -> None:
    deeper = QuoteTick(
        A.id, Price(MID - 4.0, 1), Price(MID + 4.0, 1), Quantity(3, 3), Quantity(2, 3), LAST, LAST
    )
    desk = at((A, B), extra=[deeper])
    leg, market, stock = desk.legs[A.id.value], desk.markets[A.id.value], desk.stocks[A.id.value]
    found = leg.refuge(market, stock, Decimal("-1.5"), is_open=True)
    assert found.buy_cost == pytest.approx(0.0004 + 4.0 / MID)
    assert found.sell_cost == pytest.approx(0.0004 + 4.0 / MID)
    assert found.buy_room == pytest.approx(Decimal(repr(min(2.0, stock.room(Side.BUY)))))
    assert found.step == Decimal("0.001")
    assert float(found.smallest) == pytest.approx(leg.smallest(market.mid))
    assert found.smallest > 0
    unknown = leg.refuge(None, stock, Decimal(1), is_open=True)
    assert math.isnan(unknown.buy_cost)
    assert (unknown.buy_room, unknown.sell_room) == (0, 0)
    assert leg.refuge(market, None, Decimal(1), is_open=False).sell_room == 0


def test_a_venue_is_awaited_before_it_counts_as_down(at) -> None:
    desk = at((A, B))

    def begin(now: int):
        return type(desk)(
            desk.health._msgbus,
            desk._portfolio,
            [perp("SIM_Z")],
            lambda _: Decimal(0),
            desk._terms,
            now=now,
            outages=desk.outages.params,
            inventory=desk.supply.params,
        )

    first = begin(LAST)
    assert first.access(LAST + SECOND, lambda _: False) == []
    assert first.accesses == {"BTCUSDT-PERP.SIM_Z": Access.CLOSING}
    ((change, reasons),) = first.access(LAST + 31 * SECOND, lambda _: False)
    assert change.access is Access.DOWN
    assert "no data" in reasons[0]
    assert first.down == {"BTCUSDT-PERP.SIM_Z"}
    # One that was down before a restart is not taken for well until it is heard.
    second = begin(LAST + 40 * SECOND)
    second.outages.restore(first.outages.to_dict())
    for later in (41, 55, 69):
        assert second.access(LAST + later * SECOND, lambda _: False) == []
    assert second.down == {"BTCUSDT-PERP.SIM_Z"}


# -- what people are told --------------------------------------------------------------------------------


class Bus:
    """What is said on the bus of a node."""

    def __init__(self, engine) -> None:
        self.bus = engine.kernel.msgbus
        self.alerts: list[Alert] = []
        self.advice: list[TransferAdvice] = []
        subscribe(self.bus, Alert, self.alerts.append)
        subscribe(self.bus, TransferAdvice, self.advice.append)

    def last(self) -> tuple[str, str, str]:
        alert = self.alerts[-1]
        return alert.key, alert.severity, alert.text


@pytest.fixture
def bus():
    engine = build(quotes({A: wiggle}, 2), [], (A,))
    yield Bus(engine)
    engine.dispose()


def test_outages_and_returns_are_told(bus) -> None:
    voice = VenueVoice(bus.bus, "me")
    voice.outage(OutageChange("V", Access.CLOSING, Access.OPEN, 0.0), 1, ["late"])
    assert bus.alerts == []  # health says so itself
    voice.outage(OutageChange("V", Access.DOWN, Access.OPEN, 0.0), 1, ["silent", "rejects"])
    assert bus.last()[:2] == ("me|V|access", "CRITICAL")
    assert "silent; rejects" in bus.last()[2]
    voice.outage(OutageChange("V", Access.OPEN, Access.DOWN, 12.0), 2, [])
    assert bus.last() == ("me|V|access", "INFO", "V is back after 12 s, as before")
    voice.outage(OutageChange("V", Access.RETURNED, Access.DOWN, 90.0), 3, [])
    assert bus.last()[1] == "WARNING"
    voice.outage(OutageChange("V", Access.OPEN, Access.RETURNED, 0.0), 4, [])
    assert bus.last()[1:] == ("INFO", "nothing is held at V any more, it is as before")


@pytest.mark.parametrize(
    ("grade", "before", "severity", "text"),
    [
        (Grade.LOW, Grade.WELL, "WARNING", "88.0% of what was sent to V was filled, below 90%"),
        (Grade.BAD, Grade.LOW, "CRITICAL", "88.0% of what was sent to V was filled, below 80%"),
        (Grade.LOW, Grade.BAD, "WARNING", "88.0% of what was sent to V was filled, above 80%"),
        (Grade.WELL, Grade.LOW, "INFO", "88.0% of what was sent to V was filled, above 90%"),
        (Grade.WELL, Grade.BAD, "INFO", "88.0% of what was sent to V was filled, above 90%"),
    ],
)
def test_fill_ratios_are_told(bus, grade, before, severity, text) -> None:
    VenueVoice(bus.bus, "me").fills(FillChange("V", 0.88, grade, before, 12), 1, 0.9, 0.8)
    assert bus.last() == ("me|V|fills", severity, text)
    assert bus.alerts[-1].numbers == {"ratio": 0.88, "orders": 12.0}


def test_supplies_are_told(bus) -> None:
    VenueVoice(bus.bus, "me").supply(SupplyChange("V", Side.SELL, Supply.OUT, Supply.LOW, 0.25), 1)
    assert bus.last() == ("me|V|sell", "WARNING", "no room is left to sell at V: 0.25 coins")


def test_what_nobody_hedges_is_told_once_and_when_it_is_over(bus) -> None:
    voice = VenueVoice(bus.bus, "me")
    for missing in ("0", "-2", "-3", "0", "0"):
        voice.unhedged(Decimal(missing), 1)
    assert [alert.severity for alert in bus.alerts] == ["CRITICAL", "INFO"]
    assert bus.alerts[0].text.startswith("2 coins stand alone")
    for coins, reduces, severity in ((-2, False, "WARNING"), (2, True, "INFO"), (0, False, "CRITICAL")):
        voice.hedged("V", Decimal(coins), 1, reduces=reduces)
        assert bus.last()[1] == severity
    count = len(bus.alerts)
    voice.hedged("V", Decimal(0), 2, reduces=False)  # refused again
    assert len(bus.alerts) == count
    for coins in (-1, 0):
        voice.hedged("V", Decimal(coins), 3, reduces=False)
    assert [alert.severity for alert in bus.alerts[count:]] == ["WARNING", "CRITICAL"]


def test_transfers_are_advised_anew_when_they_change_by_a_tenth(bus) -> None:
    voice = VenueVoice(bus.bus, "me")
    for coins in (1.0, 1.05, 1.2):
        voice.transfers([Move("A", "B", coins, 0.01, 60.0)], 1)
    voice.transfers([], 2)
    voice.transfers([], 3)
    assert [(one.coins, one.cost) for one in bus.advice] == [(1.0, 0.01), (1.2, 0.01), (0.0, 0.0)]


# -- memory ----------------------------------------------------------------------------------------------


class Log:
    def __init__(self) -> None:
        self.errors: list[str] = []

    def error(self, text: str) -> None:
        self.errors.append(text)


def test_what_was_found_first_counts() -> None:
    found = FoundStock()
    assert (found.of("A", 2.0), found.of("A", 5.0)) == (2.0, 2.0)
    assert FoundStock().restore(found.to_dict()).of("A", 7.0) == 2.0


def test_rules_are_kept_and_one_that_cannot_be_read_begins_anew() -> None:
    log, url = Log(), "memory://cross-venue-memory"
    with shared_store(url) as store:
        memory = CrossVenueMemory("me", url, log)
        found, other = FoundStock(), FoundStock()
        found.of("A", 2.0)
        assert memory.keep({"found": found}, 1, now=True)
        memory.note("AB", "difference", 2, {"coins": 1.0})
        store.put("cross_venue", "me|other", {"coins": 3}, ts=1)
        memory.close()
        again = CrossVenueMemory("me", url, log)
        back = FoundStock()
        again.read({"found": back, "other": other, "new": FoundStock()})
        assert back.of("A", 9.0) == 2.0
        (error,) = log.errors
        assert "other of me cannot be read" in error
        (entry,) = [one for one in store.entries() if one.kind == "cross_venue"]
        assert entry.body == {"what": "difference", "strategy": "me", "pair": "AB", "coins": 1.0}
        again.close()
