"""``nq pnl``: what the account is worth, what it earned each day, and by what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nautilus_quant.cli.answer import Answer, note, plain
from nautilus_quant.cli.codes import FAILED, OK
from nautilus_quant.cli.errors import user_errors
from nautilus_quant.cli.options import Json, MaybeConfig, OfBacktest, State, need

if TYPE_CHECKING:
    from nautilus_quant.account.history import History
    from nautilus_quant.host.state import StateStore

ADVICE = (
    "run a node, or a backtest with `backtest: {state: sqlite:///...}`, that has `use: portfolio_monitor` "
    "under `actors`; it takes a snapshot every snapshot_interval"
)


def pnl(
    config: MaybeConfig = None,
    *,
    days: Annotated[int, typer.Option(metavar="N", min=1, help="Only the last days there are.")] = 30,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the equity there, too (needs plotly).")
    ] = None,
    backtest: OfBacktest = False,
    state: State = None,
    json_output: Json = False,
) -> None:
    """
    Tell what the account is worth, and what it earned each day.

    Exit codes: 0 there are snapshots, 1 there are none, 2 a question it cannot read.
    """
    from nautilus_quant.cli.answer import deliver

    need(config, state)
    with user_errors():
        answer = run(config, state=state, days=days, html=html, backtest=backtest)
        raise typer.Exit(deliver(answer, json_output=json_output))


def run(
    config: Path | None = None,
    *,
    state: str | None = None,
    days: int = 30,
    html: Path | None = None,
    backtest: bool = False,
) -> Answer:
    """
    Report on the account of a deployment, whose node may be running.

    Parameters
    ----------
    config, state
        The deployment's file, or the URL of its state.
    days
        How many UTC days up to the last snapshot.
    html
        Where to draw the equity.
    backtest
        Whether to read the state of the backtest.

    Returns
    -------
    Answer
        OK; its data are those of `nautilus_quant.account.history.History.to_dict`, and ``html``. FAILED: no
        snapshots, or no plotly for the chart. REFUSED: a backtest that keeps no state.

    """
    from nautilus_quant.cli.places import find_kept, title_of

    place = find_kept(config, state, backtest=backtest)
    if isinstance(place, Answer):
        return place
    history = read(place.url, days)
    if history is None:
        return note(FAILED, f"no snapshots in {place.url}: {ADVICE}", advice=ADVICE)
    return _report(history, html, title_of("Account", place, config))


def read(url: str, days: int) -> History | None:
    """
    Read the last days of an account from a state; ``None`` when nothing of it is there.

    Raises
    ------
    ValueError
        If it is damaged.

    """
    from nautilus_quant.host.state import StateStore
    from nautilus_quant.host.statejson import NoStateError

    try:
        with StateStore.open(url, read_only=True) as store:
            return _read(store, days)
    except NoStateError:
        return None


def _read(store: StateStore, days: int) -> History | None:
    from nautilus_quant.account.history import History
    from nautilus_quant.account.snapshots import PORTFOLIO, SNAPSHOTS, SnapshotBook
    from nautilus_quant.safety.trade_window import TradeWindow

    snapshots = SnapshotBook().restore(store.documents(SNAPSHOTS).values())
    if snapshots.last is None:
        return None
    book = store.get(PORTFOLIO, "book") or {}
    kept = (store.get(PORTFOLIO, "trades") or {}).get("trades", [])
    trades = TradeWindow(max(1, len(kept)))
    trades.restore(kept)
    currency = str(book.get("statement", {}).get("currency", ""))
    return History.of(snapshots, days, currency, trades.statistics)


def _report(history: History, html: Path | None, title: str) -> Answer:
    from nautilus_quant.cli.pnl_view import view

    written = None
    if html is not None:
        from nautilus_quant.cli.pnl_html import write

        try:
            written = str(write(history, html, title=title))
        except ImportError as error:
            return note(FAILED, str(error))
    data: dict[str, Any] = {**history.to_dict(), "html": written}
    return Answer(OK, plain(data), view(history, written))
