from pathlib import Path

import pytest

from nautilus_quant.config import layers
from nautilus_quant.config.check import to_plain
from nautilus_quant.config.environment import resolve


@pytest.fixture
def read():
    def read(path, **env):
        problems = []
        node = layers.read(Path(path), env, problems)
        if not problems:
            node = resolve(node, env, problems)
        return to_plain(node), problems

    return read


def test_mappings_merge_and_everything_else_replaces(write, read):
    write("a: {x: 1, y: 2, z: [1, 2]}\nb: text", "low.yaml")
    path = write("extends: low.yaml\na: {y: 3, z: [9]}\nc: new")
    assert read(path) == ({"a": {"x": 1, "y": 3, "z": [9]}, "b": "text", "c": "new"}, [])


def test_later_layers_win_and_the_file_itself_wins_over_all(write, read):
    write("{a: 1, b: 1, c: 1}", "one.yaml")
    write("{b: 2, c: 2}", "two.yaml")
    assert read(write("extends: [one.yaml, two.yaml]\nc: 3"))[0] == {"a": 1, "b": 2, "c": 3}


def test_null_removes_what_a_layer_below_has_set(write, read):
    write("{a: {x: 1, y: 2}, b: 1}", "low.yaml")
    assert read(write("extends: low.yaml\na: {x: null}\nb:\nc: null"))[0] == {"a": {"y": 2}, "c": None}


def test_paths_are_relative_to_the_file_that_names_them(write, read):
    write("a: 1", "shared/deep/base.yaml")
    write("extends: deep/base.yaml\nb: 2", "shared/middle.yaml")
    assert read(write("extends: shared/middle.yaml\nc: 3", "here/../top.yaml"))[0] == {"a": 1, "b": 2, "c": 3}


def test_absolute_paths_and_the_environment(write, read):
    low = write("a: 1", "elsewhere/low.yaml")
    assert read(write(f"extends: {low}"))[0] == {"a": 1}
    assert read(write("extends: ${PLACE}/low.yaml"), PLACE=str(low.parent))[0] == {"a": 1}


def test_a_variable_that_is_overridden_need_not_be_set(write, read):
    write("key: ${NEVER_SET}", "low.yaml")
    assert read(write("extends: low.yaml\nkey: mine")) == ({"key": "mine"}, [])


def test_a_file_may_be_reached_twice(write, read):
    write("a: 1", "root.yaml")
    write("extends: root.yaml\nb: 1", "left.yaml")
    write("extends: root.yaml\nc: 1", "right.yaml")
    assert read(write("extends: [left.yaml, right.yaml]")) == ({"a": 1, "b": 1, "c": 1}, [])


def test_a_circle_is_refused_with_its_chain(write, read):
    write("extends: three.yaml", "two.yaml")
    write("a: 1\nextends: one.yaml", "three.yaml")
    _, (problem,) = read(write("extends: two.yaml", "one.yaml"))
    assert problem.value == "one.yaml -> two.yaml -> three.yaml -> one.yaml"
    assert Path(problem.file).name == "three.yaml"
    assert problem.line == 2


def test_a_missing_file_is_named_where_it_is_asked_for(write, read):
    path = write("a: 1\nextends: nowhere.yaml")
    _, (problem,) = read(path)
    assert (problem.file, problem.line) == (str(path), 2)
    assert "nowhere.yaml" in problem.rule
    assert "No such file" in problem.rule


@pytest.mark.parametrize("text", ["extends: 3", "extends: [{}]", "extends: {a: b}", "extends: ''"])
def test_extends_names_files(write, read, text):
    _, problems = read(write(text))
    assert problems


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"- a\n- b", b"just text", b"x: " + b"y" * 1_100_000])
def test_what_is_no_configuration(tmp_path, read, content):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    plain, problems = read(path)
    assert plain == {}
    assert len(problems) == 1


def test_folders_and_absent_files(tmp_path, read):
    assert "directory" in read(tmp_path)[1][0].rule
    assert "No such file" in read(tmp_path / "absent.yaml")[1][0].rule


def test_an_empty_file_is_an_empty_mapping(write, read):
    assert read(write("# nothing yet\n")) == ({}, [])
