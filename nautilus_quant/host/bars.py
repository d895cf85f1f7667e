"""Bar types from what people write in a config."""

from __future__ import annotations

from nautilus_trader.model.data import BarType
from nautilus_trader.model.identifiers import InstrumentId


def bar_type_of(instrument_id: InstrumentId, text: str) -> BarType:
    """
    Return the bar type meant by ``"1-MINUTE"``, ``"1-MINUTE-MID"`` or a full type.

    A specification alone means the venue's own bars of last prices (``...-LAST-EXTERNAL``).

    Raises
    ------
    ValueError
        When it is none of these, is not of time bars, or is a full type of another instrument.

    """
    try:
        bar_type = _parse(instrument_id, text.strip())
        bar_type.spec.timedelta  # noqa: B018 (refuses what is not bars of time)
    except ValueError as error:
        raise ValueError(
            f"bar must be a specification such as '1-MINUTE' or a full bar type of {instrument_id}, "
            f"was {text!r} ({error})",
        ) from None
    return bar_type


def _parse(instrument_id: InstrumentId, text: str) -> BarType:
    if "." in text:
        bar_type = BarType.from_str(text)
        if bar_type.instrument_id != instrument_id:
            raise ValueError(f"it is of {bar_type.instrument_id}")
        return bar_type
    # Completed to a full type, since NautilusTrader's parser of a specification alone aborts the
    # whole process on a word it does not know.
    parts = text.upper().split("-")
    full = parts + ["LAST", "EXTERNAL"][len(parts) - 2 :] if 2 <= len(parts) <= 4 else parts
    return BarType.from_str("-".join([instrument_id.value, *full]))


def seconds_of(bar_type: BarType) -> float:
    """Return how long a bar lasts [s]."""
    return float(bar_type.spec.timedelta.total_seconds())
