"""Options in the money are rolled: by legs or a spread, whatever the venue, the gates and the strategy do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.model.enums import OmsType, OrderSide
from nautilus_trader.model.instruments.crypto_option_spread import CryptoOptionSpread
from nautilus_trader.model.objects import Price, Quantity

from tests.actors.expiry_runs import (
    BTC,
    DAY,
    EXPIRY,
    HOUR,
    MINUTE,
    SECOND,
    USDT,
    Holder,
    Run,
    Tape,
    engine,
    handler,
    option,
    run,
    spread,
)
from tests.host.engine import GateActor, Valve

OLD, NEW = option(), option(expiry=EXPIRY + DAY)
OLD_NAME, NEW_NAME = OLD.id.symbol.value, NEW.id.symbol.value
START, END = EXPIRY - 5 * HOUR, EXPIRY + 6 * MINUTE


def tape(index: Any = 103_000.0, *options: Any, start: int = START, end: int = END, **other: Any) -> Tape:
    return Tape(options or (OLD, NEW), index, start=start, end=end, **other)


def sizes_after(run_: Run, *instruments: Any) -> list[tuple[float, ...]]:
    """Holdings after each of the handler's fills."""
    held = dict.fromkeys((i.id for i in instruments), 0.0)
    after = []
    for fill in run_.events:
        if fill.instrument_id in held:
            held[fill.instrument_id] += float(fill.last_qty) * (1 if fill.order_side == OrderSide.BUY else -1)
            after.append(tuple(held.values()))
    return after


def quote_of(item: Any) -> Any:
    return getattr(item, "instrument_id", None)


def test_what_is_held_in_the_money_is_rolled_four_hours_before() -> None:
    ran = run(tape(), {OLD.id: 2.0})
    assert ran.when("rolling") == [EXPIRY - 4 * HOUR]
    assert ran.when("rolled") == [EXPIRY - 4 * HOUR]
    assert ran.held() == {NEW_NAME: 2.0}
    # a quarter at a time, the new one first
    assert ran.fills() == [("BUY", NEW_NAME, 0.5), ("SELL", OLD_NAME, 0.5)] * 4
    assert {o.ts_init for o in ran.orders()} == {EXPIRY - 4 * HOUR}
    assert {str(o.strategy_id) for o in ran.orders()} == {"Holder-001"}
    assert [o.is_reduce_only for o in ran.orders(OLD)] == [True] * 4
    assert [o.is_reduce_only for o in ran.orders(NEW)] == [False] * 4


def test_what_was_sold_is_bought_back_first() -> None:
    ran = run(tape(), {OLD.id: -2.0})
    assert ran.fills() == [("BUY", OLD_NAME, 0.5), ("SELL", NEW_NAME, 0.5)] * 4
    assert ran.held() == {NEW_NAME: -2.0}
    assert min(sum(held) for held in sizes_after(ran, OLD, NEW)) == -2.0  # never more sold than before


@pytest.mark.parametrize(("order", "first"), [("close", "SELL"), ("open", "BUY")])
def test_which_leg_goes_first_can_be_told(order: str, first: str) -> None:
    ran = run(tape(), {OLD.id: 2.0}, handler(order=order, slice=1.0))
    assert [fill[0] for fill in ran.fills()] == [first, "SELL" if first == "BUY" else "BUY"]
    assert ran.held() == {NEW_NAME: 2.0}


def test_what_is_out_of_the_money_is_left_at_four_hours() -> None:
    ran = run(tape(97_000.0), {OLD.id: 2.0})
    assert ran.when("rolling") == []
    assert ran.told("held") == [("held", "OTM")]


def test_a_put_is_rolled_below_its_strike() -> None:
    old, new = option(call=False), option(call=False, expiry=EXPIRY + DAY)
    ran = run(tape(97_000.0, old, new), {old.id: 1.0})
    assert ran.held() == {new.id.symbol.value: 1.0}


