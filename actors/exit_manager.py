"""Protects the positions of strategies that have no exits of their own, whoever wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import field
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig

from nautilus_quant.config.units import Seconds
from nautilus_quant.host.exits import ExitBook
from nautilus_quant.host.exits_settings import ExitSettings

if TYPE_CHECKING:
    from nautilus_trader.model.identifiers import PositionId
    from nautilus_trader.model.position import Position

    from nautilus_quant.host.exits_desk import ExitDesk


class ExitManagerConfig(ActorConfig, kw_only=True, frozen=True):
    """
    What the exit manager can be told.

    Parameters
    ----------
    exits
        How positions are left; see `nautilus_quant.host.exits_settings.ExitSettings`.
    overrides
        Other exits by strategy id or instrument id, as a whole, e.g. ``{EMACross-001: {time_stop: 6h}}``;
        the strategy's comes first.
    strategies
        Whose positions; empty for all.
    excluded
        Strategies whose positions are left alone.
    respect
        Whether what a strategy's own stops protect is left alone: only the rest gets exits.
    grace
        How long a strategy's own stops are waited for where they are respected [s].
    state
        URL of the state store; ``None`` keeps nothing over a restart.

    """

    exits: ExitSettings = field(default_factory=ExitSettings)
    overrides: dict[str, ExitSettings] = field(default_factory=dict)
    strategies: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    respect: bool = True
    grace: Seconds = 1.0
    state: str | None = None


class ExitManager(Actor):  # type: ignore[misc]
    """
    Keeps take-profits and stops for positions, in the name of the strategies that hold them.

    When a node stops and keeps its positions, exits go on resting at venues that live on without it, and
    are taken up again at the next start. Where orders end with the node they are sent anew, with the
    ladder as it was. Nothing is sent while the node stops, or while the kill switch closes everything.

    Parameters
    ----------
    config
        An `ExitManagerConfig`.

    Raises
    ------
    ValueError
        If exits are impossible.

    """

    def __init__(self, config: ExitManagerConfig | None = None) -> None:
        super().__init__(config or ExitManagerConfig())
        for settings in (self.config.exits, *self.config.overrides.values()):
            settings.params()
        self._book: ExitBook | None = None

    @property
    def desks(self) -> dict[PositionId, ExitDesk]:
        """The positions it protects, by id."""
        return {} if self._book is None else self._book.desks

    def on_start(self) -> None:
        """Take up the positions there are, then listen."""
        self._book = ExitBook(
            self,
            self.id.value,
            self._settings_for,
            respects=self.config.respect,
            grace=float(self.config.grace),
            state=self.config.state,
        )
        self._book.start()

    def on_stop(self) -> None:
        """Stop listening; what rests at a venue goes on protecting positions."""
        if self._book is not None:
            self._book.stop()

    def on_reset(self) -> None:
        """Forget all positions."""
        self._book = None

    def _settings_for(self, position: Position) -> ExitSettings | None:
        strategy, instrument = position.strategy_id.value, position.instrument_id.value
        chosen = self.config.strategies
        if strategy in self.config.excluded or (chosen and strategy not in chosen):
            return None
        overrides = self.config.overrides
        return overrides.get(strategy) or overrides.get(instrument) or self.config.exits
