"""Options of the simulated market in a deployment's file."""

import pytest

MARKET = """\
mode: paper
venues:
  SIM:
    adapter: simulated
    balances: [100_000 USDT, 2 BTC]
    options: {underlyings: [BTC], settlements: [linear, coin], rapid: 2, every: 30s}
"""


def changed(old, new):
    return MARKET.replace(old, new)


def test_options_as_people_write_them(read):
    venue = read(MARKET).venues["SIM"]
    assert venue.options["options"]["every"] == 30.0


@pytest.mark.parametrize(
    ("text", "where", "rule"),
    [
        (changed(", 2 BTC", ""), "venues.SIM.balances", "need a balance of BTC"),
        (changed("[BTC]", "[BTC, ETH]"), "venues.SIM.balances", "need a balance of ETH"),
        (changed("underlyings: [BTC], ", ""), "venues.SIM.balances", "need a balance of ETH"),
        (MARKET + "    base_currency: USDT\n", "venues.SIM.base_currency", "several currencies"),
        (changed("rapid", "rapidly"), "venues.SIM.options.rapidly", "unknown key"),
        (changed("30s", "7s"), "venues.SIM", "divide a day"),
    ],
)
def test_refused_options(refused, text, where, rule):
    found = next(problem for problem in refused(text) if problem.path.startswith(where))
    assert rule in found.rule


def test_linear_options_need_no_coins(read):
    venue = read(changed(", 2 BTC", "").replace("[linear, coin]", "[linear]")).venues["SIM"]
    assert venue.balances == ("100000 USDT",)
