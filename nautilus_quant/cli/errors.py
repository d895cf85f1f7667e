"""How commands end: a message for people, and an exit code for programs, never a traceback for a mistake."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer

from nautilus_quant.cli.codes import FAILED, INTERRUPTED, LOCKED, REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def user_errors(*also: type[Exception]) -> Iterator[None]:
    """
    Turn what a user can mend into a message and an exit code.

    Parameters
    ----------
    also
        Further kinds of errors which are the user's in this command.

    """
    try:
        yield
    except (KeyboardInterrupt, BrokenPipeError):
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        code = FAILED if isinstance(error, also) else _code(error)
        if code is None:
            raise
        stop(str(error), code)


def stop(message: str, code: int = FAILED) -> NoReturn:
    """Say why on stderr, and end with `code`."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


def _code(error: Exception) -> int | None:
    """Return the exit code of an error a user can mend; ``None`` for one of ours."""
    from nautilus_quant.config.problems import ConfigError
    from nautilus_quant.host.runner_lock import AlreadyRunningError
    from nautilus_quant.host.statejson import StateError

    if isinstance(error, ConfigError):
        return REFUSED
    if isinstance(error, AlreadyRunningError):
        return LOCKED
    return FAILED if isinstance(error, StateError | OSError) else None
