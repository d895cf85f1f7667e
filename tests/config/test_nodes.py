import pytest

from nautilus_quant.config.check import to_plain
from nautilus_quant.config.environment import resolve
from nautilus_quant.config.nodes import parse, typed


def plain(text):
    node, problems = parse(text, "file.yaml")
    assert not problems
    return to_plain(resolve(node, {}, problems))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-12_000", -12_000),
        ("1.5", 1.5),
        ("1e-3", 1e-3),
        (".5", 0.5),
        ("1_000.25", 1_000.25),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("yes", "yes"),
        ("off", "off"),
        ("1:30", "1:30"),
        ("001", "001"),
        ("0x10", "0x10"),
        ("2025-01-01", "2025-01-01"),
        ("5%", "5%"),
        ("1_", "1_"),
        ("-", "-"),
        ("9" * 30, 1e30),
        ("9" * 5_000, "9" * 5_000),
    ],
)
def test_types_follow_yaml_1_2(text, value):
    assert typed(text) == value
    assert type(typed(text)) is type(value)


def test_quotes_make_text():
    assert plain("{a: '1', b: \"true\", c: 1}") == {"a": "1", "b": "true", "c": 1}


def test_every_node_has_its_line():
    node, _ = parse("a: 1\nb:\n  - x\n  - {c: 2}\n", "file.yaml")
    assert node.key_lines == {"a": 1, "b": 2}
    assert [item.line for item in node.value["b"].value] == [3, 4]
    assert node.value["b"].value[1].value["c"].file == "file.yaml"


def test_anchors_are_filled_in():
    assert plain("a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}


def test_a_duplicate_key_names_both_lines():
    _, problems = parse("a: 1\nb: 2\na: 3\n", "file.yaml")
    assert [str(problem) for problem in problems] == [
        "file.yaml:3: a: a key stands once in a mapping, first on line 1"
    ]


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        ("a: {b", 2, "not valid YAML"),
        ("a: 1\n\tb: 2", 2, "not valid YAML"),
        ("a: \x00", 0, "control characters"),
        ("a: 1\n---\nb: 2", 2, "one document"),
        ("a: !!python/object:os.system x", 1, "tags"),
        ("a: !secret x", 1, "tags"),
        ("a: *nobody", 1, "alias"),
        ("a: &x [*x]", 1, "alias"),
        ("? [1, 2]\n: 3", 1, "single word"),
        ("[" * 10_000, 1, "levels deep"),
        ("{a: " * 10_000, 1, "levels deep"),
    ],
)
def test_what_cannot_be_read(text, line, rule):
    node, problems = parse(text, "file.yaml")
    assert node is None
    assert problems[-1].line == line
    assert rule in problems[-1].rule


def test_aliases_of_aliases_cannot_exhaust_the_machine():
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 20)]
    node, problems = parse("\n".join(bomb), "file.yaml")
    assert node is None
    assert "at most 20000 values" in problems[-1].rule


def test_numbers_are_finite():
    node, problems = parse("a: .inf\nb: .nan\nc: 1e999\nd: -.inf", "file.yaml")
    resolve(node, {}, problems)
    assert [problem.line for problem in problems] == [1, 2, 3, 4]
    assert {problem.rule for problem in problems} == {"need a finite number"}
