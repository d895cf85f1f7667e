"""How many orders a venue may be sent: a bucket of tokens, some of them kept for closing positions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from nautilus_quant.safety import stored
from nautilus_quant.signals.sequence import require

MINUTE: Final = 60_000_000_000
"""How far a venue looks back, and how long a clock that ran backwards is waited for [ns]."""


class TokenBucket:
    """
    Orders against time, for one venue: every order takes a token, tokens come back at a steady rate.

    An order that opens risk needs a token beyond the reserve. One that only reduces always passes, and
    takes its token all the same, from the reserve if need be and then on credit, for which opening orders
    wait: a venue counts what it is sent and not why. Credit ends at one minute's worth, after which a
    venue has forgotten, too.

    Parameters
    ----------
    rate
        Tokens that come back [orders per minute].
    burst
        Tokens it holds at most: orders that may go at once [orders].
    reserve
        Of these, what opening orders leave alone [orders]; below `burst`.

    Raises
    ------
    ValueError
        If the parameters leave no room for an opening order.

    Attributes
    ----------
    ample
        Whether it was open (`is_open`) when last touched, and so must be now: tokens only come back.

    """

    __slots__ = ("_tokens", "_ts", "ample", "burst", "rate", "reserve")

    def __init__(self, rate: float = 60.0, burst: float = 30.0, reserve: float = 10.0) -> None:
        require(0.0 < rate < math.inf, "a finite rate > 0 [orders/min]", rate)
        require(0.0 <= reserve <= burst - 1.0, "0 <= reserve <= burst - 1 [orders]", (reserve, burst))
        require(burst < math.inf, "a finite burst [orders]", burst)
        self.rate = rate
        self.burst = burst
        self.reserve = reserve
        self._ts: int | None = None
        self._hold(burst)

    def tokens(self, ts: int) -> float:
        """Return the tokens at `ts`, UNIX time [ns]; negative on credit."""
        last = self._ts
        if last is None:
            return self._tokens
        if ts <= last:
            if ts < last - MINUTE:
                self._ts = ts  # such a clock was set back, and waiting for it would take too long
            return self._tokens
        return min(self.burst, self._tokens + (ts - last) * self.rate / MINUTE)

    def is_open(self, ts: int) -> bool:
        """Tell whether an order that opens risk may go at `ts`, UNIX time [ns]."""
        # What a million additions of floats lose must not cost an order its turn.
        return self.tokens(ts) >= self.reserve + 1.0 - 1e-9

    def take(self, ts: int) -> None:
        """Count an order sent at `ts`, UNIX time [ns], whatever it was for."""
        self._hold(max(self.tokens(ts) - 1.0, -self.rate))
        if self._ts is None or ts > self._ts:
            self._ts = ts

    def give_back(self) -> None:
        """Take back the count of one order that never left."""
        self._hold(min(self.burst, self._tokens + 1.0))

    def ready_at(self, ts: int, orders: float = 1.0) -> int:
        """Return when so many opening orders may go at once, if nothing else is sent, UNIX time [ns]."""
        missing = min(self.reserve + max(orders, 1.0), self.burst) - self.tokens(ts)
        start = ts if self._ts is None else max(ts, self._ts)
        return ts if missing <= 0.0 else start + math.ceil(missing / self.rate * MINUTE)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {"tokens": self._tokens, "ts": self._ts}

    def restore(self, state: Mapping[str, Any]) -> None:
        """
        Go on from what `to_dict` gave: what was sent before a restart still counts.

        Raises
        ------
        ValueError
            When it is damaged.

        """
        tokens, ts = stored.number(state, "tokens"), stored.maybe_moment(state, "ts")
        self._hold(min(max(tokens, -self.rate), self.burst))
        self._ts = ts

    def _hold(self, tokens: float) -> None:
        self._tokens = tokens
        self.ample = tokens >= self.reserve + 1.0
