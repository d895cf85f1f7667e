"""What the exit codes of all commands mean, in one place."""

from __future__ import annotations

from typing import Final

OK: Final = 0
"""Done, or all is well."""

FAILED: Final = 1
"""It did not work: a check failed, a node does not answer, nothing of that name is there."""

REFUSED: Final = 2
"""Wrong usage, a bad config, or a request that must not be granted now."""

LOCKED: Final = 3
"""Another process runs on the same state."""

NOT_RUNNING: Final = 4
"""``nq status``: no node runs."""

TRIPPED: Final = 5
"""``nq status``: a node runs, and its kill switch has tripped."""

INTERRUPTED: Final = 130
"""Ended by Ctrl+C."""

MEANINGS: Final = {
    OK: "done, or all is well",
    FAILED: "it did not work, or a check failed",
    REFUSED: "wrong usage, a bad config, or a request that must not be granted now",
    LOCKED: "another process runs on the same state",
    NOT_RUNNING: "no node runs (status)",
    TRIPPED: "a node runs and its kill switch has tripped (status)",
    INTERRUPTED: "interrupted",
}
