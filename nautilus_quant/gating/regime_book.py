"""All instruments' regimes, the market's, and what they mean for an order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, override

from nautilus_quant.gating.intent import ALLOW, UNLIMITED, Verdict
from nautilus_quant.gating.market import MarketRegime
from nautilus_quant.gating.matrix import Compatibility
from nautilus_quant.gating.regime import numbers_of
from nautilus_quant.gating.regime_history import InstrumentRegime
from nautilus_quant.gating.regime_rule import Regime, RegimeParams

if TYPE_CHECKING:
    from nautilus_quant.gating.intent import Intent
    from nautilus_quant.gating.regime_history import Bar

MARKET = "MARKET"
"""Key of the market's own regime, beside instrument ids."""

REGIME_UNKNOWN = "REGIME_UNKNOWN"
"""Code of the denial where no bars of an instrument have been heard."""

GATE = "regime"
"""Name of the gate."""

MOST = 4_096
"""Instruments that are judged by another one's bars without being told so in `proxies`."""


class RegimeChange(NamedTuple):
    """
    A regime that just changed.

    Parameters
    ----------
    key
        Instrument id, or `MARKET`.
    ts
        Close time of the bar that changed it, UNIX time [ns].
    regime, previous
        The new one and the one before.
    numbers
        What it was read from.

    """

    key: str
    ts: int
    regime: Regime
    previous: Regime
    numbers: Mapping[str, float]


class Reading(Mapping[str, float | str]):
    """
    What a regime was read from, written out when somebody looks.

    Kept in the verdict on every order that passes, which hardly anybody reads.

    Parameters
    ----------
    regime, kind
        What was found, and for whom.
    measures, owed
        What it was read from.

    """

    __slots__ = ("_kind", "_measures", "_owed", "_regime")

    def __init__(
        self, regime: Regime, kind: str, measures: tuple[float, float, float, float, float], owed: int
    ) -> None:
        self._regime = regime
        self._kind = kind
        self._measures = measures
        self._owed = owed

    def _written(self) -> dict[str, float | str]:
        numbers = numbers_of(self._measures, self._owed)
        return {"regime": self._regime, "kind": self._kind, **numbers}

    @override
    def __getitem__(self, key: str) -> float | str:
        return self._written()[key]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._written())

    @override
    def __len__(self) -> int:
        return len(self._written())

    @override
    def __repr__(self) -> str:
        return repr(self._written())


