"""``nq arms``: what is believed of each arm, what the selector has earned, and whether it was worth it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nautilus_quant.cli.answer import Answer, note, plain
from nautilus_quant.cli.codes import FAILED, OK, REFUSED
from nautilus_quant.cli.errors import user_errors
from nautilus_quant.cli.options import Json, MaybeConfig, OfBacktest, State, need

if TYPE_CHECKING:
    from nautilus_quant.learning.record import Evaluation

SELECTION = "selection"
"""Kind of the journal entries that hold evaluations."""

ADVICE = (
    "run a node, or a backtest with `backtest: {state: sqlite:///...}`, that has `use: meta_learner` under "
    "`actors`; it evaluates at its start, every evaluation_interval and on each change of regime"
)


def arms(
    config: MaybeConfig = None,
    *,
    market: Annotated[str | None, typer.Option(metavar="ID", help="Only this instrument.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only what is not older: 7d, or a UTC time.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write charts there, too (needs plotly).")
    ] = None,
    backtest: OfBacktest = False,
    state: State = None,
    json_output: Json = False,
) -> None:
    """
    Tell what the selector thinks of each arm, what it has earned, and what its baselines have.

    Exit codes: 0 there are evaluations, 1 there are none, 2 a question it cannot read.
    """
    from nautilus_quant.cli.answer import deliver

    need(config, state)
    with user_errors():
        answer = run(config, state=state, market=market, since=since, html=html, backtest=backtest)
        raise typer.Exit(deliver(answer, json_output=json_output))


def run(
    config: Path | None = None,
    *,
    state: str | None = None,
    market: str | None = None,
    since: str | None = None,
    html: Path | None = None,
    backtest: bool = False,
) -> Answer:
    """
    Report on the arms of a deployment, whose node may be running.

    Parameters
    ----------
    config, state
        The deployment's file, or the URL of its state.
    market
        Only this instrument.
    since
        Only what is not older: ``7d``, or a time like ``2025-01-31T08:00`` (UTC).
    html
        Where to write the charts.
    backtest
        Whether to read the state of the backtest.

    Returns
    -------
    Answer
        OK; its data are those of `nautilus_quant.learning.report.ArmsReport.to_dict`, and ``html``. FAILED:
        no evaluations, or no plotly for the charts. REFUSED: a question it cannot read.

    """
    from nautilus_quant.cli.explain import parse_since
    from nautilus_quant.cli.places import find_kept, title_of

    start = None if since is None else parse_since(since, time.time_ns())
    if since is not None and start is None:
        return note(REFUSED, f"--since must be like 7d, 30m or 2025-01-31T08:00 (UTC), was {since!r}")
    place = find_kept(config, state, backtest=backtest)
    if isinstance(place, Answer):
        return place
    found = evaluations(place.url, start)
    if not found:
        return _nothing(place.url, since)
    chosen = found if market is None else [item for item in found if item.market == market]
    if not chosen:
        known = sorted({item.market for item in found})
        return note(FAILED, f"no evaluations of {market!r}; there are {', '.join(known)}", markets=known)
    return _report(chosen, html, title_of("Arms", place, config))


def evaluations(url: str, since: int | None = None) -> list[Evaluation]:
    """Read the evaluations in a state, in the order of the journal; none when there is no state."""
    from nautilus_quant.host.state import StateStore
    from nautilus_quant.host.statejson import NoStateError
    from nautilus_quant.learning.record import Evaluation

    try:
        with StateStore.open(url, read_only=True) as store:
            entries = store.entries(kind=SELECTION, since=since)
    except NoStateError:
        return []
    return [Evaluation.from_dict(entry.body) for entry in entries]


def _report(found: list[Evaluation], html: Path | None, title: str) -> Answer:
    from nautilus_quant.cli.arms_view import report_view
    from nautilus_quant.learning.report import by_market, report_of
    from nautilus_quant.learning.report_html import write

    markets = by_market(found)
    report = report_of(markets)
    written = None
    if html is not None:
        try:
            written = str(write(markets, html, title=title, report=report))
        except ImportError as error:
            return note(FAILED, str(error))
    data: dict[str, Any] = {**report.to_dict(), "html": written}
    return Answer(OK, plain(data), report_view(report, written))


def _nothing(url: str, since: str | None) -> Answer:
    if since is not None:
        return note(
            FAILED, f"no evaluations since {since} in {url}; leave --since away to see all", advice=ADVICE
        )
    return note(FAILED, f"no evaluations in {url}: {ADVICE}", advice=ADVICE)
