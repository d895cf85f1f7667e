"""What somebody has to know before the first order: how much is at stake, where, behind which limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nautilus_quant.config.secrets import masked_text

if TYPE_CHECKING:
    from nautilus_quant.config.deployment import Deployment, Venue

NO_SAFETY = "none: no loss limits, no kill switch"

_LIMITS = (
    ("max_hourly_loss", "loss in an hour"),
    ("max_daily_loss", "in a day"),
    ("max_drawdown", "drawdown"),
)


def banner(
    deployment: Deployment,
    *,
    safety: Mapping[str, Any] | None,
    accounts: Mapping[str, str],
    latch: str,
) -> list[tuple[str, str]]:
    """
    Return the lines of the banner as pairs of label and text.

    Parameters
    ----------
    deployment
        What is about to run.
    safety
        Fields of the safety engine as it really runs, ``None`` when there is none.
    accounts
        Balance in words by account.
    latch
        State of the kill switch found in the state, and why; empty when it is armed.

    """
    rows = [
        ("mode", f"{deployment.mode} ({'REAL ORDERS' if deployment.real else 'simulated fills'})"),
        *[("venue", _venue(venue)) for venue in deployment.venues.values()],
        *[("account", f"{name}: {text}") for name, text in accounts.items()],
        ("capital", f"{100.0 * deployment.allocation:.4g} % of the equity"),
        ("strategies", ", ".join(deployment.strategies) or "none"),
        ("actors", ", ".join(deployment.actors) or "none"),
        *([("algorithms", ", ".join(deployment.exec_algorithms))] if deployment.exec_algorithms else []),
        ("limits", limits(safety)),
        ("kill file", str((safety or {}).get("kill_file") or "none")),
        ("on stop", _on_stop(deployment)),
        ("state", masked_text(deployment.state) or "in memory"),
        ("status", deployment.status_file or "none"),
        ("log", deployment.log_files or "none"),
    ]
    if latch:
        rows.append(("KILL SWITCH", latch))
    return rows + [("note", note) for note in deployment.notes]


def limits(safety: Mapping[str, Any] | None) -> str:
    """Return the loss limits in words, as fractions of the equity they are measured from."""
    if safety is None:
        return NO_SAFETY
    return ", ".join(f"{words} {100.0 * safety[key]:.4g} %" for key, words in _LIMITS if key in safety)


def _venue(venue: Venue) -> str:
    fills = "paper fills" if venue.paper else "REAL ORDERS"
    return f"{venue.name}: {venue.adapter}, {venue.account_type.lower()} account, {fills}"


def _on_stop(deployment: Deployment) -> str:
    if deployment.on_stop == "flatten":
        return "orders are cancelled, positions are closed"
    lasting = ", ".join(venue.name for venue in deployment.venues.values() if not venue.paper)
    but = f" but for stops and exits at {lasting}" if lasting else ", exits as well"
    return f"orders are cancelled{but}, positions stay open"
