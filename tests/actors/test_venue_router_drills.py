"""The router under any course of events: nothing is lost or done twice, all is booked where it belongs."""

import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from nautilus_trader.backtest.models import FillModel, LatencyModel
from nautilus_trader.model.data import InstrumentStatus
from nautilus_trader.model.enums import MarketStatusAction, OmsType, OrderSide, TimeInForce
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import Order

from nautilus_quant.venues.incident_module import IncidentModule, IncidentModuleConfig
from tests.actors.routing_runs import ROUTER, SECOND, START, Run, Script, depth, perpetual, run
from tests.host.engine import GateActor, Valve

D = Decimal
SECONDS = 90
END = START + (SECONDS - 1) * SECOND
FEES = {"A": 0.0005, "B": 0.0002, "C": 0.0004}


class Trader(Script):
    """Sends and cancels routed orders of all kinds at random, for a while."""

    def __init__(self, seed: int, instruments: list[Instrument]) -> None:
        self.random = random.Random(seed)
        self.instruments = instruments
        super().__init__(dict.fromkeys(range(3, SECONDS - 25), self._act))

    def _act(self, _script: Any) -> None:
        toss = self.random.random()
        if toss < 0.35:
            self._send()
        elif toss < 0.5 and self.orders:
            order = self.random.choice(self.orders[-4:])
            if not order.is_closed:
                self.cancel_order(order)

    def _send(self) -> None:
        toss = self.random
        one = toss.choice(self.instruments)
        size = Quantity(toss.choice([0.01, 0.5, 1.0, 3.0, 8.0]), one.size_precision)
        side = toss.choice([OrderSide.BUY, OrderSide.SELL])
        reduce_only = toss.random() < 0.25
        params = toss.choice([None, None, {"split": False}, {"venues": ["A", "B"]}])
        if params and "venues" in params and one.id.venue.value == "C":
            params = None
        if toss.random() < 0.5:
            order = self.order_factory.market(
                one.id, side, size, reduce_only=reduce_only, exec_algorithm_id=ROUTER,
                exec_algorithm_params=params,
            )  # fmt: skip
        else:
            force = toss.choice([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK])
            order = self.order_factory.limit(
                one.id, side, size, Price(30_000 + toss.randint(-15, 15), one.price_precision),
                reduce_only=reduce_only, time_in_force=force, exec_algorithm_id=ROUTER,
                post_only=force == TimeInForce.GTC and toss.random() < 0.3,
                exec_algorithm_params=params,
            )  # fmt: skip
        self.send(order)


def world(seed: int, instruments: list[Instrument], *, calm: bool = False) -> list[Any]:
    """Books that move, with feeds that fall silent and markets that are halted now and then."""
    toss = random.Random(seed)
    data: list[Any] = []
    for one in instruments:
        silent, off, mid = 0, 0.0, 30_000.0
        for second in range(SECONDS):
            mid = 30_000.0 + 5 * toss.gauss(0, 1) + off
            off = 0.9 * off + toss.gauss(0, 1)
            if toss.random() < 0.02 and not calm:
                silent = second + toss.randint(5, 25)
            if second < silent:
                continue
            ladder = sorted(round(1 + 15 * toss.random(), 1) for _ in range(toss.randint(1, 6)))
            steps = list(dict.fromkeys(ladder))
            sizes = [round(0.01 + toss.random() * 2, 2) for _ in steps]
            bids = [(round(mid - step, 1), size) for step, size in zip(steps, sizes, strict=True)]
            asks = [(round(mid + step, 1), size) for step, size in zip(steps, sizes, strict=True)]
            data.append(depth(one, second, bids, asks))
        if toss.random() < 0.5 and not calm:
            begin = START + toss.randint(5, 50) * SECOND
            for ts, action in (
                (begin, MarketStatusAction.HALT),
                (begin + 15 * SECOND, MarketStatusAction.TRADING),
            ):
                data.append(InstrumentStatus(one.id, action, ts, ts))
    return data


def trouble(seed: int) -> Any:
    """Venues that reject, are unreachable for a while, and answer late."""
    toss = random.Random(seed)

    def of(_name: str) -> dict[str, Any]:
        given = [
            {"kind": "rejects", "at": float(toss.randint(0, 60)), "duration": 20.0, "probability": 0.6},
            {"kind": "trading", "at": float(toss.randint(0, 60)), "duration": 8.0},
        ]
        config = msgspec.convert({"incidents": given, "seed": seed}, IncidentModuleConfig)
        late = round(toss.choice([0.0, 0.05, 1.7]) * SECOND)
        return {
            "modules": [IncidentModule(config)],
            "latency_model": LatencyModel(base_latency_nanos=late),
            "fill_model": FillModel(prob_slippage=0.2, random_seed=seed),
        }

    return of


def coins(order: Order, instruments: dict[Any, Instrument]) -> D:
    return order.filled_qty.as_decimal() * instruments[order.instrument_id].multiplier.as_decimal()


