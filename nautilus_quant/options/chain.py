"""All quotes of the options on one underlying at one moment, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]
type Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Chain:
    """
    The option chain of an underlying. Rows may come in any order.

    Parameters
    ----------
    ts
        When it was read, UNIX time [ns].
    underlying
        E.g. ``"BTC"``.
    expiry : int64[n]
        UNIX time [ns].
    strike : float64[n]
        In the currency of the forward, e.g. USD.
    call : bool[n]
        Whether each is a call.
    bid, ask : float64[n]
        Premium per unit of underlying [currency of the forward]; NaN for none. What is quoted in coin has
        been multiplied by `reference`, or by what was the best guess of the forward.
    mark : float64[n]
        The venue's own worth of it, in the same unit; NaN for none.
    quoted : int64[n]
        When the quote was made, UNIX time [ns].
    names : tuple of str
        Instrument ids, one for each row.
    reference : float64[n], optional
        The venue's own forward of the expiry; NaN for none. Used where put-call parity says nothing.

    Raises
    ------
    ValueError
        If the columns differ in length.

    """

    ts: int
    underlying: str
    expiry: Ints
    strike: Floats
    call: Bools
    bid: Floats
    ask: Floats
    mark: Floats
    quoted: Ints
    names: tuple[str, ...]
    reference: Floats | None = None

    def __post_init__(self) -> None:
        columns = (self.strike, self.call, self.bid, self.ask, self.mark, self.quoted, self.names)
        lengths = {len(column) for column in columns}
        if self.reference is not None:
            lengths.add(len(self.reference))
        if lengths != {len(self.expiry)}:
            raise ValueError(f"need columns of one length, was {len(self.expiry)} and {sorted(lengths)}")

    def __len__(self) -> int:
        """Return how many options are in it."""
        return len(self.expiry)

    @classmethod
    def of(
        cls,
        ts: int,
        underlying: str,
        *,
        expiry: Sequence[int] | Ints,
        strike: Sequence[float] | Floats,
        call: Sequence[bool] | Bools,
        bid: Sequence[float] | Floats,
        ask: Sequence[float] | Floats,
        mark: Sequence[float] | Floats | None = None,
        quoted: Sequence[int] | Ints | None = None,
        names: Sequence[str] | None = None,
        reference: Sequence[float] | Floats | None = None,
    ) -> Self:
        """Make a chain of any sequences; without `quoted` everything is quoted now."""
        expiries = np.asarray(expiry, dtype=np.int64)
        strikes = np.asarray(strike, dtype=np.float64)
        calls = np.asarray(call, dtype=np.bool_)
        none = np.full(len(expiries), np.nan)
        return cls(
            ts=int(ts),
            underlying=underlying,
            expiry=expiries,
            strike=strikes,
            call=calls,
            bid=np.asarray(bid, dtype=np.float64),
            ask=np.asarray(ask, dtype=np.float64),
            mark=none if mark is None else np.asarray(mark, dtype=np.float64),
            quoted=np.full(len(expiries), int(ts)) if quoted is None else np.asarray(quoted, dtype=np.int64),
            names=tuple(names) if names is not None else tuple(map(str, range(len(expiries)))),
            reference=none.copy() if reference is None else np.asarray(reference, dtype=np.float64),
        )

    @property
    def mid(self) -> Floats:
        """Halfway between bid and ask, float64[n]; NaN without both."""
        middle: Floats = 0.5 * (self.bid + self.ask)
        return middle

    @property
    def references(self) -> Floats:
        """The venue's forwards, float64[n]; NaN where there is none."""
        return np.full(len(self), np.nan) if self.reference is None else self.reference

    def take(self, rows: Bools | NDArray[np.intp]) -> Self:
        """Return the chain of some rows, given by a mask or by their places."""
        places = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return replace(
            self,
            expiry=self.expiry[places],
            strike=self.strike[places],
            call=self.call[places],
            bid=self.bid[places],
            ask=self.ask[places],
            mark=self.mark[places],
            quoted=self.quoted[places],
            names=tuple(self.names[place] for place in places.tolist()),
            reference=self.references[places],
        )


def tightest(chain: Chain) -> Chain:
    """
    Return the chain with one row for each expiry, strike and kind: the one whose quote is the tightest.

    One without a bid above 0, or crossed, comes after all others.
    """
    spread = np.where((chain.bid > 0.0) & (chain.ask >= chain.bid), chain.ask - chain.bid, np.inf)
    order = np.lexsort((spread, chain.call, chain.strike, chain.expiry))
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (
        (np.diff(chain.expiry[order]) != 0)
        | (np.diff(chain.strike[order]) != 0.0)
        | (np.diff(chain.call[order].astype(np.int8)) != 0)
    )
    return chain.take(np.sort(order[first]))
