"""The report on the arms as plain JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nautilus_quant.learning.track import FLAT

if TYPE_CHECKING:
    from nautilus_quant.learning.paired import Paired
    from nautilus_quant.learning.report_model import ArmRow, Belief, MarketReport
    from nautilus_quant.learning.report_total import Together
    from nautilus_quant.learning.track import Summary


def total_dict(total: Together) -> dict[str, Any]:
    """Give what all markets earned together."""
    regimes = {name: _plain(item) for name, item in total.regimes.items()}
    return {**_plain(total.summary), **_judged(total.paired), "regimes": regimes}


def market_dict(market: MarketReport) -> dict[str, Any]:
    """Give one market; see `nautilus_quant.learning.report_model.ArmsReport.to_dict`."""
    return {
        "regime": market.regime,
        "since": market.since,
        "until": market.until,
        "evaluations": market.evaluations,
        "arms": [_row_dict(row) for row in market.arms],
        "beliefs": {name: [_belief_dict(item) for item in items] for name, items in market.beliefs.items()},
        "total": {**_plain(market.summary), **_judged(market.paired)},
        "regimes": {name: _plain(item) for name, item in market.regimes.items()},
        "last_arm": market.last or None,
        "words": market.words,
        "notes": list(market.notes),
    }


def _row_dict(row: ArmRow) -> dict[str, Any]:
    facts = {"awake": row.awake, "weight": row.weight, "share_of_time": row.share, "net": row.net}
    return {**_belief_dict(row.belief), **facts}


def _belief_dict(belief: Belief) -> dict[str, Any]:
    return {name: _known(value) for name, value in belief._asdict().items()}


def _plain(summed: Summary) -> dict[str, Any]:
    return {
        "days": summed.days,
        "selector": summed.selector,
        "equal_weight": summed.equal,
        "best_single": summed.best,
        "best_arm": summed.best_arm or None,
        "last_chosen": summed.last,
        "regret_to_best": summed.regret,
        "regret_to_equal_weight": summed.regret_of_equal,
        "switching_cost": summed.costs,
        "switches": summed.switches,
        "churn_per_day": summed.churn_per_day,
        "flat_share_of_time": summed.shares.get(FLAT, 0.0),
    }


def _judged(paired: Paired) -> dict[str, Any]:
    return {"outcome": str(paired.outcome), "t": _known(paired.t), "evaluations": paired.pairs}


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
