import pytest

from nautilus_quant.config import native_live

KEYS = {"BINANCE_API_KEY": "a", "BINANCE_API_SECRET": "b"}


def only(problems):
    (problem,) = problems
    return problem


def with_engine(mode, limits="", extra=""):
    return f"mode: {mode}\n{extra}\nactors:\n  safety:\n    use: safety_engine\n    {limits}"


def test_mode_and_venues_are_required(refused):
    problems = refused("name: x", bare=True)
    assert [problem.rule for problem in problems] == ["`mode` is required", "`venues` is required"]
    assert refused("mode: live")[0].hint == "choices: canary, paper, production, shadow"
    assert refused("mode: papr")[0].hint == "did you mean `paper`?"


@pytest.mark.parametrize(
    ("mode", "share"), [("paper", 1.0), ("shadow", 1.0), ("canary", 0.01), ("production", 1.0)]
)
def test_default_allocation(read, mode, share):
    assert read(with_engine(mode), **KEYS).allocation == share


@pytest.mark.parametrize("share", ["1%", "5%", "0.02", "250bps"])
def test_canary_allocations(read, share):
    assert 0.01 <= read(with_engine("canary", extra=f"allocation: {share}"), **KEYS).allocation <= 0.05


@pytest.mark.parametrize("share", ["5.1%", "100%"])
def test_canary_is_not_more_than_five_per_cent(refused, share):
    problem = only(refused(with_engine("canary", extra=f"allocation: {share}"), **KEYS))
    assert (problem.line, problem.path) == (3, "allocation")
    assert "1 % to 5 %" in problem.rule
    assert share in problem.value


def test_no_allocation_is_no_deployment(refused):
    assert "must be more than 0" in only(refused("allocation: 0")).rule


@pytest.mark.parametrize("mode", ["canary", "production"])
@pytest.mark.parametrize(
    ("limit", "ceiling"),
    [
        ("max_hourly_loss: 0.6%", "0.5%"),
        ("max_daily_loss: 2.01%", "2%"),
        ("max_drawdown: 11%", "10%"),
        ("hourly_halt: 59min", "3600 s"),
        ("daily_halt: 6h", "86400 s"),
    ],
)
def test_limits_are_never_looser_than_their_ceilings(refused, mode, limit, ceiling):
    problem = only(refused(with_engine(mode, limit), **KEYS))
    assert (problem.line, problem.path) == (7, f"actors.safety.{limit.partition(':')[0]}")
    assert ceiling in problem.rule
    assert mode in problem.rule


@pytest.mark.parametrize("mode", ["canary", "production"])
def test_limits_may_be_tighter(read, mode):
    text = with_engine(mode, "max_hourly_loss: 0.1%\n    max_drawdown: 10%\n    hourly_halt: 2h")
    assert read(text, **KEYS).actors["safety"].config["max_hourly_loss"] == 0.001


@pytest.mark.parametrize("mode", ["paper", "shadow"])
def test_paper_may_try_what_it_likes(read, mode):
    assert read(with_engine(mode, "max_drawdown: 50%")).actors["safety"].safety
    assert read(f"mode: {mode}").actors == {}


@pytest.mark.parametrize("mode", ["canary", "production"])
def test_real_orders_need_a_safety_engine(refused, mode):
    assert "needs a safety engine" in only(refused(f"mode: {mode}", **KEYS)).rule
    problem = only(refused(with_engine(mode, "enabled: false"), **KEYS))
    assert (problem.line, problem.path) == (7, "actors.safety.enabled")
    assert "cannot be switched off" in problem.rule


def test_the_safety_engine_by_its_import_path_is_the_same(read, refused):
    engine = "nautilus_quant.actors.safety_engine:SafetyEngine"
    text = f"mode: canary\nactors: {{s: {{use: '{engine}', max_drawdown: %s}}}}"
    assert read(text % "9%", **KEYS).actors["s"].safety
    assert "at most 10%" in only(refused(text % "12%", **KEYS)).rule


