"""What orders are called."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.host.new_orders import COUNTS, order_name


def test_a_name_says_whose_when_and_which():
    # 36 * 36 * 36 + 35 ms, to the base of 36: 100Z.
    assert order_name("NE0A", (36**3 + 35) * 1_000_000 + 999_999, 37).value == "NE0AT100ZN11"
    assert order_name("X", 0, 0).value == "XT0N0"


@given(now=st.integers(0, 2**63 - 1), count=st.integers(0, COUNTS - 1))
def test_names_fit_every_venue_and_read_back(now, count):
    name = order_name("X01234567XXXXXX", now, count).value
    assert len(name) <= 32
    assert name.isascii()
    assert name.isalnum()
    assert name.startswith("X01234567XXXXXXT")
    which = order_name("", 0, count).value.removeprefix("T0N")
    when = name.removeprefix("X01234567XXXXXXT").removesuffix(f"N{which}")
    assert (int(when, 36), int(which, 36)) == (now // 1_000_000, count)
