import math

from nautilus_quant.account.funding import FundingClock

BTC = "BTCUSDT-PERP.SIM"


def test_a_record_of_a_payment_is_paid_at_once():
    assert FundingClock().update(BTC, 0.0001, None) == 0.0001


def test_an_announced_rate_is_paid_once_when_the_next_one_is_announced():
    clock = FundingClock()

    assert clock.update(BTC, 0.0001, 100) is None
    assert clock.update(BTC, 0.0002, 100) is None
    assert clock.update(BTC, 0.0005, 200) == 0.0002
    assert clock.update(BTC, 0.0005, 200) is None


def test_instruments_are_kept_apart():
    clock = FundingClock()
    clock.update(BTC, 0.0001, 100)

    assert clock.update("ETHUSDT-PERP.SIM", 0.0002, 200) is None


def test_a_rate_that_is_not_a_number_pays_nothing_and_the_last_known_one_is_paid():
    clock = FundingClock()
    clock.update(BTC, 0.0001, 100)
    clock.update(BTC, math.nan, 100)

    assert clock.update(BTC, math.nan, None) is None
    assert clock.update(BTC, 0.0003, 200) == 0.0001


def test_a_late_announcement_is_passed_over():
    clock = FundingClock()
    clock.update(BTC, 0.0001, 200)

    assert clock.update(BTC, 0.0009, 100) is None
    assert clock.update(BTC, 0.0002, 300) == 0.0001


def test_it_goes_on_after_a_restart():
    clock = FundingClock()
    clock.update(BTC, 0.0001, 100)

    assert FundingClock().restore(clock.to_dict()).update(BTC, 0.0, 200) == 0.0001
