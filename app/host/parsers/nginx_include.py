"""One tree out of many files: nginx's `include`, followed over texts that were read already."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from app.host.parsers.nginx_syntax import Directive, Parsed, parse_text

_MOST_INCLUSIONS = 2000  # a file may be included many times; a chain of doublings must end
_DEEPEST = 8


class Expansion:
    """The directives from a root file on, with every include replaced by what it names."""

    def __init__(self, texts: Mapping[str, str], root: str) -> None:
        self._texts = {posixpath.normpath(path): text for path, text in texts.items()}
        self._folder = posixpath.dirname(root)
        self._parsed: dict[str, Parsed] = {}
        self._inclusions = 0
        self.files: list[str] = []  # reached, in nginx's order
        self.sound = True  # False: something is missing, broken or was cut off
        self.directives = self._from(root)

    def _from(self, root: str) -> list[Directive]:
        if posixpath.normpath(root) in self._texts:
            return self._file(posixpath.normpath(root), ())
        self.sound = False  # without the root file each of the others is read for itself
        return [found for path in sorted(self._texts) for found in self._file(path, ())]

    def _file(self, path: str, within: tuple[str, ...]) -> list[Directive]:
        self._inclusions += 1
        if path in within or len(within) > _DEEPEST or self._inclusions > _MOST_INCLUSIONS:
            self.sound = False
            return []
        if path not in self._parsed:
            self._parsed[path] = parse_text(self._texts[path], path)
            self.files.append(path)
            self.sound = self.sound and not self._parsed[path].broken
        return self._expand(self._parsed[path].directives, (*within, path))

    def _expand(self, directives: Iterable[Directive], within: tuple[str, ...]) -> list[Directive]:
        found: list[Directive] = []
        for one in directives:
            if one.name == "include" and one.block is None:
                for path in self._named(one.args):
                    found.extend(self._file(path, within))
            elif one.block is not None:
                block = self._expand(one.block, within)
                found.append(Directive(one.name, one.args, one.file, one.line, block))
            else:
                found.append(one)
        return found

    def _named(self, patterns: Iterable[str]) -> list[str]:
        """The given files that an include names; a plain path that is not given is a fault."""
        found: list[str] = []
        for pattern in patterns:
            wanted = posixpath.normpath(posixpath.join(self._folder, pattern))
            matches = [path for path in sorted(self._texts) if _matches(path, wanted)]
            if not matches and not any(mark in wanted for mark in "*?["):
                self.sound = False
            found.extend(matches)
        return found


def _matches(path: str, pattern: str) -> bool:
    """glob(3): `*` does not cross a slash and does not match a leading dot."""
    if path == pattern:
        return True
    hidden = posixpath.basename(path).startswith(".")
    if hidden and not posixpath.basename(pattern).startswith("."):
        return False
    return pattern.startswith("/") and PurePosixPath(path).match(pattern)