def test_another_actor_with_such_a_field_is_none_of_ours(read):
    text = with_engine("canary") + "\n  w: {use: 'config_probes:Watcher', max_daily_loss: 50%}"
    assert read(text, **KEYS).actors["w"].config["max_daily_loss"] == 0.5


def test_each_kind_has_a_state_of_its_own(read):
    states = {read(with_engine(mode), **KEYS).state for mode in ("paper", "shadow", "canary")}
    assert len(states) == 3
    assert read(with_engine("canary"), **KEYS).state == read(with_engine("production"), **KEYS).state
    assert read().state == "sqlite:///var/deployment/paper.db"


@pytest.mark.parametrize(
    "state", ["sqlite:///var/live/state.db", "sqlite:///var/canary.db", "sqlite:////x/shadow/s.db"]
)
def test_paper_does_not_touch_the_state_of_others(refused, state):
    assert "never share a state" in only(refused(f"state: {state}")).rule


@pytest.mark.parametrize("state", ["postgres://u@h/d", "mysql://u@h/d", "redis+x://h"])
def test_a_state_is_kept_where_we_can_keep_it(refused, state):
    assert only(refused(f"state: {state}")).rule == "a state is kept in SQLite, PostgreSQL or memory"


def test_folders_further_up_are_somebodys_home(read):
    assert read("state: sqlite:////home/live/nq/state.db").state == "sqlite:////home/live/nq/state.db"


def test_real_orders_need_a_state_that_lasts(refused):
    text = with_engine("canary", extra="state: memory://")
    assert "survives a restart" in only(refused(text, **KEYS)).rule


def test_tags_of_strategies_are_their_own(refused):
    text = "strategies:\n  other-btc: {use: 'config_probes:Probe', instrument: BTCUSDT-PERP.BINANCE}"
    problem = only(refused(text))
    assert (problem.line, problem.path) == (3, "strategies.other-btc")
    assert "`btc` belongs to probe-btc" in problem.rule
    assert "other_btc" in problem.hint


def test_a_given_tag_settles_it(read):
    text = "{use: 'config_probes:Probe', instrument: BTCUSDT-PERP.BINANCE, order_id_tag: b2}"
    assert read(f"strategies: {{other-btc: {text}}}").strategies["other-btc"].component_id == "Probe-b2"


def test_instruments_are_on_venues_of_the_file(refused):
    problem = only(refused("strategies:\n  probe-btc:\n    instrument: BTCUSDT-PERP.BINANC"))
    assert (problem.line, problem.path) == (4, "strategies.probe-btc.instrument")
    assert "venue BINANC is not among the venues" in problem.rule
    assert problem.hint == "did you mean `BINANCE`?"


def test_an_allocation_that_does_not_bind_is_noted(read):
    (note,) = read(with_engine("canary"), **KEYS).notes
    assert "Probe-btc" in note


TARGETS = """\
allocation: 50%
strategies:
  a-1: {use: momentum, instrument: BTCUSDT-PERP.BINANCE}
  b-2: {use: mean_reversion, instrument: BTCUSDT-PERP.BINANCE, allocation: 40%}
  c-3: {use: momentum, instrument: ETHUSDT-PERP.BINANCE}
"""


def test_strategies_share_one_allocation(read):
    deployment = read(TARGETS)
    targets = [plugin for plugin in deployment.strategies.values() if plugin.targets]
    assert [deployment.share(plugin) for plugin in targets] == [0.3, 0.4, 0.3]
    used = [item["config"].get("allocation") for item in native_live(deployment)["strategies"]]
    assert used == [None, 0.15, 0.2, 0.15]


def test_no_more_than_there_is(refused):
    crowded = TARGETS.replace("40%}", "90%}").replace("PERP.BINANCE}", "PERP.BINANCE, allocation: 10%}")
    problem = only(refused(crowded))
    assert (problem.path, problem.value) == ("strategies", "110%")
    assert "leave nothing for a-1, c-3" in only(refused(TARGETS.replace("40%}", "100%}"))).rule
