"""Which instruments of a node are one and the same market on several venues."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nautilus_trader.model.instruments import CryptoPerpetual, CurrencyPair

from nautilus_quant.host.fee_terms import kind_of
from nautilus_quant.host.routing import client_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nautilus_trader.cache.base import CacheFacade
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.system.kernel import NautilusKernel

_PLAIN = (CurrencyPair, CryptoPerpetual)


def find_groups(
    kernel: NautilusKernel, routes: Sequence[Sequence[InstrumentId]] = ()
) -> dict[InstrumentId, tuple[Instrument, ...]]:
    """
    Return, by instrument, all that are the same market, itself among them.

    Parameters
    ----------
    kernel
        The node; only markets it can send orders to count.
    routes
        Ids of instruments that are the same; without any, all spot and all linear perpetual markets are that
        have the same coins.

    Raises
    ------
    ValueError
        If a route names what is unknown, in another route, of another coin, or no such market.

    """
    found: dict[InstrumentId, tuple[Instrument, ...]] = {}
    cache = kernel.cache
    for group in [_named(cache, route) for route in routes] if routes else _alike(cache):
        reachable = tuple(one for one in group if client_of(kernel.exec_engine, one.id.venue) is not None)
        for instrument in reachable if len(reachable) > 1 else ():
            if instrument.id in found:
                raise ValueError(f"an instrument is in one route at most, {instrument.id} is in two")
            found[instrument.id] = reachable
    return found


def _named(cache: CacheFacade, route: Sequence[InstrumentId]) -> list[Instrument]:
    found = [cache.instrument(instrument_id) for instrument_id in route]
    missing = [str(name) for name, one in zip(route, found, strict=True) if one is None]
    if missing:
        raise ValueError(f"a route names instruments of the node, unknown: {', '.join(missing)}")
    if not all(_is_plain(one) for one in found):
        raise ValueError(f"a route is of spot or linear perpetual markets, was {list(map(str, route))}")
    if len({(kind_of(one), one.base_currency.code) for one in found}) > 1:
        raise ValueError(f"a route is of one coin and one kind of market, was {list(map(str, route))}")
    return found


def _alike(cache: CacheFacade) -> Iterable[list[Instrument]]:
    groups: dict[tuple[str, ...], list[Instrument]] = defaultdict(list)
    for one in sorted(cache.instruments(), key=lambda found: str(found.id)):
        if _is_plain(one):
            groups[kind_of(one), one.base_currency.code, one.quote_currency.code].append(one)
    return groups.values()


def _is_plain(instrument: Instrument) -> bool:
    return isinstance(instrument, _PLAIN) and not instrument.is_inverse
