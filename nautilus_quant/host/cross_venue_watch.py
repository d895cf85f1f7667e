"""What people are told of venues: outages, orders that do not fill, inventories that run out, transfers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from nautilus_quant.carry.cross_venue_fills import Grade
from nautilus_quant.carry.cross_venue_inventory import Supply
from nautilus_quant.carry.cross_venue_outage import Access
from nautilus_quant.host.cross_venue_messages import TransferAdvice
from nautilus_quant.host.messages import Alert, publish

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from nautilus_trader.common.component import MessageBus

    from nautilus_quant.carry.cross_venue_fills import FillChange
    from nautilus_quant.carry.cross_venue_inventory import Move, SupplyChange
    from nautilus_quant.carry.cross_venue_outage import OutageChange

_GRADES = {Grade.WELL: "INFO", Grade.LOW: "WARNING", Grade.BAD: "CRITICAL"}
_SUPPLIES = {Supply.ENOUGH: "INFO", Supply.LOW: "WARNING", Supply.OUT: "WARNING"}


class VenueVoice:
    """
    Publishes alerts, once per change.

    Parameters
    ----------
    msgbus
        Where.
    source
        Who says it: id of the strategy.

    """

    def __init__(self, msgbus: MessageBus, source: str) -> None:
        self._bus = msgbus
        self._source = source
        self._missing = False
        self._refused: set[str] = set()
        self._advised: dict[tuple[str, str], float] = {}

    def _alert(self, about: str, ts: int, severity: str, text: str, **numbers: float) -> None:
        publish(
            self._bus,
            Alert(
                key=f"{self._source}|{about}",
                ts=ts,
                source=self._source,
                severity=severity,
                text=text,
                numbers=numbers,
            ),
        )

    def outage(self, change: OutageChange, ts: int, reasons: Sequence[str]) -> None:
        """Tell of a venue that went down, or is back."""
        name, why = change.venue, "; ".join(reasons) or "nothing wrong is known"
        if change.access is Access.DOWN:
            text = f"{name} is down, nothing is opened there and its legs are hedged elsewhere: {why}"
            self._alert(f"{name}|access", ts, "CRITICAL", text)
        elif change.previous is Access.DOWN:
            what = "what is held there is closed first" if change.access is Access.RETURNED else "as before"
            text = f"{name} is back after {change.seconds:.0f} s, {what}"
            severity = "WARNING" if change.access is Access.RETURNED else "INFO"
            self._alert(f"{name}|access", ts, severity, text, seconds=change.seconds)
        elif change.previous is Access.RETURNED:
            self._alert(f"{name}|access", ts, "INFO", f"nothing is held at {name} any more, it is as before")

    def fills(self, change: FillChange, ts: int, low: float, bad: float) -> None:
        """Tell of a venue that fills too little, or enough again."""
        rises = change.grade < change.previous
        # What it fell below, or what it has left behind.
        bound = low if change.grade is (Grade.WELL if rises else Grade.LOW) else bad
        side = "above" if rises else "below"
        text = f"{change.ratio:.1%} of what was sent to {change.venue} was filled, {side} {bound:.0%}"
        numbers = {"ratio": change.ratio, "orders": float(change.orders)}
        self._alert(f"{change.venue}|fills", ts, _GRADES[change.grade], text, **numbers)

    def supply(self, change: SupplyChange, ts: int) -> None:
        """Tell of a venue whose inventory ran out, or is well again."""
        verb = change.side.name.lower()
        how = {
            Supply.OUT: "no room is left",
            Supply.LOW: "little room is left",
            Supply.ENOUGH: "there is room",
        }
        text = f"{how[change.supply]} to {verb} at {change.venue}: {change.room:.6g} coins"
        self._alert(f"{change.venue}|{verb}", ts, _SUPPLIES[change.supply], text, room=change.room)

    def unhedged(self, missing: Decimal, ts: int) -> None:
        """Tell of coins that stand alone where nobody can hedge them, and when that is over."""
        if bool(missing) == self._missing:
            return
        self._missing = bool(missing)
        text = (
            f"{abs(missing)} coins stand alone at a venue that is down, and no other one can take the hedge"
            if missing
            else "all that stood alone is hedged, or gone"
        )
        severity = "CRITICAL" if missing else "INFO"
        self._alert("hedge", ts, severity, text, missing=float(missing))

    def hedged(self, venue: str, coins: Decimal, ts: int, *, reduces: bool) -> None:
        """Tell of an order of a hedge at another venue that is done: put on, taken off, or (once) refused."""
        if not coins and venue in self._refused:
            return
        (self._refused.discard if coins else self._refused.add)(venue)
        what = "taken off" if reduces else "put on" if coins else "refused"
        severity = "INFO" if reduces else "WARNING" if coins else "CRITICAL"
        self._alert(f"{venue}|hedge", ts, severity, f"hedge elsewhere: {coins} coins at {venue} {what}")

    def transfers(self, moves: Sequence[Move], ts: int) -> None:
        """Advise transfers, again only when the amount has changed by a tenth, and take back what is over."""
        now = {(move.source, move.target): move for move in moves}
        for route in [route for route in self._advised if route not in now]:
            del self._advised[route]
            self._advise(route, 0.0, ts)
        for route, move in now.items():
            told = self._advised.get(route, 0.0)
            if abs(move.coins - told) > 0.1 * told:
                self._advised[route] = move.coins
                self._advise(route, move.coins, ts, cost=move.cost, seconds=move.seconds)

    def _advise(self, route: tuple[str, str], coins: float, ts: int, **rest: float) -> None:
        key = f"{self._source}|{route[0]}|{route[1]}"
        advice = TransferAdvice(key=key, ts=ts, source=route[0], target=route[1], coins=coins, **rest)
        publish(self._bus, advice)


class FoundStock:
    """Coins that were found at the first start: what inventories are brought back to."""

    def __init__(self) -> None:
        self._coins: dict[str, float] = {}

    def of(self, leg: str, held: float) -> float:
        """Return what was found, or is found now."""
        return self._coins.setdefault(leg, held)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {"coins": dict(self._coins)}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave."""
        self._coins = {str(leg): float(coins) for leg, coins in state["coins"].items()}
        return self
