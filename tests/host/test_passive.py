from decimal import Decimal

import pytest
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.gating.intent import Side
from nautilus_quant.host.passive import Touch, to_tick
from tests.host.engine import BTC, SECOND, START, quotes

TICK = Decimal("0.1")
TOUCH = Touch(Decimal("99.8"), Decimal("100.1"))


def bar(close: str, ts: int) -> Bar:
    kind = BarType.from_str(f"{BTC.id}-5-SECOND-LAST-EXTERNAL")
    return Bar(kind, *[Price.from_str(close)] * 4, Quantity.from_int(1), ts, ts)


@pytest.mark.parametrize(
    ("side", "price", "rests_at"),
    [
        (Side.BUY, "99.5", "99.5"),
        (Side.BUY, "100.0", "100.0"),  # between bid and ask
        (Side.BUY, "100.1", "99.8"),
        (Side.BUY, "105.0", "99.8"),
        (Side.SELL, "100.5", "100.5"),
        (Side.SELL, "99.9", "99.9"),
        (Side.SELL, "99.8", "100.1"),
        (Side.SELL, "90.0", "100.1"),
    ],
)
def test_an_order_that_would_take_rests_at_the_best_price(side: Side, price: str, rests_at: str) -> None:
    assert TOUCH.rest(side, Decimal(price), Decimal(0)) == Decimal(rests_at)
    assert TOUCH.rest(side, Decimal(price), Decimal("0.2")) == Decimal(rests_at) - side * Decimal("0.2")
    assert TOUCH.takes(side, Decimal(price)) == (price != rests_at)


@pytest.mark.parametrize(
    ("price", "buys", "sells"),
    [(100.04, "100.0", "100.1"), (100.0, "100", "100"), (0.1 + 0.2, "0.3", "0.3"), (99.99, "99.9", "100")],
)
def test_prices_are_rounded_to_the_side_of_whoever_rests(price: float, buys: str, sells: str) -> None:
    assert to_tick(Side.BUY, price, TICK) == Decimal(buys)
    assert to_tick(Side.SELL, price, TICK) == Decimal(sells)


def test_the_quote_counts_unless_it_is_older_than_the_bar() -> None:
    quote = quotes([30_000.0], spread=0.6)[0]
    fresh, late = bar("30005.0", START + 5 * SECOND), bar("30005.0", START + 6 * SECOND)
    assert Touch.of(Side.BUY, quote, fresh, TICK) == (Decimal("29999.7"), Decimal("30000.3"))
    assert Touch.of(Side.BUY, quote, late, TICK) == (Decimal("30004.9"), Decimal("30005.0"))
    assert Touch.of(Side.SELL, quote, late, TICK) == (Decimal("30005.0"), Decimal("30005.1"))
    assert Touch.of(Side.SELL, None, fresh, TICK) == (Decimal("30005.0"), Decimal("30005.1"))
