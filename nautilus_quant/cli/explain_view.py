"""Journal entries for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nautilus_quant.monitoring.snapshot import iso_time

if TYPE_CHECKING:
    from nautilus_quant.host.journal import Entry

_STYLES = {"ALLOW": "green", "SIZED_DOWN": "yellow", "DENY": "red"}


def order_view(order: str, entries: list[Entry], later: list[Entry], problems: list[str]) -> RenderableType:
    """Draw all that is known of an order, and what changed the rules afterwards."""
    parts: list[RenderableType] = [Text(f"order {order}", style="bold")]
    for entry in entries:
        parts += _decision_view(entry)
    if later:
        parts += [Text("\nafterwards:"), *(Text(f"  {line(entry)}") for entry in later)]
    return Group(*parts, chain_view(problems))


def list_view(what: str, entries: list[Entry], problems: list[str]) -> RenderableType:
    """Draw decisions, one a line, newest first."""
    title = Text(f"last {what}, newest first:" if entries else f"no {what}", style="bold")
    return Group(title, *(Text(line(entry)) for entry in entries), chain_view(problems))


def chain_view(problems: list[str]) -> RenderableType:
    """Say whether the journal can be believed."""
    if not problems:
        return Text("the journal's hash chain is whole", style="dim")
    lines = ["THE JOURNAL WAS CHANGED AFTERWARDS, do not believe it:", *(f"  {text}" for text in problems)]
    return Text("\n".join(lines), style="bold red")


def line(entry: Entry) -> str:
    """Say an entry in one line."""
    words = decision_words(entry.body) if entry.kind == "order_decision" else _facts(entry.body)
    return f"{iso_time(entry.ts)}  {entry.kind}  {words}"


def decision_words(body: Mapping[str, Any]) -> str:
    """Say a decision in one line: who asked what, what the answer was, and which gate decided."""
    asked = body.get("intent") or {}
    name = f"{body.get('order') or '(preview)'} of {body.get('strategy')}"
    what = f"{asked.get('command', '')} {asked.get('side', '')} {asked.get('quantity', '')}".strip()
    words = f"{body.get('outcome')} {name}: {what} {body.get('instrument')}"
    gate = _binding(body)
    if body.get("outcome") == "ALLOW" or gate is None:
        return words
    return f"{words}; {gate['gate']} {gate.get('code', '')}: {gate.get('reason', '')}"


def _decision_view(entry: Entry) -> list[RenderableType]:
    body, when = entry.body, iso_time(entry.ts)
    if entry.kind != "order_decision":
        return [Text(line(entry))]
    asked = body.get("intent") or {}
    price = asked.get("price")
    at = "at market" if price is None else f"at {price}"
    head = (
        f"\n{when}  {body.get('strategy')} asked to {asked.get('command', 'submit')} {asked.get('side')} "
        f"{asked.get('quantity')} {body.get('instrument')} {at}: "
        f"{asked.get('opening')} of new risk worth {_number(asked.get('notional'))}, "
        f"{asked.get('reducing')} that reduces"
    )
    outcome = str(body.get("outcome"))
    end = Text(f"{outcome}: {body.get('allowed')} may be traded", style=_STYLES.get(outcome, ""))
    return [Text(head), _gates(body), end]


def _gates(body: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("gate", "says", "allows", "reason", "numbers"):
        table.add_column(title)
    for verdict in _verdicts(body):
        allowed = verdict.get("allowed", "Infinity")
        table.add_row(
            str(verdict["gate"]),
            Text(str(verdict.get("code", "ALLOW"))),
            "any size" if _size(allowed) == Decimal("Infinity") else str(allowed),
            Text(str(verdict.get("reason", ""))),
            Text(_facts(verdict.get("numbers") or {})),
        )
    return table


def _verdicts(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Verdicts of an order that passed may be gate names only."""
    verdicts = body.get("verdicts") or []
    return [{"gate": verdict} if isinstance(verdict, str) else verdict for verdict in verdicts]


def _binding(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return min(_verdicts(body), key=lambda verdict: _size(verdict.get("allowed", "Infinity")), default=None)


def _size(allowed: object) -> Decimal:
    """Read what a gate allows; what is not a number counts as nothing."""
    try:
        size = Decimal(str(allowed))
    except InvalidOperation:
        return Decimal(0)
    return Decimal(0) if size.is_nan() else size


def _facts(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={_number(value)}" for key, value in facts.items() if key != "version")


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
