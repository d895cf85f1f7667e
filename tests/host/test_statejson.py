"""What goes into a document comes out of it."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.host.statejson import StateError, decode, encode

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.decimals()
    | st.binary(max_size=20)
    | st.sampled_from(["$", "$decimal", '"$', "$float"])
)
KEYS = st.text(max_size=6) | st.sampled_from(["$decimal", "$dict", "$bytes", "$"])
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def same(left: object, right: object) -> bool:
    """Equal in type and value, NaN included."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, Decimal):
        return left.as_tuple() == right.as_tuple()
    if isinstance(left, float) and math.isnan(left):
        return math.isnan(right)
    return left == right


@given(DOCUMENTS)
def test_documents_come_back_as_they_went_in(document: object) -> None:
    assert same(decode(encode(document)), document)


@given(DOCUMENTS)
def test_the_text_is_plain_json_in_ascii(document: object) -> None:
    text = encode(document)
    text.encode("ascii")
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@given(st.dictionaries(st.text(max_size=5), st.decimals() | st.integers() | st.floats(), min_size=2))
def test_equal_documents_have_one_text(document: dict) -> None:
    assert encode(dict(reversed(document.items()))) == encode(document)


def test_decimals_and_odd_floats_are_tagged() -> None:
    assert encode({"b": Decimal("1.50"), "a": math.nan}) == '{"a":{"$float":"nan"},"b":{"$decimal":"1.50"}}'
    assert encode([math.inf, -math.inf]) == '[{"$float":"inf"},{"$float":"-inf"}]'


@pytest.mark.parametrize("odd", [1.0, math.nan])
def test_numpy_becomes_plain_numbers(odd: float) -> None:
    document = {
        "single": np.float32(0.5),
        "double": np.float64(odd),
        "integer": np.int64(7),
        "flag": np.bool_(True),
        "array": np.array([[1, 2], [3, 4]]),
        "nan": np.float32("nan"),
    }
    back = decode(encode(document))
    expected = {
        "single": 0.5,
        "double": odd,
        "integer": 7,
        "flag": True,
        "array": [[1, 2], [3, 4]],
        "nan": math.nan,
    }
    assert same(back, expected)


class Colour(Enum):
    RED = "red"


class Name(StrEnum):
    ANN = "ann"


class Number(IntEnum):
    ONE = 1


@pytest.mark.parametrize("odd", [1.0, math.inf])
def test_what_json_lacks_takes_its_nearest_form(odd: float) -> None:
    document = {
        "enum": Colour.RED,
        "name": Name.ANN,
        "number": Number.ONE,
        "tuple": (1, 2),
        "set": {3},
        "frozen": frozenset({4}),
        "day": date(2025, 1, 31),
        "time": datetime(2025, 1, 31, 8, tzinfo=UTC),
        "path": Path("var/x"),
        "proxy": MappingProxyType({"k": Decimal(2)}),
        "odd": odd,
    }
    assert decode(encode(document)) == {
        "enum": "red",
        "name": "ann",
        "number": 1,
        "tuple": [1, 2],
        "set": [3],
        "frozen": [4],
        "day": "2025-01-31",
        "time": "2025-01-31T08:00:00+00:00",
        "path": "var/x",
        "proxy": {"k": Decimal(2)},
        "odd": odd,
    }


@pytest.mark.parametrize("value", [math.nan, 0.5])  # the careful way, and the quick one
def test_keys_become_texts(value: float) -> None:
    assert list(decode(encode({1: value}))) == ["1"]
    assert list(decode(encode({None: value}))) == ["null"]
    assert list(decode(encode({True: value}))) == ["true"]
    assert list(decode(encode({Name.ANN: value}))) == ["ann"]


def test_what_has_no_form_is_refused() -> None:
    for document in ({"x": object()}, {"x": [object(), math.nan]}, {(1, 2): 3}, {("a",): math.nan}):
        with pytest.raises(StateError, match="state document"):
            encode(document)


def test_keys_that_fall_together_are_refused() -> None:
    with pytest.raises(StateError, match="differ as texts"):
        encode({1: math.nan, "1": 2})


def test_what_holds_itself_is_refused() -> None:
    loop: list = []
    loop.append(loop)
    with pytest.raises(StateError, match="JSON-able"):
        encode(loop)


def test_a_tag_nobody_knows_is_left_alone() -> None:
    assert decode('{"$other":1}') == {"$other": 1}
