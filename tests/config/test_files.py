"""Config files: what YAML drops in silence, and files that are no config."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsss.config.files import load_yaml, read_yaml
from wsss.errors import InputError


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        load_yaml(text, "my.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "key", "lines"),
    [
        ("a: 1\nb: 2\na: 3\n", "a", (3, 1)),
        ("a:\n  x: 1\n  y: 2\n  x: 1\n", "x", (4, 2)),
        ("a: {x: 1, x: 2}\n", "x", (1, 1)),
        ("- {x: 1,\n   x: 2}\n", "x", (2, 1)),
        ("'a': 1\n\"a\": 2\n", "a", (2, 1)),
        ("1: a\n0x1: b\n", "1", (2, 1)),
        ("yes: a\non: b\n", "True", (2, 1)),
        ("a: &A {x: 1, x: 2}\n", "x", (1, 1)),
        ('{"a": 1,\n\t"a": 2}', "a", (2, 1)),
        ("a: 1\n? a\n: 2\n", "a", (2, 1)),
    ],
)
def test_a_key_that_stands_twice_is_named_with_both_lines(text: str, key: str, lines: tuple[int, int]):
    message = refused(text)
    assert message.startswith(f"my.yaml line {lines[0]}: `{key}` stands here and in line {lines[1]}, ")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a: {x: 1}\nb: {x: 1}\n", {"a": {"x": 1}, "b": {"x": 1}}),
        ("a: &A {x: 1, y: 2}\nb:\n  <<: *A\n  x: 3\n", {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 2}}),
        ("[{a: 1}, {a: 1}]", [{"a": 1}, {"a": 1}]),
        ('{\t"a": 1}', {"a": 1}),
    ],
)
def test_keys_may_stand_in_several_mappings_and_override_what_is_merged(text: str, values: object):
    assert load_yaml(text, "my.yaml") == values


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 3000, "a: " + "[" * 3000 + "]" * 3000, "{a: " * 3000 + "1" + "}" * 3000]
)
def test_what_is_nested_too_deeply_is_one_line(text: str):
    assert refused(text).startswith("my.yaml")


@pytest.mark.parametrize(
    "text", ["a: 2024-02-30", "a: [1", "a: !!python/object:os.system {}", "a: *b", "? {a: 1}\n: 2"]
)
def test_what_is_no_yaml_is_one_line(text: str):
    assert refused(text).startswith("my.yaml")


def test_a_config_file_is_read_the_same_way(tmp_path: Path):
    path = tmp_path / "my.yaml"
    path.write_text("data: {name: demo}\nseeds: [1]\nseeds: [2]\n")
    with pytest.raises(InputError, match=r"my.yaml line 3: `seeds` stands here and in line 2"):
        read_yaml(path)
