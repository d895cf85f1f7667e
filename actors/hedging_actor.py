"""Keeps the options of a node delta-neutral, whoever holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import field
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig

from nautilus_quant.host.hedging import HedgeBook
from nautilus_quant.host.hedging_settings import HedgeSettings

if TYPE_CHECKING:
    from nautilus_trader.model.data import QuoteTick

    from nautilus_quant.host.hedging_desk import HedgeDesk
    from nautilus_quant.options.hedging_limits import Net
    from nautilus_quant.options.hedging_params import Mode


class HedgingActorConfig(ActorConfig, kw_only=True, frozen=True):
    """
    What the hedging actor can be told.

    Parameters
    ----------
    hedging
        When and how; see `nautilus_quant.host.hedging_settings.HedgeSettings`.
    underlyings
        Coins that are hedged, e.g. ``[BTC]``; empty for all that options are listed on.
    strategies
        Whose positions are the book, options and all else that moves like the coin; empty for all strategies
        that hold options on it.
    instruments
        What each coin is hedged with, e.g. ``{BTC: [BTCUSDT-PERP.SIM]}``; of a coin left out, every
        perpetual, future and dollar pair in the cache.
    state
        URL of the state store; ``None`` keeps nothing over a restart.

    """

    hedging: HedgeSettings = field(default_factory=HedgeSettings)
    underlyings: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    instruments: dict[str, tuple[str, ...]] = field(default_factory=dict)
    state: str | None = None


class HedgingActor(Actor):  # type: ignore[misc]
    """
    Hedges what the options of a node move, in what is cheapest, under a strategy id of its own.

    Parameters
    ----------
    config
        A `HedgingActorConfig`.

    Raises
    ------
    ValueError
        If a setting is impossible.

    """

    def __init__(self, config: HedgingActorConfig | None = None) -> None:
        super().__init__(config or HedgingActorConfig())
        self.config.hedging.params()
        self.config.hedging.hedger()
        self._book: HedgeBook | None = None

    @property
    def nets(self) -> dict[str, Net]:
        """What the book moves now, by coin."""
        return {} if self._book is None else {coin: desk.net() for coin, desk in self._book.desks.items()}

    @property
    def modes(self) -> dict[str, Mode]:
        """The mode in force, by coin."""
        desks = {} if self._book is None else self._book.desks
        return {coin: desk.hedger.mode for coin, desk in desks.items()}

    @property
    def versions(self) -> dict[str, int]:
        """Number of the version of the parameters in force, by coin."""
        desks = {} if self._book is None else self._book.desks
        return {coin: desk.hedger.versions.current.number for coin, desk in desks.items()}

    def desk(self, coin: str) -> HedgeDesk | None:
        """Return the one that hedges a coin."""
        return None if self._book is None else self._book.desks.get(coin)

    def on_start(self) -> None:
        """Take up what an earlier run left, then hedge."""
        config = self.config
        self._book = HedgeBook(
            self,
            self.id.value,
            config.hedging,
            underlyings=config.underlyings,
            strategies=config.strategies,
            instruments=config.instruments,
            state=config.state,
        )
        self._book.start()

    def on_quote_tick(self, tick: QuoteTick) -> None:
        """Look when a price has moved."""
        if self._book is not None:
            self._book.on_quote(tick)

    def on_stop(self) -> None:
        """Hedge no more; hedges stay."""
        if self._book is not None:
            self._book.stop()

    def on_reset(self) -> None:
        """Forget everything."""
        self._book = None
