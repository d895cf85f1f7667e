"""Pairs that share an instrument over starts, with and without what was kept; nothing is left naked."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from nautilus_trader.model.enums import OrderSide, TradingState
from nautilus_trader.model.identifiers import ClientOrderId
from nautilus_trader.model.instruments import CryptoPerpetual

from nautilus_quant.gating.intent import UNLIMITED
from nautilus_quant.host.messages import AllocationUpdate, publish
from nautilus_quant.host.state import StateStore
from nautilus_quant.host.two_leg_pair import Pair, mark_of
from tests.host.engine import BTC, SECOND, START, engine, quotes
from tests.host.two_leg_kit import ETH, PAIR, SIZE, Gatekeeper, Two, alone, market
from tests.host.two_leg_kit import run as run_pair

ALT = CryptoPerpetual.from_dict({**CryptoPerpetual.to_dict(BTC), "id": "XBTUSDT-PERP.BINANCE"})
STAR = (PAIR, Pair("ALT-ETH", ALT.id, ETH.id, Decimal(1), Decimal(-15)))
HELD = [10, -300, 10]


def data():
    return sorted([*market(), *quotes([30_000.0] * 60, ALT)], key=lambda tick: tick.ts_event)


class Again:
    """A run that is stopped at second 15 and started again at 16."""

    def __init__(self, path, *, keeps=True, wishes=None, pairs=STAR, **config) -> None:
        self.url = f"sqlite:///{path}/state.db" if keeps else None
        self.strategy = Two(
            wishes or {5: SIZE}, {15: lambda s: s.stop()}, pairs=pairs, state=self.url, **config
        )
        self.made = engine(data(), strategies=[self.strategy], instruments=(BTC, ETH, ALT))
        self.made.run(end=START + 15 * SECOND, streaming=True)
        self.before, self.next = self.ids(), 16

    def ids(self) -> set:
        return {order.client_order_id for order in self.made.cache.orders()}

    def spoil(self, *names: str) -> None:
        store = StateStore.open(self.url)
        for name in names:
            store.put_now("two_legs", f"{self.strategy.id.value}|{name}", {"book": {"held": ["?"]}}, ts=1)
        store.close()

    def start(self, wishes=None, steps=None):
        strategy = self.strategy
        strategy.told.clear()
        strategy.alerts.clear()
        strategy.wishes, strategy.steps = wishes or {}, steps or {}
        strategy.reset()
        strategy.start()
        self.made.run(start=START + self.next * SECOND)
        self.left = [strategy.position_of(leg) for leg in strategy.legs]
        orders = [order for order in self.made.cache.orders() if order.client_order_id not in self.before]
        self.sent = [(o.instrument_id.value[:3], o.filled_qty.as_decimal(), o.is_reduce_only) for o in orders]
        self.made.dispose()
        return self

    @property
    def critical(self) -> list[str]:
        return [alert.key.split("|")[1] for alert in self.strategy.alerts if alert.severity == "CRITICAL"]

    def trade(self, instrument, side, quantity) -> None:
        """Somebody trades in its name while it does not run."""
        strategy = self.strategy
        order = strategy.order_factory.market(instrument.id, side, instrument.make_qty(quantity))
        strategy.submit_order(order)
        self.made.run(start=START + 16 * SECOND, end=START + 17 * SECOND, streaming=True)
        self.before, self.next = self.ids(), 18


@pytest.mark.parametrize("names", [("BTC-ETH", "ALT-ETH"), ("BTC-ETH",), ("ALT-ETH",)])
def test_pairs_that_cannot_be_read_are_found_in_the_positions_and_told(tmp_path, names) -> None:
    run = Again(tmp_path)
    run.spoil(*names)
    run.start()
    assert run.left == HELD
    assert run.sent == []
    assert sorted(run.critical) == sorted(names)
    assert "cannot be read" in run.strategy.alerts[0].text


def test_nor_need_anything_be_kept_at_all(tmp_path) -> None:
    run = Again(tmp_path, keeps=False).start()
    assert run.left == HELD
    assert (run.sent, run.critical) == ([], [])


def test_pairs_found_in_the_positions_can_be_left(tmp_path) -> None:
    run = Again(tmp_path, keeps=False).start({20: 0.0})
    assert run.left == [0, 0, 0]
    assert all(closes for _, _, closes in run.sent)


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize(
    ("side", "quantity", "left"),
    [
        (OrderSide.BUY, 60, [8, -240, 8]),  # 60 of ETH were bought back: 4 of BTC, or ALT, go
        (OrderSide.BUY, 300, [0, 0, 0]),
        (OrderSide.SELL, 45, HELD),  # what nobody wanted is bought back
    ],
)
def test_what_changed_while_nobody_ran_leaves_nothing_naked(tmp_path, keeps, side, quantity, left) -> None:
    run = Again(tmp_path, keeps=keeps)
    run.trade(ETH, side, quantity)
    run.start()
    assert run.left[0] * 15 + run.left[2] * 15 == -run.left[1]
    assert run.left[1] == left[1]
    assert all(closes for _, _, closes in run.sent)
    assert bool(run.critical) is not keeps


def test_one_of_an_older_version_is_read(tmp_path) -> None:
    run = Again(tmp_path)
    store = StateStore.open(run.url)
    for name in ("BTC-ETH", "ALT-ETH"):
        key = f"{run.strategy.id.value}|{name}"
        kept = store.documents("two_legs")[key]
        del kept["reference"], kept["trouble"], kept["book"]["weights"]
        store.put_now("two_legs", key, {**kept, "novelty": 1}, ts=1)
    store.close()
    run.start({20: 0.0})
    assert run.left == [0, 0, 0]
    assert (run.critical, run.strategy.told) == ([], ["closed", "closed"])


def test_a_shared_leg_somebody_else_closed_takes_the_others_with_it() -> None:
    def cover(s: Two) -> None:
        order = s.order_factory.market(ETH.id, OrderSide.BUY, ETH.make_qty(150), reduce_only=True)
        s.submit_order(order)

    strategy = Two({5: SIZE}, {10: cover}, pairs=STAR)
    made = engine(data(), strategies=[strategy], instruments=(BTC, ETH, ALT))
    made.run()
    left = [strategy.position_of(leg) for leg in strategy.legs]
    assert sorted([left[0], left[2]]) == [0, 10]
    assert left[1] == -150
    made.dispose()


class Eager(Two):
    """Wants something before it knows what it holds."""

    first = None

    def on_target_start(self) -> None:
        super().on_target_start()
        if self.first is not None:
            self.want(PAIR.name, self.first, ts=0)


@pytest.mark.parametrize(
    ("first", "left", "count"), [(SIZE, [10, -150], 2), (2 * SIZE, [20, -300], 4), (0.0, [0, 0], 4)]
)
def test_a_wish_of_the_start_counts_from_what_is_held(first: float, left: list[int], count: int) -> None:
    strategy = Eager({5: SIZE}, {15: lambda s: s.stop()})
    made = engine(market(), strategies=[strategy], instruments=(BTC, ETH))
    made.run(end=START + 15 * SECOND, streaming=True)
    strategy.first, strategy.wishes, strategy.steps = first, {}, {}
    strategy.reset()
    strategy.start()
    made.run(start=START + 16 * SECOND)
    assert [strategy.position_of(leg) for leg in strategy.legs] == left
    assert len(made.cache.orders()) == count
    made.dispose()


class Idle(Two):
    """Is not allowed anything any more when it starts again."""

    def on_target_start(self) -> None:
        super().on_target_start()
        if not self.wishes:
            publish(self.msgbus, AllocationUpdate(key=self.id.value, ts=1, allocation=0.0))


@pytest.mark.parametrize("keeps", [True, False])
def test_without_an_allocation_at_the_start_what_is_held_is_closed(tmp_path, keeps: bool) -> None:
    strategy = Idle(
        {5: SIZE}, {15: lambda s: s.stop()}, state=f"sqlite:///{tmp_path}/state.db" if keeps else None
    )
    made = engine(market(), strategies=[strategy], instruments=(BTC, ETH))
    made.run(end=START + 15 * SECOND, streaming=True)
    strategy.wishes, strategy.steps = {}, {}
    strategy.reset()
    strategy.start()
    made.run(start=START + 16 * SECOND)
    assert [strategy.position_of(leg) for leg in strategy.legs] == [0, 0]
    made.dispose()


def test_positions_must_be_netted() -> None:
    with pytest.raises(ValueError, match="need oms_type NETTING for pairs, was HEDGING"):
        Two({}, oms_type="HEDGING")


def set_trading(made, state: TradingState) -> None:
    made.kernel.risk_engine.set_trading_state(state)


def test_an_order_that_is_answered_before_the_start_is_over_is_heard_of(tmp_path) -> None:
    """While nobody trades, ETH was closed: BTC must follow, and the first order is denied at once."""
    run = Again(tmp_path, pairs=(PAIR,), answer=1.5)
    run.trade(ETH, OrderSide.BUY, 150)
    set_trading(run.made, TradingState.HALTED)
    run.start(steps={25: lambda _: set_trading(run.made, TradingState.ACTIVE)})
    assert run.left == [0, 0]
    assert len(run.sent) == 4  # at 17 s; heard at 18.5, sent after 1.5, 3, 6 s: the last one is taken


class Clumsy(Two):
    """Cannot send the third order that it wants to."""

    sends = 0

    def submit_order(self, order, *args, **kwargs) -> None:
        self.sends += 1
        if self.sends == 3:
            raise RuntimeError("no line")
        super().submit_order(order, *args, **kwargs)


def test_an_order_that_cannot_be_sent_is_not_waited_for() -> None:
    strategy = Clumsy({5: SIZE, 20: 0.0})
    made = engine(market(), strategies=[strategy], instruments=(BTC, ETH))
    made.run()
    assert [strategy.position_of(leg) for leg in strategy.legs] == [0, 0]
    assert strategy.told == ["opened", "failed", "closed"]
    assert alone(strategy) <= 2
    made.dispose()


def test_a_resting_order_that_is_not_remembered_is_taken_back(tmp_path) -> None:
    run = Again(tmp_path, pairs=(PAIR,), wishes={100: SIZE})
    strategy = run.strategy
    order = strategy.order_factory.limit(
        BTC.id,
        OrderSide.BUY,
        BTC.make_qty(1),
        BTC.make_price(29_000),
        client_order_id=ClientOrderId(f"{mark_of(strategy.id.value, PAIR.name)}T1N1"),
    )
    strategy.submit_order(order)
    run.made.run(start=START + 16 * SECOND, end=START + 17 * SECOND, streaming=True)
    assert order.is_open
    seen: list[str] = []
    run.next = 18
    run.start(steps={20: lambda _: seen.append(order.status_string())})
    assert seen == ["CANCELED"]


def test_a_failure_is_alerted_once_until_there_is_none() -> None:
    gate = Gatekeeper(submit=Decimal(0), leg=BTC)
    wishes = dict.fromkeys(range(5, 60), SIZE)
    steps = {30: lambda _: setattr(gate, "submit", UNLIMITED)}
    strategy = run_pair(Two(wishes, steps, pause=5.0), gate)
    assert strategy.left == [10, -150]
    assert strategy.told.count("failed") == 5  # at 5, 10, 15, 20 and 25 s
    assert [alert.severity for alert in strategy.alerts] == ["WARNING"]


def test_what_is_stuck_is_told_and_that_it_is_over() -> None:
    def close(s: Two) -> None:
        order = s.order_factory.market(ETH.id, OrderSide.BUY, ETH.make_qty(150), reduce_only=True)
        s.submit_order(order)
        s.venue_down("BINANCE")

    steps = {10: close, 50: lambda s: s.venue_down("BINANCE", down=False)}
    strategy = run_pair(Two({5: SIZE}, steps, max_unhedged=2_000_000.0))
    assert strategy.left == [0, 0]
    told = [(alert.severity, alert.key.rsplit("|", 1)[1]) for alert in strategy.alerts]
    assert told == [("WARNING", "forced"), ("CRITICAL", "stuck"), ("INFO", "stuck"), ("WARNING", "failed")]


def mischief(rng: random.Random):
    """Somebody closes part of a leg."""

    def trade(s: Two) -> None:
        leg = rng.choice(s.legs)
        position = s.position_of(leg)
        quantity = (abs(position) * Decimal(rng.choice(["0.3", "0.5", "1"]))).quantize(Decimal("0.001"))
        if quantity:
            side = OrderSide.SELL if position > 0 else OrderSide.BUY
            instrument = s.cache.instrument(leg)
            s.submit_order(s.order_factory.market(leg, side, instrument.make_qty(quantity), reduce_only=True))

    return trade


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_to_shared_legs_they_end_even_and_can_be_left(tmp_path, seed: int) -> None:
    """Wishes, trades of somebody else, and a restart with some of what was kept spoiled."""
    rng = random.Random(seed)
    style = rng.choice(["simultaneous", "passive_aggressive"])
    run = Again(tmp_path, keeps=seed % 3 > 0, style=style, leg_timeout=3.0, pause=3.0)
    if run.url:
        run.spoil(*rng.sample(["BTC-ETH", "ALT-ETH"], rng.randint(0, 2)))
    if rng.random() < 0.5:
        run.trade(ETH, rng.choice([OrderSide.BUY, OrderSide.SELL]), rng.choice([30, 150, 300]))
    wishes = {rng.randint(19, 35): rng.choice([SIZE, -SIZE, 0.5 * SIZE]) for _ in range(2)}
    steps = {rng.randint(19, 40): mischief(rng) for _ in range(3)}
    even: list[Decimal] = []
    steps[49] = lambda s: even.append(sum((15 * s.position_of(one) for one in (BTC.id, ALT.id)), Decimal(0)))
    steps[48] = lambda s: even.append(-s.position_of(ETH.id))
    run.start({**wishes, 50: 0.0}, steps)
    assert even[0] == even[1]
    assert run.left == [0, 0, 0]
