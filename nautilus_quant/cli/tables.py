"""Tables of the reports, and the marks in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

UNKNOWN: Final = "–"


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    words: Collection[str] | None = None,
    is_broken: bool = False,
) -> Table:
    """
    Draw a table whose numbers stay whole, however narrow the terminal: it breaks the lines.

    Parameters
    ----------
    title
        Above it.
    columns
        Their headings.
    rows
        Their cells.
    words
        Which columns are of words and go to the left; ``None`` for the first.
    is_broken
        Whether headings may break between words.

    """
    left = columns[:1] if words is None else words
    drawn = Table(title=Text(title), title_justify="left", title_style="dim", box=None, pad_edge=False)
    widths = [
        max(map(len, (*(column.split() if is_broken else [column]), *cells)), default=0)
        for column, *cells in zip(columns, *rows, strict=True)
    ]
    for column, width in zip(columns, widths, strict=True):
        drawn.add_column(Text(column), justify="left" if column in left else "right", width=width)
    drawn.width = sum(widths) + 2 * (len(widths) - 1)
    for row in rows:
        drawn.add_row(*map(Text, row))
    return drawn


def moment(ts: int) -> str:
    """Write UNIX time [ns] as an ISO text."""
    return datetime.fromtimestamp(ts // 1_000_000_000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def minute(ts: int) -> str:
    """Write UNIX time [ns] for people, to the minute, in UTC."""
    return moment(ts)[:16].replace("T", " ")
