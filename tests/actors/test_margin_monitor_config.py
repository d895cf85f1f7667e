"""What the margin monitor can be told, and what it refuses."""

from __future__ import annotations

import msgspec
import pytest

from nautilus_quant.account.margin_limits import MarginLimits
from nautilus_quant.actors.margin_monitor import MarginMonitor, MarginMonitorConfig
from nautilus_quant.actors.margin_monitor_config import DAYS, MarginWindowConfig, VenueMargin, schedules_of
from tests.host.engine import SECOND, START


def test_defaults_are_those_of_the_rule():
    config, rule = MarginMonitorConfig(), MarginLimits()
    for name in rule.__slots__:
        assert getattr(config, name) == getattr(rule, name), name


def test_schedules_by_venue():
    config = MarginMonitorConfig.parse(
        msgspec.json.encode(
            {
                "venues": {
                    "DERIBIT": {"funding_interval": 0.0},
                    "CDE": {
                        "windows": [
                            {"name": "week", "start": 0, "end": "24:00", "leverage": 8, "days": DAYS[:5]},
                            {"name": "rest", "start": "00:00", "end": 0, "leverage": 2, "days": DAYS[5:]},
                        ],
                        "funding_interval": 3600.0,
                        "funding_lead": 300.0,
                    },
                }
            }
        )
    )  # fmt: skip
    default, others = schedules_of(config)
    tuesday = START // (86_400 * SECOND) * 86_400 * SECOND
    at_funding = tuesday + 7 * 3600 * SECOND + 58 * 60 * SECOND
    assert default.window(at_funding) == ("pre-funding", 4.0)
    assert others["DERIBIT"].window(at_funding) == ("normal", 10.0)
    assert others["CDE"].window(at_funding) == ("pre-funding", 4.0)
    assert others["CDE"].window(at_funding - 240 * SECOND) == ("week", 8.0)
    assert others["CDE"].window(at_funding + 4 * 86_400 * SECOND) == ("rest", 2.0)
    assert MarginMonitorConfig.parse(config.json()) == config


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"windows": (MarginWindowConfig(name="a", start="6:00", end="7:00", leverage=2.0),)}, "whole week"),
        ({"windows": (MarginWindowConfig(name="a", start="6h", end=0, leverage=2.0),)}, "HH:MM in UTC"),
        ({"windows": (MarginWindowConfig(name="a", start=0, end=0, leverage=2.0, days=("mo",)),)}, "was mo"),
        ({"funding_interval": 90.5}, "funding_interval is a whole number of minutes, was 90.5"),
        ({"max_utilisation": 0.5}, "target_utilisation <= max_utilisation"),
        ({"brackets": {"X.Y": ((5.0, 0.2), (None, 0.1))}}, "ascending"),
        ({"venues": {"X": VenueMargin(funding_lead=29_000.0 * 60)}}, "lead <= interval"),
    ],
)
def test_impossible_configs_are_refused_when_the_actor_is_made(config, message):
    with pytest.raises(ValueError, match=message):
        MarginMonitor(MarginMonitorConfig(**config))
