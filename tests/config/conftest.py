from pathlib import Path

import pytest

from nautilus_quant.config import ConfigError, load

# Binance needs no key for public data, and its config classes come with NautilusTrader.
BASE = """\
mode: paper
venues:
  BINANCE: {adapter: binance, balances: [100_000 USDT], account_type: USDT_FUTURES}
strategies:
  probe-btc:
    use: config_probes:Probe
    instrument: BTCUSDT-PERP.BINANCE
    bars: BTCUSDT-PERP.BINANCE-5-MINUTE-LAST-EXTERNAL
    fast: 7
    slow: 21
"""


@pytest.fixture(autouse=True)
def probes_importable(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.fixture
def write(tmp_path):
    def write(text, name="deployment.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def base(write):
    return write(BASE, "base.yaml")


@pytest.fixture
def read(base, write):
    """Load a file laid over the base."""

    def read(text="", **env):
        return load(write(f"extends: base.yaml\n{text}"), env=env)

    return read


@pytest.fixture
def refused(base, write):
    """Load a file laid over the base that must be refused; line 1 of `text` is line 2 of the file."""

    def refused(text, *, bare=False, **env):
        path = write(text if bare else f"extends: base.yaml\n{text}")
        with pytest.raises(ConfigError) as caught:
            load(path, env=env)
        return caught.value.problems

    return refused
