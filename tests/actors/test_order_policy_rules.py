"""Each rule of the order policy gate as a strategy hears of it, for new orders and for changes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.enums import TimeInForce
from nautilus_trader.model.events import OrderDenied, OrderModifyRejected, OrderUpdated
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.actors.order_policy_config import PolicyOverride
from tests.actors.order_policy_kit import (
    BUY,
    SELL,
    at_limit,
    at_market,
    denials,
    gate,
    rule,
    run,
)
from tests.host.engine import BTC, Script

# -- each rule, as a strategy hears of it --------------------------------------------------------------

DENIED = {
    "price step": (
        at_limit("30000.03"),
        {},
        "PRICE_INCREMENT: price must be a multiple of 0.1, was 30000.03; nearest valid is 30000.0",
    ),
    "price range": (
        at_limit("261.0"),
        {},
        "PRICE_RANGE: price must lie within 261.1 and 809484, was 261; nearest valid is 261.1",
    ),
    # mid 30000, collar 10 %
    "collar": (
        at_limit("33000.1"),
        {},
        (
            "PRICE_COLLAR: price must lie within its collar, 261.1 to 33000, was 33000.1; "
            "nearest valid is 33000.0"
        ),
    ),
    "size step": (
        at_market(size="1.0006"),
        {},
        (
            "SIZE_INCREMENT: quantity must be a positive multiple of 0.001, was 1.0006; "
            "nearest valid is 1.001; "
            "1 would pass"
        ),
    ),
    "largest": (
        at_market(size="3.000"),
        {"max_quantity": 2.5},
        "MAX_QUANTITY: quantity must be at most 2.5, was 3; nearest valid is 2.500; 2.5 would pass",
    ),
    "smallest": (
        at_market(size="0.001"),
        {"min_quantity": 0.01},
        "MIN_QUANTITY: quantity must be at least 0.01, was 0.001; nearest valid is 0.010",
    ),
    # 100 / 30000 = 0.0033
    "least worth": (
        at_market(size="0.003"),
        {"min_notional": 100.0},
        "MIN_NOTIONAL: quantity must be worth at least 100, was worth 90, was 0.003; nearest valid is 0.004",
    ),
    "most worth": (
        at_market(size="2.000"),
        {"max_notional": 45_000.0},
        (
            "MAX_NOTIONAL: quantity must be worth at most 45000, was worth 60000, was 2; "
            "nearest valid is 1.500; "
            "1.5 would pass"
        ),
    ),
    "type": (
        at_market(),
        {"order_types": ["LIMIT"]},
        "ORDER_TYPE: order_type must be one of LIMIT, was MARKET; nearest valid is LIMIT",
    ),
    "time": (
        at_limit("29000.0", time_in_force=TimeInForce.DAY),
        {},
        (
            "TIME_IN_FORCE: time_in_force of LIMIT orders must be one of GTC, IOC, FOK, GTD, was DAY; "
            "nearest valid is GTD"
        ),
    ),
    "post only": (
        at_limit("29000.0", post_only=True),
        {"post_only": False},
        "POST_ONLY: post_only is not known for LIMIT orders, was True; nearest valid is False",
    ),
    "reduce only": (
        at_market(reduce_only=True),
        {"reduce_only": False},
        "REDUCE_ONLY: reduce_only is not known here, was True; nearest valid is False",
    ),
    "quote quantity": (
        at_market(size="1000.000", quote_quantity=True),
        {},
        "QUOTE_QUANTITY: quote_quantity is not known for MARKET orders, was True; nearest valid is False",
    ),
}


@pytest.mark.parametrize("case", DENIED, ids=str)
def test_a_denied_order_is_told_field_rule_and_nearest_valid_value(case):
    step, wishes, text = DENIED[case]
    script = run({5: step}, gate(instruments=rule(**wishes)))
    assert [event.reason for event in script.events if isinstance(event, OrderDenied)] == [f"policy {text}"]
    assert script.reached_venue() == []


def test_a_collar_is_a_fraction_and_0_is_none():
    far = {5: at_limit("45000.0"), 6: at_limit("20000.0", SELL)}
    assert len(denials(run(far, gate()))) == 2
    assert denials(run(far, gate(defaults=PolicyOverride(price_collar=0.0)))) == []
    assert denials(run(far, gate(defaults=PolicyOverride(price_collar=0.5)))) == []


def test_good_till_date_has_a_switch():
    def until(script: Script) -> None:
        end = script.clock.utc_now() + timedelta(seconds=30)
        at_limit("29000.0", time_in_force=TimeInForce.GTD, expire_time=end)(script)

    assert denials(run({5: until}, gate())) == []
    (told,) = denials(run({5: until}, gate(defaults=PolicyOverride(gtd=False))))
    assert told.endswith("must be one of GTC, IOC, FOK; GTD is switched off, was GTD; nearest valid is GTC")


def test_a_stop_is_judged_by_its_trigger_and_its_price():
    def stop(price: str, trigger: str) -> Any:
        def step(script: Script) -> None:
            prices = Price.from_str(price), Price.from_str(trigger)
            script.submit_order(
                script.order_factory.stop_limit(BTC.id, BUY, Quantity.from_str("1.000"), *prices)
            )

        return step

    script = run(
        {5: stop("35100.0", "35000.0"), 7: stop("39000.0", "35000.0"), 9: stop("35100.0", "35000.05")}, gate()
    )
    assert [text.split(":")[0] for text in denials(script)] == [
        "PRICE_COLLAR",
        "PRICE_INCREMENT",
    ]
    assert (
        "trigger_price must be a multiple of 0.1, was 35000.05; nearest valid is 35000" in denials(script)[1]
    )


def test_every_type_of_order_is_known_by_name():
    def step(script: Script) -> None:
        make, size = script.order_factory, Quantity.from_str("1.000")
        up, down = Price.from_str("31000.0"), Price.from_str("29000.0")
        offset = {"trailing_offset": Decimal(10)}
        for order in (
            make.market(BTC.id, BUY, size),
            make.limit(BTC.id, BUY, size, down),
            make.stop_market(BTC.id, BUY, size, up),
            make.stop_limit(BTC.id, BUY, size, up, up),
            make.market_to_limit(BTC.id, BUY, size),
            make.market_if_touched(BTC.id, BUY, size, down),
            make.limit_if_touched(BTC.id, BUY, size, down, down),
            make.trailing_stop_market(BTC.id, BUY, size, trigger_price=up, **offset),
            make.trailing_stop_limit(
                BTC.id, BUY, size, price=up, trigger_price=up, limit_offset=Decimal(5), **offset
            ),
        ):
            script.submit_order(order)

    names = [
        text.split("was ")[1].split(";")[0]
        for text in denials(run({5: step}, gate(defaults=PolicyOverride(order_types=["MARKET"]))))
    ]
    assert names == [
        "LIMIT",
        "STOP_MARKET",
        "STOP_LIMIT",
        "MARKET_TO_LIMIT",
        "MARKET_IF_TOUCHED",
        "LIMIT_IF_TOUCHED",
        "TRAILING_STOP_MARKET",
        "TRAILING_STOP_LIMIT",
    ]


def test_what_closes_passes_whatever_its_form():
    """Of two bad orders one opens; the position is closed by one that breaks every rule there is."""
    wishes = {"order_types": ["MARKET"], "min_quantity": 0.5, "max_quantity": 2.0}
    script = run(
        {3: at_market(size="2.000"), 6: at_limit("29000.3", SELL, "2.000"), 9: at_limit("30500.0")},
        gate(instruments=rule(**wishes)),
    )
    assert [text.split(":")[0] for text in denials(script)] == ["ORDER_TYPE"]
    assert script.left == 0


# -- changes -------------------------------------------------------------------------------------------


def change(**to: Any) -> Any:
    def step(script: Script) -> None:
        (order,) = script.cache.orders_open(strategy_id=script.id)
        script.modify_order(order, **to)

    return step


CHANGES = {
    "to a good price": ({"price": Price.from_str("29100.0")}, ""),
    "to a good size": ({"quantity": Quantity.from_str("2.000")}, ""),
    "to a bad price": (
        {"price": Price.from_str("29100.05")},
        "PRICE_INCREMENT: price must be a multiple of 0.1, was 29100.05; nearest valid is 29100",
    ),
    "beyond the collar": (
        {"price": Price.from_str("33500.0")},
        "PRICE_COLLAR: price must lie within its collar",
    ),
    # 1 + 1.5 = 2.5
    "to a large size": (
        {"quantity": Quantity.from_str("2.500")},
        "MAX_QUANTITY: quantity must be at most 2, was 2.5; nearest valid is 2.000",
    ),
    "to another price and a large size": (
        {"price": Price.from_str("29100.0"), "quantity": Quantity.from_str("2.400")},
        "MAX_QUANTITY: quantity must be at most 2, was 2.4; nearest valid is 2.000",
    ),
}


@pytest.mark.parametrize("case", CHANGES, ids=str)
def test_a_change_is_judged_by_what_the_order_becomes(case):
    to, text = CHANGES[case]
    script = run({3: at_limit("29000.0"), 6: change(**to)}, gate(instruments=rule(max_quantity=2.0)))
    rejected = [
        event.reason.removeprefix("policy ")
        for event in script.events
        if isinstance(event, OrderModifyRejected)
    ]
    assert [reason[: len(text)] for reason in rejected] == ([text] if text else [])
    assert len([event for event in script.events if isinstance(event, OrderUpdated)]) == (0 if text else 1)


def test_a_moved_trigger_is_judged_as_one():
    def stop(script: Script) -> None:
        made = script.order_factory.stop_market(
            BTC.id, BUY, Quantity.from_str("1.000"), Price.from_str("31000.0")
        )
        script.submit_order(made)

    script = run({3: stop, 6: change(trigger_price=Price.from_str("31000.05"))}, gate())
    (told,) = [
        event.reason.removeprefix("policy ")
        for event in script.events
        if isinstance(event, OrderModifyRejected)
    ]
    assert told.startswith("PRICE_INCREMENT: trigger_price must be a multiple of 0.1, was 31000.05")
