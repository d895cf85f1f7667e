#!/usr/bin/env bash
# Print the path of a Python that can run the project, or explain on stderr how to get one and fail.
# Looks at $PYTHON, on PATH, under pyenv, at uv, and at last asks PyPI for uv to bring a Python.
set -u

WANTED='3.12 or newer, older than 3.15'
# 3.13 first: constraints.txt was tested with it
VERSIONS=(3.13 3.12 3.14)

# A pyenv shim exists for versions that are not active, so being there proves nothing: it has to run.
probe() {
    "$1" - 2>/dev/null <<'PY'
import ensurepip, struct, sys, sysconfig, venv
right = (3, 12) <= sys.version_info < (3, 15) and sys.implementation.name == "cpython"
wheels = struct.calcsize("P") == 8 and not sysconfig.get_config_var("Py_GIL_DISABLED")
if not (right and wheels):
    sys.exit(1)
print(sys.executable)
PY
}

accept() {
    local found
    found="$(probe "$1")" && [ -n "$found" ] && printf '%s\n' "$found" && exit 0
}

on_path() {
    local version
    for version in "${VERSIONS[@]}"; do accept "python$version"; done
    accept python3
    accept python
}

under_pyenv() {
    local root version python
    for root in "${PYENV_ROOT:-}" "$HOME/.pyenv"; do
        [ -d "$root/versions" ] || continue
        for version in "${VERSIONS[@]}"; do
            for python in "$root/versions/$version"*/bin/python; do
                [ -x "$python" ] && accept "$python"
            done
        done
    done
}

through_uv() {
    local python
    python="$("$1" python find '>=3.12,<3.15' 2>/dev/null)" && accept "$python"
    echo "asking uv for Python ${VERSIONS[0]} ..." >&2
    "$1" python install "${VERSIONS[0]}" >&2 || return 1
    python="$("$1" python find "${VERSIONS[0]}" 2>/dev/null)" && accept "$python"
}

uv_from_pypi() {
    local python scratch
    scratch="$(mktemp -d)" || return 1
    trap 'rm -rf "$scratch"' EXIT
    for python in $(type -aP python3 python); do
        "$python" -m venv "$scratch/venv" >/dev/null 2>&1 || continue
        echo "no Python $WANTED here; fetching uv from PyPI to bring one ..." >&2
        "$scratch/venv/bin/python" -m pip install -q --disable-pip-version-check uv >&2 || return 1
        through_uv "$scratch/venv/bin/uv"
        return 1
    done
}

if [ -n "${PYTHON:-}" ]; then
    accept "$PYTHON"
    echo "PYTHON must be a 64-bit CPython $WANTED, with venv, was: $PYTHON ($("$PYTHON" -V 2>&1))" >&2
    exit 1
fi
on_path
under_pyenv
command -v uv >/dev/null 2>&1 && through_uv uv
uv_from_pypi
cat >&2 <<MESSAGE

No Python $WANTED was found (on PATH, under pyenv, or through uv). Any one of these brings it:
  uv:             https://docs.astral.sh/uv  then  uv python install 3.13
  pyenv:          pyenv install 3.13
  Debian, Ubuntu: apt install python3.13 python3.13-venv
  macOS:          brew install python@3.13
or name one:      make setup PYTHON=/path/to/python3.13
MESSAGE
exit 1
