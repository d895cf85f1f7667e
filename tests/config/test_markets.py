import pytest

KEYS = {"BINANCE_API_KEY": "a", "BINANCE_API_SECRET": "b"}
SAFE = "actors: {safety: {use: safety_engine}}\n"


def only(problems):
    (problem,) = problems
    return problem


def test_balances_and_names_of_nautilus_trader(read):
    text = 'venues: {BINANCE: {balances: ["1_000.5 usdt", 2 BTC], account: cash, oms: hedging, leverage: 3}}'
    venue = read(text).venues["BINANCE"]
    assert venue.balances == ("1000.5 USDT", "2 BTC")
    assert (venue.account_type, venue.oms_type, venue.leverage) == ("CASH", "HEDGING", 3)
    assert venue.options == {"account_type": "USDT_FUTURES"}
    assert venue.paper


@pytest.mark.parametrize(
    ("venue", "rule", "hint"),
    [
        ("BINANCE: {adapter: binanc}", "no such adapter", "did you mean `binance`?"),
        ("BINANCE: {adapter: 5}", "must be text", ""),
        ("BINANCE: {adapter: null}", "`adapter` is required", ""),
        ("BINANCE: {balances: null}", "`balances` is required where fills are simulated", "100_000 USDT"),
        ("BINANCE: {balances: [0 USDT]}", "positive amount", ""),
        ("BINANCE: {balances: [lots]}", "positive amount", ""),
        ("BINANCE: {balances: 5 USDT}", "must be a list", "write ['5 USDT']"),
        ("BINANCE: {leverage: 0}", "must be a number >= 1.0", ""),
        ("BINANCE: {account: futures}", "one of its choices", ""),
        (
            "BINANCE: {account_type: USDT_FUTURE}",
            "one of its choices",
            "did you mean `USDT_FUTURES`?",
        ),
        ("BINANCE: {api_kee: x}", "unknown key", "did you mean `api_key`?"),
        ("BINANCE: {starting_balances: [1 USDT]}", "unknown key", ""),
        ("BINANCE: text", "must be a mapping", ""),
        ("binance2: {adapter: binance, balances: [1 USDT]}", "is called BINANCE", ""),
        (
            "BYBIT: {adapter: bybit, balances: [1 USDT], environment: MOON}",
            "not a valid BybitEnvironment",
            "",
        ),
        (
            "BYBIT: {adapter: bybit, balances: [1 USDT], product_types: [SPOON]}",
            "not a valid BybitProductType",
            "",
        ),
    ],
)
def test_refused_venues(refused, venue, rule, hint):
    problem = refused(f"venues:\n  {venue}")[0]
    assert problem.line == 3
    assert rule in problem.rule
    assert hint in problem.hint


def test_an_adapter_this_nautilus_trader_has_not(refused):
    problem = only(refused("venues:\n  COINBASE: {adapter: coinbase, balances: [1 USDT]}"))
    assert "adapter coinbase is not in the installed NautilusTrader" in problem.rule


@pytest.mark.parametrize(
    ("venue", "missing"),
    [
        ("BINANCE: {account_type: USDT_FUTURES}", ["BINANCE_API_KEY", "BINANCE_API_SECRET"]),
        (
            "BINANCE: {account_type: USDT_FUTURES, environment: TESTNET}",
            ["BINANCE_FUTURES_TESTNET_API_KEY", "BINANCE_FUTURES_TESTNET_API_SECRET"],
        ),
        (
            "BINANCE: {account_type: SPOT, environment: TESTNET}",
            ["BINANCE_TESTNET_API_KEY", "BINANCE_TESTNET_API_SECRET"],
        ),
        ("BINANCE: {environment: DEMO}", ["BINANCE_DEMO_API_KEY", "BINANCE_DEMO_API_SECRET"]),
        ("OKX: {adapter: okx}", ["OKX_API_KEY", "OKX_API_SECRET", "OKX_API_PASSPHRASE"]),
        ("BYBIT: {adapter: bybit}", ["BYBIT_API_KEY", "BYBIT_API_SECRET"]),
        ("BYBIT: {adapter: bybit, environment: DEMO}", ["BYBIT_DEMO_API_KEY", "BYBIT_DEMO_API_SECRET"]),
        (
            "BYBIT: {adapter: bybit, environment: TESTNET}",
            ["BYBIT_TESTNET_API_KEY", "BYBIT_TESTNET_API_SECRET"],
        ),
        ("DERIBIT: {adapter: deribit}", ["DERIBIT_API_KEY", "DERIBIT_API_SECRET"]),
        (
            "DERIBIT: {adapter: deribit, environment: TESTNET}",
            ["DERIBIT_TESTNET_API_KEY", "DERIBIT_TESTNET_API_SECRET"],
        ),
    ],
)
def test_a_missing_key_names_the_variable_to_export(refused, venue, missing):
    env = {} if venue.startswith("BINANCE") else KEYS
    problems = refused(f"mode: canary\n{SAFE}venues:\n  {venue}", **env)
    assert [problem.hint for problem in problems] == [f"export {name}=..." for name in missing]
    assert all(name in problem.rule for name, problem in zip(missing, problems, strict=True))


def test_keys_may_come_from_variables_of_other_names(read, refused):
    text = (
        f"mode: canary\n{SAFE}venues:\n  BINANCE:\n    api_key: ${{MY_KEY}}\n    api_secret: ${{MY_SECRET}}\n"
    )
    venue = read(text, MY_KEY="12345", MY_SECRET="s3cret").venues["BINANCE"]
    assert venue.options["api_key"] == "12345"
    assert not venue.paper
    problems = refused(text, MY_KEY="12345")
    assert [problem.hint for problem in problems] == ["export MY_SECRET=..."]


def test_paper_needs_no_keys(read):
    assert read("mode: shadow").venues["BINANCE"].paper
