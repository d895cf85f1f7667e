"""What a live node shows on the terminal, and the status file beside it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live

from nautilus_quant.monitoring.banner import banner
from nautilus_quant.monitoring.snapshot import to_document
from nautilus_quant.monitoring.status import write_status
from nautilus_quant.monitoring.table import banner_panel, live_table, plain_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.config.deployment import Deployment
    from nautilus_quant.monitoring.snapshot import Snapshot

_STATUS_EVERY = 2.0
_LINE_EVERY = 10.0


class Aside:
    """
    Sends what anybody writes to stderr into a file while a table stands on the terminal.

    NautilusTrader writes errors there whatever its log level, from compiled code, so that the file
    descriptor itself has to be turned.

    Parameters
    ----------
    path
        The file; earlier runs' lines stay in it.

    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("ab")
        self._start = self._file.tell()
        sys.stderr.flush()
        self.terminal = os.fdopen(os.dup(2), "w", encoding="utf-8")
        os.dup2(self._file.fileno(), 2)

    def end(self) -> Path | None:
        """Turn stderr back; return the file when anything was written."""
        sys.stderr.flush()
        os.dup2(self.terminal.fileno(), 2)
        size = os.fstat(self._file.fileno()).st_size
        self._file.close()
        self.terminal.close()
        if not size:
            self._path.unlink(missing_ok=True)
        return self._path if size > self._start else None


class Screen:
    """
    Shows a running node: banner first, then a table on a terminal, or plain lines elsewhere.

    Parameters
    ----------
    deployment
        What runs.
    safety
        Settings of the safety engine; ``None`` when there is none.
    latch
        What the state says of the kill switch; empty when it is armed.
    json_output
        Leave stdout alone and write to stderr.

    """

    def __init__(
        self, deployment: Deployment, safety: Mapping[str, Any] | None, latch: str, *, json_output: bool
    ) -> None:
        self._stderr = json_output
        self.console = Console(stderr=json_output)
        self._aside: Aside | None = None
        self._deployment, self._safety, self._latch = deployment, safety, latch
        self._live: Live | None = None
        self._status = Path(deployment.status_file) if deployment.status_file else None
        self._next_status = self._next_line = 0.0
        self._phase = ""

    def ready(self, accounts: Mapping[str, str]) -> None:
        """Print the banner."""
        rows = banner(self._deployment, safety=self._safety, accounts=accounts, latch=self._latch)
        alarming = self._deployment.real or bool(self._latch) or self._safety is None
        self.console.print(banner_panel(self._deployment.name, rows, alarming=alarming))
        if self.console.is_terminal:
            self._aside = Aside(_errors_path(self._deployment))
            self.console = Console(file=self._aside.terminal) if self._stderr else self.console
            # What stands there at the end is drawn once more, with the reason, by `end`.
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()

    def look(self, snapshot: Snapshot) -> None:
        """Show a snapshot and write the status file, each in its own rhythm."""
        changed = snapshot.phase != self._phase
        self._phase = snapshot.phase
        now = time.monotonic()
        if self._live is not None:
            self._live.update(live_table(snapshot, limits=self._safety), refresh=True)
        elif changed or now >= self._next_line:
            self._next_line = now + _LINE_EVERY
            self.console.print(plain_line(snapshot), highlight=False, soft_wrap=True, markup=False)
        if changed or now >= self._next_status:
            self._next_status = now + _STATUS_EVERY
            self._write_status(snapshot)

    def end(self, snapshot: Snapshot, reason: str) -> None:
        """Sum up a run that is over; the terminal has been given back."""
        self.console.print(live_table(snapshot, limits=self._safety, ended=reason))

    def close(self) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._aside is not None:
            said = self._aside.end()
            self.console = Console(stderr=self._stderr)
            if said:
                self.console.print(f"errors of this run: {said}", markup=False, highlight=False)
            self._aside = None

    def _write_status(self, snapshot: Snapshot) -> None:
        if self._status is None:
            return
        try:
            write_status(self._status, to_document(snapshot))
        except OSError as error:
            # A full disk must not stop a node that could still close its positions.
            self.console.print(f"status file {self._status} not written: {error}", markup=False)


def _errors_path(deployment: Deployment) -> Path:
    """Return where stderr goes while the table stands: beside the log."""
    beside = Path(deployment.log_file or deployment.status_file or f"var/{deployment.name}/node.log")
    return beside.with_suffix(".err")
