"""Who wants what, and the one order in which a step's events come, live and in a catalog alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from nautilus_trader.core.data import Data
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import BarAggregation, PriceType
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.instruments import CryptoOption

from nautilus_quant.venues.simulated.blocks import Block
from nautilus_quant.venues.simulated.convert import Translator
from nautilus_quant.venues.simulated.delivery import Conditions, Delivery
from nautilus_quant.venues.simulated.history import History
from nautilus_quant.venues.simulated.listing import Listing
from nautilus_quant.venues.simulated.market import SECOND, MarketConfig
from nautilus_quant.venues.simulated.option_feed import OptionFeed


class Kind(StrEnum):
    """Types of events, in the order in which those of one time come."""

    QUOTE = "quote"
    DEPTH = "depth"
    TRADE = "trade"
    MARK = "mark"
    INDEX = "index"
    FUNDING = "funding"
    BAR = "bar"


PERP_ONLY: Final = frozenset({Kind.MARK, Kind.INDEX, Kind.FUNDING})

_LENGTHS: Final = {
    BarAggregation.SECOND: 1,
    BarAggregation.MINUTE: 60,
    BarAggregation.HOUR: 3_600,
    BarAggregation.DAY: 86_400,
}


def bar_length(bar_type: BarType) -> int | None:
    """Length of an external time bar of last prices [s]; ``None`` for any other bar."""
    spec = bar_type.spec
    if not bar_type.is_externally_aggregated() or spec.price_type != PriceType.LAST:
        return None
    unit = _LENGTHS.get(spec.aggregation)
    return None if unit is None else spec.step * unit


@dataclass(slots=True)
class Wanted:
    """What somebody listens to: instruments by kind of event, and bar types with their lengths [s]."""

    ids: dict[Kind, set[InstrumentId]] = field(default_factory=lambda: {kind: set() for kind in Kind})
    bars: dict[BarType, int] = field(default_factory=dict)

    def add_bar(self, bar_type: BarType, length: int) -> None:
        """Listen to a bar type. Kept in the order of publication: shorter bars first."""
        self.bars[bar_type] = length
        self.bars = dict(sorted(self.bars.items(), key=lambda item: item[1]))

    def drop_bar(self, bar_type: BarType) -> None:
        """Listen no more."""
        self.bars.pop(bar_type, None)

    def anything_of(self, instrument_id: InstrumentId) -> bool:
        """Tell whether anybody listens to anything of an instrument."""
        return any(instrument_id in ids for ids in self.ids.values()) or any(
            bar_type.instrument_id == instrument_id for bar_type in self.bars
        )


class Feed:
    """
    Makes the events of a step.

    The order within one time is: quotes of all instruments, then their books, trades, marks, indices and
    funding rates, then bars from short to long. Instruments follow the market's own order throughout. So
    when a bar arrives, every quote of its moment has. Options have times of their own: what they are settled
    at comes before everything else, and their quotes, marks and greeks come last.

    Parameters
    ----------
    config
        The market.
    listings
        The instruments offered.
    venue
        Where they are listed.
    delivery
        How events reach the node. An incident of the venue concerns all its instruments; what options are
        settled at, and the status of instruments, come all the same.

    """

    def __init__(
        self,
        config: MarketConfig,
        listings: tuple[Listing, ...],
        venue: str,
        delivery: Delivery | None = None,
    ) -> None:
        self._config = config
        self._delivery = delivery or Delivery()
        self._conditions: Conditions | None = None
        made = (Translator(config, item, venue, self._delivery.latency) for item in listings)
        self.translators = {t.id: t for t in made}
        self.options = OptionFeed(config, venue) if config.options is not None else None
        self._block: Block | None = None

    def turn_to(self, block: Block) -> list[CryptoOption]:
        """Make a block the current one and return the options listed with it; nothing when it is already."""
        if block is self._block:
            return []
        self._block = block
        self._conditions = self._delivery.conditions(self._config, block)
        stale = None if self._conditions is None else self._conditions.stale
        for translator in self.translators.values():
            translator.begin(block, stale)
        return [] if self.options is None else self.options.begin(block)

    def events(self, step: int, wanted: Wanted, history: History) -> Iterator[Data]:
        """Everything wanted of a step of the current block, in order."""
        if self.options is not None:
            yield from self.options.closes(step)
        if self._conditions is not None:
            yield from self._statuses(self._conditions, step)
            if self._conditions.silent[step]:
                return
        stale = self._conditions is not None and self._conditions.stale[step]
        for kind in (Kind.QUOTE,) if stale else Kind:
            if kind is Kind.BAR:
                yield from self._bars(step, wanted, history)
                continue
            ids = wanted.ids[kind]
            for instrument_id, translator in self.translators.items():
                if instrument_id in ids and not translator.silent(step):
                    yield from events_of(translator, kind, step)
        if self.options is not None and not stale:
            yield from self.options.events(step)

    def snapshot(self, step: int) -> Iterator[Data]:
        """Quote, mark, index and funding of every instrument, as they stand at a step."""
        if self._conditions is not None:
            if self._conditions.halted[step]:
                yield from (translator.status(step, True) for translator in self.translators.values())
            if self._conditions.silent[step]:
                return
        for translator in self.translators.values():
            yield translator.quote(step)
            if translator.listing.kind == "perp":
                mark = translator.mark(step)
                yield from (mark, translator.index(step), translator.last_funding(mark.ts_event))

    def silent(self, step: int) -> bool:
        """Tell whether the venue says nothing at a step of the current block."""
        return self._conditions is not None and self._conditions.silent[step]

    def _statuses(self, conditions: Conditions, step: int) -> Iterator[Data]:
        if conditions.changed[step]:
            for translator in self.translators.values():
                yield translator.status(step, conditions.halted[step])

    def _bars(self, step: int, wanted: Wanted, history: History) -> Iterator[Bar]:
        assert self._block is not None
        ts = int(self._block.ts[step])
        if ts % SECOND:
            return
        for bar_type, length in wanted.bars.items():
            if ts % (length * SECOND):
                continue
            translator = self.translators[bar_type.instrument_id]
            if not translator.silent(step):
                yield from bars_of(translator, history, bar_type, length, (ts, ts))


def events_of(translator: Translator, kind: Kind, step: int) -> list[Data]:
    """Events of one kind, one instrument, one step: none, one or (trades) several."""
    if kind in PERP_ONLY and translator.listing.kind != "perp":
        return []
    made = getattr(translator, "trades" if kind is Kind.TRADE else kind.value)(step)
    if kind is Kind.TRADE:
        return list(made)
    return [] if made is None else [made]


def bars_of(
    translator: Translator, history: History, bar_type: BarType, length: int, span: tuple[int, int]
) -> list[Bar]:
    """Bars that end within a span [ns], both ends included."""
    ends, values = history.bars(translator.listing.row, length, *span)
    return [translator.bar(bar_type, end, row) for end, row in zip(ends.tolist(), values, strict=True)]
