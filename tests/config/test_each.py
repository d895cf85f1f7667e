"""A strategy written once for many instruments."""

import json

import pytest

from nautilus_quant.config import load, native_live, show

FAST = """\
strategies:
  probe-btc: null
  fast:
    use: config_probes:Probe
    each: [BTCUSDT-PERP.BINANCE, ETHUSDT-PERP.BINANCE]
    fast: 5
"""


def only(problems):
    (problem,) = problems
    return problem


def config_of(deployment):
    return {name: plugin.config for name, plugin in deployment.strategies.items()}


def test_one_strategy_per_instrument(read):
    deployment = read(FAST)
    assert config_of(deployment) == {
        "fast_btcusdt": {"fast": 5, "instrument": "BTCUSDT-PERP.BINANCE"},
        "fast_ethusdt": {"fast": 5, "instrument": "ETHUSDT-PERP.BINANCE"},
    }
    plugin = deployment.strategies["fast_ethusdt"]
    assert plugin.instruments == ("ETHUSDT-PERP.BINANCE",)
    assert plugin.component_id == "Probe-fast_ethusdt"


@pytest.mark.parametrize(
    ("instrument", "name"),
    [
        ("1000SHIB-USDT-SWAP.BINANCE", "fast_1000shibusdt"),
        ("BTC/USD.BINANCE", "fast_btcusd"),
        ("BTC-PERPETUAL.BINANCE", "fast_btcperpetual"),
        ("ES.c.0.BINANCE", "fast_esc0"),
    ],
)
def test_keys_are_made_of_letters_and_digits_of_the_symbol(read, instrument, name):
    text = FAST.replace("[BTCUSDT-PERP.BINANCE, ETHUSDT-PERP.BINANCE]", f"[{instrument}]")
    assert list(read(text).strategies) == [name]


def test_they_stand_where_their_block_stood(read):
    text = "strategies:\n  a: {use: 'config_probes:Probe', instrument: BTCUSDT-PERP.BINANCE}\n"
    text += FAST.partition("\n")[2] + "  z: {use: 'config_probes:Probe', instrument: BTCUSDT-PERP.BINANCE}\n"
    assert list(read(text).strategies) == ["a", "fast_btcusdt", "fast_ethusdt", "z"]


def test_shares_are_per_strategy(read):
    text = "strategies:\n  probe-btc: null\n  m:\n    use: momentum\n"
    text += "    each: [BTCUSDT-PERP.BINANCE, ETHUSDT-PERP.BINANCE]\n    bar: 1-MINUTE\n"
    text += "  one: {use: momentum, instrument: BTCUSDT-PERP.BINANCE, bar: 1-MINUTE, allocation: 40%}\n"
    deployment = read(text)
    shares = {name: deployment.share(plugin) for name, plugin in deployment.strategies.items()}
    assert shares == {"m_btcusdt": pytest.approx(0.3), "m_ethusdt": pytest.approx(0.3), "one": 0.4}
    assert deployment.bars == (
        "BTCUSDT-PERP.BINANCE-1-MINUTE-LAST-EXTERNAL",
        "ETHUSDT-PERP.BINANCE-1-MINUTE-LAST-EXTERNAL",
    )


def test_entries_may_say_more_than_the_instrument(read):
    each = "[{instrument: BTCUSDT-PERP.BINANCE, label: pair, slow: 50}, ETHUSDT-PERP.BINANCE]"
    deployment = read(FAST.replace("[BTCUSDT-PERP.BINANCE, ETHUSDT-PERP.BINANCE]", each))
    assert config_of(deployment) == {
        "fast_btcusdt": {"fast": 5, "instrument": "BTCUSDT-PERP.BINANCE", "label": "pair", "slow": 50},
        "fast_ethusdt": {"fast": 5, "instrument": "ETHUSDT-PERP.BINANCE"},
    }


def test_one_list_serves_several_blocks(read):
    text = "strategies:\n  probe-btc: null\n"
    text += "  a: {use: 'config_probes:Probe', each: &two [BTCUSDT-PERP.BINANCE, ETHUSDT-PERP.BINANCE]}\n"
    text += "  b: {use: 'config_probes:Probe', each: *two, fast: 3}\n"
    assert list(read(text).strategies) == ["a_btcusdt", "a_ethusdt", "b_btcusdt", "b_ethusdt"]


