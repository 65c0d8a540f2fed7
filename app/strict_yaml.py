"""YAML as this service reads it: plain values only, no key twice, and quickly.

A key that stands twice would silently lose the first of two hosts, rules or actions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING or not yaml.__with_libyaml__:
    from yaml import SafeLoader as _Base
else:  # libyaml's parser: ten times as fast, and a start reads many files
    from yaml import CSafeLoader as _Base

YamlError = yaml.YAMLError
"""What is wrong with a text, and at which line."""


class KeyTwice(yaml.MarkedYAMLError):
    """The same key stands in one mapping twice."""

    def __init__(self, key: str, mark: yaml.Mark) -> None:
        super().__init__(problem=f"{key!r} stands there twice", problem_mark=mark)
        self.key = key
        self.line = mark.line + 1

    def __str__(self) -> str:
        return f"line {self.line}: {self.key!r} stands there twice"


class _Loader(_Base):
    """Refuses what plain YAML lets pass."""


def _distinct_mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":  # `<<: *other`: what stands here goes before
            continue
        key = str(loader.construct_object(key_node))
        if key in seen:
            raise KeyTwice(key, key_node.start_mark)
        seen.add(key)
    return dict(loader.construct_mapping(node, deep=True))


_Loader.add_constructor("tag:yaml.org,2002:map", _distinct_mapping)


def read(text: str) -> Any:
    """The text's value; None of an empty one. Raises YamlError, KeyTwice among them."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader


Place = tuple[str | int, ...]
"""Where in a document something stands: keys of mappings and positions in lists."""


def lines(text: str) -> dict[Place, int]:
    """The line of everything that stands in a document, by its place. Raises YamlError."""
    found: dict[Place, int] = {}

    def walk(node: yaml.Node | None, place: Place) -> None:
        if node is None:
            return
        found.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                found[(*place, str(key.value))] = key.start_mark.line + 1
                walk(value, (*place, str(key.value)))
        elif isinstance(node, yaml.SequenceNode):
            for position, value in enumerate(node.value):
                walk(value, (*place, position))

    walk(yaml.compose(text, Loader=_Loader), ())
    return found


def line_of(error: yaml.YAMLError) -> int:
    """The line that an error is about; the first where it names none."""
    mark = getattr(error, "problem_mark", None)
    return 1 if mark is None else int(mark.line) + 1
