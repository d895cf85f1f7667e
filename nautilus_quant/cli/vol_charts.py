"""What the charts of volatilities share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

type Figure = dict[str, Any]


def rounded(values: Any) -> list[float | None]:
    """Round to what can be seen; what is not a number is a gap."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in np.asarray(values).tolist()]
