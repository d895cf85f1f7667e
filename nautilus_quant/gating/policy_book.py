"""The order policy of a node: one policy per instrument, one bucket per venue, and what was just sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nautilus_quant.gating.intent import ALLOW, UNLIMITED, Verdict
from nautilus_quant.gating.policy import OrderTerms, fits, judge, largest_quantity
from nautilus_quant.gating.policy_duplicates import DuplicateGuard, Key
from nautilus_quant.gating.policy_merge import check_wishes, merge
from nautilus_quant.gating.policy_nearest import plain
from nautilus_quant.gating.policy_rate import TokenBucket

if TYPE_CHECKING:
    from nautilus_quant.gating.intent import Decision, Intent
    from nautilus_quant.gating.policy import InstrumentPolicy, Violation, Written
    from nautilus_quant.gating.policy_merge import InstrumentFacts

GATE: Final = "policy"
"""Name of the gate."""
RATE_LIMIT: Final = "RATE_LIMIT"
"""Code of an order that comes too soon after others."""
MOST: Final = 4096
"""Orders between decision and venue that are remembered [orders]."""

_ALLOW = Verdict(GATE, UNLIMITED)
_SENT = ("submit", "release")
_COUNTED = ("submit", "release", "modify")
_EVERYWHERE: Mapping[str, float] = MappingProxyType({})


class RateLimit(NamedTuple):
    """
    Parameters of the buckets: see `nautilus_quant.gating.policy_rate.TokenBucket`.

    Parameters
    ----------
    rate
        Of venues not named in `rates` [orders per minute].
    burst, reserve
        Of every venue [orders].
    rates
        By venue [orders per minute].

    """

    rate: float = 60.0
    burst: float = 30.0
    reserve: float = 10.0
    rates: Mapping[str, float] = _EVERYWHERE

    def bucket(self, venue: str) -> TokenBucket:
        """Return a full bucket for a venue."""
        return TokenBucket(self.rates.get(venue, self.rate), self.burst, self.reserve)


@dataclass(frozen=True, slots=True)
class Desk:
    """
    What is needed to judge an order for one instrument.

    Parameters
    ----------
    policy
        Of the instrument.
    venue, bucket
        Of its venue, shared by all its instruments.

    """

    policy: InstrumentPolicy
    venue: str
    bucket: TokenBucket


class PolicyBook:
    """
    Judges orders by the policy of their instrument, counts them, and remembers those just sent.

    Parameters
    ----------
    limit
        Of the buckets.
    window
        Of the duplicate guard [s]; 0 switches it off.
    everywhere
        Overrides for all instruments.
    venues, instruments
        Overrides by venue and by instrument id, each stronger than the ones before.
    require_reduce_only
        Whether an order that closes a position may not open another one with its rest.
    family
        Tells what an order (``Intent.source``) has in common with orders that are like it on purpose.

    Raises
    ------
    ValueError
        If an override or a parameter is impossible.

    """

    def __init__(
        self,
        limit: RateLimit | None = None,
        window: float = 1.0,
        *,
        everywhere: Mapping[str, Any] = _EVERYWHERE,
        venues: Mapping[str, Mapping[str, Any]] = _EVERYWHERE,  # type: ignore[assignment]
        instruments: Mapping[str, Mapping[str, Any]] = _EVERYWHERE,  # type: ignore[assignment]
        require_reduce_only: bool = False,
        family: Callable[[object], str] = lambda _source: "",
    ) -> None:
        self._limit = limit or RateLimit()
        for venue in ("", *self._limit.rates):
            self._limit.bucket(venue)  # so that a bad rate is told now, and not with the first order
        self._everywhere = check_wishes("all venues", everywhere)
        self._venues = {name: check_wishes(name, wishes) for name, wishes in venues.items()}
        self._instruments = {name: _of_instrument(name, wishes) for name, wishes in instruments.items()}
        self._strict = require_reduce_only
        self._family = family
        self.desks: dict[str, Desk] = {}
        self.buckets: dict[str, TokenBucket] = {}
        self.guard = DuplicateGuard(window)
        self.throttled: Counter[str] = Counter()
        self._waiting: set[str] = set()
        self._leaving: dict[str, str] = {}

    # -- instruments -------------------------------------------------------------------------------

    def put(self, instrument: str, facts: InstrumentFacts) -> Desk:
        """Take in what an instrument says of itself; ValueError when nothing would be allowed."""
        venue = instrument.rpartition(".")[2]
        wishes = (self._everywhere, self._venues.get(venue, {}), self._instruments.get(instrument, {}))
        desk = Desk(merge(venue, facts, *wishes), venue, self.bucket(venue))
        self.desks[instrument] = desk
        return desk

    def forget(self, instrument: str) -> None:
        """Forget an instrument whose facts have changed."""
        self.desks.pop(instrument, None)

    def bucket(self, venue: str) -> TokenBucket:
        """Return the bucket of a venue."""
        bucket = self.buckets.get(venue)
        if bucket is None:
            bucket = self.buckets[venue] = self._limit.bucket(venue)
        return bucket

    # -- orders ------------------------------------------------------------------------------------

    def judge(self, intent: Intent, written: Written, desk: Desk, mid: float) -> Verdict:
        """
        Say whether an order may be sent now.

        Parameters
        ----------
        intent
            What it means for risk.
        written
            What is written on it: `OrderTerms`, or the same without names.
        desk
            Of its instrument: what `put` gave.
        mid
            Price of the instrument now [quote currency]; NaN when unknown.

        """
        policy, bucket = desk.policy, desk.bucket
        if not fits(written, policy, mid):
            terms = OrderTerms(*written)
            found = judge(terms, policy, mid)
            if found:
                return _refusal(intent, terms, policy, mid, found)
        ts, command = intent.ts, intent.command
        if command == "rest":  # at the venue already
            return _ALLOW
        if not bucket.ample and not bucket.is_open(ts):
            return _too_many(desk, ts)
        if self._strict and intent.reducing and policy.reduce_only:
            return _opens_too(intent)
        if ts < self.guard.quiet_from and command in _SENT:
            return self._new_or_not(intent)
        return _ALLOW

    def _new_or_not(self, intent: Intent) -> Verdict:
        before = self.guard.repeated(_key(intent), intent.ts, self._family(intent.source))
        if not before or before == intent.order:
            return _ALLOW
        at = "at market" if intent.price is None else f"at {plain(intent.price)}"
        reason = (
            f"{before} is the same order ({intent.side.name} {intent.quantity} {at}), sent less than "
            f"{self.guard.window:g} s ago"
        )
        return Verdict.deny(GATE, "DUPLICATE", reason, order=before, window=self.guard.window)

    # -- what became of them -----------------------------------------------------------------------

    def decided(self, decision: Decision) -> str:
        """Take in what the whole chain decided; return the venue that is throttled from now on, if one is."""
        intent = decision.intent
        if decision.outcome != ALLOW:
            return self._throttles(decision)
        if intent.command not in _COUNTED or not intent.opening:
            return ""
        venue = intent.venue
        self.bucket(venue).take(intent.ts)
        if intent.command in _SENT:
            self._leaving[intent.order] = venue
            if len(self._leaving) > MOST:
                del self._leaving[next(iter(self._leaving))]
            self.guard.add(_key(intent), intent.ts, intent.order, self._family(intent.source))
        return ""

    def _throttles(self, decision: Decision) -> str:
        if not any(v.code == RATE_LIMIT and v.gate == GATE for v in decision.verdicts):
            return ""
        venue = decision.intent.venue
        self.throttled[venue] += 1
        if venue in self._waiting:
            return ""
        self._waiting.add(venue)
        return venue

    def sent(self, order: str, venue: str, ts: int) -> bool:
        """Take in that an order has left; return whether it was judged before, i.e. opens risk."""
        if self._leaving.pop(order, None) is not None:
            return True
        self.bucket(venue).take(ts)
        return False

    def denied(self, order: str) -> None:
        """Take in that somebody else denied an order after us: it never left."""
        self.guard.forget(order)
        venue = self._leaving.pop(order, None)
        if venue is not None:
            self.bucket(venue).give_back()

    def ready_at(self, venue: str, ts: int) -> int:
        """Return when half of what opening orders may use at once will be back, UNIX time [ns]."""
        bucket = self.bucket(venue)
        return bucket.ready_at(ts, (bucket.burst - bucket.reserve) / 2.0)

    def is_over(self, venue: str, ts: int) -> bool:
        """Tell whether a venue is throttled no longer; then the next time is a new one."""
        if self.ready_at(venue, ts) > ts:
            return False
        self._waiting.discard(venue)
        return True


def _of_instrument(name: str, wishes: Mapping[str, Any]) -> dict[str, Any]:
    if "." not in name.strip("."):
        raise ValueError(f"an instrument is named SYMBOL.VENUE, e.g. BTCUSDT-PERP.BINANCE, was {name!r}")
    return check_wishes(name, wishes)


def _key(intent: Intent) -> Key:
    return (intent.strategy, intent.instrument, int(intent.side), intent.quantity, intent.price)


def _refusal(
    intent: Intent,
    terms: OrderTerms,
    policy: InstrumentPolicy,
    mid: float,
    found: tuple[Violation, ...],
) -> Verdict:
    """Deny, or allow the size that is valid where only the size is not."""
    reason = "; ".join([str(violation) for violation in found])
    first = found[0]
    numbers = {"field": first.field, "rule": first.rule, "was": first.was, "nearest": first.nearest}
    if all(violation.field == "quantity" for violation in found) and not terms.resting:
        allowed = largest_quantity(terms, policy, mid) - intent.reducing
        return Verdict.limit(GATE, min(allowed, intent.opening), first.rule, reason, **numbers)
    return Verdict.deny(GATE, first.rule, reason, **numbers)


def _too_many(desk: Desk, ts: int) -> Verdict:
    bucket = desk.bucket
    tokens, wait = bucket.tokens(ts), (bucket.ready_at(ts) - ts) / 1e9
    reason = (
        f"{desk.venue} takes {bucket.rate:g} orders/min and {bucket.burst:g} at once; {tokens:.1f} are left, "
        f"of which {bucket.reserve:g} are kept for closing; the next order may open risk in {wait:.1f} s"
    )
    return Verdict.deny(GATE, RATE_LIMIT, reason, tokens=tokens, reserve=bucket.reserve, wait=wait)


def _opens_too(intent: Intent) -> Verdict:
    reason = (
        f"an order that closes {intent.reducing} must not open {intent.opening} with its rest; "
        f"close with a reduce-only order of {intent.reducing}, then open"
    )
    return Verdict.deny(GATE, "REDUCE_ONLY_EXITS", reason, reducing=float(intent.reducing))
