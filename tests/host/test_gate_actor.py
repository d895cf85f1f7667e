"""The life of gates that are actors: in the chain first, out of it last, and nothing lost in between."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.config import ActorConfig
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderDenied
from nautilus_trader.model.objects import Quantity

from nautilus_quant.gating.intent import UNLIMITED, Intent, Verdict
from nautilus_quant.host import gate_actor
from nautilus_quant.host.gate_actor import BEFORE_STRATEGIES, GateActor, Heard
from nautilus_quant.host.gateway import OrderGateway, find_gateway
from nautilus_quant.host.messages import Alert, everything
from nautilus_quant.host.state import StateError, StateStore, shared_store
from tests.host.engine import BTC, SECOND, START, Script, engine, quotes

QUOTES = "data.quotes.*"


class CountConfig(ActorConfig, kw_only=True, frozen=True):
    state: str | None = None


class Counts(GateActor):
    """Counts quotes over restarts, is open once its last step is done, and writes down its life."""

    name = "counts"

    def __init__(self, config: CountConfig | None = None) -> None:
        super().__init__(config or CountConfig())
        self.seen = 0
        self.life: list[Any] = []
        self.open = False
        self.fails = ""
        self.woken: list[tuple[str, float]] = []
        self.wakes = self._wake_ups("test", lambda key, ts: self.woken.append((key, (ts - START) / SECOND)))

    def step(self, name: str) -> None:
        self.life.append(name)
        if self.fails == name:
            raise RuntimeError(f"{name} failed")

    def check(self, _intent: Intent) -> Verdict:
        return Verdict.allow(self.name) if self.open else Verdict.deny(self.name, "CLOSED", "not ready")

    def _topics(self) -> Iterable[Heard]:
        return ((QUOTES, self._on_quote, BEFORE_STRATEGIES),)

    def _resume(self, gateway: OrderGateway, store: StateStore) -> None:
        assert self.name in gateway.gates
        self.seen = store.get(self.namespace or self.name, "quotes")["n"] if self.config.state else 0
        self.step("resume")

    def _begin(self) -> None:
        self.step("begin")
        self.open = True

    def _save_all(self, ts: int) -> None:
        self.step("save")
        self._save("quotes", self.document, ts)

    def document(self) -> dict[str, Any]:
        self.step("document")
        return {"n": self.seen}

    def _on_quote(self, quote: Any) -> None:
        self.seen += 1
        self._save_sometimes(quote.ts_init)


def buy(script: Script) -> None:
    one = Quantity(Decimal(1), BTC.size_precision)
    script.submit_order(script.order_factory.market(BTC.id, OrderSide.BUY, one))


def run(actor: GateActor, script: Script | None = None, count: int = 10) -> None:
    script = script or Script({})
    made = engine(quotes([30_000.0] * count), actors=[actor], strategies=[script])
    made.run()
    script.left = script.position
    made.dispose()


def test_a_gate_starts_listens_saves_and_goes_on_where_it_ended():
    url = "memory://gate-actor"
    with shared_store(url) as store:
        store.put("counts", "quotes", {"n": 5}, ts=0)
        actor = Counts(CountConfig(state=url))
        run(actor)
        assert actor.life == ["resume", "begin", "save", "document"]  # a backtest saves at its end alone
        assert store.documents("counts") == {"quotes": {"n": 15}}


def test_without_a_state_nothing_is_made_to_be_saved():
    actor = Counts()
    run(actor)
    assert actor.life == ["resume", "begin", "save"]
    assert actor.seen == 10


def test_a_namespace_of_its_own():
    class Elsewhere(Counts):
        namespace = "elsewhere"

    url = "memory://gate-actor-elsewhere"
    with shared_store(url) as store:
        store.put("elsewhere", "quotes", {"n": 1}, ts=0)
        run(Elsewhere(CountConfig(state=url)))
        assert store.documents("elsewhere") == {"quotes": {"n": 11}}
        assert store.documents("counts") == {}


def test_a_live_gate_saves_now_and_then(monkeypatch):
    for module in ("cadence", "gate_actor"):
        monkeypatch.setattr(f"nautilus_quant.host.{module}.is_backtest", lambda _kernel: False)
    url = "memory://gate-actor-live"
    with shared_store(url) as store:
        store.put("counts", "quotes", {"n": 0}, ts=0)
        actor = Counts(CountConfig(state=url))
        run(actor, count=25)
    assert actor.life.count("save") == 3 + 1  # at 0, 10 and 20 s, and at the end


@pytest.mark.parametrize("step", ["resume", "begin"])
def test_a_gate_that_cannot_start_stands_in_the_chain_and_stays_closed(step):
    actor = Counts()
    actor.fails = step
    made = engine(actors=[actor], strategies=[Script({})])
    with pytest.raises(RuntimeError, match=f"{step} failed"):
        made.run()
    gateway = find_gateway(made.kernel.msgbus)
    assert gateway is not None
    assert gateway.gates == ("counts",)
    one = gateway.exposure.preview(Script({}).id, BTC.id, 1, Decimal(1))
    assert gateway.preview(one).allowed == 0
    made.dispose()


def test_it_leaves_last_and_hears_nothing_any_more():
    class Looks(Counts):
        def step(self, name: str) -> None:
            heard = [one.handler for one in self.msgbus.subscriptions(QUOTES)]
            self.life.append((name, find_gateway(self.msgbus).gates, self._on_quote in heard))

    actor = Looks()
    made = engine(actors=[actor], strategies=[Script({})])
    made.run()
    stood = ("counts",)
    assert actor.life == [("resume", stood, False), ("begin", stood, True), ("save", stood, False)]
    assert find_gateway(made.kernel.msgbus) is None
    made.dispose()


def test_a_gate_without_an_opinion_closes():
    class Mute(GateActor):
        name = "mute"

    script = Script({2: buy})
    run(Mute(ActorConfig()), script)
    assert [type(event) for event in script.events][-1:] == [OrderDenied]
    assert "GATE_ERROR" in script.events[-1].reason
    assert script.left == 0


def test_an_open_gate_lets_orders_through():
    script = Script({2: buy})
    actor = Counts()
    run(actor, script)
    assert script.left == 1
    assert actor.check(None).allowed is UNLIMITED


class Full:
    """A store that takes nothing."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    def get(self, *_names: str) -> dict[str, Any]:
        return {"n": 0}

    def put(self, *_args: Any, **_options: Any) -> None:
        self.tried.append("put")
        raise StateError("full")

    def put_now(self, *_args: Any, **_options: Any) -> None:
        self.tried.append("put_now")
        raise StateError("full")

    def append(self, *_args: Any, **_options: Any) -> None:
        self.tried.append("append")
        raise StateError("full")

    def close(self) -> None:
        self.tried.append("close")


