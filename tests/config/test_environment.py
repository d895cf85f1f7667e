import pytest

from nautilus_quant.config.check import to_plain
from nautilus_quant.config.environment import resolve
from nautilus_quant.config.nodes import parse


def resolved(text, **env):
    node, problems = parse(text, "file.yaml")
    return to_plain(resolve(node, env, problems)), problems


def test_values_and_defaults_anywhere_in_text():
    plain, problems = resolved("a: '${ONE}/${TWO:-two}/x'\nb: [\"${ONE}\"]", ONE="1")
    assert plain == {"a": "1/two/x", "b": ["1"]}
    assert not problems


def test_unquoted_values_have_types():
    assert resolved("a: ${N}\nb: ${F:-0.5}\nc: ${B:-true}", N="8080")[0] == {"a": 8080, "b": 0.5, "c": True}


def test_inside_braces_the_hint_asks_for_quotes():
    node, problems = parse("a: {b: ${N}}", "file.yaml")
    assert node is None
    assert problems[0].hint == 'inside { } and [ ] write "${NAME}" in quotes'


def test_a_default_also_replaces_an_empty_value():
    assert resolved("a: ${EMPTY:-x}", EMPTY="")[0] == {"a": "x"}
    assert resolved("a: '${EMPTY}'", EMPTY="")[0] == {"a": ""}


def test_a_dollar_written_twice_is_a_dollar():
    assert resolved("a: $${NAME} costs $$5")[0] == {"a": "${NAME} costs $5"}


def test_an_unset_variable_says_what_to_export():
    _, problems = resolved("a:\n  b: ${MISSING}")
    (problem,) = problems
    assert (problem.line, problem.path) == (2, "a.b")
    assert "MISSING is not set" in problem.rule
    assert problem.hint == "export MISSING=..."


@pytest.mark.parametrize("text", ["${}", "${1X}", "${A B}", "${A", "${A:default}"])
def test_malformed_references(text):
    _, problems = resolved(f"a: '{text}'")
    assert "${NAME}" in problems[0].rule


def test_values_are_not_expanded_again():
    assert resolved("a: ${ONE}", ONE="${TWO}", TWO="x")[0] == {"a": "${TWO}"}
