"""The `nq` command. Importing it is light: NautilusTrader comes in when a command needs it."""

from __future__ import annotations


def main() -> None:
    """Run the `nq` command."""
    import sys
    from pathlib import Path

    from nautilus_quant.cli.app import app

    # Plug-ins of one's own lie in the working folder, as for `python -m`; last, so that they hide nothing.
    here = str(Path.cwd())
    if not {"", here} & set(sys.path):
        sys.path.append(here)
    app()
