"""Each rule of the order policy with its exact words and its nearest valid value."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nautilus_quant.gating.policy import (
    TIMES,
    TYPES,
    InstrumentPolicy,
    OrderTerms,
    fits,
    is_multiple,
    judge,
    largest_quantity,
)
from tests.gating.policy_kit import MID, NOW, PERP, SPOT, limit, market, policy

BINANCE = policy()
CASES = {
    # 30000.03 lies 0.03 above 30000.0 and 0.07 below 30000.1
    "price step": (
        limit(30_000.03),
        {},
        "PRICE_INCREMENT",
        "price must be a multiple of 0.1, was 30000.03; nearest valid is 30000.0",
    ),
    "trigger step": (
        market(type="STOP_MARKET", trigger=31_000.07),
        {},
        "PRICE_INCREMENT",
        "trigger_price must be a multiple of 0.1, was 31000.07; nearest valid is 31000.1",
    ),
    "price range": (
        limit(249.0),
        {"price_collar": math.inf},
        "PRICE_RANGE",
        "price must lie within 250 and 800000, was 249; nearest valid is 250.0",
    ),
    "trigger range": (
        market(type="STOP_MARKET", trigger=900_000.0, side=1),
        {},
        "PRICE_RANGE",
        "trigger_price must lie within 250 and 800000, was 900000; nearest valid is 800000.0",
    ),
    # 30000 × 1.1 = 33000; 30000 × (1 - 0.2) = 24000
    "collar above to buy": (
        limit(33_000.1),
        {"passive_collar": 0.2},
        "PRICE_COLLAR",
        "price must lie within its collar, 24000 to 33000, was 33000.1; nearest valid is 33000.0",
    ),
    "passive collar": (
        limit(23_999.95),
        {"passive_collar": 0.2},
        "PRICE_COLLAR",
        "price must lie within its collar, 24000 to 33000, was 23999.95; nearest valid is 24000.0",
    ),
    # 30000 × (1 - 0.1) = 27000, and nothing bounds it above but the instrument
    "collar below to sell": (
        limit(26_999.9, side=-1),
        {},
        "PRICE_COLLAR",
        "price must lie within its collar, 27000 to 800000, was 26999.9; nearest valid is 27000.0",
    ),
    # a stop's limit is measured from its trigger: 35000 × 1.1 = 38500
    "collar of a stop": (
        limit(38_600.0, type="STOP_LIMIT", trigger=35_000.0),
        {},
        "PRICE_COLLAR",
        "price must lie within its collar, 250 to 38500, was 38600; nearest valid is 38500.0",
    ),
    "type": (
        market(type="TRAILING_STOP_LIMIT", trigger=31_000.0),
        {"order_types": ("STOP_LIMIT", "LIMIT")},
        "ORDER_TYPE",
        "order_type must be one of LIMIT, STOP_LIMIT, was TRAILING_STOP_LIMIT; nearest valid is STOP_LIMIT",
    ),
    "time": (
        limit(time_in_force="DAY"),
        {},
        "TIME_IN_FORCE",
        "time_in_force of LIMIT orders must be one of GTC, IOC, FOK, GTD, was DAY; nearest valid is GTD",
    ),
    "GTD off": (
        limit(time_in_force="GTD", expire_ns=NOW + 1),
        {"gtd": False, "time_in_force": ("FOK",)},
        "TIME_IN_FORCE",
        (
            "time_in_force of LIMIT orders must be one of FOK; GTD is switched off, was GTD; "
            "nearest valid is FOK"
        ),
    ),
    "expired": (
        limit(time_in_force="GTD", expire_ns=NOW),
        {},
        "EXPIRED",
        f"expire_time must lie after now, {NOW} ns, was {NOW}; nearest valid is {NOW + 1}",
    ),
    "post only type": (
        limit(type="LIMIT_IF_TOUCHED", trigger=30_000.0, post_only=True),
        {},
        "POST_ONLY",
        "post_only is not known for LIMIT_IF_TOUCHED orders, was True; nearest valid is False",
    ),
    "post only at once": (
        limit(time_in_force="IOC", post_only=True),
        {},
        "POST_ONLY",
        "post_only of IOC orders is a contradiction, was True; nearest valid is False",
    ),
    "reduce only": (
        market(reduce_only=True),
        {"reduce_only": False},
        "REDUCE_ONLY",
        "reduce_only is not known here, was True; nearest valid is False",
    ),
    "quote quantity": (
        market(quote_quantity=True),
        {},
        "QUOTE_QUANTITY",
        "quote_quantity is not known for MARKET orders, was True; nearest valid is False",
    ),
    "size step": (
        market(1.0006),
        {},
        "SIZE_INCREMENT",
        "quantity must be a positive multiple of 0.001, was 1.0006; nearest valid is 1.001",
    ),
    "zero": (
        market(0.0),
        {"min_quantity": 0.0, "min_notional": 0.0},
        "SIZE_INCREMENT",
        "quantity must be a positive multiple of 0.001, was 0; nearest valid is 0.001",
    ),
    "least": (
        market(0.001),
        {},
        "MIN_QUANTITY",
        "quantity must be at least 0.002, was 0.001; nearest valid is 0.002",
    ),
    "most": (
        market(100.001),
        {},
        "MAX_QUANTITY",
        "quantity must be at most 100, was 100.001; nearest valid is 100.000",
    ),
    # 100 / 30000 = 0.00333, so 0.004
    "least worth": (
        market(0.003),
        {"min_notional": 100.0},
        "MIN_NOTIONAL",
        "quantity must be worth at least 100, was worth 90, was 0.003; nearest valid is 0.004",
    ),
    # 50000 / 20000 = 2.5
    "most worth": (
        limit(20_000.0, 3.0),
        {"max_notional": 50_000.0},
        "MAX_NOTIONAL",
        "quantity must be worth at most 50000, was worth 60000, was 3; nearest valid is 2.500",
    ),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_violation_names_field_rule_and_nearest_valid_value(case):
    terms, wishes, rule, text = CASES[case]
    made = policy(**wishes)
    assert [(one.rule, str(one)) for one in judge(terms, made, MID)] == [(rule, text)]
    assert not fits(terms, made, MID)


@pytest.mark.parametrize(
    "terms",
    [
        market(),
        limit(),
        limit(33_000.0),
        limit(250.0),  # far below, where it costs nothing
        limit(27_000.0, side=-1),
        limit(time_in_force="GTD", expire_ns=NOW + 1),
        limit(post_only=True),
        limit(40_000.0, type="STOP_LIMIT", trigger=39_000.0),
        market(type="STOP_MARKET", trigger=45_000.0, time_in_force="GTC"),
        market(reduce_only=True),
        market(0.002),
        market(100.0),
        OrderTerms("", "", 1, 1.0),  # a preview
    ],
    ids=str,
)
def test_what_keeps_to_the_rules_may_go(terms):
    assert judge(terms, BINANCE, MID) == ()


def test_everything_wrong_is_told_at_once():
    terms = limit(30_000.03, 1.0006, time_in_force="DAY", reduce_only=True)
    found = judge(terms, policy("BINANCE", SPOT), MID)
    assert [one.rule for one in found] == [
        "TIME_IN_FORCE",
        "REDUCE_ONLY",
        "PRICE_INCREMENT",
        "SIZE_INCREMENT",
    ]


def test_without_a_price_of_the_instrument_a_collared_limit_may_not_go():
    (found,) = judge(limit(), BINANCE, math.nan)
    assert found.rule == "PRICE_UNKNOWN"
    assert str(found) == (
        "price has a collar, and there is no price of the instrument to measure it from, was 30000; "
        "no price is valid"
    )
    assert judge(limit(), policy(price_collar=math.inf), math.nan) == ()
    assert judge(market(), BINANCE, math.nan) == ()


def test_without_a_price_an_upper_bound_of_the_value_denies():
    (found,) = judge(market(), policy(max_notional=1e6), math.nan)
    assert (found.rule, found.nearest) == ("MAX_NOTIONAL", "")
    assert "without a price nobody can tell" in str(found)
    assert largest_quantity(market(), policy(max_notional=1e6), math.nan) == 0


def test_an_inverse_contract_is_worth_its_multiplier():
    inverse = policy(
        "DERIBIT", PERP._replace(inverse=True, multiplier=10.0, size_increment=Decimal(1)), max_notional=50.0
    )
    (found,) = judge(market(6.0), inverse, MID)  # 6 × 10 = 60
    assert (found.rule, found.nearest) == ("MAX_NOTIONAL", "5")
    assert judge(market(5.0), inverse, math.nan) == ()


def test_a_multiplier_counts():
    contracts = policy(facts=PERP._replace(multiplier=0.01), max_notional=600.0)
    (found,) = judge(market(3.0), contracts, MID)  # 3 × 0.01 × 30000 = 900
    assert (found.rule, found.nearest) == ("MAX_NOTIONAL", "2.000")


def test_what_rests_already_may_be_small_but_not_large():
    small, large = market(0.001, resting=True), market(101.0, resting=True)
    assert judge(small, BINANCE, MID) == ()
    assert [one.rule for one in judge(large, BINANCE, MID)] == ["MAX_QUANTITY"]


def test_a_size_in_quote_currency_has_no_steps_but_bounds():
    spot = policy("BINANCE", SPOT)
    assert judge(market(1 / 3, quote_quantity=True), spot, MID) == ()
    found = judge(market(101.3, quote_quantity=True), spot, MID)
    assert [one.rule for one in found] == ["MAX_QUANTITY"]


def test_where_no_value_is_valid_none_is_named():
    never = policy(min_quantity=0.0001, max_quantity=0.0005, min_notional=0.0)
    found = judge(market(0.5), never, MID)
    assert str(found[0]) == "quantity must be at most 0.0005, was 0.5; no quantity is valid"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"price_increment": Decimal(0)}, "need a finite price_increment > 0, was 0"),
        ({"size_increment": Decimal("Infinity")}, "need a finite size_increment > 0, was Infinity"),
        ({"multiplier": -1.0}, "need a finite multiplier > 0, was -1.0"),
        ({"price_collar": 0.0}, "need price_collar > 0 [fraction], was 0.0"),
        (
            {"min_quantity": 2.0, "max_quantity": 1.0},
            "need 0 <= min_quantity <= max_quantity, was (2.0, 1.0)",
        ),
        ({"min_notional": -1.0}, "need 0 <= min_notional <= max_notional"),
        ({"min_price": 3.0, "max_price": 2.0}, "need min_price <= max_price, was (3.0, 2.0)"),
    ],
)
def test_an_impossible_policy_is_refused(change, text):
    sound = {"matrix": {}, "price_increment": Decimal(1), "size_increment": Decimal(1)}
    with pytest.raises(ValueError) as told:
        InstrumentPolicy(**{**sound, **change})
    assert text in str(told.value)


# -- for any order -------------------------------------------------------------------------------------

steps = st.sampled_from(["0.1", "0.5", "0.01", "0.00000001", "1", "25", "0.003"]).map(Decimal)
prices = st.one_of(
    st.floats(0.001, 1e6),
    st.integers(1, 10**6).map(lambda n: n / 10),
    st.just(math.nan),
)
policies = st.builds(
    lambda venue, facts, tick, step, most, little, much, collar, passive: policy(
        venue,
        facts._replace(price_increment=tick, size_increment=step, min_price=None, max_price=None),
        min_quantity=0.0,
        max_quantity=most,
        min_notional=little,
        max_notional=much,
        price_collar=collar,
        passive_collar=passive,
    ),
    st.sampled_from(["BINANCE", "OKX", "BYBIT", "DERIBIT", "COINBASE", "ANY"]),
    st.sampled_from([PERP, SPOT, PERP._replace(inverse=True, multiplier=3.0)]),
    steps,
    steps,
    st.sampled_from([1.0, 75.0, 1e6, math.inf]),
    st.sampled_from([0.0, 5.0]),
    st.sampled_from([50_000.0, math.inf]),
    st.sampled_from([0.02, 0.5, math.inf]),
    st.sampled_from([0.3, math.inf]),
)
orders = st.builds(
    OrderTerms,
    type=st.sampled_from([*TYPES, ""]),
    time_in_force=st.sampled_from(TIMES),
    side=st.sampled_from([1, -1]),
    quantity=st.one_of(st.floats(0.0, 1e5), st.integers(0, 10**6).map(lambda n: n / 1000)),
    price=prices,
    trigger=prices,
    reduce_only=st.booleans(),
    post_only=st.booleans(),
    quote_quantity=st.booleans(),
    expire_ns=st.sampled_from([0, NOW - 1, NOW + 1]),
    ts=st.just(NOW),
    resting=st.booleans(),
)
mids = st.sampled_from([math.nan, 100.0, 30_000.0])
NUMERIC = {"price": "price", "trigger_price": "trigger", "quantity": "quantity"}


def repaired(terms, violations, rules):
    """The order with every field set to the nearest valid value it was told."""
    for one in violations:
        if one.field in NUMERIC:
            terms = terms._replace(**{NUMERIC[one.field]: float(one.nearest)})
        elif one.field == "order_type":
            times = rules.matrix[one.nearest]
            time = terms.time_in_force if terms.time_in_force in times else min(times)
            terms = terms._replace(
                type=one.nearest, time_in_force=time, post_only=False, quote_quantity=False
            )
        elif one.field == "time_in_force":
            terms = terms._replace(time_in_force=one.nearest)
        elif one.field == "expire_time":
            terms = terms._replace(expire_ns=int(one.nearest))
        else:
            terms = terms._replace(**{one.field: False})
    return terms


def test_at_a_price_of_nothing_no_quantity_is_worth_enough():
    found = judge(market(90.0, trigger=0.0), BINANCE, math.nan)
    assert ("MIN_NOTIONAL", "") in [(one.rule, one.nearest) for one in found]


@settings(max_examples=400, deadline=None)
@given(terms=orders, rules=policies, mid=mids)
def test_the_nearest_values_make_an_order_valid(terms, rules, mid):
    # A repaired trigger moves the collar, and a repaired price the notional: at most three rounds.
    for _ in range(4):
        found = judge(terms, rules, mid)
        if not found or any(not one.nearest for one in found):
            return
        terms = repaired(terms, found, rules)
    assert judge(terms, rules, mid) == ()


@settings(max_examples=400, deadline=None)
@given(terms=orders, rules=policies, mid=mids)
def test_the_hurried_answer_never_passes_what_the_careful_one_denies(terms, rules, mid):
    if fits(terms, rules, mid):
        assert judge(terms, rules, mid) == ()


@settings(max_examples=300, deadline=None)
@given(terms=orders, rules=policies, mid=mids)
def test_no_valid_price_lies_nearer_than_the_one_named(terms, rules, mid):
    known = [x for x in (terms.price, terms.trigger, mid, 0.0) if not math.isnan(x)]
    assume(rules.price_step > 1e-7 * max(known))  # else the slack of the bounds is wider than a step
    for one in judge(terms, rules, mid):
        if one.field != "price" or not one.nearest:
            continue
        distance = abs(float(one.nearest) - terms.price)
        tick = float(rules.price_increment)
        for steps_away in (-2, -1, 1, 2):
            other = float(Decimal(one.nearest) + steps_away * rules.price_increment)
            if abs(other - terms.price) >= distance - 1e-6 * tick:
                continue
            again = judge(terms._replace(price=other), rules, mid)
            assert [two for two in again if two.field == "price"], other


@settings(max_examples=300, deadline=None)
@given(terms=orders, rules=policies, mid=mids)
def test_the_largest_quantity_is_valid_and_one_step_more_is_not(terms, rules, mid):
    terms = terms._replace(quote_quantity=False)
    assume(rules.size_step > 1e-7 * terms.quantity)
    found = largest_quantity(terms, rules, mid)
    assert 0 <= found <= Decimal(repr(terms.quantity)) + rules.size_increment / 10**6
    if found:
        assert not [
            one for one in judge(terms._replace(quantity=float(found)), rules, mid) if one.field == "quantity"
        ]
    more = float(found + rules.size_increment)
    if found and more <= terms.quantity:
        assert [one for one in judge(terms._replace(quantity=more), rules, mid) if one.field == "quantity"]


@given(st.integers(1, 10**9), steps)
def test_every_multiple_of_a_step_is_one(count, step):
    assert is_multiple(float(count * step), float(step))
    assert not is_multiple(float(count * step + step / 2), float(step))


def test_what_is_not_finite_is_no_multiple():
    assert not is_multiple(math.inf, 0.1)
    assert not is_multiple(math.nan, 0.1)
