"""Who wants which options, and what they hear of them at a step."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Final

from nautilus_trader.core.data import Data
from nautilus_trader.model.data import InstrumentClose
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.instruments import CryptoOption

from nautilus_quant.venues.simulated.blocks import Block
from nautilus_quant.venues.simulated.board import ROWS, Board
from nautilus_quant.venues.simulated.market import MarketConfig
from nautilus_quant.venues.simulated.option_book import OptionQuotes, Table, quote, table
from nautilus_quant.venues.simulated.option_convert import OptionSpeaker, option_instrument
from nautilus_quant.venues.simulated.options import window_of
from nautilus_quant.venues.simulated.series import Series, Settlement, options_of

QUOTES, MARKS, GREEKS = "quote", "mark", "greeks"
"""What is told of an option, in this order within one time."""

OPTION_KINDS: Final = (QUOTES, MARKS, GREEKS)


class OptionFeed:
    """
    Makes the events of all options of a market.

    Parameters
    ----------
    market
        The market; it has options.
    venue
        Where they are listed.

    """

    def __init__(self, market: MarketConfig, venue: str) -> None:
        assert market.options is not None
        self._market, self._config, self._venue = market, market.options, venue
        self.wanted: dict[str, set[InstrumentId]] = {kind: set() for kind in OPTION_KINDS}
        self.speakers: dict[InstrumentId, OptionSpeaker] = {}
        self._of: dict[Series, tuple[OptionSpeaker, ...]] = {}
        self._block: Block | None = None
        self._tables: list[tuple[Table, tuple[OptionSpeaker, ...]]] = []
        self._asked: set[InstrumentId] = set()
        self._valid_until = 0

    def begin(self, block: Block) -> list[CryptoOption]:
        """Turn to a block; return the options that were not listed before it, oldest expiry first."""
        board = _board_of(block)
        before, self._block = self.speakers, block
        known = self._of
        listed = (replace(item, total=0, count=0) for item in board.series)
        self._of = {item: known.get(item) or self._speakers(item) for item in listed}
        self.speakers = {speaker.id: speaker for group in self._of.values() for speaker in group}
        self._valid_until = 0
        for kind in OPTION_KINDS:  # nobody hears of an expired option again
            self.wanted[kind] &= self.speakers.keys()
        return [self.instrument(name) for name in self.speakers if name not in before]

    def want_all(self, kinds: Collection[str]) -> None:
        """Listen to some kinds of events of everything listed now."""
        for kind in OPTION_KINDS:
            self.wanted[kind] = set(self.speakers) if kind in kinds else set()

    def instrument(self, instrument_id: InstrumentId) -> CryptoOption:
        """Describe a listed option."""
        return option_instrument(self.speakers[instrument_id].option, self._venue, window_of(self._config))

    def events(self, step: int) -> Iterator[Data]:
        """Tell what is wanted of options at a step: all quotes, then all marks, then all greeks."""
        if (step + 1) % self._market.option_steps:
            return
        assert self._block is not None
        ts = int(self._block.ts[step])
        quoted = list(self._quoted(_board_of(self._block), step, ts))
        for kind in OPTION_KINDS:
            ids = self.wanted[kind]
            for speakers, quotes in quoted:
                for row, speaker in enumerate(speakers):
                    if speaker.id in ids:
                        yield getattr(speaker, kind)(quotes, row, ts)

    def closes(self, step: int) -> Iterator[InstrumentClose]:
        """Tell what every option is settled at that expires at a step."""
        assert self._block is not None
        board, ts = _board_of(self._block), self._block.ts
        for settlement in board.settlements:
            due = max(settlement.series[1], int(ts[0])) == int(ts[step])
            yield from self.closes_of(settlement, int(ts[step])) if due else ()

    def closes_of(self, settlement: Settlement, ts: int) -> Iterator[InstrumentClose]:
        """Tell at `ts` [ns] what every option of a listed series is settled at."""
        for series, speakers in self._of.items():
            if (series.underlying, series.expiry) == settlement.series:
                yield from (speaker.close(settlement, ts) for speaker in speakers)

    def _quoted(
        self, board: Board, step: int, ts: int
    ) -> Iterator[tuple[tuple[OptionSpeaker, ...], OptionQuotes]]:
        asked = set().union(*self.wanted.values())
        if ts >= self._valid_until or asked != self._asked:
            self._choose(asked, ts)
        silent = self._block.silent if self._block is not None else None
        for rows, speakers in self._tables:
            coin = ROWS[rows.options[0].series[0]]
            if silent is None or not silent[coin, step]:
                yield speakers, quote(self._market, board, rows, step, ts)

    def _choose(self, asked: Collection[InstrumentId], ts: int) -> None:
        """Put what somebody wants and has not expired into tables by underlying, in the lists' order."""
        alive = [s for s in self.speakers.values() if s.id in asked and s.option.expiry > ts]
        alive.sort(key=lambda speaker: speaker.option.series[0])  # stable
        self._tables = []
        for _, group in groupby(alive, key=lambda speaker: speaker.option.series[0]):
            speakers = tuple(group)
            self._tables.append((table(tuple(s.option for s in speakers)), speakers))
        self._asked = set(asked)
        self._valid_until = min((s.option.expiry for s in alive), default=2**63)

    def _speakers(self, series: Series) -> tuple[OptionSpeaker, ...]:
        return tuple(OptionSpeaker(option, self._venue) for option in options_of(self._config, series))


def _board_of(block: Block) -> Board:
    if block.board is None:
        raise ValueError("this market has no options; give it some with options: {daily: 2}")
    return block.board