def test_one_of_them_is_changed_or_removed_by_its_own_key(read):
    change = "  fast_btcusdt: {slow: 40, fast: null}\n  fast_ethusdt: null\n"
    assert config_of(read(FAST + change)) == {
        "fast_btcusdt": {"instrument": "BTCUSDT-PERP.BINANCE", "slow": 40}
    }
    # The change may stand before what it changes.
    before = FAST.replace("  fast:\n", "  fast_btcusdt: {slow: 40}\n  fast:\n")
    assert config_of(read(before))["fast_btcusdt"]["slow"] == 40


def test_a_later_file_changes_the_block_and_one_of_them(read, write):
    read(FAST)
    text = "extends: deployment.yaml\nstrategies:\n  fast: {fast: 6, slow: 60}\n  fast_ethusdt: {fast: 9}\n"
    assert config_of(load(write(text, "top.yaml"), env={})) == {
        "fast_btcusdt": {"fast": 6, "slow": 60, "instrument": "BTCUSDT-PERP.BINANCE"},
        "fast_ethusdt": {"fast": 9, "slow": 60, "instrument": "ETHUSDT-PERP.BINANCE"},
    }


def test_a_later_file_replaces_the_instruments_or_removes_the_block(read, write):
    read(FAST)
    text = "extends: deployment.yaml\nstrategies:\n  fast: %s\n"
    top = load(write(text % "{each: [LINKUSDT-PERP.BINANCE]}", "top.yaml"), env={})
    assert list(top.strategies) == ["fast_linkusdt"]
    assert load(write(text % "null", "top.yaml"), env={}).strategies == {}
    single = load(write(text % "{each: null, instrument: ETHUSDT-PERP.BINANCE}", "top.yaml"), env={})
    assert config_of(single) == {"fast": {"fast": 5, "instrument": "ETHUSDT-PERP.BINANCE"}}


def test_removed_stays_removed_although_a_file_between_has_changed_it(read, write):
    read(FAST)
    change = "strategies:\n  fast_btcusdt: {slow: 40}\n  fast_ethusdt: null\n"
    write(f"extends: deployment.yaml\n{change}", "mid.yaml")
    path = write("extends: mid.yaml\nstrategies:\n  fast_btcusdt: null\n  fast_ethusdt: null\n", "top.yaml")
    assert load(path, env={}).strategies == {}
    again = write("extends: top.yaml\nstrategies:\n  fast_btcusdt: {slow: 99}\n", "again.yaml")
    assert config_of(load(again, env={})) == {
        "fast_btcusdt": {"fast": 5, "slow": 99, "instrument": "BTCUSDT-PERP.BINANCE"}
    }


def test_all_or_one_can_be_switched_off(read):
    assert read(FAST + "    enabled: false\n").strategies == {}
    assert list(read(FAST + "  fast_btcusdt: {enabled: false}\n").strategies) == ["fast_ethusdt"]


def test_without_plugins_the_keys_are_the_same(write, read):
    read(FAST)
    shallow = load(write(f"extends: base.yaml\n{FAST}", "x.yaml"), env={}, plugins=False)
    assert list(shallow.strategies) == ["fast_btcusdt", "fast_ethusdt"]


def test_what_is_shown_is_written_out_and_loads_again(read, write):
    deployment = read(FAST)
    shown = show(deployment)
    assert list(shown["strategies"]) == ["fast_btcusdt", "fast_ethusdt"]
    assert show(load(write(json.dumps(shown), "again.yaml"), env={})) == {
        **shown,
        "name": shown["name"],
    }


def test_native_configs_know_nothing_of_it(read):
    strategies = native_live(read(FAST))["strategies"]
    assert [item["config"]["instrument"] for item in strategies] == [
        "BTCUSDT-PERP.BINANCE",
        "ETHUSDT-PERP.BINANCE",
    ]
    assert [item["config"]["order_id_tag"] for item in strategies] == ["fast_btcusdt", "fast_ethusdt"]
    assert "each" not in strategies[0]["config"]


