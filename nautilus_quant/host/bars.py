"""Bar types from what people write in a config."""

from __future__ import annotations

from nautilus_trader.model.data import BarSpecification, BarType
from nautilus_trader.model.identifiers import InstrumentId


def bar_type_of(instrument_id: InstrumentId, text: str) -> BarType:
    """
    Return the bar type meant by ``"1-MINUTE"``, ``"1-MINUTE-MID"`` or a full type.

    A specification alone means the venue's own bars of last prices (``...-LAST-EXTERNAL``).

    Raises
    ------
    ValueError
        When it is none of these, or a full type of another instrument.

    """
    try:
        return _parse(instrument_id, text.strip().upper() if text.count(".") == 0 else text.strip())
    except ValueError as error:
        raise ValueError(
            f"bar must be a specification such as '1-MINUTE' or a full bar type of {instrument_id}, "
            f"was {text!r} ({error})",
        ) from None


def _parse(instrument_id: InstrumentId, text: str) -> BarType:
    parts = text.split("-")
    if "." in text:
        bar_type = BarType.from_str(text)
        if bar_type.instrument_id != instrument_id:
            raise ValueError(f"it is of {bar_type.instrument_id}")
        return bar_type
    if len(parts) == 2:
        parts.append("LAST")
    source = "EXTERNAL"
    if len(parts) == 4:
        source = parts.pop()
    spec = BarSpecification.from_str("-".join(parts))
    return BarType.from_str(f"{instrument_id}-{spec}-{source}")


def seconds_of(bar_type: BarType) -> float:
    """Return how long a bar lasts [s]."""
    return float(bar_type.spec.timedelta.total_seconds())
