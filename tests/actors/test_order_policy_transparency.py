"""As shipped, the order policy gate changes nothing for NautilusTrader's own examples."""

from __future__ import annotations

import json
from typing import Any

import pytest
from nautilus_trader.examples.algorithms.twap import TWAPExecAlgorithm

from tests.actors.order_policy_kit import (
    gate,
)
from tests.host.engine import engine
from tests.integration.test_transparency import EXAMPLES, RANDOM_IDS, market


def history(strategy: Any, *, guarded: bool) -> list[str]:
    seen: list[str] = []

    def keep(event: Any) -> None:
        body = {k: v for k, v in type(event).to_dict(event).items() if k not in RANDOM_IDS}
        seen.append(json.dumps(body, sort_keys=True, default=str))

    made = engine(
        market(200),
        actors=[gate()] if guarded else [],
        strategies=[strategy],
        algorithms=[TWAPExecAlgorithm()],
        reject_stop_orders=False,
    )
    for topic in ("events.order.*", "events.position.*", "events.account.*"):
        made.kernel.msgbus.subscribe(topic, keep)
    made.run()
    made.dispose()
    return seen


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(name, marks=pytest.mark.slow) if name == "market maker" else name
        for name in EXAMPLES
        if name != "hedge mode"
    ],
)
def test_as_shipped_nobody_notices_it(example):
    bare = history(EXAMPLES[example](), guarded=False)
    assert sum('"type": "OrderFilled"' in line for line in bare) >= 2
    assert history(EXAMPLES[example](), guarded=True) == bare
