"""Figures told again and again: in a backtest they are made for whoever hears or asks, and no one else."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.objects import Quantity

from nautilus_quant.actors.margin_monitor import MarginMonitor, MarginMonitorConfig, MarginUpdate
from nautilus_quant.actors.portfolio_monitor import PortfolioMonitor, PortfolioMonitorConfig
from nautilus_quant.host import budget, portfolio_book
from nautilus_quant.host.budget_settings import BudgetSettings, BudgetUpdate
from nautilus_quant.host.messages import Message, everything, topic_of
from nautilus_quant.host.portfolio_book import PortfolioStatus
from nautilus_quant.host.valuation import Valuer
from tests.host.engine import BTC, SECOND, START, Script, engine, quotes

KINDS = (PortfolioStatus, BudgetUpdate, MarginUpdate)
RISING = [30_000.0 + 10.0 * n for n in range(62)]


class Asker(Actor):
    """Listens or not, and asks in between for what was told last, beside what everything is worth."""

    def __init__(self, kind: type[Message], *, listens: bool) -> None:
        super().__init__(ActorConfig(component_id="Asker-001"))
        self.kind, self.listens = kind, listens
        self.heard: list[Any] = []
        self.asked: list[tuple[int, Any, float]] = []

    def on_start(self) -> None:
        if self.listens:
            self.msgbus.subscribe(topic_of(self.kind), self.heard.append)
        self.clock.set_timer("ask", pd.Timedelta(seconds=7), callback=self.ask)

    def ask(self, event: Any) -> None:
        now = event.ts_event
        self.asked += [
            (now, told, Valuer.on(self.msgbus).value(now).equity)
            for told in everything(self.msgbus, self.kind).values()
        ]


def order(side: OrderSide, size: str) -> Any:
    def step(script: Script) -> None:
        script.submit_order(script.order_factory.market(BTC.id, side, Quantity.from_str(size)))

    return step


def run(kind: type[Message], *, listens: bool) -> tuple[Asker, list[Any]]:
    asker = Asker(kind, listens=listens)
    settings = BudgetSettings(max_instrument=5.0, review=10.0)
    actors = [
        PortfolioMonitor(PortfolioMonitorConfig(snapshot_interval=10.0, budget=settings)),
        MarginMonitor(MarginMonitorConfig(report_interval=10.0, quiet=0.0)),
        asker,
    ]
    steps = {5: order(OrderSide.BUY, "2.000"), 45: order(OrderSide.SELL, "0.500")}
    made = engine(quotes(RISING), actors=actors, strategies=[Script(steps)])
    made.run()
    last = list(everything(made.kernel.msgbus, kind).values())
    made.dispose()
    return asker, last


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_asks_gets_the_figures_of_that_moment(kind):
    asker, last = run(kind, listens=False)
    quiet = [(now, told, equity) for now, told, equity in asker.asked if now >= START + 20 * SECOND]
    assert len(quiet) >= 4
    fresh = [(told.ts, told.equity) == (now, pytest.approx(equity, rel=1e-12)) for now, told, equity in quiet]
    assert sum(fresh) >= 3  # others ask for what was told because something changed
    # 2 bought at 30 050.1 with a fee of 10.82, 0.5 sold at 30 449.9 with 2.74; 1.5 left, worth 30 610 each.
    (final,) = last
    assert final.equity == pytest.approx(1_000_000 - 10.82 - 2.74 + 0.5 * 399.8 + 1.5 * 559.9, abs=0.01)
    assert final.ts >= START + 60 * SECOND


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_listens_hears_them_when_they_are_due(kind):
    asker, last = run(kind, listens=True)
    assert len(asker.heard) >= 6
    assert last[-1] is asker.heard[-1]
    for now, told, _ in asker.asked:
        assert told is next((one for one in reversed(asker.heard) if one.ts <= now), told)


def test_what_nobody_hears_is_not_built(monkeypatch):
    built: list[str] = []

    status = portfolio_book.PortfolioBook._status
    update = budget.BudgetGate._update_of
    monkeypatch.setattr(
        portfolio_book.PortfolioBook, "_status", lambda *given: built.append("status") or status(*given)
    )
    monkeypatch.setattr(
        budget.BudgetGate, "_update_of", lambda *given: built.append("budget") or update(*given)
    )
    run(Message, listens=False)
    assert sorted(built) == ["budget", "status"]  # once each, at the end
