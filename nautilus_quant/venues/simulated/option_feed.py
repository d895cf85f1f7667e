"""Who wants which options, and what they hear of them at a step."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
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
from nautilus_quant.venues.simulated.series import Series, options_of

QUOTES, MARKS, GREEKS = "quote", "mark", "greeks"
"""What is told of an option, in this order within one time."""

OPTION_KINDS: Final = (QUOTES, MARKS, GREEKS)


class OptionFeed:
    """
    Makes the events of all options of a market.

    They come one after the other, a nanosecond apart, so that no two are of one time and their order is the
    same wherever they are read from: quotes, marks and greeks after the step they are of; what options are
    settled at in the last microseconds before they expire, as NautilusTrader stops trading at the expiry.

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
        self._tables: list[Table] = []
        self._rows: list[tuple[int, OptionSpeaker, int, int]] = []
        """Rank among all options listed, who speaks, and where: number of the table, and row."""
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
        asked = set().union(*self.wanted.values())
        if ts >= self._valid_until or asked != self._asked:
            self._choose(asked, ts)
        quoted = self._quoted(_board_of(self._block), step, ts)
        for nth, kind in enumerate(OPTION_KINDS):
            ids, start = self.wanted[kind], ts + 1 + nth * len(self.speakers)
            for rank, speaker, which, row in self._rows:
                quotes = quoted[which]
                if quotes is not None and speaker.id in ids:
                    yield getattr(speaker, kind)(quotes, row, start + rank)

    def forward(self, instrument_id: InstrumentId, step: int) -> float | None:
        """Return the forward of an option's expiry at a step [USDT]; ``None`` when it is not alive."""
        assert self._block is not None
        speaker, ts = self.speakers.get(instrument_id), int(self._block.ts[step])
        if speaker is None or speaker.option.expiry <= ts:
            return None
        rows = table((speaker.option,))
        return float(quote(self._market, _board_of(self._block), rows, step, ts).forward[0])

    def closes(self, step: int) -> list[InstrumentClose]:
        """Tell what every option is settled at that expires at a step."""
        assert self._block is not None
        first, now = int(self._block.ts[0]), int(self._block.ts[step])
        due = {
            settlement.series: settlement
            for settlement in _board_of(self._block).settlements
            if max(settlement.series[1], first) == now
        }
        if not due:
            return []
        expired = [s for s in self.speakers.values() if s.option.series in due]
        return [
            speaker.close(due[speaker.option.series], now - len(expired) + rank)
            for rank, speaker in enumerate(expired)
        ]

    def _quoted(self, board: Board, step: int, ts: int) -> list[OptionQuotes | None]:
        """Quote each table; ``None`` for a coin whose feed says nothing."""
        silent = self._block.silent if self._block is not None else None
        coins = [ROWS[rows.series[0][0]] for rows in self._tables]
        return [
            quote(self._market, board, rows, step, ts) if silent is None or not silent[coin, step] else None
            for rows, coin in zip(self._tables, coins, strict=True)
        ]

    def _choose(self, asked: set[InstrumentId], ts: int) -> None:
        """Put what somebody wants and has not expired into tables by underlying."""
        alive = [
            (rank, speaker)
            for rank, speaker in enumerate(self.speakers.values())
            if speaker.id in asked and speaker.option.expiry > ts
        ]
        groups: dict[int, list[OptionSpeaker]] = {}
        self._rows = []
        for rank, speaker in alive:
            group = groups.setdefault(speaker.option.series[0], [])
            self._rows.append((rank, speaker, list(groups).index(speaker.option.series[0]), len(group)))
            group.append(speaker)
        self._tables = [table(tuple(s.option for s in group)) for group in groups.values()]
        self._asked = asked
        self._valid_until = min((s.option.expiry for _, s in alive), default=2**63)

    def _speakers(self, series: Series) -> tuple[OptionSpeaker, ...]:
        return tuple(OptionSpeaker(option, self._venue) for option in options_of(self._config, series))


def _board_of(block: Block) -> Board:
    if block.board is None:
        raise ValueError("this market has no options; give it some with options: {daily: 2}")
    return block.board
