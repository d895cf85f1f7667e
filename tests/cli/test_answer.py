"""What a command says: one JSON object, or words, and an exit code."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import pytest

from nautilus_quant.cli import codes
from nautilus_quant.cli.answer import deliver, note, plain


def test_numbers_any_reader_takes() -> None:
    assert plain({"a": Decimal("1.50"), "b": [math.nan, (math.inf, 2.5)], 3: None, "c": True}) == {
        "a": "1.50",
        "b": [None, [None, 2.5]],
        "3": None,
        "c": True,
    }


def test_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    code = deliver(note(codes.FAILED, "no such thing", near=["[this]"], size=Decimal(2)), json_output=True)
    assert code == codes.FAILED
    expected = {"ok": False, "message": "no such thing", "near": ["[this]"], "size": "2"}
    assert json.loads(capsys.readouterr().out) == expected


def test_words_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert deliver(note(codes.OK, "done [bold]as asked[/bold]"), json_output=False) == codes.OK
    assert capsys.readouterr().out == "done [bold]as asked[/bold]\n"


def test_every_code_has_one_meaning() -> None:
    named = {value for name, value in vars(codes).items() if name.isupper() and isinstance(value, int)}
    assert named == set(codes.MEANINGS)
    assert len(set(codes.MEANINGS.values())) == len(codes.MEANINGS)
