"""Where recorded data lies and how to read it."""

from __future__ import annotations

from typing import Any

from nautilus_trader.common.config import NautilusConfig

from nautilus_quant.venues.recorded.checks import RULES

ACTIONS = ("refuse", "drop")
_ACTIONS_OF = {"outlier": (*ACTIONS, "keep"), "gap": ("refuse", "keep")}  # the others cannot be kept
VOLUME_UNITS = ("base", "quote")


class Source(NautilusConfig, frozen=True, kw_only=True):
    """
    One file or catalog of recorded data.

    Parameters
    ----------
    path : str
        A parquet file, a Binance kline CSV (also zipped), or the directory of a NautilusTrader catalog.
    layout : str, optional
        Name of the layout (see `layouts.LAYOUTS`); told from the columns when not given.
    instrument : str, optional
        Instrument id of the rows, e.g. ``"BTCUSDT-PERP.BINANCE"``. Needed when the file names no symbol;
        picks the symbol when it names several.
    symbols : tuple of str, default ()
        Symbols to read, as the file writes them; empty = all.
    venue : str, default "BINANCE"
        Venue of instruments built from symbols.
    kind : str, optional
        ``"perp"`` or ``"spot"`` for instruments built from symbols that do not say; perp unless the file name
        contains "spot".
    interval : int, optional
        Length of a bar [s]; told from the times when not given.
    volume_unit : str, default "base"
        ``"quote"`` when the volume column is money: divided by the close to get base units. The file
        ``ohlcv_1m_btc_perp_202201`` is such a one.
    start, end : str, optional
        ISO 8601 times, UTC: rows with start <= time < end are read. For bars the time is the close.
    bad_rows : str, default "refuse"
        What to do with rows that break a rule (see `checks`): ``"refuse"`` the source or ``"drop"`` the rows.
        Either way they are reported with row, time and rule.
    rules : dict of str to str, default {}
        Exceptions by rule, e.g. ``{"outlier": "drop", "gap": "refuse"}``; ``"keep"`` is allowed for
        ``outlier`` and ``gap``, and is the default of ``gap``.
    outlier_ratio : float, default 5.0
        A bar whose low is less than the body divided by this, or whose high is more than the body times
        this, is an outlier [-].
    clock_shift : float, default 0.0
        Added to the times of a receiver clock [s], for rows that carry no exchange time.
    overrides : dict, default {}
        Properties of the instruments built: price_increment, size_increment, maker_fee, taker_fee,
        margin_init, margin_maint, as text or numbers.
    """

    path: str
    layout: str | None = None
    instrument: str | None = None
    symbols: tuple[str, ...] = ()
    venue: str = "BINANCE"
    kind: str | None = None
    interval: int | None = None
    volume_unit: str = "base"
    start: str | None = None
    end: str | None = None
    bad_rows: str = "refuse"
    rules: dict[str, str] = {}  # noqa: RUF012 msgspec copies defaults
    outlier_ratio: float = 5.0
    clock_shift: float = 0.0
    overrides: dict[str, Any] = {}  # noqa: RUF012 msgspec copies defaults

    def __post_init__(self) -> None:
        _one_of("bad_rows", self.bad_rows, ACTIONS)
        _one_of("volume_unit", self.volume_unit, VOLUME_UNITS)
        _one_of("kind", self.kind, (None, "perp", "spot"))
        for rule, action in self.rules.items():
            _one_of("a rule", rule, RULES)
            _one_of(f"rules[{rule!r}]", action, _ACTIONS_OF.get(rule, ACTIONS))
        if not self.outlier_ratio > 1.0:
            raise ValueError(
                f"outlier_ratio must be above 1 [-], was {self.outlier_ratio}; typical values 2 to 10"
            )
        if self.interval is not None and self.interval <= 0:
            raise ValueError(f"interval must be positive [s], was {self.interval}; 60 for one-minute bars")


def _one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(str, allowed))}, was {value!r}")
