"""The carry scaler, against figures by hand and a search for the best."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.carry.capture import CaptureParams
from nautilus_quant.carry.scaler import CarryScaler
from nautilus_quant.carry.scaler_terms import CarryPair, Funds
from nautilus_quant.carry.slippage import SlippageParams
from nautilus_quant.safety.stored import DamagedStateError
from tests.carry.scaler_kit import EIGHT, HOUR, RICH, START, pair, params, pay, perp, scaler, spot

NOW = START + HOUR


def decide(made, held=None, funds=RICH, now=NOW):
    return made.decide(now, funds, held or {})


def test_a_size_by_hand():
    found = decide(scaler())["BTC"]
    # 21 payments of 0.0003. In and out, both legs: 2 × 2 × (0.0005 + 0.0001); impact of the square root
    # 2 × 2 × 0.0002 / sqrt(10 000) = 8e-6. Best: (2/3 × (0.0063 − 0.0024) / 8e-6)²; 80 % of it.
    best = (2 / 3 * 0.0039 / 8e-6) ** 2
    assert found.size == pytest.approx(0.8 * best)
    assert found.why == "profit"
    assert found.edge == pytest.approx(0.0063)
    numbers = found.numbers
    assert numbers["expected"] == pytest.approx(0.0063)
    assert numbers["fixed"] == pytest.approx(0.0024)
    assert numbers["best"] == pytest.approx(best)
    assert numbers["flip"] == 0.0
    assert numbers["level"] == 0.0


def test_it_scales_with_the_rate():
    sizes = [decide(scaler(rate=rate))["BTC"].size for rate in (0.0001, 0.0002, 0.0003, 0.0004)]
    assert sizes[0] == 0.0  # 0.0021 does not pay for 0.0024
    # Where impact is of the square root, size grows with the square of what is left.
    assert sizes[3] / sizes[1] == pytest.approx(((0.0084 - 0.0024) / (0.0042 - 0.0024)) ** 2)


def test_short_spot_only_where_it_can_be_borrowed():
    assert decide(scaler(rate=-0.0004))["BTC"][:3] == ("BTC", 0.0, "borrow")
    lent = decide(scaler(pair(spot(borrow=0.05)), rate=-0.0004))["BTC"]
    assert lent.size < 0.0
    # A week of 5 % a year.
    assert lent.edge == pytest.approx(21 * 0.0004 - 0.05 * 7 / 365.25)


def test_two_perpetuals_earn_the_difference():
    made = scaler(pair(perp("A"), perp("B")), rate=0.0004)
    pay(made, "BTC-PERP.A", 0.0004)
    made = scaler(pair(perp("A"), perp("B")))
    for venue, rate in (("A", 0.0005), ("B", 0.0001)):
        made.markets[f"BTC-PERP.{venue}"].forecast = type(made.markets["BTC-PERP.A"].forecast)()
        made.markets[f"BTC-PERP.{venue}"]._stamp = None
        pay(made, f"BTC-PERP.{venue}", rate)
    found = decide(made)["BTC"]
    assert found.edge == pytest.approx(21 * 0.0004)
    assert found.size < 0.0  # short A, which pays more


def test_the_doubts_of_both_legs_come_off():
    doubtful = scaler(pair(perp("A"), perp("B")), sizing={"caution": 0.5})
    for name, scatter in (("BTC-PERP.A", 4e-5), ("BTC-PERP.B", 1e-4)):
        rng = np.random.default_rng(3)
        market = doubtful.markets[name]
        for n, rate in enumerate(rng.normal(0.0003, scatter, 40), 1):
            market.settled(START + n * EIGHT, float(rate))
    now = START + 41 * EIGHT
    outlooks = [doubtful.markets[name].outlook(now, 7 * 86_400.0) for name in doubtful.markets]
    (one, one_error, _), (two, two_error, _) = outlooks
    found = decide(doubtful, now=now)["BTC"]
    sign = 1.0 if two > one else -1.0
    assert found.numbers["error"] == pytest.approx(math.hypot(one_error, two_error))
    assert found.edge == pytest.approx(sign * (two - one) - 0.5 * math.hypot(one_error, two_error))


def test_what_is_held_stays_while_it_earns_and_goes_when_it_does_not():
    assert decide(scaler(rate=0.0001), {"BTC": 50_000.0})["BTC"][:3] == ("BTC", 50_000.0, "held")
    assert decide(scaler(rate=-0.0001), {"BTC": 50_000.0})["BTC"][:3] == ("BTC", 0.0, "no edge")
    # Rates flip far enough to earn in the other direction: first it leaves.
    lent = pair(spot(borrow=0.0))
    assert decide(scaler(lent, rate=-0.0005), {"BTC": 50_000.0})["BTC"].size == 0.0
    assert decide(scaler(lent, rate=-0.0005))["BTC"].size < 0.0


def test_a_small_change_is_not_traded():
    wanted = decide(scaler())["BTC"].size
    assert decide(scaler(), {"BTC": 0.95 * wanted})["BTC"][1:3] == (0.95 * wanted, "held")
    assert decide(scaler(), {"BTC": 0.85 * wanted})["BTC"].size == pytest.approx(wanted)


@pytest.mark.parametrize("rate", [0.0003, 0.0001])
def test_what_is_unknown_changes_nothing_and_adds_nothing(rate):
    new = CarryScaler([pair()], params())
    assert decide(new)["BTC"][:3] == ("BTC", 0.0, "unknown")
    assert decide(new, {"BTC": 7_000.0})["BTC"][:3] == ("BTC", 7_000.0, "unknown")
    known = scaler(rate=rate)
    for funds in (Funds(math.nan, RICH.venues),):
        assert decide(known, {"BTC": 7_000.0}, funds)["BTC"][:3] == ("BTC", 7_000.0, "unknown")
    stale = decide(known, {"BTC": 7_000.0}, now=START + 2 * EIGHT + 1)["BTC"]
    assert stale[:3] == ("BTC", 7_000.0, "unknown")
    known.markets["BTC.A"].fee = math.nan
    assert decide(known, {"BTC": 7_000.0})["BTC"][:3] == ("BTC", 7_000.0, "unknown")
    assert decide(known)["BTC"].size == 0.0
    assert decide(known, {"BTC": math.nan})["BTC"].why == "unknown"


def test_no_pair_is_larger_than_its_share_of_the_equity():
    found = decide(scaler(max_share=0.25), funds=Funds(100_000.0, {"A": 100_000.0}))["BTC"]
    assert found[1:3] == (pytest.approx(0.8 * 25_000.0), "limit")


def test_capital_goes_where_the_last_unit_earns_most():
    pairs = [pair(spot(coin=c), perp(coin=c), c) for c in ("BTC", "ETH", "SOL")]
    made = scaler(*pairs)
    for coin, rate in (("ETH", 0.00035), ("SOL", 0.00015)):
        made.markets[f"{coin}-PERP.A"] = scaler(pair(spot(coin=coin), perp(coin=coin)), rate=rate).markets[
            f"{coin}-PERP.A"
        ]
    funds = Funds(100_000.0, {"A": 100_000.0})
    found = decide(made, funds=funds)
    used = sum(1.2 * one.size for one in found.values())
    assert used == pytest.approx(100_000.0)
    assert found["SOL"].size < found["BTC"].size < found["ETH"].size
    assert {found["BTC"].why, found["ETH"].why} == {"capital"}
    # What one more unit of capital would earn is the same for both: edge − fixed − 1.5 × 8e-6 × sqrt(q).
    last = [(one.edge - 0.0024 - 1.2e-5 * math.sqrt(one.size)) / 1.2 for one in (found["BTC"], found["ETH"])]
    assert last[0] == pytest.approx(last[1])
    assert found["BTC"].numbers["level"] == pytest.approx(last[0])


def test_what_is_held_goes_before_what_is_new_where_capital_is_short():
    pairs = [pair(spot(coin=c), perp(coin=c), c) for c in ("BTC", "ETH")]
    funds = Funds(60_000.0, {"A": 60_000.0})
    found = decide(scaler(*pairs), {"BTC": 40_000.0}, funds)
    # 40 000 have paid their way in. Of the 60 000, 12 000 are left: both grow by what costs the same.
    assert found["BTC"].size == pytest.approx(45_000.0)
    assert found["ETH"].size == pytest.approx(5_000.0)


def test_what_is_held_is_worth_its_capital_without_the_doubts():
    made = scaler(sizing={"caution": 50.0})
    for n, rate in enumerate(np.random.default_rng(3).normal(0.0003, 0.0002, 40), 1):
        made.markets["BTC-PERP.A"].settled(START + n * EIGHT, float(rate))
    now, held = START + 41 * EIGHT, {"BTC": 50_000.0}
    assert decide(made, now=now)["BTC"].size == 0.0  # too doubtful to enter
    short = Funds(30_000.0, {"A": 30_000.0})
    assert made.params.max_share == 1.0
    found = decide(made, held, Funds(60_000.0, short.venues), now)["BTC"]
    assert found[1:3] == (pytest.approx(30_000.0 / 1.2), "capital")


def test_what_would_be_too_little_is_not_held_at_all():
    made = scaler(sizing={"smallest": 20_000.0})
    poor = Funds(100_000.0, {"A": 12_000.0})
    assert decide(made, funds=poor)["BTC"].size == 0.0  # 10 000 would be
    assert decide(made, {"BTC": 50_000.0}, poor)["BTC"].size == 0.0
    assert decide(made, funds=Funds(100_000.0, {"A": 30_000.0}))["BTC"].size == pytest.approx(25_000.0)


def test_capital_of_each_venue_counts():
    pairs = [pair(spot("A"), perp("A"), "home"), pair(perp("A", "X"), perp("B", "X"), "away")]
    made = scaler(*pairs)
    market = made.markets["X-PERP.A"]
    market.forecast = type(market.forecast)()
    market._stamp = None
    pay(made, "X-PERP.A", -0.0002)
    funds = Funds(200_000.0, {"A": 20_000.0, "B": 180_000.0})
    found = decide(made, funds=funds)
    at_a = 1.2 * abs(found["home"].size) + 0.2 * abs(found["away"].size)
    assert 0.99 * 20_000.0 < at_a <= 20_000.0 * (1 + 1e-9)
    nothing = decide(made, funds=Funds(200_000.0, {"B": 200_000.0}))
    assert nothing["home"].size == nothing["away"].size == 0.0


def test_what_is_cut_at_one_venue_leaves_room_at_another():
    pairs = [pair(spot("A"), perp("B"), "over"), pair(spot("B", "ETH"), perp("B", "ETH"), "home")]
    funds = Funds(1_000_000.0, {"A": 10_000.0, "B": 30_000.0})
    found = decide(scaler(*pairs, rebalance=0.0), funds=funds)
    # At A 10 000 of "over" fit, which take 2 000 at B, where "home" alone takes all: both are cut by 30 / 32.
    assert found["over"].size == pytest.approx(10_000.0 * 30 / 32)
    assert found["home"].size == pytest.approx(25_000.0 * 30 / 32)


def test_payments_are_counted_anew_for_another_horizon_or_interval():
    week = 7 * 86_400.0
    market = scaler().markets["BTC-PERP.A"]
    assert market.outlook(NOW, week)[2] == 21
    assert market.outlook(NOW, 2 * week)[2] == 42
    market.every(HOUR)
    for n in range(1, 8):
        market.settled(START + n * HOUR, 0.0001)
    assert market.outlook(START + 7 * HOUR, week)[2] == 168
    assert market.outlook(START + 9 * HOUR, week) is not None
    assert market.outlook(START + 9 * HOUR + 1, week) is None  # no word for more than two intervals


def test_what_is_held_over_two_venues_is_not_cut_for_what_is_new():
    pairs = [pair(spot("A", c), perp("B", c), c) for c in ("BTC", "ETH")]
    funds = Funds(1_000_000.0, {"A": 50_000.0, "B": 500_000.0})
    found = decide(scaler(*pairs, rebalance=0.0), {"BTC": 40_000.0}, funds)
    # Each would take 1 of A for 1 held: of 50 000 there, 40 000 are held, and both want as much in all.
    assert found["BTC"].size + found["ETH"].size == pytest.approx(50_000.0)
    assert found["BTC"].size >= 40_000.0
    assert found["ETH"].size > 0.0
    less = decide(scaler(*pairs), {"BTC": 40_000.0}, Funds(1_000_000.0, {"A": 30_000.0, "B": 500_000.0}))
    assert (less["BTC"].size, less["ETH"].size) == (pytest.approx(30_000.0), 0.0)


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_never_more_than_the_capital_of_any_venue(seed):
    rng = np.random.default_rng(seed)
    pairs = [
        CarryPair(name=f"{v}{n}", one=spot(v, f"C{n}"), two=perp(v if rng.random() < 0.6 else "B", f"C{n}"))
        for n in range(4)
        for v in ("A",)
    ]
    made = scaler(*pairs)
    for market in made.markets.values():
        market.fee = float(rng.uniform(0.0, 0.0006))
    funds = Funds(
        float(rng.uniform(1e3, 1e6)), {"A": float(rng.uniform(0, 1e6)), "B": float(rng.uniform(0, 1e5))}
    )
    held = {p.name: float(rng.uniform(0, 1e5)) for p in pairs if rng.random() < 0.5}
    found = decide(made, held, funds)
    used = dict.fromkeys(funds.venues, 0.0)
    for p in pairs:
        for leg in (p.one, p.two):
            used[leg.venue] += leg.capital * abs(found[p.name].size)
    # Changes below the threshold are not traded, also not out.
    slack = 1.0 / (1.0 - made.params.rebalance) + 1e-9
    assert all(used[v] <= funds.venues[v] * slack + 1e-6 for v in used)
    assert sum(used.values()) <= funds.equity * slack + 1e-6
    assert all(one.size >= 0.0 for one in found.values())


# -- capture ---------------------------------------------------------------------------------------------


def entered():
    made = scaler(capture=CaptureParams(half_life=1e9, least=2))
    decide(made)
    assert made.theses.thesis("BTC").rates == {"BTC-PERP.A": pytest.approx(0.0003)}
    return made


def test_too_little_paid_is_told_once_and_scaled_down():
    made = entered()
    held = 10_000.0
    # Short 10 000: 3.0 are expected of each payment.
    assert made.paid("BTC", "BTC-PERP.A", -held, 3.0) is None
    change = made.paid("BTC", "BTC-PERP.A", -held, 0.6)
    assert change.is_low
    assert change.ratio == pytest.approx(0.6)
    found = decide(made, {"BTC": held})["BTC"]
    assert found[1:3] == (pytest.approx(6_000.0), "capture")
    assert made.paid("BTC", "BTC-PERP.A", -6_000.0, 0.6 * 1.8) is None
    # It is not cut again and again, and nothing is added.
    assert decide(made, {"BTC": 6_000.0})["BTC"].size == pytest.approx(6_000.0)
    back = [made.paid("BTC", "BTC-PERP.A", -6_000.0, 1.8) for _ in range(6)]
    (change,) = [one for one in back if one]
    assert not change.is_low
    assert decide(made, {"BTC": 6_000.0})["BTC"].size > 80_000.0


def test_what_nobody_holds_or_waits_for_is_no_payment_of_it():
    made = entered()
    assert made.paid("ETH", "BTC-PERP.A", -10_000.0, 0.0) is None
    for _ in range(5):
        assert made.paid("BTC", "BTC.A", 10_000.0, -1.0) is None  # spot pays nothing
    assert made.theses.captures.ratio("BTC") is None
    assert made.theses.room("BTC") is None


def test_a_thesis_is_renewed_with_growth_and_time_only():
    made = entered()
    pay(made, "BTC-PERP.A", 0.0001, times=1, until=START + EIGHT)
    lower = made.theses.thesis("BTC")
    decide(made, {"BTC": 1.05 * lower.size}, now=START + EIGHT + HOUR)  # its price has risen
    assert made.theses.thesis("BTC") is lower
    decide(made, {"BTC": lower.size}, now=START + EIGHT + HOUR)
    assert made.theses.thesis("BTC") is lower
    week = NOW + 7 * 24 * HOUR
    pay(made, "BTC-PERP.A", 0.0002, times=1, until=week - HOUR)
    decide(made, {"BTC": lower.size}, now=week)
    assert made.theses.thesis("BTC").ts == week
    assert made.theses.thesis("BTC").rates["BTC-PERP.A"] < 0.0003


def test_what_is_closed_is_forgotten():
    made = entered()
    made.paid("BTC", "BTC-PERP.A", -10_000.0, 0.0)
    made.paid("BTC", "BTC-PERP.A", -10_000.0, 0.0)
    found = decide(made, {"BTC": 10_000.0})["BTC"]
    assert found.size == 0.0
    assert made.theses.room("BTC") is not None  # until it is gone
    # Nothing is paid: it is not entered again before a week is over.
    assert decide(made, {})["BTC"][1:3] == (0.0, "capture")
    week = NOW + 7 * 24 * HOUR
    pay(made, "BTC-PERP.A", 0.0003, times=2, until=week)
    assert decide(made, {}, now=week - 1)["BTC"].size == 0.0
    assert made.theses.room("BTC") is not None
    assert decide(made, {}, now=week)["BTC"].size == 0.0
    assert made.theses.room("BTC") is None
    assert made.theses.thesis("BTC") is None
    assert decide(made, {}, now=week + 1)["BTC"].size > 0.0


def test_what_is_being_left_is_paid_until_it_is_gone():
    made = entered()
    pay(made, "BTC-PERP.A", -0.002, times=3, until=START + 3 * EIGHT)
    now = START + 3 * EIGHT + HOUR
    assert decide(made, {"BTC": 10_000.0}, now=now)["BTC"].size == 0.0
    assert made.theses.thesis("BTC") is not None
    assert made.paid("BTC", "BTC-PERP.A", -10_000.0, -20.0) is None
    assert made.paid("BTC", "BTC-PERP.A", -10_000.0, -20.0).is_low
    decide(made, {}, now=now + HOUR)
    made.theses._before.clear()
    decide(made, {}, now=now + 2 * HOUR)
    assert made.theses.thesis("BTC") is None


def test_a_size_nobody_can_tell_is_held_for_nothing_and_breaks_no_restart():
    made = scaler()
    found = decide(made, {"BTC": math.nan})["BTC"]
    assert found.why == "unknown"
    assert all(map(math.isfinite, found.numbers.values()))
    assert made.theses.thesis("BTC") is None
    made = entered()
    before = made.theses.thesis("BTC")
    decide(made, {"BTC": math.nan}, now=NOW + 22 * EIGHT)  # also when its time has passed
    assert made.theses.thesis("BTC") == before
    CarryScaler([pair()], made.params).restore(made.to_dict())


# -- state -----------------------------------------------------------------------------------------------


def test_it_goes_on_where_it_was():
    made = entered()
    made.paid("BTC", "BTC-PERP.A", -10_000.0, 0.6)
    made.paid("BTC", "BTC-PERP.A", -10_000.0, 0.6)
    made.markets["BTC-PERP.A"].curve.observe(20_000.0, 0.002)
    saved = made.to_dict()
    again = CarryScaler([pair()], made.params).restore(saved)
    for market in again.markets.values():
        market.fee = 0.0005
    assert again.to_dict() == saved
    held = {"BTC": 10_000.0}
    assert again.decide(NOW, RICH, held) == made.decide(NOW, RICH, held)
    # A rate that was taken before the restart is not taken again.
    again.markets["BTC-PERP.A"].settled(START, 0.01)
    assert again.to_dict()["markets"] == saved["markets"]


@pytest.mark.parametrize("path", [("markets", "BTC-PERP.A", "forecast", "sums"), ("theses", "before")])
def test_damaged_state_is_refused_and_changes_nothing(path):
    made = entered()
    state = made.to_dict()
    place = state
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = {"BTC": math.nan} if path[-1] == "before" else [math.nan] * 6
    before = made.to_dict()
    with pytest.raises(ValueError):
        made.restore(state)
    assert made.to_dict()["theses"] == before["theses"]
    with pytest.raises(DamagedStateError):
        made.restore({"version": 2})


def test_another_interval_begins_anew():
    made = scaler()
    market = made.markets["BTC-PERP.A"]
    market.every(4 * HOUR)
    assert decide(made)["BTC"].why == "unknown"
    for n in range(1, 11):
        market.settled(START + n * 4 * HOUR, 0.00015)
    found = decide(made, now=START + 40 * HOUR + 1)["BTC"]
    assert found.edge == pytest.approx(42 * 0.00015)


@pytest.mark.parametrize(
    "changes",
    [{"horizon": 0.0}, {"max_share": 0.0}, {"capital": 1.5}, {"rebalance": 1.0}, {"stay_caution": math.nan}],
)
def test_impossible_parameters(changes):
    with pytest.raises(ValueError, match="need"):
        params(**changes)


def test_impossible_pairs():
    with pytest.raises(ValueError, match="two instruments"):
        pair(perp(), perp())
    with pytest.raises(ValueError, match="pays funding"):
        pair(spot(), spot("B"))
    with pytest.raises(ValueError, match="one description"):
        CarryScaler([pair(), pair(spot("A", "ETH"), perp(capital=0.5), "other")])
    assert SlippageParams().unit == 10_000.0
