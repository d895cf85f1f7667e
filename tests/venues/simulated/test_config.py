"""The venue's configuration, as people and as files write it."""

from __future__ import annotations

import json

import pytest

from nautilus_quant.venues.simulated import SimulatedDataClientConfig

S = 10**9


def test_plain_json_is_enough():
    text = json.dumps(
        {
            "venue": "SIMX",
            "seed": 7,
            "symbols": ["BTC", "ETH"],
            "origin": "2024-01-31T12:00:00Z",
            "stress": [{"kind": "crash", "at": 20, "size": 0.2}],
        }
    )
    config = SimulatedDataClientConfig.parse(text)
    assert config.market.seed == 7
    assert config.market.stress[0].size == 0.2
    assert [item.symbol for item in config.listings] == ["BTCUSDT-PERP", "ETHUSDT-PERP"]
    assert config.timeline(0).origin == 1_706_702_400 * S
    assert SimulatedDataClientConfig.parse(config.json()) == config


@pytest.mark.parametrize(
    "origin", ["2024-01-31T12:00:00", "2024-01-31T13:00:00+01:00", 1_706_702_400 * S + 5]
)
def test_openings(origin):
    assert SimulatedDataClientConfig(origin=origin).timeline(0).origin == 1_706_702_400 * S


def test_without_an_opening_it_opens_now():
    assert SimulatedDataClientConfig().timeline(123 * S + 456).origin == 123 * S


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"symbols": ("DOGE",)}, "was 'DOGE'"),
        ({"bars": ("1-TICK",)}, "bars are like 1-SECOND"),
        ({"origin": "yesterday"}, "origin must be"),
        ({"step": 0.7}, "step must divide"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        SimulatedDataClientConfig(**wrong)


def test_the_longest_bar():
    assert SimulatedDataClientConfig(bars=("1-HOUR", "5-SECOND")).longest_bar == 3_600
    assert SimulatedDataClientConfig(bars=()).longest_bar == 0
