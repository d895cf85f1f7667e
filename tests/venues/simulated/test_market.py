"""What a market is, and its time."""

from __future__ import annotations

import pytest

from nautilus_quant.venues.simulated.listing import listings, offered
from nautilus_quant.venues.simulated.market import MarketConfig, Timeline
from nautilus_quant.venues.simulated.stress import Stress

S = 10**9


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seed": -1}, "seed"),
        ({"step": 0.3}, "divide one second.*was 0.3"),
        ({"step": 0.0}, "divide one second"),
        ({"step": 2.0}, "divide one second"),
        ({"step": float("nan")}, "divide one second"),
        ({"depth_interval": 0.1}, "multiple of step"),
        ({"depth_interval": 7.0}, "divides a minute"),
        ({"volatility": 0.0}, "volatility"),
        ({"volatility": float("nan")}, "volatility"),
        ({"pace": 1.0}, "pace"),
        ({"history": 1.0}, "history"),
        ({"funding_interval": 90.0}, "whole minutes"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        MarketConfig(**wrong)


@pytest.mark.parametrize("step", [1.0, 0.5, 0.25, 0.2, 0.1, 0.04, 0.01])
def test_steps_fill_blocks_and_slots(step):
    config = MarketConfig(step=step)
    assert config.steps * config.step_ns == 60 * S
    assert config.steps_per_slot * 12 == config.steps


def test_time():
    timeline = Timeline.opening_at(MarketConfig(history=90.0), 1_000 * S + 7)
    assert timeline.origin == 1_000 * S
    assert timeline.genesis == 880 * S
    assert timeline.block_start(2) == 1_000 * S
    assert [timeline.block_of(ts * S) for ts in (881, 940, 941, 1_000, 1_001)] == [0, 0, 1, 1, 2]


def test_stress_is_no_part_of_a_market_s_identity():
    calm, hit = MarketConfig(seed=5), MarketConfig(seed=5, stress=(Stress(kind="crash", at=1.0),))
    assert calm.identity == hit.identity
    assert calm.identity != MarketConfig(seed=6).identity


def test_offers():
    config = MarketConfig(spot=True)
    names = [item.symbol for item in offered(config, ("eth", "BTCUSDT"))]
    assert names == ["BTCUSDT-PERP", "ETHUSDT-PERP", "BTCUSDT", "ETHUSDT"]
    assert len(listings(config)) == 16
    with pytest.raises(ValueError, match="was 'BTX'; did you mean BTC"):
        offered(config, ("BTX",))
    with pytest.raises(ValueError, match="at least one symbol"):
        offered(config, ())
