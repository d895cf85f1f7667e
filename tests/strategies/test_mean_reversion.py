import math
from dataclasses import fields

import pytest

from nautilus_quant.host.state import shared_store
from nautilus_quant.signals.mean_reversion import MeanReversionParams, MeanReversionRule
from nautilus_quant.strategies import MeanReversion, MeanReversionConfig
from tests.host.engine import BTC, SECOND, START
from tests.strategies.bar_runs import bars, run

RULE = {
    "lookback": 20.0,
    "entry": 2.0,
    "exit": 0.4,
    "stop": 1.9,
    "max_holding": 30,
    "max_vol_ratio": 8.0,
    "vol_half_life": 6.0,
    "vol_target": 30.0,
    "cap": 0.8,
}
SWING = [30_000.0 * math.exp(0.001 * math.sin(at)) for at in range(40)]
DIP = [29_850.0, 29_870.0, 29_900.0]
BACK = [30_010.0, 30_000.0]


def reverting(**changes) -> MeanReversion:
    return MeanReversion(MeanReversionConfig(instrument=BTC.id, bar="1-SECOND", **{**RULE, **changes}))


def test_wants_what_the_rule_says():
    closes = [*SWING, *DIP, *BACK]
    rule = MeanReversionRule(MeanReversionParams(**RULE), interval=SECOND)
    told = [(bar.ts_event, rule.update(bar.ts_event, float(bar.close))) for bar in bars(closes)]
    wanted = run(reverting(), closes)
    assert [(update.ts, update.exposure, update.reason) for update in wanted] == [
        (ts, target.exposure, target.reason) for ts, target in told if target is not None
    ]


def test_buys_the_dip_and_is_flat_again_at_the_mean():
    holding = reverting()
    wanted = run(holding, [*SWING, *DIP])
    assert wanted[-1].exposure > 0.1
    assert holding.left * DIP[-1] == pytest.approx(wanted[-1].exposure * 1_000_000, rel=0.02)
    flat = reverting()
    run(flat, [*SWING, *DIP, *BACK])
    assert (flat.left, flat.traded) == (0.0, 2)


def test_a_restart_remembers_the_trade_it_is_in():
    with shared_store("memory://reverting-restart"):
        run(reverting(state="memory://reverting-restart"), [*SWING, *DIP])
        later = run(reverting(state="memory://reverting-restart"), BACK, first=43)
    assert later[0].ts == START + 44 * SECOND
    assert later[0].reason.endswith("back at the mean")


def test_defaults_are_those_of_the_rule():
    config, rule = MeanReversionConfig(instrument=BTC.id), MeanReversionParams()
    for item in fields(MeanReversionParams):
        assert getattr(config, item.name) == getattr(rule, item.name), item.name


def test_impossible_parameters_are_refused_when_it_is_made():
    with pytest.raises(ValueError, match="exit < entry"):
        reverting(entry=0.3)
