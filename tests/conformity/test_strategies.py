"""Every strategy wants exposures the base can trade, and wants the same ones again."""

from __future__ import annotations

from typing import Any

import pytest

from nautilus_quant.host.messages import TargetUpdate, subscribe
from nautilus_quant.host.target import TargetStrategy
from tests.conformity.plugins import Plugin, engine, history, plugins

each = pytest.mark.parametrize("plugin", plugins("strategy"), ids=lambda plugin: plugin.use)
# Strategies of options find none in this market, of carries no funding, and between venues one venue alone;
# tests/strategies asks the same of them where there is some.
ELSEWHERE = ("options_", "funding_arb", "cross_exchange_arb")
IN_PERPETUALS = [plugin for plugin in plugins("strategy") if not plugin.use.startswith(ELSEWHERE)]
each_of_perpetuals = pytest.mark.parametrize("plugin", IN_PERPETUALS, ids=lambda plugin: plugin.use)


def watched(plugin: Plugin, **settings: Any) -> tuple[Any, list[TargetUpdate]]:
    made = engine(strategies=[plugin.make(**settings)])
    heard: list[TargetUpdate] = []
    subscribe(made.kernel.msgbus, TargetUpdate, heard.append)
    made.run()
    return made, heard


@each
def test_it_trades_through_the_base(plugin: Plugin) -> None:
    assert isinstance(plugin.make(), TargetStrategy)


@each_of_perpetuals
def test_targets_are_published_in_bounds_and_in_order_and_again_in_a_second_run(plugin: Plugin) -> None:
    made, heard = watched(plugin)
    first, targets = history(made), list(heard)
    assert len(heard) > 100
    assert all(-1.0 <= update.exposure <= 1.0 for update in heard)
    assert any(update.exposure for update in heard)
    assert [update.ts for update in heard] == sorted(update.ts for update in heard)

    heard.clear()
    made.reset()
    made.run()
    assert heard == targets
    assert history(made) == first
    made.dispose()


@each_of_perpetuals
def test_without_allocation_it_wants_but_does_not_trade(plugin: Plugin) -> None:
    made, heard = watched(plugin, allocation=0.0)
    assert any(update.exposure for update in heard)
    assert made.cache.orders() == []
    made.dispose()
