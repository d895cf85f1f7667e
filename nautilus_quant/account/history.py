"""The last days of an account: what a report on it says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from nautilus_quant.account.curve import Day, Performance, days_of, indexed, performance
from nautilus_quant.account.snapshots import DAY, Snapshot, SnapshotBook
from nautilus_quant.account.statement import PARTS, Part, value_of

if TYPE_CHECKING:
    from nautilus_quant.safety.trade_window import TradeStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """
    The last days of an account.

    Parameters
    ----------
    currency
        Reporting currency; empty when it is not known.
    snapshots
        In order; the first may be the last one of the day before.
    days
        Results of each UTC day.
    performance
        Statistics of these snapshots.
    trades
        Statistics of the last closed trades, whenever that was.

    """

    currency: str
    snapshots: tuple[Snapshot, ...]
    days: tuple[Day, ...]
    performance: Performance
    trades: TradeStatistics

    @classmethod
    def of(cls, book: SnapshotBook, days: int, currency: str, trades: TradeStatistics) -> Self:
        """
        Look back from the last snapshot.

        Parameters
        ----------
        book
            All there are.
        days
            How many UTC days to look back, that of the last one included.
        currency
            Reporting currency.
        trades
            Statistics of closed trades.

        Raises
        ------
        ValueError
            If there are no snapshots.

        """
        last = book.last
        since = 0 if last is None else (last.ts // DAY - days + 1) * DAY
        before = book.before(since)
        snapshots = book.curve(since)
        if before is not None:
            snapshots = [before, *snapshots]
        daily = days_of(snapshots)
        return cls(
            currency=currency,
            snapshots=tuple(snapshots),
            days=tuple(daily if before is None else daily[1:]),
            performance=performance(snapshots),
            trades=trades,
        )

    @property
    def last(self) -> Snapshot:
        """The account as it is now."""
        return self.snapshots[-1]

    def change(self, part: Part) -> Decimal:
        """Return what a part came to over these days [reporting currency], exact."""
        return value_of(self.last.part(part) - self.snapshots[0].part(part))

    @property
    def drawdowns(self) -> list[tuple[int, float]]:
        """Pairs of UNIX time [ns] and fall from the peak, net of transfers, as a fraction of it."""
        peak, found = 0.0, []
        for ts, index in indexed(self.snapshots):
            peak = max(peak, index)
            found.append((ts, 1.0 - index / peak))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return all of it but the snapshots; exact amounts as texts."""
        last = self.last
        return {
            "currency": self.currency,
            "since": moment(self.snapshots[0].ts),
            "until": moment(last.ts),
            "equity": last.equity,
            "unrealised": last.unrealised,
            "positions": last.positions,
            "fresh": last.fresh,
            "opening": text(value_of(last.opening)),
            "total": {part.value: text(value_of(last.part(part))) for part in PARTS},
            "parts": {part.value: text(self.change(part)) for part in PARTS},
            "statistics": asdict(self.performance),
            "trades": self.trades._asdict(),
            "days": [_row(day) for day in self.days],
        }


def text(amount: Decimal) -> str:
    """Write an exact amount without an exponent and without zeros at its end."""
    written = f"{amount:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def moment(ts: int) -> str:
    """Write a UNIX time [ns] as UTC."""
    return datetime.fromtimestamp(ts / 1e9, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _row(day: Day) -> dict[str, Any]:
    return {
        "day": moment(day.start)[:10],
        "equity": day.equity,
        "profit": day.profit,
        "growth": day.growth,
        "unrealised": day.unrealised,
        **{part.value: text(value_of(amount)) for part, amount in zip(PARTS, day.parts, strict=True)},
    }
