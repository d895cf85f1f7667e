"""Whether a change of target can pay for itself."""

from __future__ import annotations

import math


def pays(change: float, volatility: float, cost: float, hurdle: float) -> bool:
    """
    Tell whether a larger position is worth what it costs to get into it and out again.

    Being `change` away from the target loses ``gamma * variance * change**2 / 2`` over the time a target
    stands (mean-variance utility near its best), and trading costs ``change * cost / 2`` now: it pays beyond
    ``change = cost / (gamma * variance)``, a band without trades as in Davis and Norman, "Portfolio
    selection with transaction costs", Math. Oper. Res. 15 (1990). A full position is best where it expects
    to earn ``gamma * variance``; when that is ``volatility / hurdle``, the rule becomes
    ``change * volatility > hurdle * cost``.

    Parameters
    ----------
    change
        By how much the position grows, as a share of a full one [-]; infinite for what is made anyway.
    volatility
        Standard deviation of returns over the time a target stands [fraction].
    cost
        Move of the price that pays for getting in and out [fraction].
    hurdle
        Standard deviations per expected profit of a full position [-]: 5 where a full position expects to
        earn a fifth of a standard deviation. More trades less.

    Returns
    -------
    bool
        ``False`` too where anything is not known (NaN).

    """
    if not (volatility > 0.0 and math.isfinite(volatility) and math.isfinite(cost)):
        return False
    return abs(change) * volatility > hurdle * cost
