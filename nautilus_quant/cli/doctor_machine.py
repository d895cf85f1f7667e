"""Whether the machine is fit: clock, disk, memory, ports."""

from __future__ import annotations

import ctypes
import shutil
import socket
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from nautilus_quant.cli.check import Check

MEGABYTE = 1e6
DISK_WARN, DISK_FAIL = 2_000.0, 200.0
"""Free disk space [MB]: logs, catalogs and journal of some weeks; what a latch needs at the very least."""
MEMORY_WARN, MEMORY_FAIL = 1_000.0, 300.0
"""Available memory [MB]: a node with eight instruments takes some 400."""
MAX_ERROR = 0.5
"""Largest uncertainty of the clock that is fine [s]; venues refuse orders stamped some seconds off."""
MAX_DRIFT = 0.05
"""Largest difference between wall clock and steady clock over the `_WATCH` that is fine [s]."""

_WATCH = 0.2
_STA_UNSYNC = 0x0040  # from <sys/timex.h>


class _Timex(ctypes.Structure):
    """The head of Linux' ``struct timex``; the rest is room."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_byte * 256),
    ]


def check_clock() -> list[Check]:
    """Ask the kernel how far off the clock may be, and watch whether it jumps."""
    return [judge_clock(read_clock()), judge_drift(_drift())]


def read_clock() -> tuple[bool, float] | None:
    """Return whether the clock is synchronised and its largest error [s]; ``None`` when nobody can tell."""
    if not sys.platform.startswith("linux"):
        return None
    timex = _Timex(modes=0)
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else (not timex.status & _STA_UNSYNC, timex.maxerror / 1e6)


def judge_clock(clock: tuple[bool, float] | None) -> Check:
    """Judge what `read_clock` returns."""
    hint = "run chrony or systemd-timesyncd: venues refuse orders with a wrong time"
    if clock is None:
        return Check.warn("clock", "unknown: this system does not say whether it is synchronised", hint)
    synchronised, error = clock
    if not synchronised:
        return Check.warn("clock", "not synchronised by the system, its error is unknown", hint)
    if error > MAX_ERROR:
        return Check.warn("clock", f"synchronised, but up to {error:.3f} s off", hint)
    return Check.ok("clock", f"synchronised, at most {error:.3f} s off")


def judge_drift(drift: float) -> Check:
    """Judge how far the wall clock ran away from the steady one meanwhile [s]."""
    if abs(drift) > MAX_DRIFT:
        hint = "something sets the clock: windows of an hour and a day are only as good as it"
        return Check.warn("clock steps", f"{drift * 1e3:+.1f} ms in {_WATCH} s", hint)
    return Check.ok("clock steps", "none while watching")


def _drift() -> float:
    wall, steady = time.time(), time.monotonic()
    time.sleep(_WATCH)
    return (time.time() - wall) - (time.monotonic() - steady)


def check_disk(folder: Path) -> Check:
    """Look at the free space where the state lies."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free / MEGABYTE
    return _judge_amount("disk", free, f"free at {there}", DISK_WARN, DISK_FAIL)


def check_memory(source: Path = Path("/proc/meminfo")) -> Check:
    """Look at the memory that programs can have."""
    available = available_memory(source)
    if available is None:
        return Check.warn("memory", "unknown on this system")
    return _judge_amount("memory", available, "available", MEMORY_WARN, MEMORY_FAIL)


def available_memory(source: Path) -> float | None:
    """Read ``MemAvailable`` [MB]; ``None`` where it is not told."""
    try:
        lines = source.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = (line.split() for line in lines if line.startswith("MemAvailable:"))
    return next((int(words[1]) * 1024 / MEGABYTE for words in found), None)


def _judge_amount(name: str, amount: float, what: str, warn: float, fail: float) -> Check:
    words = f"{amount:,.0f} MB {what}"
    if amount < fail:
        return Check.fail(name, words, f"at least {fail:,.0f} MB, better {warn:,.0f} MB")
    return Check.warn(name, words, f"better {warn:,.0f} MB") if amount < warn else Check.ok(name, words)


def check_ports(ports: Iterable[tuple[str, int]]) -> list[Check]:
    """Try to listen where the deployment wants to: (what for, port)."""
    checks = [_check_port(purpose, port) for purpose, port in ports]
    return checks or [Check.ok("ports", "none is listened on by this config")]


def _check_port(purpose: str, port: int) -> Check:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            hint = "another process has it: stop that, or choose another port"
            return Check.fail(f"port {port}", f"{purpose}: {error.strerror}", hint)
    return Check.ok(f"port {port}", f"{purpose}: free")