def test_what_cannot_be_saved_or_written_down_stops_nothing(monkeypatch):
    class Writes(Counts):
        def _on_quote(self, quote: Any) -> None:
            if not self.seen:
                self._save("quotes", self.document, quote.ts_init, now=True)
                self._write_down("counts", {"n": 0}, quote.ts_init)
            self.seen += 1

    store = Full()
    monkeypatch.setattr(gate_actor, "shared_store", lambda _url: store)
    actor = Writes(CountConfig(state="memory://full"))
    run(actor)
    assert actor.seen == 10
    assert store.tried == ["put_now", "append", "put", "close"]


def test_an_alert_names_its_gate():
    told: list[Alert] = []

    class Tells(Counts):
        def _begin(self) -> None:
            self._alert("BTC", 7, "WARNING", "too much", {"share": 0.5})
            told.extend(everything(self.msgbus, Alert).values())

    run(Tells())
    assert told == [
        Alert(
            key="counts|BTC",
            ts=7,
            source="counts",
            severity="WARNING",
            text="too much",
            numbers={"share": 0.5},
        )
    ]


def test_wake_ups_come_once_at_the_last_time_set():
    class Wakes(Counts):
        def _begin(self) -> None:
            for key, second in (("a", 3), ("b", 4), ("a", 5), ("c", 6), ("d", 60)):
                self.wakes.set(key, START + second * SECOND)
            self.wakes.drop("c")
            self.wakes.drop("never set")

    actor = Wakes()
    run(actor)
    assert actor.woken == [("b", 4.0), ("a", 5.0)]


def test_a_wake_up_may_be_set_again_when_it_rings_and_is_off_after_the_end():
    class Again(Counts):
        def _begin(self) -> None:
            self.often = self._wake_ups("often", self.ring)
            self.often.set("x|y", START + 2 * SECOND)

        def ring(self, key: str, ts: int) -> None:
            self.woken.append((key, (ts - START) / SECOND))
            self.often.set(key, ts + 3 * SECOND)

    actor = Again()
    script = Script({})
    made = engine(quotes([30_000.0] * 10), actors=[actor], strategies=[script])
    made.run()
    assert actor.woken == [("x|y", 2.0), ("x|y", 5.0), ("x|y", 8.0)]
    assert actor.clock.timer_names == []
    made.dispose()


def test_a_wake_up_that_rang_may_be_set_for_the_same_time_again():
    class Late(Counts):
        def _begin(self) -> None:
            self.wakes.set("a", START + 2 * SECOND)

        def _on_quote(self, quote: Any) -> None:
            if quote.ts_init == START + 4 * SECOND:
                self.wakes.set("a", START + 2 * SECOND)  # is over: rings at once

    actor = Late()
    run(actor)
    assert [key for key, _ in actor.woken] == ["a", "a"]
