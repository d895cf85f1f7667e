"""What people get who install the package: every module, under its public name, and a light core."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.xdist_group("a wheel")

PUBLIC_ROOTS = {
    "nautilus_quant": "nautilus_quant",
    "actors": "nautilus_quant/actors",
    "strategies": "nautilus_quant/strategies",
}


@pytest.fixture(scope="module")
def declared(project: Path) -> dict:
    return tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))


def modules_in_tree(project: Path) -> set[str]:
    """Where every source file has to be in a wheel."""
    return {
        f"{public}/{path.relative_to(project / folder).as_posix()}"
        for folder, public in PUBLIC_ROOTS.items()
        for path in (project / folder).rglob("*.py")
    }


@pytest.fixture(scope="module")
def copy(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is packed, elsewhere: building writes beside the sources."""
    copy = tmp_path_factory.mktemp("source")
    for name in PUBLIC_ROOTS:
        shutil.copytree(project / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(project / name, copy)
    return copy


@pytest.fixture(scope="module")
def wheel(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """Build offline, with the setuptools that is there."""
    out = tmp_path_factory.mktemp("wheel")
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    command = [sys.executable, "-m", "pip", "wheel", "-q", *offline, "-w", str(out), str(copy)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return ZipFile(next(out.glob("nt_quant-*.whl")))


def test_a_wheel_holds_every_module_and_nothing_else(copy: Path, wheel: ZipFile) -> None:
    packed = {name for name in wheel.namelist() if name.endswith(".py")}
    assert packed == modules_in_tree(copy)


def test_a_wheel_brings_types_licence_and_command(wheel: ZipFile) -> None:
    names = wheel.namelist()
    assert "nautilus_quant/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    entry_points = next(name for name in names if name.endswith("entry_points.txt"))
    assert "nq = nautilus_quant.cli:main" in wheel.read(entry_points).decode()


def test_every_folder_of_modules_is_a_package(project: Path) -> None:
    """A folder without ``__init__.py`` works in the tree and is missing from the wheel."""
    folders = {path.parent for name in PUBLIC_ROOTS for path in (project / name).rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_the_installed_distribution_is_this_tree(declared: dict) -> None:
    import nautilus_quant

    assert declared["project"]["name"] == "nt-quant"
    assert importlib.metadata.version("nt-quant") == nautilus_quant.__version__


def test_the_core_stays_light(declared: dict) -> None:
    core = {re.split(r"[\[<>= ]", entry)[0].lower() for entry in declared["project"]["dependencies"]}
    assert core.isdisjoint({"ta-lib", "plotly", "scikit-learn", "optuna", "psycopg", "pytest"})


def test_tested_versions_satisfy_what_is_declared(project: Path, declared: dict) -> None:
    """Every dependency that is declared is pinned in the constraints, and no registry is named there."""
    lines = (project / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line)] == []
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in pins}
    extras = declared["project"]["optional-dependencies"]
    wanted = [*declared["project"]["dependencies"], *extras["report"], *extras["research"], *extras["dev"]]
    names = {re.split(r"[\[<>= ]", entry)[0].lower().replace("_", "-") for entry in wanted}
    assert names - {"nt-quant"} <= pinned


def test_importing_the_package_is_cheap() -> None:
    """``--help`` has half a second: the heavy libraries come in when they are used."""
    heavy = {"nautilus_trader", "numpy", "pandas", "scipy", "sqlalchemy"}
    code = f"import nautilus_quant.cli, sys; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout.strip() == "[]"
