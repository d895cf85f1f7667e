"""``python -m nautilus_quant`` is the `nq` command."""

from nautilus_quant.cli import main

if __name__ == "__main__":
    main()
