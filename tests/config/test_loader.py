import subprocess
import sys

import pytest

from nautilus_quant.config import ConfigError, load

LIGHT = """\
import sys
import nautilus_quant.config as config
config.Fraction, config.load, config.ConfigError, config.Mode
deployment = config.load({path!r}, plugins=False)
assert deployment.state and deployment.name
heavy = {{"nautilus_trader", "pandas", "numpy", "scipy"}} & {{name.partition(".")[0] for name in sys.modules}}
assert not heavy, heavy
"""


def test_reading_without_plugins_imports_nothing_heavy(base):
    subprocess.run([sys.executable, "-c", LIGHT.format(path=str(base))], check=True)


def test_a_deployment_is_named_after_its_file(write, base):
    text = "extends: base.yaml\n"
    assert load(write(text, "desk one.yaml"), env={}).name == "desk-one"
    assert load(write(f"{text}name: mine", "x.yaml"), env={}).name == "mine"
    assert load(write(text, "---.yaml"), env={}).name == "deployment"


def test_a_path_may_be_text(base):
    assert load(str(base), env={}).path == str(base)


def test_the_process_has_an_environment(base, write, monkeypatch):
    monkeypatch.setenv("DESK", "north")
    assert load(write("extends: base.yaml\nname: ${DESK}-desk")).name == "north-desk"


def test_problems_come_with_the_main_file_first(write):
    write("mode: paper\nvenues: {SIM: {adapter: nothing}}\nx: 1", "low.yaml")
    with pytest.raises(ConfigError) as caught:
        load(write("extends: low.yaml\ny: 1"), env={})
    problems = caught.value.problems
    assert [(problem.file.rpartition("/")[2], problem.line) for problem in problems] == [
        ("deployment.yaml", 2),
        ("low.yaml", 2),
        ("low.yaml", 3),
    ]
    lines = str(caught.value).splitlines()
    assert lines[0] == "configuration refused, 3 problems:"
    assert "deployment.yaml:2: y: unknown key" in lines[1]


def test_lookups(read):
    deployment = read("actors: {safety: {use: safety_engine}}")
    assert deployment.plugin("safety_engine").name == "safety"
    assert deployment.plugin("nautilus_quant.actors:SafetyEngine").name == "safety"
    assert deployment.plugin("momentum") is None
    assert [plugin.name for plugin in deployment.plugins] == ["safety", "probe-btc"]
    assert deployment.instruments == ("BTCUSDT-PERP.BINANCE",)
