"""The parameters of a hedger as numbered versions: a study adds one, bad fills take one back."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from nautilus_quant.options.hedging_band import BandKind, BandParams
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Mode(StrEnum):
    """How much is paid to be hedged soon."""

    AGGRESSIVE = "aggressive"
    """Half the band, at market."""
    BALANCED = "balanced"
    """The band as it is, at the touch or not at all, then at market."""
    CONSERVATIVE = "conservative"
    """Half as wide again, rests at the touch, then takes it, then at market."""
    EMERGENCY = "emergency"
    """To the middle, at market, at once."""


BAND_SCALE = {Mode.AGGRESSIVE: 0.5, Mode.BALANCED: 1.0, Mode.CONSERVATIVE: 1.5, Mode.EMERGENCY: 0.5}
"""How wide the band is in a mode, as a multiple of that of the parameters [-]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeParams:
    """
    How to hedge one underlying.

    Parameters
    ----------
    band
        When.
    mode
        How much is paid to be hedged soon; in an emergency another is used.
    patience
        How long an order may rest before the next rung of its mode is tried [s]. Longer is cheaper, and
        leaves the delta open while the price runs away.

    Raises
    ------
    ValueError
        If one is impossible.

    """

    band: BandParams = field(default_factory=BandParams)
    mode: Mode = Mode.BALANCED
    patience: float = 10.0

    def __post_init__(self) -> None:
        require(0.0 < self.patience < math.inf, "0 < patience < inf [s]", self.patience)
        require(self.mode is not Mode.EMERGENCY, "a mode for every day", self.mode)

    def band_in(self, mode: Mode) -> BandParams:
        """Return the band in a mode; in an emergency a fixed one, to the middle."""
        scale = BAND_SCALE[mode]
        band = replace(self.band, width=self.band.width * scale, widest=self.band.widest * scale)
        if mode is Mode.EMERGENCY:
            return replace(band, kind=BandKind.FIXED)
        # Half the cost-aware width at eight times the aversion: it is a cube root.
        aversion = band.risk_aversion / scale**3
        return replace(band, risk_aversion=aversion, interval=band.interval * scale)

    def to_dict(self) -> dict[str, Any]:
        """Give what `from_dict` needs."""
        band = {**asdict(self.band), "kind": str(self.band.kind)}
        return {"band": band, "mode": str(self.mode), "patience": self.patience}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """
        Read what `to_dict` gave.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is damaged, or another version's.

        """
        band = dict(state["band"])
        unknown = set(band) - {one.name for one in fields(BandParams)}
        require(not unknown, "only fields of a band", sorted(unknown))
        kind = BandKind(band.pop("kind"))
        numbers = {name: float(value) for name, value in band.items()}
        return cls(
            band=BandParams(kind=kind, **numbers), mode=Mode(state["mode"]), patience=float(state["patience"])
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """
    Parameters with a number.

    Parameters
    ----------
    number
        0 is what the config says, studies count from 1.
    params
        The parameters.
    ts
        When they were made, UNIX time [ns].
    source
        Who made them, e.g. ``"study"``.
    score
        What the study found, less is better [reporting currency]; NaN without one.

    """

    number: int
    params: HedgeParams
    ts: int = 0
    source: str = "config"
    score: float = math.nan

    def to_dict(self) -> dict[str, Any]:
        """Give what `from_dict` needs."""
        score = self.score if math.isfinite(self.score) else None
        return {
            "number": self.number,
            "params": self.params.to_dict(),
            "ts": self.ts,
            "source": self.source,
            "score": score,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """
        Read what `to_dict` gave.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is damaged.

        """
        score = state["score"]
        return cls(
            number=int(state["number"]),
            params=HedgeParams.from_dict(state["params"]),
            ts=int(state["ts"]),
            source=str(state["source"]),
            score=math.nan if score is None else float(score),
        )


class Versions:
    """
    Which version is in force: the newest that was not taken back.

    Parameters
    ----------
    base
        What the config says; it stays when all others are taken back.

    """

    def __init__(self, base: HedgeParams) -> None:
        self._known = {0: Version(number=0, params=base)}
        self._rejected: set[int] = set()

    @property
    def current(self) -> Version:
        """The one in force."""
        return self._known[max(number for number in self._known if number not in self._rejected)]

    def take(self, versions: Iterable[Version]) -> bool:
        """Add those that are new, and tell whether another one is in force now; 0 is not replaced."""
        before = self.current.number
        for version in versions:
            if version.number > 0:
                self._known.setdefault(version.number, version)
        return self.current.number != before

    def roll_back(self) -> Version | None:
        """Take the one in force back, and return the one before it; ``None`` when there is none."""
        current = self.current.number
        if current == 0:
            return None
        self._rejected.add(current)
        return self.current

    @property
    def rejected(self) -> tuple[int, ...]:
        """Numbers of those taken back: what a restart needs."""
        return tuple(sorted(self._rejected))

    def reject(self, numbers: Iterable[int]) -> None:
        """Go on from what `rejected` gave."""
        self._rejected |= {int(number) for number in numbers} - {0}