def check(done: Run, instruments: dict[Any, Instrument], *, asked: dict[str, D]) -> None:
    """Hold what the engine booked against what was asked for."""
    parts: dict[str, list[Order]] = {name: [] for name in asked}
    for order in done.cache.orders():
        for tag in order.tags or ():
            parts[tag.removeprefix("ROUTED:")].append(order)
    for order in done.script.orders:
        name = order.client_order_id.value
        filled = coins(order, instruments) + sum((coins(part, instruments) for part in parts[name]), D(0))
        assert filled <= asked[name]
        assert order.is_closed or order.is_open
        update = done.updates.get(name)
        assert update is None or "ROUTER_ERROR" not in update.reason
        if update is not None and update.over:
            assert D(str(round(update.filled, 9))) == round(filled, 9)
            assert update.filled + update.working + update.left == pytest.approx(float(asked[name]))
            assert update.ts >= END or (not update.working and all(part.is_closed for part in parts[name]))
            assert update.ts >= END or order.is_closed
    booked: dict[Any, D] = {}
    for event in done.script.events:
        if isinstance(event, OrderFilled):
            position = done.cache.position(event.position_id)
            assert position.instrument_id == event.instrument_id
            sign = 1 if event.is_buy else -1
            booked[event.instrument_id] = (
                booked.get(event.instrument_id, D(0)) + sign * event.last_qty.as_decimal()
            )
    held: dict[Any, D] = {}
    for position in done.cache.positions_open():
        held[position.instrument_id] = held.get(position.instrument_id, D(0)) + position.signed_decimal_qty()
    assert {key: size for key, size in booked.items() if size} == {
        key: size for key, size in held.items() if size
    }


@pytest.mark.parametrize("oms", [OmsType.NETTING, OmsType.HEDGING])
@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_lost_or_done_twice(seed: int, oms: OmsType) -> None:
    instruments = [
        perpetual("A", FEES["A"]),
        perpetual("B", FEES["B"], step="1", multiplier="0.01")
        if seed % 3 == 1
        else perpetual("B", FEES["B"]),
        perpetual("C", FEES["C"], step="0.01"),
    ]
    trader = Trader(seed, [instruments[0], instruments[2]])
    asked: dict[str, D] = {}
    send = trader.send

    def noted(order: Order) -> Order:
        asked[order.client_order_id.value] = order.quantity.as_decimal()
        return send(order)

    trader.send = noted  # type: ignore[method-assign]
    actors = [GateActor(Valve(D(4) if seed % 2 else D(1_000)))]
    done = run({}, instruments, world(seed, instruments), actors=actors, oms=oms, others=[], script=trader,
               venue=trouble(seed), dead_after=12.0, stale_after=4.0)  # fmt: skip
    assert len(asked) >= 8
    check(done, {one.id: one for one in instruments}, asked=asked)
    assert any(update.filled for update in done.updates.values())


def alone(one: Instrument, levels: list[Any], quantity: float, side: OrderSide) -> float:
    """What the whole order costs at one venue with its fee; infinite where less is there."""
    cost, left = 0.0, quantity
    sign = 1.0 if side == OrderSide.BUY else -1.0
    for level in levels:
        taken = min(left, level.size.as_double())
        cost += taken * level.price.as_double() * (sign + float(one.taker_fee))
        left -= taken
    return cost if left < 1e-9 else float("inf")


@pytest.mark.parametrize("seed", range(6))
def test_no_venue_alone_would_have_cost_less_net_of_fees(seed: int) -> None:
    instruments = [perpetual(name, fee) for name, fee in FEES.items()]
    data = world(seed, instruments, calm=True)
    toss = random.Random(seed)

    def act(script: Script) -> None:
        side = toss.choice([OrderSide.BUY, OrderSide.SELL])
        script.market(toss.choice(instruments), side, f"{toss.uniform(0.05, 4.0):.3f}")

    done = run(dict.fromkeys(range(3, SECONDS - 10), act), instruments, data, close_first=False)
    better = compared = 0
    for order in done.script.orders:
        fills = [event for event in done.script.events if isinstance(event, OrderFilled)
                 and event.client_order_id.value.startswith(f"{order.client_order_id}-")]  # fmt: skip
        sign = 1 if order.is_buy else -1
        paid = sum(float(f.last_px) * float(f.last_qty) * sign + f.commission.as_double() for f in fills)
        asked = done.updates[order.client_order_id.value].asked
        if sum(float(f.last_qty) for f in fills) < asked - 1e-9 or len({f.ts_event for f in fills}) > 1:
            continue  # it took more than is seen at once
        books = {item.instrument_id: item for item in data if item.ts_init <= order.ts_init}
        costs = [
            alone(one, books[one.id].asks if order.is_buy else books[one.id].bids, asked, order.side)
            for one in instruments
        ]
        compared += 1
        better += paid < min(costs) - 0.01
        assert paid <= min(costs) + 0.01  # commissions are rounded
    assert compared > 30
    assert better > 5
