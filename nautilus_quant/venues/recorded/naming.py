"""From the symbols recorders write to assets, and from intervals to bar specifications."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nautilus_quant.venues.recorded.frame import RecordedError

_QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD", "EUR", "BTC", "ETH", "BNB")
_PERP_MARK = re.compile(r"[-_/]?(PERP|SWAP)$")
_SPOT_PREFIX = re.compile(r"SPOT", re.IGNORECASE)
_STEPS = ((86_400, "DAY"), (3_600, "HOUR"), (60, "MINUTE"), (1, "SECOND"))


@dataclass(frozen=True, slots=True)
class Asset:
    """What is traded: ``kind`` is perp or spot."""

    base: str
    quote: str
    kind: str

    @property
    def symbol(self) -> str:
        """The symbol of the instrument id, e.g. ``BTCUSDT-PERP``."""
        return f"{self.base}{self.quote}" + ("-PERP" if self.kind == "perp" else "")


def asset_of(symbol: str, *, kind: str) -> Asset:
    """
    Read a recorded symbol such as ``BTCUSDT``, ``BTC-PERP``, ``BTC/USDT`` or ``BINANCE_SPOT:BTCUSDT``.

    Parameters
    ----------
    symbol : str
        As the recorder wrote it.
    kind : str
        ``perp`` or ``spot``, for symbols that do not say.

    Raises
    ------
    RecordedError
        When no known quote currency ends it.
    """
    prefix, _, name = symbol.upper().rpartition(":")
    if prefix:
        kind = "spot" if _SPOT_PREFIX.search(prefix) else "perp"
    if _PERP_MARK.search(name):
        kind, name = "perp", _PERP_MARK.sub("", name)
        name = name if any(name.endswith(quote) and name != quote for quote in _QUOTES) else name + "USDT"
    name = re.sub(r"[-_/]", "", name)
    for quote in _QUOTES:
        if name.endswith(quote) and len(name) > len(quote):
            return Asset(name[: -len(quote)], quote, kind)
    raise RecordedError(
        f"cannot tell base and quote currency of symbol {symbol!r} (known quotes: {', '.join(_QUOTES)}); "
        "name the instrument in the source"
    )


def bar_spec(interval: int) -> str:
    """Return the NautilusTrader specification of bars of `interval` [ns], e.g. ``1-MINUTE-LAST``."""
    seconds, rest = divmod(interval, 1_000_000_000)
    for length, unit in _STEPS:
        if not rest and seconds >= length and seconds % length == 0:
            return f"{seconds // length}-{unit}-LAST"
    raise RecordedError(f"bars must be a whole number of seconds long, was {interval / 1e9} s")
