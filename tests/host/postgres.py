"""A PostgreSQL server of our own for the tests, where its programs and the driver are installed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server_programs() -> Path | None:
    """Find the folder of initdb, which Debian keeps off PATH."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).parent
    return next((path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None)


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server on a port of its own, and yield the URL of its database."""
    programs = server_programs()
    if programs is None:
        pytest.skip("PostgreSQL server programs are not installed")
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("the PostgreSQL driver is not installed: pip install 'nt-quant[postgres]'")
    user = "postgres" if os.getuid() == 0 else None  # the server refuses to run as root
    with tempfile.TemporaryDirectory(prefix="nq-postgres-") as name:
        if user is not None:
            shutil.chown(name, user)
        with _running(programs, Path(name), user) as url:
            yield url


@contextmanager
def _running(programs: Path, folder: Path, user: str | None) -> Iterator[str]:
    data, port = folder / "data", free_port()
    initdb = [programs / "initdb", "-D", data, "-U", "nq", "-A", "trust", "--no-sync", "-E", "UTF8"]
    subprocess.run(initdb, user=user, check=True, capture_output=True, cwd=folder)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    control = [programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log"]
    subprocess.run(
        [*control, "-o", options, "start"], user=user, check=True, stdout=subprocess.DEVNULL, cwd=folder
    )
    try:
        yield f"postgresql+psycopg://nq@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run(
            [*control, "-m", "immediate", "stop"], user=user, check=True, capture_output=True, cwd=folder
        )
