"""Two small markets, with numbers that can be added up by hand."""

from __future__ import annotations

import math

from nautilus_quant.learning.record import Evaluation

DAY = 86_400_000_000_000
START = 4_000 * 5 * DAY  # a whole number of five days
BTC = "BTCUSDT-PERP.SIM"
ETH = "ETHUSDT-PERP.SIM"
NAN = math.nan


def evaluation(day, returns, weights, *, market=BTC, arms=("X-1", "Y-2"), regime="UP", **more):
    facts = {"cost": 0.0, "trigger": "interval", "awake": (True,) * len(arms), **more}
    return Evaluation(
        ts=START + day * DAY,
        market=market,
        regime=regime,
        arms=arms,
        returns=returns,
        rewards=returns,
        weights=weights,
        **facts,
    )


def btc():
    return [
        evaluation(0, (NAN, 0.0), (1.0, 0.0), cost=0.001, trigger="start"),
        evaluation(1, (0.02, -0.01), (1.0, 0.0), means=(0.5, 0.1), sds=(0.2, 0.3), evidence=(1.0, 2.0)),
        evaluation(
            2,
            (0.01, 0.0),
            (0.0, 1.0),
            cost=0.002,
            regime="DOWN",
            means=(-0.25, 0.75),
            sds=(0.4, 0.6),
            evidence=(0.0, 0.5),
        ),
        evaluation(4, (-0.03, 0.04), (0.0, 0.0), cost=0.001, awake=(False, False)),
        evaluation(
            5,
            (0.01, 0.01),
            (0.5, 0.5),
            cost=0.003,
            awake=(True, False),
            means=(0.25, NAN),
            sds=(0.125, NAN),
            evidence=(4.5, NAN),
        ),
    ]


def eth():
    arms = ("P-1", "Q-2")
    return [
        evaluation(0, (0.0, 0.0), (0.0, 1.0), market=ETH, arms=arms, trigger="start"),
        evaluation(5, (0.10, -0.02), (0.0, 1.0), market=ETH, arms=arms),
    ]


def both():
    return sorted([*btc(), *eth()], key=lambda item: item.ts)
