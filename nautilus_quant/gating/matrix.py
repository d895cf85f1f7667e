"""Which kind of strategy may take new risk in which regime: a table, not code."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Final

from nautilus_quant.gating.regime_rule import TRENDS, Regime

DEFAULT: Final = "default"
"""The row of strategies of no known kind: other people's."""

ALL: Final = "ALL"
"""Stands for every regime, WARMING_UP included, in a row."""

_QUIET = frozenset({Regime.RANGING})
_ORDERLY = TRENDS | _QUIET

SHIPPED: Final[Mapping[str, frozenset[Regime]]] = {
    "momentum": TRENDS,
    "regime_ml": TRENDS,
    "mean_reversion": _QUIET,
    "grid": _QUIET,
    "stat_arb": _QUIET | {Regime.HIGH_VOL},
    # Hedged by construction, so the way the market goes is no objection; its breaking apart is.
    "funding_arb": _ORDERLY,
    "cross_exchange_arb": _ORDERLY,
    "options_delta": _ORDERLY,
    "options_spread": _ORDERLY,
    DEFAULT: _ORDERLY,
}
"""Nothing is allowed in CRISIS and WARMING_UP; in HIGH_VOL only statistical arbitrage is."""

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Compatibility:
    """
    Kinds of strategies by the regimes in which they may open positions.

    Parameters
    ----------
    rows
        Regime names by kind, each replacing the shipped row of that kind, e.g.
        ``{"momentum": ["STRONG_TREND_UP"], "default": ["ALL"]}``. New kinds are welcome.

    Raises
    ------
    ValueError
        If a regime name is unknown; names the nearest one.

    """

    def __init__(self, rows: Mapping[str, Iterable[str] | str] | None = None) -> None:
        self._rows = dict(SHIPPED)
        for kind, names in (rows or {}).items():
            self._rows[kind] = _parse(kind, names)

    def regimes(self, kind: str) -> frozenset[Regime]:
        """Return the regimes in which a kind may take new risk; an unknown kind has the default row."""
        row = self._rows.get(kind)
        return self._rows[DEFAULT] if row is None else row

    def allows(self, kind: str, regime: Regime) -> bool:
        """Say whether a kind may take new risk in a regime."""
        return regime in self.regimes(kind)

    def kind_of(self, strategy: type) -> str:
        """Return the kind of a strategy class: the first with a row among it and its bases, or `DEFAULT`."""
        for base in strategy.__mro__:
            kind = snake_case(base.__name__)
            if kind in self._rows:
                return kind
        return DEFAULT


def snake_case(name: str) -> str:
    """
    Return a class name as the kind it stands for.

    >>> snake_case("RegimeML"), snake_case("MeanReversion"), snake_case("EMACross")
    ('regime_ml', 'mean_reversion', 'ema_cross')
    """
    return _WORD_START.sub("_", name).lower()


def _parse(kind: str, names: Iterable[str] | str) -> frozenset[Regime]:
    wanted = [names.upper()] if isinstance(names, str) else [str(name).upper() for name in names]
    if ALL in wanted:
        return frozenset(Regime)
    for name in wanted:
        if name not in Regime.__members__:
            nearest = difflib.get_close_matches(name, [*Regime, ALL], n=1, cutoff=0.0)[0]
            raise ValueError(
                f"matrix row {kind!r}: unknown regime {name!r}, did you mean {nearest}? "
                f"known are {', '.join(Regime)} and {ALL}"
            )
    return frozenset(Regime[name] for name in wanted)