def test_the_same_delta_is_another_strike() -> None:
    """A day's more time makes the same option less certain: the same delta lies deeper in the money."""
    later = [option(strike, EXPIRY + DAY) for strike in (94_000.0, 97_000.0, 100_000.0, 101_000.0)]
    ran = run(tape(101_000.0, OLD, *later), {OLD.id: 1.0}, handler(by="delta", checks=(), pin=0.0))
    # four hours left: d1 = ln(1.01) / 0.012821 + 0.0064 = 0.7825, N = 0.783;
    # 28 hours left, 97 000: d1 = ln(101/97) / 0.033922 + 0.017 = 1.2086, N = 0.886; 100 000: 0.3103, 0.622
    assert ran.held() == {later[1].id.symbol.value: 1.0}


def test_a_spread_of_the_venue_is_used_where_there_is_one() -> None:
    made = spread(OLD, NEW)
    ran = run(tape(spreads=[made]), {OLD.id: 2.0})
    assert ran.fills() == [("BUY", made.id.symbol.value, 2.0)]
    assert ran.held() == {NEW_NAME: 2.0}
    assert ran.told("spread", "rolled") == [("spread", "FILLED"), ("rolled", "DONE")]


def test_what_was_sold_is_rolled_by_selling_the_spread() -> None:
    made = spread(OLD, NEW)
    ran = run(tape(spreads=[made]), {OLD.id: -2.0})
    assert ran.fills() == [("SELL", made.id.symbol.value, 2.0)]
    assert ran.held() == {NEW_NAME: -2.0}


def test_a_spread_nobody_quotes_is_rolled_by_its_legs() -> None:
    made = spread(OLD, NEW)
    ran = run(tape(spreads=[made], size=lambda name, _: None if "___" in name else 100.0), {OLD.id: 2.0})
    assert ran.fills() == [("BUY", NEW_NAME, 0.5), ("SELL", OLD_NAME, 0.5)] * 4


def test_a_spread_is_traded_as_far_as_it_is_quoted() -> None:
    made = spread(OLD, NEW)
    ran = run(tape(spreads=[made], size=lambda name, _: 2.0 if "___" in name else 100.0), {OLD.id: 5.0})
    assert [fill[2] for fill in ran.fills() if "___" in fill[1]] == [2.0, 2.0, 1.0]
    assert ran.held() == {NEW_NAME: 5.0}


def test_legs_that_are_never_booked_stop_the_roll_and_not_the_close() -> None:
    """NautilusTrader's exchange books no legs of a spread that fills in part: nobody knows what is held."""
    made = spread(OLD, NEW)

    def size(name: str, ts: int) -> float:
        gone = ts > EXPIRY - 4 * HOUR  # the quote is smaller when the order arrives
        return (1.0 if gone else 5.0) if "___" in name else 100.0

    latency = LatencyModel(base_latency_nanos=45 * SECOND)
    held = tape(spreads=[made], size=size)
    ran = run(held, {OLD.id: 5.0}, latency_model=latency)
    assert ran.told("legs_lost") == [("legs_lost", "NOT_BOOKED")]
    assert ran.fills()[0] == ("BUY", made.id.symbol.value, 1.0)
    assert ran.fills()[1:] == [("SELL", OLD_NAME, 5.0)]
    assert [a.severity for a in ran.alerts if a.key.endswith("|order")] == ["CRITICAL", "INFO"]


def test_a_spread_that_does_not_name_its_legs_is_not_traded() -> None:
    """NautilusTrader would fill it and book nothing."""
    made = spread(OLD, NEW)
    nameless = CryptoOptionSpread(
        made.id, made.id.symbol, BTC, USDT, USDT, False, "CALENDAR", 0, EXPIRY, 2, 0,
        Price.from_str("0.01"), Quantity.from_str("1"), 0, 0,
    )  # fmt: skip
    both = engine(tape(), [Holder({OLD.id: 1.0})], [handler()])
    both.add_instrument(nameless)
    both.add_data([quote for quote in tape(spreads=[made]).data() if quote_of(quote) == made.id])
    ran = Run(both, None)
    both.run()
    assert {f[1] for f in ran.fills()} == {OLD_NAME, NEW_NAME}
    assert ran.held() == {NEW_NAME: 1.0}


