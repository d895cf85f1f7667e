"""What is told of the margin of accounts: every change once, and figures now and then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nautilus_quant.account.margin_book import Demand, Pool
    from nautilus_quant.account.margin_plan import Cut


@dataclass(frozen=True, slots=True)
class Notice:
    """
    Something a person should know of an account.

    Parameters
    ----------
    about
        ``initial`` or ``maintenance`` margin, or the ``reduction`` that is needed.
    severity
        ``INFO``, ``WARNING`` or ``CRITICAL``.
    text
        In words, with account, value and bound.
    numbers
        What it was read from.

    """

    about: str
    severity: str
    text: str
    numbers: Mapping[str, float] = field(default_factory=dict)


class MarginWatch:
    """
    Remembers what was told of each account, so that nothing is told twice.

    Parameters
    ----------
    report_interval
        How often figures are due when nothing changes [ns].

    """

    def __init__(self, report_interval: int) -> None:
        self._interval = report_interval
        self._demands: dict[str, Demand] = {}
        self._told: dict[str, tuple[str, int]] = {}  # window, and when figures are due again

    def forget(self) -> None:
        """Forget what was told."""
        self._demands.clear()
        self._told.clear()

    def changes(self, pool: Pool, demand: Demand | None) -> bool:
        """Tell whether a reduction is needed, or no longer, or for another window than before; note it."""
        known = self._demands.pop(pool.name, None)
        if demand is not None:
            self._demands[pool.name] = demand
        return (known and known.window) != (demand and demand.window)

    def waits(self, pool: Pool, now: int) -> bool:
        """Tell whether figures told before are good enough at `now`, UNIX time [ns], if nothing changes."""
        return now < self._told.get(pool.name, ("", 0))[1]

    @property
    def next_due(self) -> int:
        """When figures of any account are due next, UNIX time [ns]."""
        return min((due for _, due in self._told.values()), default=0)

    def postpone(self, pool: Pool, now: int) -> None:
        """Let figures wait another interval from `now` [ns] on: nothing changed, and nobody hears them."""
        self._told[pool.name] = (self._told.get(pool.name, ("", 0))[0], now + self._interval)

    def is_due(self, pool: Pool, now: int, *, at_once: bool) -> bool:
        """Tell whether figures are to be told at `now` [ns], UNIX time; then the next time is later."""
        window, due = self._told.get(pool.name, ("", 0))
        outlook = pool.outlook(now)
        seen = f"{outlook.window.name}{outlook.quiet is not None}{bool(pool.problem)}"
        if not at_once and seen == window and now < due:
            return False
        self._told[pool.name] = (seen, now + self._interval)
        return True


def say_use(pool: Pool, name: str, share: float, *, on: bool) -> Notice:
    """
    Say that a margin uses too much of the equity, or does no longer.

    Parameters
    ----------
    pool
        The account.
    name
        ``initial`` or ``maintenance``.
    share
        Of the equity that is used [-].
    on
        Whether it is too much.

    """
    bound = pool.limits.alert_at if on else pool.limits.alert_clear
    text = f"{pool.name}: {name} margin {'uses' if on else 'is back to'} {share:.1%} of the equity of "
    text += f"{pool.equity:,.2f}, {'at least' if on else 'below'} {bound:.0%}"
    severity = "INFO" if not on else "WARNING" if name == "initial" else "CRITICAL"
    return Notice(name, severity, text, {"utilisation": share, "equity": pool.equity, "bound": bound})


def say_demand(pool: Pool, demand: Demand | None, cuts: Sequence[Cut]) -> Notice:
    """Say what must be closed for which window; ``None`` that nothing must any more."""
    if demand is None:
        return Notice("reduction", "INFO", f"{pool.name}: what is held fits the coming window")
    window = demand.window
    used = pool.used(window.leverage)
    text = (
        f"{pool.name}: the {window.name} window ({window.leverage:g}x) takes {used:.1%} "
        f"of the equity, at most {pool.limits.max_utilisation:.0%} may be used: "
    )
    text += ", ".join(f"close {cut.quantity} {cut.instrument} of {cut.strategy}" for cut in cuts)
    return Notice("reduction", "WARNING", text, {"utilisation": used, "leverage": window.leverage})
