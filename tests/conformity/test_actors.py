"""Every actor works as the only thing imported from us, repeats itself, and leaves nothing behind."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.examples.strategies.ema_cross import EMACross, EMACrossConfig

from nautilus_quant.host.gateway import find_gateway
from tests.conformity.plugins import BARS, BTC, Plugin, engine, history, plugins

each = pytest.mark.parametrize("plugin", plugins("actor"), ids=lambda plugin: plugin.use)


def somebody_elses_strategy() -> Any:
    return EMACross(
        EMACrossConfig(
            instrument_id=BTC.id,
            bar_type=BARS,
            trade_size=Decimal("0.010"),
            request_bars=False,
            subscribe_trade_ticks=False,
        )
    )


@each
def test_it_runs_alone_beside_a_strategy_it_does_not_know_and_repeats_itself(plugin: Plugin) -> None:
    made = engine([plugin.make()], [somebody_elses_strategy()])
    made.run()
    first = history(made)
    assert len(first) > 10
    assert [str(actor.state.name) for actor in made.trader.actors()] == ["STOPPED"]
    assert find_gateway(made.kernel.msgbus) is None
    # Whatever it thinks of new risk, nothing that only reduces is denied: positions can always be closed.
    assert refused_exits(made.cache.orders()) == []
    assert made.cache.positions_open() == []

    made.reset()
    made.run()
    assert history(made) == first
    assert find_gateway(made.kernel.msgbus) is None
    made.dispose()


def refused_exits(orders: list[Any]) -> list[Any]:
    return [order for order in orders if order.is_reduce_only and order.status.name == "DENIED"]
