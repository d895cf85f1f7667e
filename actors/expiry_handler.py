"""Rolls, closes and settles options before they expire, whoever holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import field
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig

from nautilus_quant.host.expiry import ExpiryBook
from nautilus_quant.host.expiry_settings import ExpirySettings

if TYPE_CHECKING:
    from nautilus_trader.model.position import Position


class ExpiryHandlerConfig(ActorConfig, kw_only=True, frozen=True):
    """
    What the expiry handler can be told.

    Parameters
    ----------
    expiry
        How options are left before they expire; see `nautilus_quant.host.expiry_settings.ExpirySettings`.
    strategies
        Whose positions; empty for all.
    excluded
        Strategies whose positions are left alone.
    underlyings
        Coins whose options are its business, e.g. ``[BTC]``; empty for all.
    state
        URL of the state store; ``None`` keeps nothing over a restart.

    """

    expiry: ExpirySettings = field(default_factory=ExpirySettings)
    strategies: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    underlyings: tuple[str, ...] = ()
    state: str | None = None


class ExpiryHandler(Actor):  # type: ignore[misc]
    """
    Watches over options that expire, in the name of the strategies that hold them.

    Parameters
    ----------
    config
        An `ExpiryHandlerConfig`.

    Raises
    ------
    ValueError
        If a setting is impossible.

    """

    def __init__(self, config: ExpiryHandlerConfig | None = None) -> None:
        super().__init__(config or ExpiryHandlerConfig())
        self.config.expiry.times()
        self.config.expiry.params()
        self._book: ExpiryBook | None = None

    @property
    def expiries(self) -> list[int]:
        """When something held expires, soonest first, UNIX time [ns]."""
        return [] if self._book is None else self._book.calendar.expiries()

    def on_start(self) -> None:
        """Take up the positions there are, then listen."""
        config = self.config
        self._book = ExpiryBook(self, self.id.value, config.expiry, self._wants, state=config.state)
        self._book.start()

    def on_stop(self) -> None:
        """Listen no more."""
        if self._book is not None:
            self._book.stop()

    def on_reset(self) -> None:
        """Forget all positions."""
        self._book = None

    def _wants(self, position: Position) -> bool:
        strategy, chosen = position.strategy_id.value, self.config.strategies
        if strategy in self.config.excluded or (chosen and strategy not in chosen):
            return False
        instrument = self.cache.instrument(position.instrument_id)
        coins = self.config.underlyings
        return not coins or str(getattr(instrument, "underlying", "")) in coins
