"""What the margin monitor can be told, and the schedules and tables that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Literal

from msgspec import field
from nautilus_trader.common.config import NautilusConfig
from nautilus_trader.config import ActorConfig, PositiveFloat

from nautilus_quant.account.margin import Maintenance
from nautilus_quant.account.margin_limits import MarginLimits
from nautilus_quant.account.margin_windows import (
    DEFAULT_FUNDING,
    DEFAULT_WINDOWS,
    EVERY_DAY,
    FundingCalendar,
    MarginSchedule,
    MarginWindow,
)
from nautilus_quant.config.units import Fraction, Seconds

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class MarginWindowConfig(NautilusConfig, kw_only=True, frozen=True):
    """
    A part of the day with its leverage.

    Parameters
    ----------
    name
        Told to people.
    start, end
        UTC, ``"HH:MM"`` or minutes of the day; an end that is not after its start lies on the next day.
    leverage
        Largest notional per equity [-].
    days
        Weekdays it begins on, e.g. ``[sat, sun]``; empty for all.

    """

    name: str
    start: str | int
    end: str | int
    leverage: PositiveFloat
    days: tuple[str, ...] = ()

    def build(self) -> MarginWindow:
        """Return the window; ValueError when a time or a day cannot be read."""
        unknown = [day for day in self.days if day not in DAYS]
        if unknown:
            raise ValueError(f"days of {self.name} are of {', '.join(DAYS)}, was {', '.join(unknown)}")
        days = tuple(DAYS.index(day) for day in self.days) or EVERY_DAY
        return MarginWindow(self.name, _minutes(self.start), _minutes(self.end), float(self.leverage), days)


class VenueMargin(NautilusConfig, kw_only=True, frozen=True):
    """
    Other windows for one venue; what is left out is that of all.

    Parameters
    ----------
    windows
        Parts of the day; together they cover all of it.
    funding_interval, funding_offset, funding_lead
        Time between payments, of the first one after midnight, and how long before them less leverage is
        allowed [s]; an interval of 0 for none.
    funding_leverage
        Largest notional per equity before payments [-].

    """

    windows: tuple[MarginWindowConfig, ...] | None = None
    funding_interval: Seconds | None = None
    funding_offset: Seconds | None = None
    funding_lead: Seconds | None = None
    funding_leverage: PositiveFloat | None = None


class MarginMonitorConfig(ActorConfig, kw_only=True, frozen=True):
    """
    What the margin monitor can be told.

    Parameters
    ----------
    windows
        Parts of the UTC day with their leverage; together they cover all of it. Without any: normal (10x,
        06:00-13:00), intraday (6.67x, 13:00-21:00) and overnight (5x, 21:00-06:00).
    funding_interval, funding_offset, funding_lead
        Time between funding payments, of the first one after midnight, and how long before them less leverage
        is allowed [s]; an interval of 0 for none.
    funding_leverage
        Largest notional per equity before funding payments [-].
    venues
        Other windows by venue, e.g. ``{DERIBIT: {funding_interval: 0s}}``.
    brackets
        Maintenance tables by instrument id: pairs of the largest notional [settlement currency] and the rate,
        e.g. ``{BTCUSDT-PERP.BINANCE: [[50_000, 0.004], [600_000, 0.005], [null, 0.01]]}``. Others have the
        flat rate of their instrument.
    maintenance
        Maintenance margin per notional of instruments that name none: whose ``margin_maint`` is 0, or whose
        ``margin_init`` is 1 or more and hence no rate [-].
    max_utilisation, target_utilisation
        Initial margin per equity up to which new risk is allowed, and what reductions cut down to [-].
    alert_at, alert_clear
        Utilisation at which people are told, and below which it is over [-].
    quiet, look_ahead, act_before
        Before a change to less leverage: time in which nothing is opened, from which on orders must fit the
        next window, and at which positions are cut for it [s].
    any_change
        Whether changes to more leverage are quiet, too.
    enforce
        ``off``: only judge orders and alert; ``recommend``: also publish what to close; ``reduce``: also
        close it at market, reduce-only, whoever holds it, and cancel orders that would open risk.
    interval
        How often an account with positions is looked at [s].
    report_interval
        How often its figures are published when nothing changes [s].
    reporting_currency
        Currency of the figures; ``None`` takes the account's.
    state
        URL of the state store; ``None`` keeps nothing over a restart.

    """

    windows: tuple[MarginWindowConfig, ...] = ()
    funding_interval: Seconds = 28_800.0
    funding_offset: Seconds = 0.0
    funding_lead: Seconds = 1_800.0
    funding_leverage: PositiveFloat = 4.0
    venues: dict[str, VenueMargin] = field(default_factory=dict)
    brackets: dict[str, tuple[tuple[float | None, float], ...]] = field(default_factory=dict)
    maintenance: Fraction = 0.005
    max_utilisation: Fraction = 0.9
    target_utilisation: Fraction = 0.8
    alert_at: Fraction = 0.8
    alert_clear: Fraction = 0.75
    quiet: Seconds = 1_800.0
    look_ahead: Seconds = 3_600.0
    act_before: Seconds = 900.0
    any_change: bool = False
    enforce: Literal["off", "recommend", "reduce"] = "recommend"
    interval: Seconds = 5.0
    report_interval: Seconds = 300.0
    reporting_currency: str | None = None
    state: str | None = None


def limits_of(config: MarginMonitorConfig) -> MarginLimits:
    """Return the bounds; ValueError when they contradict each other."""
    return MarginLimits(**{item.name: getattr(config, item.name) for item in fields(MarginLimits)})


def maintenance_of(config: MarginMonitorConfig) -> dict[str, Maintenance]:
    """Return the maintenance tables by instrument id; ValueError when one is impossible."""
    return {name: Maintenance.of(tiers) for name, tiers in config.brackets.items()}


def schedules_of(config: MarginMonitorConfig) -> tuple[MarginSchedule, Mapping[str, MarginSchedule]]:
    """Return the schedule of all venues, and those of others; ValueError when windows overlap or gape."""
    return _schedule(config, None), {name: _schedule(config, other) for name, other in config.venues.items()}


def _schedule(config: MarginMonitorConfig, other: VenueMargin | None) -> MarginSchedule:
    def choose(name: str) -> float:
        own = None if other is None else getattr(other, name)
        return float(getattr(config, name) if own is None else own)

    own = None if other is None else other.windows
    windows = tuple(window.build() for window in own or config.windows) or DEFAULT_WINDOWS
    interval = _whole_minutes("funding_interval", choose("funding_interval"))
    if not interval:
        return MarginSchedule(windows, None)
    calendar = FundingCalendar(
        interval,
        _whole_minutes("funding_offset", choose("funding_offset")),
        _whole_minutes("funding_lead", choose("funding_lead")),
        choose("funding_leverage"),
        DEFAULT_FUNDING.name,
    )
    return MarginSchedule(windows, calendar)


def _whole_minutes(name: str, seconds: float) -> int:
    minutes = round(seconds / 60.0)
    if minutes * 60.0 != seconds:
        raise ValueError(f"{name} is a whole number of minutes, was {seconds:g} [s]")
    return minutes


def _minutes(time: str | int) -> int:
    # YAML 1.1 reads an unquoted 13:00 as 780, which is the minute of the day.
    if isinstance(time, int):
        return time
    hours, _, minutes = time.partition(":")
    if not (hours.isdecimal() and minutes.isdecimal() and int(hours) <= 24 and int(minutes) < 60):
        raise ValueError(f"a time of day is HH:MM in UTC, e.g. 06:00, was {time!r}")
    return int(hours) * 60 + int(minutes)
