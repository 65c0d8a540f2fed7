"""YAML as people write it: plain values, no key twice, and the place of what is wrong."""

from __future__ import annotations

import pytest
import yaml

from app import strict_yaml


def test_plain_values_and_merged_ones_are_read() -> None:
    text = "base: &base {a: 1, b: [x, y]}\nown:\n  <<: *base\n  a: 2\nwhen: 2026-01-02\nno: ~\n"
    assert strict_yaml.read(text) == yaml.safe_load(text)
    assert strict_yaml.read(text)["own"] == {"a": 2, "b": ["x", "y"]}
    assert strict_yaml.read("") is None


@pytest.mark.parametrize(
    "text", ["a: 1\nb: 2\na: 3\n", "a: 1\nb:\n  c: 1\n  c: 2\n", "x: y\n\n1: a\n'1': b\n"]
)
def test_a_key_that_stands_twice_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(strict_yaml.KeyTwice) as caught:
        strict_yaml.read(text)
    last = len(text.splitlines())
    assert str(caught.value).startswith(f"line {last}: ")
    assert isinstance(caught.value, strict_yaml.YamlError)


@pytest.mark.parametrize(
    "text", ["a: [1, 2", "a: 1\n\tb: 2\n", "!!python/name:os.system", "a: *gone"]
)
def test_what_is_no_plain_yaml_is_refused(text: str) -> None:
    with pytest.raises(strict_yaml.YamlError, match=r"line \d"):
        strict_yaml.read(text)
