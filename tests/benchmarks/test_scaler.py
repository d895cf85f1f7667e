"""What the benchmark of the scaler measures is what it says."""

from __future__ import annotations

import pytest

from benchmarks import scaler


@pytest.mark.parametrize("new", [True, False])
def test_every_decision_is_of_all_pairs_with_capital_short(new: bool) -> None:
    taken, found = scaler.decisions(scaler.scaler(), 1e6, 3, new=new)
    assert len(taken) == 3
    assert len(found) == scaler.VENUES * scaler.SYMBOLS
    held = [one for one in found.values() if one.size > 0.0]
    assert len(held) > 40
    assert {one.why for one in held} & {"capital"}
    assert sum(one.size for one in held) * 1.2 == pytest.approx(0.9e6, rel=0.1)
