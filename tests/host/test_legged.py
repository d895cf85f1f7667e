"""Two legs or none, in real engine runs: what happens when one of them is refused, late or cut."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.gating.intent import UNLIMITED, Intent, Side, Verdict
from nautilus_quant.host.legged import LeggedStrategy, LeggedStrategyConfig
from nautilus_quant.host.messages import AllocationUpdate, publish
from tests.host.engine import BTC, SECOND, START, GateActor, engine, quotes

ETH = TestInstrumentProvider.ethusdt_perp_binance()
LONG = (0.5, -0.25)  # 500 000 of BTC at 30 000 against 250 000 of ETH at 2 000
FLAT = (0.0, 0.0)
TIMEOUT = 3.0


class Gatekeeper:
    """A gate that looks at one leg only; what it says can be different when asked and when sent."""

    name = "gatekeeper"

    def __init__(self, preview: Decimal = UNLIMITED, submit: Decimal = UNLIMITED, leg=ETH) -> None:
        self.preview, self.submit, self.leg = preview, submit, leg.id.value

    def check(self, intent: Intent) -> Verdict:
        allowed = self.preview if intent.command == "preview" else self.submit
        if intent.instrument != self.leg or allowed == UNLIMITED:
            return Verdict.allow(self.name)
        return Verdict.limit(self.name, allowed, "LEG", f"at most {allowed}")


class Pair(LeggedStrategy):
    """Wants what it is told at the n-th second, and writes down what it holds at each quote."""

    def __init__(self, wishes, steps=None, *, venue="market", odd=ETH, **config) -> None:
        config = {"leg_timeout": TIMEOUT, **config}
        super().__init__(LeggedStrategyConfig(instrument=BTC.id, **config))
        self.wishes, self.steps, self.venue, self.odd = wishes, steps or {}, venue, odd
        self.book: list[tuple[float, Decimal, Decimal]] = []

    @property
    def legs(self):
        return (BTC.id, ETH.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        at = (tick.ts_event - START) // SECOND
        self.book.append((at, *(self.position_of(leg) for leg in self.legs)))
        if tick.instrument_id != ETH.id:  # the last of each second
            return
        if at in self.steps:
            self.steps[at](self)
        if at in self.wishes:
            self.set_targets(dict(zip(self.legs, self.wishes[at], strict=True)), ts=tick.ts_event)

    def _submit(self, instrument, side, quantity, *, opening) -> None:
        """Send the odd leg as an order its venue refuses, leaves waiting, or fills in part."""
        if self.venue == "market" or instrument.id != self.odd.id or not opening:
            super()._submit(instrument, side, quantity, opening=opening)
            return
        mid, buys = {BTC.id: 30_000.0, ETH.id: 2_000.0}[instrument.id], side is Side.BUY
        off = {"refuses": 5.0, "waits": -5.0, "part": 0.1}[self.venue]
        order = self.order_factory.limit(
            instrument.id,
            OrderSide.BUY if buys else OrderSide.SELL,
            instrument.make_qty(quantity),
            Price(mid + off if buys else mid - off, instrument.price_precision),
            TimeInForce.GTC,
            post_only=self.venue == "refuses",
        )
        self._adding.add(instrument.id)
        self._pending[instrument.id] = order
        self.submit_order(order)


def market(seconds: int = 60, eth_size: int = 1000) -> list[QuoteTick]:
    """A quote a second of each, BTC first; the book of ETH is as deep as told."""
    eth = [
        QuoteTick(q.instrument_id, q.bid_price, q.ask_price, size, size, q.ts_event, q.ts_init)
        for q in quotes([2_000.0] * seconds, ETH)
        for size in [Quantity(eth_size, ETH.size_precision)]
    ]
    return sorted([*quotes([30_000.0] * seconds), *eth], key=lambda tick: tick.ts_event)


def run(strategy: Pair, *gates, data=None, instruments=(BTC, ETH)) -> Pair:
    made = engine(
        data or market(),
        actors=[GateActor(gate) for gate in gates],
        strategies=[strategy],
        instruments=instruments,
    )
    made.run()
    strategy.left = [strategy.position_of(leg) for leg in strategy.legs]
    strategy.sent = [
        (o.instrument_id, o.quantity.as_decimal(), o.status_string()) for o in made.cache.orders()
    ]
    made.dispose()
    return strategy


def alone(strategy: Pair) -> float:
    """The longest time one leg was held without the other [s]."""
    longest, since = 0.0, None
    for at, btc, eth in strategy.book:
        if bool(btc) == bool(eth):
            since = None
        else:
            since = at if since is None else since
            longest = max(longest, at - since)
    return longest


def sizes(strategy: Pair) -> list[int]:
    """What is held at the end; fees and spread move the equity a little."""
    return [round(quantity) for quantity in strategy.left]


def sides(strategy: Pair) -> list[str]:
    return [instrument.value[:3] for instrument, _, _ in strategy.sent]


def test_both_legs_are_entered_and_left() -> None:
    held = run(Pair({5: LONG}))
    assert sizes(held) == [17, -125]
    flat = run(Pair({5: LONG, 20: FLAT}))
    assert flat.left == [0, 0]
    assert sides(flat) == ["BTC", "ETH", "BTC", "ETH"]
    assert alone(flat) == 0


def test_the_other_way_round_is_closed_first_and_entered_with_the_next_target() -> None:
    strategy = run(Pair({5: LONG, 20: (-0.5, 0.25), 21: (-0.5, 0.25)}))
    assert sizes(strategy) == [-17, 125]
    assert len(strategy.sent) == 6
    assert next(q for at, *q in strategy.book if at == 21) == [0, 0]


@pytest.mark.parametrize("leg", [BTC, ETH])
def test_when_a_gate_forbids_one_leg_both_stay_out(leg) -> None:
    strategy = run(Pair({5: LONG, 6: LONG, 7: LONG}), Gatekeeper(preview=Decimal(0), leg=leg))
    assert strategy.sent == []


def test_they_enter_when_the_gate_opens_while_they_are_still_wanted() -> None:
    gate = Gatekeeper(preview=Decimal(0))
    strategy = run(Pair({5: LONG, 9: LONG}, {8: lambda _: setattr(gate, "preview", UNLIMITED)}), gate)
    assert sizes(strategy) == [17, -125]


@pytest.mark.parametrize("leg", [BTC, ETH])
def test_the_smaller_allowed_share_is_that_of_both(leg) -> None:
    most = {BTC: Decimal("4.1666"), ETH: Decimal("31.25")}[leg]
    strategy = run(Pair({5: LONG}), Gatekeeper(preview=most, submit=most, leg=leg))
    assert [round(q, 1) for q in strategy.left] == [Decimal("4.2"), Decimal("-31.2")]
    assert len(strategy.sent) == 2


@pytest.mark.parametrize("leg", [BTC, ETH])
def test_a_leg_denied_when_sent_takes_the_other_with_it_until_the_next_signal(leg) -> None:
    gate = Gatekeeper(submit=Decimal(0), leg=leg)
    again = {6: LONG, 7: LONG}
    strategy = run(Pair({5: LONG, **again}), gate)
    assert strategy.left == [0, 0]
    assert alone(strategy) <= 1
    expected = {BTC: [(BTC.id, "DENIED")], ETH: [(BTC.id, "FILLED"), (ETH.id, "DENIED"), (BTC.id, "FILLED")]}
    assert [(leg, status) for leg, _, status in strategy.sent] == expected[leg]


def test_after_flat_the_next_signal_is_tried_anew() -> None:
    gate = Gatekeeper(submit=Decimal(0))
    strategy = run(
        Pair({5: LONG, 6: LONG, 10: FLAT, 12: LONG}, {11: lambda _: setattr(gate, "submit", UNLIMITED)}), gate
    )
    assert sizes(strategy) == [17, -125]


@pytest.mark.parametrize("leg", [BTC, ETH])
def test_a_leg_its_venue_rejects_takes_the_other_with_it(leg) -> None:
    strategy = run(Pair({5: LONG, 6: LONG, 7: LONG}, venue="refuses", odd=leg))
    assert strategy.left == [0, 0]
    assert alone(strategy) <= 1
    assert sorted(status for _, _, status in strategy.sent) == ["FILLED", "FILLED", "REJECTED"]


@pytest.mark.parametrize("leg", [BTC, ETH])
def test_a_leg_that_does_not_fill_in_time_is_cancelled_and_the_other_closed(leg) -> None:
    strategy = run(Pair({5: LONG, 6: LONG, 10: LONG}, venue="waits", odd=leg))
    assert strategy.left == [0, 0]
    assert TIMEOUT - 1 <= alone(strategy) <= TIMEOUT + 1
    assert sorted(status for _, _, status in strategy.sent) == ["CANCELED", "FILLED", "FILLED"]


def test_a_venue_deaf_to_cancels_does_not_keep_the_other_leg_open() -> None:
    class Deaf(Pair):
        cancels = 0

        def _cancel(self, leg) -> None:
            assert self._has_pending(leg)
            self.cancels += 1

    strategy = run(Deaf({5: LONG, 6: LONG, 10: LONG}, venue="waits"))
    assert strategy.cancels > 2
    assert alone(strategy) <= TIMEOUT + 1
    assert strategy.left == [0, 0]
    # and what fills late after all is closed, being alone
    late = [*quotes([30_000.0] * 60), *quotes([2_000.0] * 20 + [2_010.0] * 40, ETH)]
    strategy = run(Deaf({5: LONG}, venue="waits"), data=sorted(late, key=lambda tick: tick.ts_event))
    assert any(eth for at, _, eth in strategy.book if at >= 20)
    assert alone(strategy) <= TIMEOUT + 1
    assert strategy.left == [0, 0]


def test_a_partial_fill_is_what_both_are_cut_to() -> None:
    # ten at once and with each quote until the timeout, of 125
    strategy = run(Pair({5: LONG, 6: LONG, 12: LONG}, venue="part"), data=market(eth_size=10))
    btc, eth = strategy.left
    assert -60 <= eth <= -30
    assert float(btc) == pytest.approx(16.666 * float(-eth) / 125, abs=0.002)
    # what fills while the cancel is on its way is given back
    assert [status for leg, _, status in strategy.sent if leg == ETH.id] == ["CANCELED", "FILLED"]


def test_leaving_while_an_entry_is_on_its_way_cancels_it() -> None:
    strategy = run(Pair({5: LONG, 6: FLAT}, venue="waits"))
    assert strategy.left == [0, 0]
    assert alone(strategy) <= 1
    assert sorted(status for _, _, status in strategy.sent) == ["CANCELED", "FILLED", "FILLED"]


def allocate(share: float, key: str = ""):
    return lambda s: publish(s.msgbus, AllocationUpdate(key=s.id.value + key, ts=1, allocation=share))


@pytest.mark.parametrize("key", ["", f"|{BTC.id}", f"|{ETH.id}"])
def test_an_allocation_of_either_leg_is_that_of_both(key: str) -> None:
    half = run(Pair({5: LONG}, {10: allocate(0.5, key)}))
    assert [round(q, 1) for q in half.left] == [Decimal("8.3"), Decimal("-62.5")]
    none = run(Pair({5: LONG, 12: LONG}, {10: allocate(0.0, key)}))
    assert none.left == [0, 0]
    assert len(none.sent) == 4
    back = run(Pair({5: LONG}, {10: allocate(0.0, key), 15: allocate(1.0, key)}))
    assert sizes(back) == [17, -125]


def test_a_closed_gate_does_not_stop_leaving() -> None:
    gate = Gatekeeper()

    def close(_: Pair) -> None:
        gate.preview = gate.submit = Decimal(0)

    assert run(Pair({5: LONG, 20: FLAT}, {10: close}), gate).left == [0, 0]


def test_a_leg_somebody_else_closed_takes_the_other_with_it() -> None:
    def sell(s: Pair) -> None:
        held = s.position_of(BTC.id)
        s.submit_order(s.order_factory.market(BTC.id, OrderSide.SELL, BTC.make_qty(held), reduce_only=True))

    strategy = run(Pair({5: LONG, 12: LONG}, {10: sell}))
    assert strategy.left == [0, 0]
    assert alone(strategy) <= 1
    assert len(strategy.sent) == 4


def test_a_leg_alone_at_the_start_is_closed() -> None:
    """The strategy stops while its second leg goes, and starts again knowing nothing of it."""

    def stop(s: Pair) -> None:
        held = -s.position_of(ETH.id)
        s.submit_order(s.order_factory.market(ETH.id, OrderSide.BUY, ETH.make_qty(held), reduce_only=True))
        s.stop()

    strategy = Pair({5: LONG, 30: LONG, 35: LONG}, {10: stop})
    made = engine(market(), strategies=[strategy], instruments=(BTC, ETH))
    made.run(end=START + 20 * SECOND, streaming=True)
    assert (strategy.position_of(BTC.id) > 0, strategy.position_of(ETH.id)) == (True, 0)
    strategy.reset()
    strategy.start()
    made.run(start=START + 21 * SECOND)
    # and what was closed is not opened again by a target that is no new signal
    assert [strategy.position_of(leg) for leg in strategy.legs] == [0, 0]
    assert len(made.cache.orders()) == 4
    assert max(at for at, btc, eth in strategy.book if btc) <= 21
    made.dispose()


def test_a_closing_that_failed_is_sent_again_until_it_is_done() -> None:
    class Refusing(Pair):
        refused = 0

        def _submit(self, instrument, side, quantity, *, opening) -> None:
            if opening or instrument.id != ETH.id or self.refused >= 2:
                super()._submit(instrument, side, quantity, opening=opening)
                return
            self.refused += 1
            order = self.order_factory.limit(
                ETH.id, OrderSide.BUY, ETH.make_qty(quantity), ETH.make_price(2_005), post_only=True
            )
            self._pending[ETH.id] = order
            self.submit_order(order)

    strategy = run(Refusing({5: LONG, 20: FLAT}))
    assert strategy.refused == 2
    assert strategy.left == [0, 0]
    assert 2 * TIMEOUT - 1 <= alone(strategy) <= 2 * TIMEOUT + 1


def test_sizes_beyond_the_largest_order_come_in_matched_parts() -> None:
    narrow = CryptoPerpetual.from_dict({**CryptoPerpetual.to_dict(ETH), "max_quantity": "50.000"})
    wishes = {**dict.fromkeys(range(5, 12), LONG), 30: FLAT}
    strategy = run(Pair(wishes), instruments=(BTC, narrow))
    at = {second: (btc, eth) for second, btc, eth in strategy.book}
    assert at[6][1] == -50
    assert float(at[6][0]) == pytest.approx(16.666 * 50 / 125, abs=0.01)
    assert round(at[15][1]) == -125
    assert strategy.left == [0, 0]


def test_without_a_price_of_both_nothing_is_opened() -> None:
    data = [tick for tick in market() if tick.instrument_id == ETH.id]
    assert run(Pair({5: LONG}), data=data).sent == []


def test_a_reset_pair_remembers_nothing() -> None:
    strategy = run(Pair({5: LONG}, venue="refuses"))
    assert strategy.plan_to_dict()["spent"]
    strategy.on_reset()
    assert strategy.plan_to_dict() == {"plan": {}, "spent": False}


def test_what_was_planned_survives_a_restart() -> None:
    strategy = run(Pair({5: LONG}))
    saved = strategy.plan_to_dict()
    assert set(saved["plan"]) == {BTC.id.value, ETH.id.value}
    other = Pair({})
    other.restore_plan(saved)
    assert other.plan_to_dict() == saved
    other.restore_plan({"plan": {BTC.id.value: "1"}, "spent": True})
    assert other.plan_to_dict() == {"plan": {}, "spent": True}


def test_no_time_to_fill_is_refused() -> None:
    with pytest.raises(ValueError, match="leg_timeout > 0"):
        Pair({}, leg_timeout=0.0)


def test_legs_found_without_targets_are_closed_when_nothing_is_allotted() -> None:
    """A strategy that is not chosen any more comes back, and is flat before its rule has said anything."""
    strategy = Pair({5: LONG}, {10: lambda s: s.stop()})
    made = engine(market(), strategies=[strategy], instruments=(BTC, ETH))
    made.run(end=START + 20 * SECOND, streaming=True)
    assert all(strategy.position_of(leg) for leg in strategy.legs)
    planned = strategy.plan_to_dict()
    strategy.reset()
    strategy.restore_plan(planned)
    publish(made.kernel.msgbus, AllocationUpdate(key=strategy.id.value, ts=0, allocation=0.0))
    strategy.start()
    made.run(start=START + 21 * SECOND)
    assert [strategy.position_of(leg) for leg in strategy.legs] == [0, 0]
    made.dispose()
