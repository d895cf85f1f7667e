"""What gates said, in numbers and words."""

from __future__ import annotations

from decimal import Decimal

from nautilus_quant.gating.intent import Decision, Intent, Side, Verdict
from nautilus_quant.monitoring.gates import CutCodes, GateLine


def decision(*verdicts: Verdict, opening: str = "3") -> Decision:
    size = Decimal(opening)
    intent = Intent(1, "S-1", "BTC.SIM", Side.BUY, size, None, Decimal(0), size, 1.0)
    return Decision.of(intent, verdicts)


def test_every_verdict_that_cuts_counts_and_no_other():
    codes = CutCodes()
    less = Verdict.limit("budget", Decimal(2), "VAR", "less")
    room = Verdict.limit("liquidity", Decimal(5), "IMPACT", "more than is asked")
    codes.add(decision(Verdict.allow("safety"), less, room, Verdict.deny("flow", "AGAINST", "no")))
    codes.add(decision(less, Verdict.allow("flow")))
    codes.add(decision(room))
    assert codes.of("budget") == {"VAR": 2}
    assert codes.of("flow") == {"AGAINST": 1}
    assert codes.of("safety") == codes.of("liquidity") == codes.of("nobody") == {}


def test_the_most_frequent_come_first_and_memory_is_bounded():
    codes = CutCodes()
    for n in range(200):
        codes.add(decision(Verdict.deny("odd", f"CODE_{n}", "")))
    for _ in range(3):
        codes.add(decision(Verdict.deny("odd", "CODE_5", "")))
    found = codes.of("odd")
    assert len(found) == 65
    assert list(found.items())[:2] == [("OTHERS", 136), ("CODE_5", 4)]


def test_a_line_as_json_and_back():
    line = GateLine(allow=1, sized_down=2, deny=4, codes={"A": 4, "B": 1, "C": 1, "D": 1, "E": 1})
    assert line.asked == 7
    assert GateLine.from_dict(line.to_dict()) == line
    assert line.why() == "A 4, B 1, C 1, others 2"
    assert GateLine.from_dict({}) == GateLine()