def test_books_that_are_thin_fill_it_bit_by_bit() -> None:
    """A lot each time, at both: the legs are evened out before the next."""
    ran = run(tape(size=lambda _name, _ts: 0.1), {OLD.id: 1.0}, handler(slice=1.0))
    assert ran.held() == {NEW_NAME: 1.0}
    held = [h for h in sizes_after(ran, OLD, NEW) if h[1]]
    assert all(-1e-9 <= sum(h) - 1.0 <= 1.0 + 1e-9 for h in held)
    assert ran.told("rolled") == [("rolled", "DONE")]
    assert len(ran.fills()) > 2


def test_a_slice_is_the_most_there_is_too_much() -> None:
    ran = run(tape(size=lambda name, _: 0.3 if name == NEW_NAME else 100.0), {OLD.id: 2.0})
    assert max(sum(held) for held in sizes_after(ran, OLD, NEW)) <= 2.5 + 1e-9
    assert ran.held() == {NEW_NAME: 2.0}


def test_nobody_to_roll_to_means_closing_at_two_hours() -> None:
    ran = run(tape(103_000.0, OLD), {OLD.id: 2.0})
    assert ran.told("waits") == [("waits", "NO_TARGET")]
    assert ran.told("closing") == [("closing", "ITM")]
    assert ran.when("closing") == [EXPIRY - 2 * HOUR]
    assert ran.held() == {}


def test_no_liquidity_to_roll_means_closing_at_two_hours() -> None:
    ran = run(tape(size=lambda name, _: None if name == NEW_NAME else 100.0), {OLD.id: 2.0})
    assert ran.told("waits") == [("waits", "NO_QUOTE")]
    assert ran.fills() == [("SELL", OLD_NAME, 2.0)]
    assert ran.orders()[0].ts_init == EXPIRY - 2 * HOUR


def test_a_roll_that_costs_too_much_waits() -> None:
    ran = run(tape(half=0.2), {OLD.id: 2.0}, handler(roll_cost=0.005))
    # half spreads of about 600 and 650 are more than 0.5 % of 103 000, which is 515
    assert ran.told("waits")[0] == ("waits", "EXPENSIVE")
    assert ran.held() == {}
    assert ran.when("closing") == [EXPIRY - 2 * HOUR]


def test_a_roll_cut_short_is_closed_at_two_hours() -> None:
    """The new option is quoted for a moment only: what was rolled stays, the rest is closed."""

    def size(name: str, ts: int) -> float | None:
        if name != NEW_NAME:
            return 100.0
        return 0.3 if ts <= EXPIRY - 4 * HOUR else None

    ran = run(tape(size=size), {OLD.id: 2.0}, handler(slice=1.0, max_age=40.0, retry=60.0))
    assert ran.held() == {NEW_NAME: 0.3}
    assert ran.fills() == [("BUY", NEW_NAME, 0.3), ("SELL", OLD_NAME, 0.3), ("SELL", OLD_NAME, 1.7)]
    assert ran.told("roll_given_up") == [("roll_given_up", "TOO_LATE")]
    assert next(a.text for a in ran.alerts if a.key.endswith("|roll")).startswith("0.3 of 2.0 were rolled")


