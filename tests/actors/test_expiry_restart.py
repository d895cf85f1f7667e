"""Restarts in the middle: nothing is rolled twice, and what was begun is finished."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.backtest.models import LatencyModel

from nautilus_quant.actors.expiry_handler import ExpiryHandler
from nautilus_quant.host.state import shared_store
from nautilus_quant.options.expiry_plan import RollPlan
from tests.actors.expiry_runs import (
    DAY,
    EXPIRY,
    HOUR,
    MINUTE,
    SECOND,
    Holder,
    Run,
    Tape,
    engine,
    handler,
    option,
)

OLD, NEW = option(), option(expiry=EXPIRY + DAY)
OLD_NAME, NEW_NAME = OLD.id.symbol.value, NEW.id.symbol.value
ROLL = EXPIRY - 4 * HOUR


class Keeper(Holder):
    """Stops and starts the handler at given times, like a node that is restarted with its positions."""

    def __init__(
        self,
        wanted: dict[Any, float],
        acting: ExpiryHandler,
        off: int,
        on: int,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(wanted)
        self.acting, self.off, self.on, self.meanwhile = acting, off, on, meanwhile

    def on_start(self) -> None:
        super().on_start()
        self.clock.set_time_alert_ns("off", self.off, lambda _: self.acting.stop())
        if self.meanwhile is not None:
            half = (self.off + self.on) // 2
            self.clock.set_time_alert_ns("meanwhile", half, lambda _: self.meanwhile())  # type: ignore[misc]
        self.clock.set_time_alert_ns("on", self.on, self._begin)

    def _begin(self, _event: object) -> None:
        self.acting.reset()
        self.acting.start()


def restarted(
    url: str | None,
    off: int,
    on: int,
    *,
    held: float = 2.0,
    size: Any = None,
    meanwhile: Callable[[], None] | None = None,
    latency: int = 0,
    index: Any = 103_000.0,
    **settings: Any,
) -> Run:
    acting = handler(url, **settings)
    keeper = Keeper({OLD.id: held}, acting, off, on, meanwhile)
    tape = Tape((OLD, NEW), index, start=EXPIRY - 5 * HOUR, end=EXPIRY + 6 * MINUTE, size=size)
    other = {"latency_model": LatencyModel(base_latency_nanos=latency)} if latency else {}
    made = engine(tape, [keeper], [acting], **other)
    ran = Run(made, acting)
    made.run()
    return ran


def thin(name: str, _ts: int) -> float:
    """A lot of the new option with each try."""
    return 0.1 if name == NEW_NAME else 100.0


def bought(ran: Run) -> float:
    return sum(fill[2] for fill in ran.fills() if fill[0] == "BUY")


def sold(ran: Run) -> float:
    return sum(fill[2] for fill in ran.fills() if fill[0] == "SELL")


def test_a_roll_goes_on_where_it_was() -> None:
    url = "memory://expiry-middle"
    with shared_store(url):
        ran = restarted(url, ROLL + 2 * MINUTE, ROLL + 20 * MINUTE, size=thin)
    assert ran.held() == {NEW_NAME: 2.0}
    assert (bought(ran), sold(ran)) == (pytest.approx(2.0), pytest.approx(2.0))
    assert ran.told("rolling") == [("rolling", "ITM")]  # begun once
    assert ran.told("rolled") == [("rolled", "DONE")]
    gap = [ts for ts in (o.ts_init for o in ran.orders()) if ROLL + 2 * MINUTE < ts < ROLL + 20 * MINUTE]
    assert gap == []


def test_without_a_state_what_is_left_is_rolled() -> None:
    """A new roll of what is left of the old option; it knows nothing of the first, and need not."""
    ran = restarted(None, ROLL + 2 * MINUTE, ROLL + 20 * MINUTE, size=thin)
    assert ran.held()[NEW_NAME] == pytest.approx(2.0, abs=0.11)
    assert OLD_NAME not in ran.held()


def test_what_was_rolled_is_not_rolled_again_after_a_restart() -> None:
    url = "memory://expiry-twice"
    with shared_store(url) as store:
        ran = restarted(url, ROLL + MINUTE, ROLL + 2 * MINUTE)
        assert ran.told("rolling") == [("rolling", "ITM")]
        assert [key for key in store.documents("expiry") if "rolled|" in key] != []
    assert ran.held() == {NEW_NAME: 2.0}


@pytest.mark.parametrize("held", [2.0, -2.0])
def test_what_fills_while_it_is_away_is_counted(held: float) -> None:
    """An order is on its way for a minute when the handler stops; it is back two minutes later."""
    url = f"memory://expiry-flight-{held}"
    with shared_store(url):
        ran = restarted(
            url,
            ROLL + 30 * SECOND,
            ROLL + 3 * MINUTE,
            held=held,
            latency=55 * SECOND,
            slice=1.0,
            patience=600.0,
            max_age=600.0,
        )
    assert ran.held() == {NEW_NAME: held}
    assert len(ran.orders()) == 2
    assert (bought(ran), sold(ran)) == (2.0, 2.0)


def test_an_order_nobody_knows_is_counted_by_what_is_held() -> None:
    """The venue gave back positions, and nothing of the order that changed them."""
    url = "memory://expiry-unknown"
    with shared_store(url) as store:

        def forget() -> None:
            (key,) = [k for k in store.documents("expiry") if "rolled|" not in k and OLD_NAME in k]
            document = store.get("expiry", key)
            assert document is not None
            assert document["pending"] is not None
            document["pending"]["order"] = "LOST"
            store.put_now("expiry", key, document, ts=ROLL)

        ran = restarted(
            url,
            ROLL + 30 * SECOND,
            ROLL + 3 * MINUTE,
            meanwhile=forget,
            latency=55 * SECOND,
            slice=1.0,
            patience=600.0,
            max_age=600.0,
        )
    assert ran.held() == {NEW_NAME: 2.0}
    assert len(ran.orders()) == 2


def test_an_order_still_on_its_way_is_waited_for() -> None:
    """Ten minutes without an answer, a restart in between: told once, and nothing is sent a second time."""
    url = "memory://expiry-slow"
    with shared_store(url):
        ran = restarted(
            url,
            ROLL + 30 * SECOND,
            ROLL + 2 * MINUTE,
            latency=5 * MINUTE,
            slice=1.0,
            patience=60.0,
            max_age=600.0,
        )
    assert ran.held() == {NEW_NAME: 2.0}
    assert len(ran.orders()) == 2
    told = [a.severity for a in ran.alerts if a.key.endswith("|order")]
    assert told == ["CRITICAL", "INFO", "CRITICAL", "INFO"]  # of each leg


def test_moments_that_were_missed_count() -> None:
    """Away from before four hours until after two: closed at once, and not rolled any more."""
    url = "memory://expiry-missed"
    with shared_store(url):
        ran = restarted(url, ROLL - 10 * MINUTE, EXPIRY - HOUR - 50 * MINUTE, checks=())
    (order,) = ran.orders()
    assert order.ts_init == EXPIRY - HOUR - 50 * MINUTE
    assert ran.told("rolling") == []
    assert ran.told("closing") == [("closing", "ITM")]
    assert ran.held() == {}


def test_away_over_the_expiry_it_tells_what_is_left() -> None:
    url = "memory://expiry-over"
    with shared_store(url):
        ran = restarted(url, ROLL - 10 * MINUTE, EXPIRY + MINUTE)
    assert ran.orders() == []
    assert ran.held() == {}  # the engine settled it, nobody watched
    assert ran.told("settled", "overdue", "rolling", "closing") == []


def test_a_roll_nobody_can_finish_is_told() -> None:
    """Bought back, nothing sold anew, and no such position any more: no new risk is opened blindly."""
    url = "memory://expiry-gone"
    with shared_store(url) as store:
        plan = {**RollPlan(Decimal(2), Decimal(2), closes_first=True).to_dict(), "closed": "2"}
        kept = {"instrument": "GONE.SIM", "long": False, "target": NEW.id.value, "plan": plan}
        store.put_now("expiry", "ExpiryHandler|GONE.SIM-Somebody-001", kept, ts=1)
        done = {**kept, "plan": {**plan, "opened": "2"}}
        store.put_now("expiry", "ExpiryHandler|DONE.SIM-Somebody-001", done, ts=1)
        ran = restarted(url, ROLL - 20 * MINUTE, ROLL - 10 * MINUTE)
        (told,) = [a for a in ran.alerts if a.key.endswith("|roll")]
        assert [key for key in store.documents("expiry") if "Somebody" in key] == []
    assert told.severity == "WARNING"
    assert told.text == (
        f"GONE.SIM was being rolled to {NEW.id} when the node stopped: 2 closed, 0 opened; "
        "the rest is not opened any more"
    )


def test_damaged_memory_is_told_and_begins_anew() -> None:
    url = "memory://expiry-damaged"
    with shared_store(url) as store:

        def damage() -> None:
            for key, document in store.documents("expiry").items():
                if "rolled|" not in key and OLD_NAME in key:
                    store.put_now("expiry", key, {**document, "plan": {"total": "x"}}, ts=ROLL)

        ran = restarted(url, ROLL + 2 * MINUTE, ROLL + 20 * MINUTE, size=thin, meanwhile=damage)
    assert OLD_NAME not in ran.held()
    assert ran.held()[NEW_NAME] == pytest.approx(2.0, abs=0.11)


def test_documents_go_with_their_positions() -> None:
    url = "memory://expiry-tidy"
    with shared_store(url) as store:
        restarted(url, ROLL - 20 * MINUTE, ROLL - 10 * MINUTE)
        assert sorted(key for key in store.documents("expiry") if "rolled|" not in key) == [
            f"ExpiryHandler|{NEW.id}-Keeper-001"
        ]
