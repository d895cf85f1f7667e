"""What every test may ask for: recorded data, reproducible hypothesis runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The machine's speed is never the subject of a test, so no deadlines. `ci` finds the same examples
# every time; `explore` looks for new ones: HYPOTHESIS_PROFILE=explore make test
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", parent=settings.get_profile("ci"), derandomize=False, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

WITHOUT_DATA = "recorded market data: NQ_DATA names no folder (export NQ_DATA=/path/to/data)"


def recorded_data() -> Path | None:
    """Name the folder with recorded data, or ``None`` when this machine has none."""
    named = os.environ.get("NQ_DATA")
    return Path(named) if named and Path(named).is_dir() else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs recorded data where there is none (who asks for the fixture does); sort by length."""
    for item in items:
        if "nq_data" in getattr(item, "fixturenames", ()):
            item.add_marker("data")
        if recorded_data() is None and item.get_closest_marker("data"):
            item.add_marker(pytest.mark.skip(reason=WITHOUT_DATA))
    # Long ones first: workers that run side by side end together.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def nq_data() -> Path:
    """Folder with recorded market data; tests that need it are skipped without."""
    folder = recorded_data()
    if folder is None:
        pytest.skip(WITHOUT_DATA)
    return folder


@pytest.fixture(scope="session")
def project() -> Path:
    """Root of the project."""
    return Path(__file__).resolve().parent.parent