def test_the_new_leg_is_new_risk_and_closing_is_not() -> None:
    """With the gates shut nothing is rolled, and above all nothing is closed for it; later it is closed."""
    valve = Valve()
    actors = [GateActor(valve)]

    class Shut(Holder):
        def on_quote_tick(self, tick: Any) -> None:
            super().on_quote_tick(tick)
            if tick.ts_init > START + MINUTE:
                valve.close()

    made = engine(tape(), [Shut({OLD.id: -2.0})], [handler(), *actors])
    ran = Run(made, None)
    made.run()
    assert ran.told("waits") == [("waits", "DENIED")]
    assert ran.fills() == [("BUY", OLD_NAME, 2.0)]
    assert ran.orders()[0].ts_init == EXPIRY - 2 * HOUR
    assert {intent.instrument for intent in valve.asked if intent.opening} == {str(OLD.id), str(NEW.id)}


def test_gates_that_allow_less_make_smaller_steps() -> None:
    valve = Valve()

    class Narrow(Holder):
        def on_quote_tick(self, tick: Any) -> None:
            super().on_quote_tick(tick)
            if tick.ts_init > START + MINUTE:
                valve.allowed = Decimal("0.4")

    made = engine(tape(), [Narrow({OLD.id: 2.0})], [handler(slice=1.0), GateActor(valve)])
    ran = Run(made, None)
    made.run()
    assert ran.held() == {NEW_NAME: 2.0}
    assert {f[2] for f in ran.fills() if f[0] == "BUY"} == {0.4}


def test_an_outage_of_the_venue_is_waited_for() -> None:
    """Nobody quotes from an hour before until half an hour after; then it is rolled, once."""

    def size(_name: str, ts: int) -> float | None:
        return None if EXPIRY - 5 * HOUR + MINUTE < ts < EXPIRY - 4 * HOUR + 30 * MINUTE else 100.0

    ran = run(tape(size=size), {OLD.id: 2.0})
    (rolled,) = ran.when("rolled")
    assert EXPIRY - 4 * HOUR + 30 * MINUTE <= rolled <= EXPIRY - 4 * HOUR + 31 * MINUTE
    assert ran.held() == {NEW_NAME: 2.0}
    assert sum(f[2] for f in ran.fills() if f[0] == "BUY") == pytest.approx(2.0)


@pytest.mark.parametrize("held", [2.0, -2.0])
def test_what_the_venue_rejects_is_tried_again(held: float) -> None:
    """The new option may be traded half an hour late; nothing is ever more than before, or rolled twice."""
    late = option(expiry=EXPIRY + DAY, active=EXPIRY - 4 * HOUR + 30 * MINUTE)
    ran = run(tape(103_000.0, OLD, late), {OLD.id: held})
    rejected = [o for o in ran.orders(late) if o.status_string() == "REJECTED"]
    assert len(rejected) > 10
    assert ("unfilled", "REJECTED") in ran.told("unfilled")
    (rolled,) = ran.when("rolled")
    assert EXPIRY - 4 * HOUR + 30 * MINUTE <= rolled <= EXPIRY - 4 * HOUR + 31 * MINUTE
    assert ran.held() == {NEW_NAME: held}
    after = [abs(sum(h)) for h in sizes_after(ran, OLD, late)]
    assert max(after) <= (2.5 if held > 0 else 2.0) + 1e-9


def test_a_roll_the_venue_never_takes_is_closed_at_two_hours() -> None:
    """What was bought back of what was sold stays bought back, the rest follows."""
    never = option(expiry=EXPIRY + DAY, active=EXPIRY)
    ran = run(tape(103_000.0, OLD, never), {OLD.id: -2.0}, handler(retry=300.0))
    assert ran.fills() == [("BUY", OLD_NAME, 0.5), ("BUY", OLD_NAME, 1.5)]
    assert [o.ts_init for o in ran.orders(OLD)] == [EXPIRY - 4 * HOUR, EXPIRY - 2 * HOUR]
    assert ran.told("roll_given_up") == [("roll_given_up", "TOO_LATE")]


def test_a_person_is_told_what_cannot_be_done_and_when_it_is_over() -> None:
    ran = run(tape(103_000.0, OLD), {OLD.id: 2.0}, handler(retry=300.0))
    about = [(a.severity, a.text) for a in ran.alerts if a.key.endswith("|work")]
    assert about == [
        (
            "WARNING",
            f"{OLD.id} is neither rolled nor closed yet: no option of a later expiry is near enough",
        ),
        ("INFO", f"{OLD.id} is not held any more"),
    ]


