"""The house rules that a machine can check: who may import whom, sizes, docstrings."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "nautilus_quant"

# Rooms of pure rules. Time, seeds and data come in as arguments: they run anywhere, and outlive 1.x.
RULE_ROOMS = frozenset(
    {
        "safety",
        "gating",
        "account",
        "signals",
        "learning",
        "options",
        "carry",
        "portfolio",
        "rollout",
        "monitoring",
        "research",
    }
)
# Everything else may know NautilusTrader, and is named here, so that a new room has to decide what it is.
HOST_ROOMS = frozenset({"host", "venues", "config", "cli"})
HOST_FILES = frozenset({"__init__.py", "__main__.py", "live.py", "backtest.py"})

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 50

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def absolute(node: ast.ImportFrom, path: Path) -> str:
    """Name the module of ``from x import y`` in full, also when it is written with dots."""
    if not node.level:
        return node.module or ""
    package = path.relative_to(ROOT).parts[: -node.level]
    return ".".join([*package, *filter(None, [node.module])])


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module the file imports, at whatever depth, and by name through importlib."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = absolute(node, path)
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "import_module":
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield node.lineno, argument.value


def within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def offences(files: list[Path], forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{name_of(path)}:{line} imports {module}"
        for path in files
        for line, module in imports(path)
        if within(module, forbidden)
    ]


def functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def length(node: Function) -> int:
    """Lines of the body without the docstring: saying more must not be a reason to split."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def public(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Public classes, functions and methods at the top of a module."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                members = (member for member in node.body if isinstance(member, Function))
                yield from ((f"{node.name}.{m.name}", m) for m in members if not m.name.startswith("_"))


def described_elsewhere(name: str, node: ast.AST) -> bool:
    """Hooks of NautilusTrader, overrides and setters need no words of their own."""
    decorators = [ast.unparse(d) for d in getattr(node, "decorator_list", [])]
    hook = name.rpartition(".")[2].startswith("on_")
    return hook or any(d.endswith((".setter", "override", "overload")) for d in decorators)


def test_every_room_says_whether_it_is_rules_or_host() -> None:
    rooms = {path.parent.name for path in LIBRARY.glob("*/*.py")}
    assert rooms <= RULE_ROOMS | HOST_ROOMS
    assert {path.name for path in LIBRARY.glob("*.py")} <= HOST_FILES


@pytest.mark.parametrize("room", sorted(RULE_ROOMS))
def test_rules_do_not_know_nautilus_trader(room: str) -> None:
    assert offences(sources(LIBRARY / room), ("nautilus_trader",)) == []


@pytest.mark.parametrize("room", sorted(RULE_ROOMS))
def test_rules_do_not_reach_up_into_the_host(room: str) -> None:
    above = tuple(f"nautilus_quant.{name}" for name in ("host", "venues", "cli", "live", "backtest"))
    assert offences(sources(LIBRARY / room), above) == []


def test_rules_run_without_nautilus_trader() -> None:
    """Not even through something else they import."""
    modules = [
        name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for room in sorted(RULE_ROOMS)
        for path in sources(LIBRARY / room)
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
        "    assert 'nautilus_trader' not in sys.modules, f'{name} brings nautilus_trader in'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_the_library_never_imports_actors_or_strategies() -> None:
    shells = ("actors", "strategies", "nautilus_quant.actors", "nautilus_quant.strategies")
    assert offences(sources(LIBRARY), shells) == []


def test_the_package_never_imports_what_surrounds_it() -> None:
    folders = [LIBRARY, ROOT / "actors", ROOT / "strategies"]
    assert offences(sources(*folders), ("tests", "benchmarks", "backtests", "pytest", "hypothesis")) == []


def test_files_stay_short() -> None:
    folders = [
        LIBRARY,
        *(ROOT / name for name in ("actors", "strategies", "benchmarks", "backtests", "tests")),
    ]
    lines = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources(*folders)}
    assert {name: count for name, count in lines.items() if count > MAX_FILE_LINES} == {}


def test_functions_stay_short() -> None:
    found = {
        f"{name_of(path)}:{node.lineno} {node.name}": length(node)
        for path in sources(LIBRARY, ROOT / "actors", ROOT / "strategies", ROOT / "benchmarks")
        for node in functions(parse(path))
    }
    assert {name: count for name, count in found.items() if count > MAX_FUNCTION_LINES} == {}


def test_public_things_are_described() -> None:
    missing = []
    for path in sources(LIBRARY, ROOT / "actors", ROOT / "strategies"):
        tree = parse(path)
        if ast.get_docstring(tree) is None:
            missing.append(name_of(path))
        missing += [
            f"{name_of(path)}: {name}"
            for name, node in public(tree)
            if not described_elsewhere(name, node) and ast.get_docstring(node) is None  # type: ignore[arg-type]
        ]
    assert missing == []


def test_rules_do_not_read_the_clock_or_the_dice() -> None:
    """Time and randomness are arguments: a rule that reads them cannot be replayed."""
    forbidden = {"time.time", "time.time_ns", "time.monotonic", "datetime.now", "datetime.utcnow"}
    forbidden |= {"random.random", "np.random.seed", "np.random.rand", "np.random.normal", "date.today"}
    found = [
        f"{name_of(path)}:{node.lineno} {ast.unparse(node.func)}"
        for path in sources(*(LIBRARY / room for room in RULE_ROOMS))
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(tuple(forbidden))
    ]
    assert found == []


def test_the_walk_sees_what_it_forbids() -> None:
    """The checks above are only worth something when they can fail."""
    tree = ast.parse("from ..host import gateway\ndef f():\n    from .. import cli\n")
    path = LIBRARY / "safety" / "example.py"
    seen = [absolute(node, path) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert seen == ["nautilus_quant.host", "nautilus_quant"]
    assert "nautilus_trader" in {
        module.split(".")[0] for _, module in imports(LIBRARY / "host" / "kernel.py")
    }
    assert within("nautilus_trader.core", ("nautilus_trader",))
    assert not within("nautilus_trader_extra", ("nautilus_trader",))
