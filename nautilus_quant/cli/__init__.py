"""The `nq` command. Importing it is light: NautilusTrader comes in when a command needs it."""

from __future__ import annotations


def main() -> None:
    """Run the `nq` command."""
    from nautilus_quant.cli.app import app

    app()