class RegimeBook:
    """
    Follows every instrument whose bars it is given, and judges intents by strategy kind.

    Parameters
    ----------
    params
        Of the classifiers.
    matrix
        Which kind may open positions in which regime.
    market
        How instruments add up to the market.
    proxies
        Instruments judged by another one's bars, e.g. a spot pair by its perpetual.
    stale_after
        Silence after which a regime is unknown, unless the bars' own interval allows for more [s].

    """

    def __init__(
        self,
        params: RegimeParams | None = None,
        matrix: Compatibility | None = None,
        market: MarketRegime | None = None,
        *,
        proxies: Mapping[str, str] | None = None,
        stale_after: float = 30.0,
    ) -> None:
        self._params = params or RegimeParams()
        self._matrix = matrix or Compatibility()
        self._market = market or MarketRegime()
        self._proxies = dict(proxies or {})
        self._named = len(self._proxies)
        self._stale_after = stale_after
        self._of: dict[str, InstrumentRegime] = {}
        self._market_told: Regime | None = None

    # -- bars --------------------------------------------------------------------------------------

    def follow(self, instrument: str, bar_type: str, interval: int) -> InstrumentRegime | None:
        """
        Return what takes these bars: those of the first type seen of an instrument, and only these.

        Whenever its `update` says another regime than its `told`, `changed` is to be asked.
        """
        followed = self._of.get(instrument)
        if followed is None:
            followed = self._of[instrument] = InstrumentRegime(bar_type, self._params, interval)
        return followed if followed.bar_type == bar_type else None

    @property
    def followed(self) -> tuple[str, ...]:
        """Instruments whose bars are listened to."""
        return tuple(self._of)

    def judge_by(self, instrument: str, source: str) -> None:
        """Judge an instrument by the bars of another from now on, until `MOST` others have come since."""
        self._proxies[instrument] = source
        if len(self._proxies) > self._named + MOST:
            del self._proxies[next(islice(self._proxies, self._named, None))]

    def update(self, instrument: str, bar: Bar, heard: int) -> tuple[RegimeChange, ...]:
        """Take a closed bar of a followed instrument; give what changed, the market after the instrument."""
        followed = self._of[instrument]
        regime = followed.update(bar, heard)
        return () if regime is followed.told else self.changed(instrument, regime, bar[0])

    def changed(self, instrument: str, regime: Regime, ts: int) -> tuple[RegimeChange, ...]:
        """Take over that an instrument is in another regime since `ts` [ns]; give what is to be told."""
        followed = self._of[instrument]
        previous = followed.told or Regime.WARMING_UP
        followed.told = regime
        change = RegimeChange(instrument, ts, regime, previous, followed.classifier.numbers)
        return (change, *self._market_change(instrument, regime, ts))

    def _market_change(self, instrument: str, regime: Regime, ts: int) -> tuple[RegimeChange, ...]:
        after = self._market.update(instrument, regime)
        before = self._market_told
        if after is before:
            return ()
        self._market_told = after
        return (RegimeChange(MARKET, ts, after, before or Regime.WARMING_UP, self._market_numbers()),)

    def _market_numbers(self) -> dict[str, float]:
        market = self._market
        return {"crises": market.crises, "known": market.known, "needed": market.needed}

    @property
    def regimes(self) -> dict[str, Regime]:
        """The regime last told of every instrument, and of the market."""
        told = {name: followed.told for name, followed in self._of.items()}
        told[MARKET] = self._market_told
        return {name: regime for name, regime in told.items() if regime is not None}

    # -- orders ------------------------------------------------------------------------------------

    def kind_of(self, strategy: type) -> str:
        """Return the kind of a strategy class."""
        return self._matrix.kind_of(strategy)

    def judge(self, intent: Intent, kind: str) -> Verdict:
        """Say whether a strategy of `kind` may open positions in this instrument now."""
        allowed = self._matrix.regimes(kind)
        source = self._proxies.get(intent.instrument, intent.instrument)
        followed = self._of.get(source)
        if followed is None:
            return self._silent(allowed, kind, source)
        classifier, age = followed.classifier, followed.age(intent.ts)
        regime = classifier.regime
        patience = followed.longest_silence(self._stale_after)
        if not age <= patience:
            return self._stale(allowed, kind, source, age, patience)
        if regime not in allowed:
            numbers = classifier.numbers
            reason = f"{source} is {regime}; {_wanted(kind, allowed)}{_how_long(regime, numbers)}"
            return Verdict.deny(GATE, "REGIME", reason, regime=regime, kind=kind, **numbers)
        if self._market.regime is Regime.CRISIS and Regime.CRISIS not in allowed:
            counts = self._market_numbers()
            reason = (
                f"the market is in CRISIS: {counts['crises']:.0f} of {counts['known']:.0f} instruments are, "
                f"{counts['needed']:.0f} suffice; {_wanted(kind, allowed)}"
            )
            return Verdict.deny(GATE, "MARKET_CRISIS", reason, regime=regime, kind=kind, **counts)
        read = Reading(regime, kind, classifier.values, classifier.owed)
        # What `Verdict(...)` does, without its detour through a Python function.
        return tuple.__new__(Verdict, (GATE, UNLIMITED, ALLOW, "", read))

    def _silent(self, allowed: frozenset[Regime], kind: str, source: str) -> Verdict:
        if Regime.WARMING_UP in allowed:
            return Verdict.allow(GATE, regime=Regime.WARMING_UP, kind=kind)
        reason = (
            f"no bars of {source} have been heard, so its regime is unknown; subscribe bars of it, "
            "or name an instrument that has some under `proxies`"
        )
        return Verdict.deny(GATE, REGIME_UNKNOWN, reason, regime=Regime.WARMING_UP, kind=kind)

    def _stale(
        self, allowed: frozenset[Regime], kind: str, source: str, age: float, patience: float
    ) -> Verdict:
        if Regime.WARMING_UP in allowed:
            return Verdict.allow(GATE, regime=Regime.WARMING_UP, kind=kind, age=age)
        reason = (
            f"the last bar of {source} came {age:.0f} s ago, more than {patience:.0f} s, so its regime is "
            "unknown until the next one"
        )
        return Verdict.deny(
            GATE, "REGIME_STALE", reason, regime=Regime.WARMING_UP, kind=kind, age=age, patience=patience
        )

    # -- state -------------------------------------------------------------------------------------

    def to_dict(self, instrument: str) -> dict[str, Any]:
        """Give what `restore` needs of one instrument."""
        followed = self._of[instrument]
        return {**followed.to_dict(), "told": (followed.told or Regime.WARMING_UP).value}

    def restore(self, instrument: str, state: Mapping[str, Any], now: int) -> tuple[RegimeChange, ...]:
        """Go on with one instrument from what `to_dict` gave, unless too old; give what is to be told."""
        followed = InstrumentRegime.from_dict(state, self._params)
        if followed.age(now) > followed.memory(self._stale_after):
            return ()
        self._of[instrument] = followed
        regime, ts = followed.classifier.regime, followed.classifier.ts
        followed.told = regime
        change = RegimeChange(instrument, ts, regime, Regime(state["told"]), followed.classifier.numbers)
        return (change, *self._market_change(instrument, regime, ts))


def _wanted(kind: str, allowed: frozenset[Regime]) -> str:
    if not allowed:
        return f"{kind} may open positions in no regime"
    return f"{kind} may open positions in {', '.join(sorted(allowed))}"


def _how_long(regime: Regime, numbers: Mapping[str, float]) -> str:
    if regime is not Regime.WARMING_UP:
        return ""
    return f", and {numbers['owed']:.0f} more good bars are needed to know"
