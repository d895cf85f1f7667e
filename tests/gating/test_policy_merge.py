"""From venue, instrument and wishes to one policy; and what is no wish."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from nautilus_quant.gating.policy import TIMES, TYPES
from nautilus_quant.gating.policy_merge import COLLAR, WISHES, check_wishes, merge
from nautilus_quant.gating.policy_venues import VENUES, venue_rules
from tests.gating.policy_kit import PERP, SPOT, policy

OPTION = PERP._replace(product="option")


@pytest.mark.parametrize(
    ("venue", "facts", "kind", "times"),
    [
        ("BINANCE", SPOT, "STOP_LIMIT", {"GTC", "IOC", "FOK", "GTD"}),
        ("BINANCE", SPOT, "STOP_MARKET", None),
        ("BINANCE", PERP, "STOP_MARKET", {"GTC", "IOC", "FOK", "GTD"}),
        ("BINANCE", PERP, "TRAILING_STOP_LIMIT", None),
        ("OKX", PERP, "MARKET_TO_LIMIT", {"GTC", "IOC", "FOK"}),
        ("OKX", OPTION, "MARKET", None),
        ("OKX", OPTION, "LIMIT", {"GTC", "IOC", "FOK"}),
        ("BYBIT", SPOT, "TRAILING_STOP_MARKET", None),
        ("BYBIT", PERP, "TRAILING_STOP_MARKET", {"GTC", "IOC", "FOK"}),
        ("BYBIT", OPTION, "STOP_LIMIT", None),
        ("DERIBIT", PERP, "LIMIT_IF_TOUCHED", {"GTC", "IOC", "FOK", "GTD"}),
        ("DERIBIT", OPTION, "LIMIT", {"GTC", "IOC", "FOK", "GTD"}),
        ("DERIBIT", PERP, "TRAILING_STOP_MARKET", None),
        ("COINBASE", SPOT, "LIMIT", {"GTC", "GTD", "FOK"}),
        ("COINBASE", SPOT, "MARKET", {"GTC", "IOC"}),
        ("COINBASE", SPOT, "STOP_LIMIT", None),
        ("COINBASE", PERP, "STOP_LIMIT", {"GTC", "GTD"}),
        ("ELSEWHERE", PERP, "TRAILING_STOP_LIMIT", set(TIMES)),
    ],
)
def test_a_venue_takes_what_its_adapter_documents(venue, facts, kind, times):
    found = policy(venue, facts).matrix.get(kind)
    assert found == times if times is None else set(found) == times


def test_rows_name_only_what_exists():
    for products in VENUES.values():
        for rules in products.values():
            assert set(rules.matrix) <= set(TYPES)
            assert frozenset().union(*rules.matrix.values()) <= set(TIMES)
            assert rules.post_only <= set(rules.matrix)
            assert rules.quote_quantity <= set(rules.matrix)


def test_a_spot_market_knows_no_reduce_only_where_the_venue_says_so():
    assert [venue_rules(v, "spot").reduce_only for v in ("BINANCE", "OKX", "BYBIT", "COINBASE", "X")] == [
        False,
        False,
        False,
        False,
        True,
    ]


def test_facts_become_bounds_and_silence_none():
    made = policy()
    assert (made.min_quantity, made.max_quantity, made.min_notional) == (0.002, 100.0, 10.0)
    assert (made.max_notional, made.price_collar, made.passive_collar) == (math.inf, COLLAR, math.inf)
    assert (made.min_price, made.max_price) == (250.0, 800_000.0)


def test_the_last_wish_wins():
    made = merge(
        "BINANCE",
        PERP,
        {"max_quantity": 50.0, "gtd": False, "price_collar": 0.3},
        {"max_quantity": 20.0, "price_collar": 0.2},
        {"max_quantity": 7.0},
    )
    assert (made.max_quantity, made.gtd, made.price_collar) == (7.0, False, 0.2)
    assert all("GTD" not in row for row in made.matrix.values())


def test_wishes_change_the_matrix():
    only = policy(order_types=("MARKET", "TRAILING_STOP_LIMIT"))
    assert only.matrix == {
        "MARKET": {"GTC", "IOC", "FOK", "GTD"},
        "TRAILING_STOP_LIMIT": {"GTC", "IOC", "FOK", "GTD"},  # what the venue knows at all
    }
    timed = policy(time_in_force=("IOC",))
    assert set(timed.matrix.values()) == {frozenset({"IOC"})}
    assert "GTD" in policy("BYBIT", gtd=True).matrix["LIMIT"]


def test_switches_switch():
    assert policy(post_only=False).post_only == frozenset()
    assert policy("BYBIT", post_only=True).post_only == {"LIMIT"}
    assert policy("BYBIT", SPOT, quote_quantity=False).quote_quantity == frozenset()
    assert "LIMIT" in policy(quote_quantity=True).quote_quantity
    assert policy("BINANCE", SPOT, reduce_only=True).reduce_only


def test_wishes_are_read_as_meant():
    assert check_wishes(
        "X", {"order_types": "limit", "time_in_force": ["gtc", "IOC", "gtc"], "gtd": None}
    ) == {
        "order_types": ("LIMIT",),
        "time_in_force": ("GTC", "IOC"),
    }
    assert check_wishes("X", {"price_increment": 0.05}) == {"price_increment": Decimal("0.05")}
    assert check_wishes("X", {"min_notional": 0, "price_collar": math.inf}) == {
        "min_notional": 0.0,
        "price_collar": math.inf,
    }


@pytest.mark.parametrize(
    ("wishes", "text"),
    [
        (
            {"max_qty": 1},
            "override for OKX: unknown name 'max_qty', did you mean max_quantity? known are "
            + ", ".join(WISHES),
        ),
        ({"order_types": ["LIMT"]}, "order_types for OKX: unknown name 'LIMT', did you mean LIMIT?"),
        ({"time_in_force": ["GTX"]}, "time_in_force for OKX: unknown name 'GTX', did you mean GTD?"),
        ({"order_types": []}, "order_types for OKX must name at least one of MARKET"),
        ({"gtd": "yes"}, "gtd for OKX must be true or false, was 'yes'"),
        ({"max_quantity": -1}, "max_quantity for OKX must be a positive number, was -1"),
        ({"max_quantity": True}, "max_quantity for OKX must be a positive number, was True"),
        ({"max_notional": math.nan}, "max_notional for OKX must be a positive number, was nan"),
        ({"price_increment": math.inf}, "price_increment for OKX must be a positive number, was inf"),
        ({"min_quantity": math.inf}, "min_quantity for OKX must be a positive number, was inf"),
        ({"price_collar": 0}, "price_collar for OKX must be a positive number, was 0"),
        ({"price_collar": "far"}, "price_collar for OKX must be a positive number, was 'far'"),
    ],
)
def test_what_is_no_wish_is_refused_with_the_nearest_name(wishes, text):
    with pytest.raises(ValueError) as told:
        check_wishes("OKX", wishes)
    assert str(told.value).startswith(text)


def test_a_policy_that_allows_nothing_is_refused():
    with pytest.raises(
        ValueError, match="the order policy of BINANCE derivative allows no order type at all"
    ):
        policy(time_in_force=("GTD",), gtd=False)
