"""Where a market that several venues show has got to, so that all of them go on from the same place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from nautilus_quant.venues.simulated.state import Chains

if TYPE_CHECKING:
    from nautilus_trader.common.component import MessageBus

_TOPIC: Final = "nautilus_quant.simulated.openings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """
    A place from which every venue can play a market's fair prices.

    Parameters
    ----------
    origin
        The market's opening, UNIX time [ns].
    block
        Index of the block.
    chains
        What the block before it left; ``None`` for the first.
    generation
        How often the market went on from its last prices after it had been alone for too long. A venue that
        comes from before that has other prices, and begins from here.

    """

    origin: int
    block: int = 0
    chains: Chains | None = None
    generation: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        chains = None if self.chains is None else self.chains.to_dict()
        return {
            "origin": self.origin,
            "block": self.block,
            "chains": chains,
            "generation": self.generation,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        chains = document["chains"]
        return cls(
            origin=int(document["origin"]),
            block=int(document["block"]),
            chains=None if chains is None else Chains.from_dict(chains),
            generation=int(document["generation"]),
        )


@dataclass(eq=False)
class Openings:
    """
    The markets of one node.

    Parameters
    ----------
    markets
        Where each has got to, by what their fair prices depend on.
    venues
        When the market of each venue opened, UNIX time [ns]; a paper venue looks up when incidents are due.

    """

    markets: dict[str, Opening] = field(default_factory=dict)
    venues: dict[str, int] = field(default_factory=dict)

    @classmethod
    def on(cls, msgbus: MessageBus) -> Openings:
        """Return those of a message bus."""
        from nautilus_quant.host.board import share_on_bus

        return share_on_bus(msgbus, _TOPIC, Openings, Openings)

    def on_ping(self, _: Any) -> None:
        """Nothing: this is how others on the bus find it."""
