"""Parameters with a number: kept, taken back, and read again."""

from __future__ import annotations

import json
import math

import pytest

from nautilus_quant.options.hedging_band import BandKind, BandParams, Exposure, half_width
from nautilus_quant.options.hedging_params import HedgeParams, Mode, Version, Versions

PARAMS = HedgeParams(
    band=BandParams(kind=BandKind.COST_AWARE, width=0.02, widest=0.7, risk_aversion=3e-4, interval=900.0),
    mode=Mode.CONSERVATIVE,
    patience=4.0,
)


def version(number: int, **fields) -> Version:
    return Version(number=number, params=PARAMS, **fields)


@pytest.mark.parametrize("score", [12.5, math.nan])
def test_a_version_goes_through_json_and_back(score):
    one = version(3, ts=17, source="study", score=score)
    back = Version.from_dict(json.loads(json.dumps(one.to_dict(), allow_nan=False)))
    assert back.to_dict() == one.to_dict()
    assert back.params == PARAMS


def test_what_is_damaged_is_refused():
    good = PARAMS.to_dict()
    for damaged in (
        {**good, "mode": "emergency"},
        {**good, "band": {**good["band"], "width": -1.0}},
        {**good, "band": {**good["band"], "strange": 1.0}},
        {"band": good["band"]},
    ):
        with pytest.raises((ValueError, KeyError)):
            HedgeParams.from_dict(damaged)


def test_the_newest_that_was_not_taken_back_is_in_force():
    versions = Versions(HedgeParams())
    assert versions.current.number == 0
    assert versions.take([version(2), version(1)])
    assert versions.current.number == 2
    assert not versions.take([version(1), version(2)])
    back = versions.roll_back()
    assert back is not None
    assert back.number == 1
    assert not versions.take([version(2)])
    assert versions.take([version(5)])
    assert versions.rejected == (2,)


def test_the_config_is_never_taken_back_nor_replaced():
    versions = Versions(HedgeParams())
    assert versions.roll_back() is None
    assert not versions.take([version(0)])
    assert versions.current.params == HedgeParams()
    versions.reject([0, 3])
    assert versions.rejected == (3,)
    assert not versions.take([version(3)])


def test_a_mode_scales_widths_and_times_alike():
    exposure = Exposure(1.0, 3e-4, 100_000.0, 6e-4)
    usual = half_width(exposure, PARAMS.band)
    for mode, scale in ((Mode.AGGRESSIVE, 0.5), (Mode.CONSERVATIVE, 1.5)):
        band = PARAMS.band_in(mode)
        assert half_width(exposure, band) == pytest.approx(scale * usual)
        assert (band.width, band.widest, band.interval) == (
            pytest.approx(scale * 0.02),
            pytest.approx(scale * 0.7),
            pytest.approx(scale * 900.0),
        )
    assert PARAMS.band_in(Mode.EMERGENCY).kind is BandKind.FIXED


def test_no_mode_of_every_day_is_an_emergency():
    with pytest.raises(ValueError, match="every day"):
        HedgeParams(mode=Mode.EMERGENCY)
    with pytest.raises(ValueError, match="patience"):
        HedgeParams(patience=0.0)
