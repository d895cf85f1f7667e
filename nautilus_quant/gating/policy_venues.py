"""What venues take, by product: order types, times in force and flags, as their adapters document them.

Sources: NautilusTrader's integration guides for Binance, OKX, Bybit, Deribit and Coinbase, sections "order
capability", "time in force" and "execution instructions" (docs/integrations of version 1.231). A venue
without a row of its own has the generic one, which takes everything the instrument allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from nautilus_quant.gating.policy import TIMES, TYPES

SPOT: Final = "spot"
DERIVATIVE: Final = "derivative"
OPTION: Final = "option"

GENERIC: Final = "GENERIC"
"""The row of venues that have none."""


class VenueRules(NamedTuple):
    """
    What one venue takes for one kind of product.

    Parameters
    ----------
    matrix
        Times in force by order type.
    post_only
        Types that may be post-only.
    reduce_only
        Whether orders may be reduce-only.
    quote_quantity
        Types whose size may be written in the quote currency.

    """

    matrix: Mapping[str, frozenset[str]]
    post_only: frozenset[str]
    reduce_only: bool = True
    quote_quantity: frozenset[str] = frozenset()


_LASTING = ("GTC", "IOC", "FOK")
_DATED = (*_LASTING, "GTD")
_CONDITIONAL = ("STOP_MARKET", "STOP_LIMIT", "MARKET_IF_TOUCHED", "LIMIT_IF_TOUCHED")
_LIMIT = frozenset({"LIMIT"})
_MARKET = frozenset({"MARKET"})


def _all(types: Iterable[str], times: Iterable[str]) -> Mapping[str, frozenset[str]]:
    row = frozenset(times)
    return MappingProxyType(dict.fromkeys(types, row))


def _rows(**rows: tuple[str, ...]) -> Mapping[str, frozenset[str]]:
    return MappingProxyType({kind: frozenset(times) for kind, times in rows.items()})


_PLAIN = ("MARKET", "LIMIT")
_BINANCE_FUTURES = (*_PLAIN, *_CONDITIONAL, "TRAILING_STOP_MARKET")
_PRICED = frozenset(kind for kind in TYPES if "LIMIT" in kind)

VENUES: Final[Mapping[str, Mapping[str, VenueRules]]] = {
    "BINANCE": {
        SPOT: VenueRules(_all((*_PLAIN, "STOP_LIMIT", "LIMIT_IF_TOUCHED"), _DATED), _LIMIT, False, _MARKET),
        DERIVATIVE: VenueRules(_all(_BINANCE_FUTURES, _DATED), frozenset({"LIMIT", "STOP_LIMIT"})),
    },
    "OKX": {
        SPOT: VenueRules(
            _all((*_PLAIN, "MARKET_TO_LIMIT", *_CONDITIONAL, "TRAILING_STOP_MARKET"), _LASTING),
            _LIMIT,
            False,
            _MARKET,
        ),
        DERIVATIVE: VenueRules(
            _all((*_PLAIN, "MARKET_TO_LIMIT", *_CONDITIONAL, "TRAILING_STOP_MARKET"), _LASTING), _LIMIT
        ),
        # Reduce-only does not apply there; the adapter strips it, so it is no reason to refuse.
        OPTION: VenueRules(_all(_LIMIT, _LASTING), _LIMIT),
    },
    "BYBIT": {
        SPOT: VenueRules(_all((*_PLAIN, *_CONDITIONAL), _LASTING), _LIMIT, False, _MARKET),
        DERIVATIVE: VenueRules(
            _all((*_PLAIN, *_CONDITIONAL, "TRAILING_STOP_MARKET"), _LASTING), _LIMIT, True, _MARKET
        ),
        OPTION: VenueRules(_all(_PLAIN, _LASTING), _LIMIT),
    },
    "DERIBIT": {
        # Its GTD means the end of the day, 08:00 UTC, whatever time the order names.
        DERIVATIVE: VenueRules(
            _all((*_PLAIN, *_CONDITIONAL), _DATED), _PRICED & frozenset(_CONDITIONAL) | _LIMIT
        ),
    },
    "COINBASE": {
        SPOT: VenueRules(_rows(MARKET=("GTC", "IOC"), LIMIT=("GTC", "GTD", "FOK")), _LIMIT, False, _MARKET),
        DERIVATIVE: VenueRules(
            _rows(MARKET=_LASTING, LIMIT=("GTC", "GTD", "FOK"), STOP_LIMIT=("GTC", "GTD")), _LIMIT
        ),
    },
    GENERIC: {DERIVATIVE: VenueRules(_all(TYPES, TIMES), _PRICED, True, frozenset(TYPES))},
}
"""By venue and product; a product without a row has that of derivatives."""


def venue_rules(venue: str, product: str) -> VenueRules:
    """Return what a venue takes for a product: its own row, or the generic one."""
    products = VENUES.get(venue) or VENUES[GENERIC]
    return products.get(product) or products[DERIVATIVE]
