import pytest

from nautilus_quant.config import load


def only(problems):
    (problem,) = problems
    return problem


def test_a_class_of_anybody_by_import_path(read):
    plugin = read().strategies["probe-btc"]
    assert (plugin.path, plugin.config_path) == ("config_probes:Probe", "config_probes:ProbeConfig")
    assert plugin.config["fast"] == 7
    assert plugin.instruments == ("BTCUSDT-PERP.BINANCE",)
    assert plugin.bars == ("BTCUSDT-PERP.BINANCE-5-MINUTE-LAST-EXTERNAL",)
    assert not plugin.targets


def test_percentages_durations_and_nested_fields(read):
    text = """\
strategies:
  probe-btc:
    stop: 1.5%
    wait: 1d12h
    size: 0.25
    levels: {low: 1, high: 2.5}
    legs:
      - {instrument: ETHUSDT-PERP.BINANCE, weight: -1}
"""
    plugin = read(text).strategies["probe-btc"]
    assert plugin.config["stop"] == 0.015
    assert plugin.config["wait"] == 129_600.0
    assert plugin.config["legs"] == [{"instrument": "ETHUSDT-PERP.BINANCE", "weight": -1}]
    assert plugin.instruments == ("BTCUSDT-PERP.BINANCE", "ETHUSDT-PERP.BINANCE")


def test_members_of_enumerations_go_by_name(read, refused):
    text = "strategies: {probe-btc: {market_exit_time_in_force: %s}}"
    assert read(text % "ioc").strategies["probe-btc"].config["market_exit_time_in_force"] == 2
    assert only(refused(text % "FOKK")).hint == "did you mean `FOK`?"


def test_a_config_class_of_another_name(read):
    text = "actors:\n  w: {use: 'config_probes:Watcher', config: 'config_probes:Settings', every: 5m}"
    # Watcher takes any config; what counts is that fields are those of the class named.
    plugin = read(text).actors["w"]
    assert plugin.config == {"every": 300.0}
    assert plugin.config_path == "config_probes:Settings"


def test_a_plugin_can_be_switched_off(read):
    assert read("strategies: {probe-btc: {enabled: false}}").strategies == {}
    assert "probe-btc" in read("strategies: {probe-btc: {enabled: true}}").strategies


def test_an_unknown_key_gets_the_nearest_name(refused):
    problem = only(refused("strategies:\n  probe-btc:\n    fsat: 5"))
    assert (problem.line, problem.path) == (4, "strategies.probe-btc.fsat")
    assert problem.rule == "unknown key"
    assert problem.hint == "did you mean `fast`?"


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("fast: ten", "must be a whole number, not text"),
        ("fast: 0", "must be a whole number >= 1"),
        ("fast: 7.5", "must be a whole number"),
        ("stop: 150%", "must be a number <= 1.0"),
        ("stop: -1%", "must be a number >= 0.0"),
        ("stop: lots", "a fraction is a number, or a percentage"),
        ("wait: 6 hours", "a duration is seconds"),
        ("instrument: BTCUSDT", "not a valid InstrumentId"),
        ("bars: BTCUSDT-1", "not a valid BarType"),
        ("size: much", "Invalid decimal string"),
        ("label: 5", "must be text"),
        ("legs: 3", "must be a list"),
        ("legs: [{instrument: ETHUSDT-PERP.BINANCE, wait: 1}]", "unknown key"),
        ("legs: [{weight: 1}]", "`instrument` is required"),
        ("levels: [1]", "must be a mapping"),
        ("levels: {low: x}", "must be a number"),
        ("manage_stop: yes", "must be true or false"),
    ],
)
def test_wrong_values_are_refused_on_their_line(refused, field, rule):
    problem = only(refused(f"strategies:\n  probe-btc:\n    {field}"))
    assert problem.line == 4
    assert rule in problem.rule


@pytest.mark.parametrize(
    "bar", ["''", "one minute", "0-SECOND", "1-TICK", "ETHUSDT-PERP.BINANCE-1-MINUTE-LAST-EXTERNAL"]
)
def test_bars_that_cannot_be(refused, bar):
    text = f"strategies:\n  m-eth:\n    use: momentum\n    instrument: BTCUSDT-PERP.BINANCE\n    bar: {bar}"
    problem = only(refused(text))
    assert (problem.line, problem.path) == (6, "strategies.m-eth.bar")


def test_two_per_cent_written_as_two(refused):
    assert only(refused("strategies: {probe-btc: {stop: 2}}")).hint == "2% is written 2% or 0.02"


def test_a_value_impossible_beside_another_is_refused(refused):
    problem = only(refused("strategies:\n  probe-btc:\n    bars: null\n    fast: 40"))
    assert (problem.line, problem.path) == (5, "strategies.probe-btc.fast")
    assert "fast must be shorter than slow [bars], was 40 and 21" in problem.rule


def test_what_a_constructor_refuses_is_refused_here_with_secrets_masked(refused):
    problem = only(refused("strategies: {probe-btc: {size: 101, api_token: hush-hush}}"))
    assert "Probe refuses this config: size must be at most 100, was 101" in problem.rule
    assert "hush" not in str(problem)


@pytest.mark.parametrize(
    ("use", "rule", "hint"),
    [
        ("momentm", "short name or package.module:Class", "did you mean `momentum`?"),
        ("no_such_module:X", "No module named 'no_such_module'", "PYTHONPATH"),
        ("config_probes:Prob", "config_probes has no Prob", "did you mean `Probe`?"),
        ("config_probes:NOT_A_CLASS", "subclass of NautilusTrader's Strategy", ""),
        ("config_probes:Watcher", "subclass of NautilusTrader's Strategy", ""),
        ("3", "must be text", ""),
        ("config_probes", "short name or package.module:Class", "momentum"),
    ],
)
def test_what_use_may_say(refused, use, rule, hint):
    problem = refused(f"strategies:\n  other:\n    use: {use}")[0]
    assert (problem.line, problem.path) == (4, "strategies.other.use")
    assert rule in problem.rule
    assert hint in problem.hint


def test_all_problems_at_once(refused):
    problems = refused(
        """\
mod: paper
allocation: lots
strategies:
  probe-btc: {fast: -1, stop: x, nothing: 1}
  other: {instrument: 5}
  "a b": {use: momentum}
""",
    )
    assert [problem.line for problem in problems] == [2, 3, 5, 5, 5, 6, 7]


def test_without_plugins_nothing_is_imported(write, base):
    path = write("extends: base.yaml\nstrategies: {probe-btc: {use: 'nowhere:Nothing', fast: 5}}")
    plugin = load(path, plugins=False).strategies["probe-btc"]
    assert plugin.path == "nowhere:Nothing"
    assert plugin.config["fast"] == 5


def test_names_in_nautilus_trader(read):
    deployment = read(
        "strategies: {second_one: {use: 'config_probes:Probe', instrument: ETHUSDT-PERP.BINANCE}}"
    )
    ids = [plugin.component_id for plugin in deployment.strategies.values()]
    assert ids == ["Probe-btc", "Probe-second_one"]
