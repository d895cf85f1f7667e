"""Small deployments and their states, for commands that look after a node from outside."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

from rich.console import Console

from nautilus_quant.cli.answer import Answer
from nautilus_quant.gating.intent import Decision, Intent, Side, Verdict
from nautilus_quant.host.decisions import decision_body
from nautilus_quant.host.state import StateStore
from nautilus_quant.safety.kill_switch import KillState, KillSwitch

SECOND = 1_000_000_000
NOON = 1_738_324_800 * SECOND  # 2025-01-31 12:00 UTC

CONFIG = """\
name: rig
mode: {mode}
state: sqlite:///{folder}/state/rig.db
status_file: {folder}/status.json
venues:
  SIM: {{adapter: simulated, balances: [100_000 USDT]}}
actors: {actors}
"""


def write_config(folder: Path, *, mode: str = "paper", safety: bool = True) -> Path:
    """Write a deployment into `folder`, with its kill file beside it."""
    actors = f"{{safety: {{use: safety_engine, kill_file: {folder}/kill}}}}" if safety else "{}"
    path = folder / "rig.yaml"
    path.write_text(CONFIG.format(mode=mode, folder=folder, actors=actors))
    return path


def open_state(folder: Path) -> StateStore:
    store = StateStore.open(folder / "state" / "rig.db")
    store.claim("paper")
    return store


def set_latch(store: StateStore, state: KillState, ts: int = NOON) -> None:
    """Store a switch that tripped at `ts` and stands at `state` now."""
    kill = KillSwitch()
    if state is not KillState.ARMED:
        kill.trip(ts, "drawdown", "drawdown of 11% exceeded 10%", {"equity": 89_000.0})
        kill.state = state
    store.put_now("safety", "latch", kill.to_dict(), ts=ts)


def decision(order: str, *verdicts: Verdict, strategy: str = "Momentum-btc", ts: int = NOON) -> Decision:
    intent = Intent(
        ts=ts,
        strategy=strategy,
        instrument="BTCUSDT-PERP.SIM",
        side=Side.BUY,
        quantity=Decimal("0.75"),
        price=None,
        reducing=Decimal("0.25"),
        opening=Decimal("0.5"),
        notional=21_000.5,
        order=order,
    )
    return Decision.of(intent, verdicts)


def journal(
    store: StateStore, order: str, *verdicts: Verdict, strategy: str = "Momentum-btc", ts: int = NOON
) -> None:
    made = decision(order, *verdicts, strategy=strategy, ts=ts)
    store.append("order_decision", decision_body(made), ts=ts)


def shown(answer: Answer) -> str:
    """Render an answer as a wide terminal would."""
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(answer.view)
    return console.file.getvalue()