@pytest.mark.parametrize(
    ("each", "rule"),
    [
        ("BTCUSDT-PERP.BINANCE", "must be a list of instruments"),
        ("[]", "must be a list of instruments"),
        ("null", "must be a list of instruments"),
        ("[BTCUSDT]", "must be an instrument id"),
        ("[5]", "must be an instrument id"),
        ("[-PERP.BINANCE]", "must be an instrument id"),
        ("[BTC USDT.BINANCE]", "must be an instrument id"),
        ("[{partner: ETHUSDT-PERP.BINANCE}]", "must be an instrument id"),
        ("[{instrument: ETH}]", "must be an instrument id"),
        ("[[BTCUSDT-PERP.BINANCE]]", "must be an instrument id"),
        ("[BTCUSDT-PERP.BINANCE, BTCUSDT-PERP.BINANCE]", "an instrument stands once in `each`"),
    ],
)
def test_lists_that_cannot_be(refused, each, rule):
    problem = only(refused(FAST.replace("[BTCUSDT-PERP.BINANCE, ETHUSDT-PERP.BINANCE]", each)))
    assert problem.rule == rule
    assert problem.line == 6
    assert problem.path.startswith("strategies.fast.each")
    assert problem.hint or "once" in rule


def test_too_many_instruments(refused):
    many = ", ".join(f"C{at}USDT.BINANCE" for at in range(501))
    problem = only(refused(FAST.replace("BTCUSDT-PERP.BINANCE, ETHUSDT-PERP.BINANCE", many)))
    assert problem.rule == "at most 500 instruments"


def test_each_and_instrument_do_not_go_together(refused):
    problem = only(refused(FAST + "    instrument: BTCUSDT-PERP.BINANCE\n"))
    assert problem.rule == "`each` and `instrument` do not go together"
    assert (problem.line, problem.path) == (6, "strategies.fast.each")


def test_a_strategy_of_that_name_clashes(refused):
    text = FAST + "  fast_ethusdt: {use: 'config_probes:Probe', instrument: ETHUSDT-PERP.BINANCE}\n"
    problem = only(refused(text))
    assert problem.line == 6
    assert "ETHUSDT-PERP.BINANCE of fast would be called fast_ethusdt" in problem.rule
    assert "deployment.yaml:8)" in problem.rule


def test_two_instruments_of_one_symbol_clash(refused):
    text = FAST.replace("[BTCUSDT-PERP.BINANCE, ETHUSDT-PERP.BINANCE]", "[BTCUSDT.BINANCE, BTC-USDT.BINANCE]")
    problem = only(refused(text))
    assert "BTC-USDT.BINANCE of fast would be called fast_btcusdt" in problem.rule
    assert "BTCUSDT.BINANCE of fast (" in problem.rule
    assert "deployment.yaml:6)" in problem.rule


def test_a_block_for_many_may_be_called_as_one_of_another(read):
    text = FAST + "  fast_btcusdt: {use: 'config_probes:Probe', each: [ADAUSDT.BINANCE]}\n"
    assert list(read(text).strategies) == ["fast_btcusdt", "fast_ethusdt", "fast_btcusdt_adausdt"]


def test_what_is_wrong_with_all_is_said_once(refused):
    problem = only(refused(FAST + "    fsat: 7\n"))
    assert (problem.line, problem.path) == (8, "strategies.fast.fsat")
    assert problem.hint == "did you mean `fast`?"


def test_what_is_wrong_with_one_is_said_of_that_one(refused):
    problem = only(refused(FAST + "  fast_ethusdt:\n    slow: 2\n"))
    assert (problem.line, problem.path) == (7, "strategies.fast_ethusdt.fast")
    problem = only(refused(FAST.replace("ETHUSDT-PERP.BINANCE", "ETHUSDT-PERP.BINANCEE")))
    assert (problem.line, problem.path) == (6, "strategies.fast_ethusdt.instrument")
    assert "did you mean `BINANCE`?" in problem.hint


def test_a_missing_use_is_said_once(refused):
    problem = only(refused(FAST.replace("    use: config_probes:Probe\n", "")))
    assert (problem.rule, problem.path) == ("`use` is required", "strategies.fast")


def test_a_change_of_nothing_is_a_block_without_use(refused):
    assert only(refused(FAST + "  fast_bctusdt: {slow: 40}\n")).rule == "`use` is required"
    assert only(refused(FAST + "  fast_bctusdt: null\n")).path == "strategies.fast_bctusdt"
    assert only(refused(FAST + "  fast_btcusdt: 7\n")).path == "strategies.fast_btcusdt"


def test_names_that_get_too_long(refused):
    problems = refused(FAST.replace("  fast:", f"  {'f' * 29}:"))
    assert [problem.path for problem in problems] == [
        f"strategies.{'f' * 29}_btcusdt",
        f"strategies.{'f' * 29}_ethusdt",
    ]
    assert all("up to 36" in problem.rule for problem in problems)
