#!/usr/bin/env bash
# Create .venv in the root of the project, or bring it up to date; does nothing when it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=.venv
STAMP="$VENV/.set-up-from"
# What the environment depends on, and where it is: an environment does not survive being moved.
state="$(pwd -P; cat pyproject.toml setup.py constraints.txt | cksum)"

works() { "$VENV/bin/python" -c 'import sys; sys.exit(not (3, 12) <= sys.version_info < (3, 15))' 2>/dev/null; }

if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$state" ] && works; then
    exit 0
fi
if [ -n "${PYTHON:-}" ] || ! works || ! grep -qs "$(pwd -P)" "$VENV/bin/activate"; then
    python="$(scripts/find_python.sh)"
    echo "setting up $VENV with $python ($("$python" -V 2>&1))"
    "$python" -m venv --clear "$VENV"
else
    echo "bringing $VENV up to date"
fi
echo "installing packages, which takes a minute or so the first time ..."
# Twice quiet: what goes wrong is still told, what pip thinks of its own settings is not.
"$VENV/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
printf '%s\n' "$state" > "$STAMP"
