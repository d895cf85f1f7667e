"""Lists the packages: the library, and the two folders mapped into it (see pyproject.toml)."""

from setuptools import find_packages, setup

MAPPED = ("actors", "strategies")


def packages() -> list[str]:
    """Everything under nautilus_quant/, then each mapped folder under its public name."""
    found = find_packages(include=["nautilus_quant", "nautilus_quant.*"])
    for folder in MAPPED:
        found.append(f"nautilus_quant.{folder}")
        found += [f"nautilus_quant.{folder}.{name}" for name in find_packages(folder)]
    return found


setup(packages=packages())
