import json

import pytest

from nautilus_quant.config import load, show
from nautilus_quant.config.secrets import discreet, is_secret, masked

KEYS = {"BINANCE_API_KEY": "a", "BINANCE_API_SECRET": "b"}


def test_what_is_shown_loads_again_and_shows_the_same(read, write):
    deployment = read("name: desk\nallocation: 50%\nstrategies: {probe-btc: {wait: 1h}}\nlog: {level: ERROR}")
    shown = show(deployment)
    again = load(write(json.dumps(shown), "again.yaml"), env={})
    assert show(again) == shown
    assert shown["strategies"]["probe-btc"]["wait"] == 3_600.0
    assert shown["log"]["file"] == "var/desk/node.log"


def test_secrets_are_masked_wherever_they_come_from(read):
    text = """\
mode: canary
actors: {safety: {use: safety_engine}}
state: postgresql+psycopg://nq:pw@db/nq
venues:
  BINANCE:
    api_key: ${MY_KEY}
    api_secret: written-here
strategies:
  probe-btc: {api_token: "token-${MY_KEY}"}
"""
    shown = json.dumps(show(read(text, MY_KEY="k3y")))
    for secret in ("k3y", "written-here", ":pw@"):
        assert secret not in shown
    assert shown.count("***") >= 4


def test_problems_do_not_tell_secrets(refused):
    text = "venues:\n  BINANCE:\n    api_key: [k3y]\n    api_secret: 5\nstate: 'postgresql://nq:pw@db/paper/live.db'"
    said = "\n".join(map(str, refused(text)))
    assert "api_secret" in said
    for secret in ("k3y", ":pw@", "was 5"):
        assert secret not in said


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "api_secret",
        "api_passphrase",
        "password",
        "bot_token",
        "token",
        "webhook_url",
        "secret-key",
        "dsn",
    ],
)
def test_secret_names(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", ["key_type", "monkey", "tokens_per_second", "max_drawdown", "instrument"])
def test_open_names(name):
    assert not is_secret(name)


def test_masks_reach_into_everything():
    plain = {"a": [{"api_key": "x"}, {"api_key": None}], "urls": ["redis://u:p@h"], "tokens": ["t1", "t2"]}
    assert masked(plain) == {
        "a": [{"api_key": "***"}, {"api_key": None}],
        "urls": ["redis://u:***@h"],
        "tokens": ["***", "***"],
    }
    assert discreet("no: hush at pg://u:p@h", {"deep": {"password": "hush"}}) == "no: *** at pg://u:***@h"