def test_what_its_strategy_opens_again_is_not_rolled_again() -> None:
    class Stubborn(Holder):
        def on_quote_tick(self, tick: Any) -> None:
            super().on_quote_tick(tick)
            if tick.instrument_id == OLD.id and tick.ts_init == EXPIRY - 3 * HOUR:
                size = Quantity.from_str("1.0")
                self.submit_order(self.order_factory.market(OLD.id, OrderSide.BUY, size))

    made = engine(tape(), [Stubborn({OLD.id: 2.0})], [handler()])
    ran = Run(made, None)
    made.run()
    assert ran.when("rolling") == [EXPIRY - 4 * HOUR]
    assert ran.told("closing") == [("closing", "ITM")]
    assert ran.held() == {NEW_NAME: 2.0}


def test_what_its_strategy_closes_meanwhile_is_not_rolled() -> None:
    class Leaving(Holder):
        def on_quote_tick(self, tick: Any) -> None:
            super().on_quote_tick(tick)
            if tick.instrument_id == OLD.id and tick.ts_init == EXPIRY - 4 * HOUR + 5 * MINUTE:
                for position in self.cache.positions_open(instrument_id=OLD.id):
                    self.close_position(position)

    def size(name: str, _ts: int) -> float:
        return 0.1 if name == NEW_NAME else 100.0  # a lot with every retry

    made = engine(tape(size=size), [Leaving({OLD.id: 5.0})], [handler()])
    ran = Run(made, None)
    made.run()
    assert OLD_NAME not in ran.held()
    assert 0.1 <= ran.held()[NEW_NAME] < 2.0
    bought = sum(f[2] for f in ran.fills() if f[0] == "BUY")
    sold = sum(f[2] for f in ran.fills() if f[0] == "SELL")
    assert bought == pytest.approx(sold, abs=0.11)


def test_positions_kept_apart_are_rolled_each_by_itself() -> None:
    class Twice(Holder):
        def on_quote_tick(self, tick: Any) -> None:
            super().on_quote_tick(tick)
            if tick.ts_init == START + MINUTE and tick.instrument_id == OLD.id:
                size = Quantity.from_str("1.0")
                self.submit_order(self.order_factory.market(OLD.id, OrderSide.BUY, size))

    made = engine(tape(), [Twice({OLD.id: 2.0})], [handler()], oms=OmsType.HEDGING)
    ran = Run(made, None)
    made.run()
    assert not [p for p in made.cache.positions_open() if p.instrument_id == OLD.id]
    assert sum(float(p.quantity) for p in made.cache.positions_open()) == pytest.approx(3.0)
    assert not [o for o in ran.orders() if o.status_string() != "FILLED"]


def test_other_orders_of_the_strategy_on_the_option_are_cancelled_first() -> None:
    class Resting(Holder):
        def on_quote_tick(self, tick: Any) -> None:
            super().on_quote_tick(tick)
            if tick.instrument_id == OLD.id and tick.ts_init == START + MINUTE:
                price = self.cache.instrument(OLD.id).make_price(50_000.0)
                size = Quantity.from_str("2.0")
                self.submit_order(self.order_factory.limit(OLD.id, OrderSide.SELL, size, price))

    for cancels, status in ((True, "CANCELED"), (False, "ACCEPTED")):
        made = engine(tape(end=EXPIRY - 3 * HOUR), [Resting({OLD.id: 2.0})], [handler(cancel=cancels)])
        ran = Run(made, None)
        made.run()
        (resting,) = [o for o in made.cache.orders() if o.has_price and float(o.price) == 50_000.0]
        assert resting.status_string() == status
        assert ran.held() == {NEW_NAME: 2.0}
