import json
import math

import pytest

from nautilus_quant.account.pace import UNKNOWN, PaceMeter

HOUR = 3600 * 1_000_000_000


def fed(meter, closes, volume=10.0):
    for n, close in enumerate(closes):
        meter.update((n + 1) * HOUR, close, volume)
    return meter


def test_the_same_move_and_volume_every_hour_are_those_of_a_day_by_the_clock():
    pace = fed(PaceMeter(), [100.0 * 1.01 ** (n % 2) for n in range(50)]).pace

    assert pace.volatility == pytest.approx(math.log(1.01) * math.sqrt(24.0))
    assert pace.volume == pytest.approx(240.0)


def test_a_change_counts_half_after_the_half_life():
    meter = fed(PaceMeter(half_life=86_400.0), [100.0] * 2000)
    for n in range(24):
        meter.update((2001 + n) * HOUR, 100.0, 30.0)

    assert meter.pace.volume == pytest.approx((240.0 + 720.0) / 2.0)


def test_too_few_bars_tell_nothing():
    assert fed(PaceMeter(least=10), [100.0] * 10).pace == UNKNOWN
    assert fed(PaceMeter(least=10), [100.0] * 11).pace != UNKNOWN


@pytest.mark.parametrize(
    ("ts", "close", "volume"),
    [(60, 0.0, 1.0), (60, math.nan, 1.0), (60, 100.0, -1.0), (60, 100.0, math.inf), (50, 200.0, 1.0)],
)
def test_what_makes_no_sense_is_passed_over(ts, close, volume):
    meter = fed(PaceMeter(), [100.0, 101.0] * 25)
    before = meter.pace
    meter.update(ts * HOUR, close, volume)

    assert meter.pace == before


def test_it_goes_on_after_a_restart():
    first = fed(PaceMeter(), [100.0, 101.0] * 25)
    second = PaceMeter().restore(json.loads(json.dumps(first.to_dict())))
    for meter in (first, second):
        meter.update(60 * HOUR, 99.0, 4.0)

    assert first.pace == second.pace


@pytest.mark.parametrize("wrong", [{"half_life": 0.0}, {"least": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PaceMeter(**wrong)
