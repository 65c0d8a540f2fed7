"""What a change wrote: its words to people, the settings it gives, and what logs quote of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from app.domain.action import ActionCall
from app.host.drift import Change, ChangeKind
from app.host.facts import ConfigFileFacts, FileDiffFacts
from app.host.kept import is_startup_file
from app.knowledge.setting_meanings import settings_in
from app.reasoning.host_case import HostCase

_SETS = re.compile(r"^\+?[ \t]*([A-Z][A-Za-z]+)=", re.MULTILINE)
"""A setting of a unit file, in a text or in what a difference adds."""

_CHANGED_LINE = re.compile(r"[+-](?![+-])")
_SAID = 160


def diff_ask(case: HostCase, change: Mapping[str, Any]) -> ActionCall | None:
    """The diagnostic that shows what was written: the difference, or all of a new file.

    What people keep in their homes is shown to nobody, only that it changed.
    """
    if is_startup_file(str(change["path"])):
        return None
    then, now = change.get("then"), change.get("now")
    if change["kind"] == "added" and now and now.get("kind") == "file":
        path = {"path": change["path"]}
        return ActionCall(action="config.read", host=case.host.name, params=path)
    if not then or not now or not then.get("sha256") or change["kind"] != "content":
        return None
    params = {"path": change["path"], "sha256": then["sha256"]}
    return ActionCall(action="file.diff", host=case.host.name, params=params)


def comments_of(case: HostCase, change: Change) -> tuple[str, int] | None:
    """What the writer of a change says to people in it, and the evidence; None: not looked at."""
    diff = diff_of(case, change)
    if diff is not None:
        return "\n".join(diff[0].comments), diff[1]
    added = text_of_added(case, change)
    return None if added is None else ("\n".join(_comments(added[0])), added[1])


def settings_of(case: HostCase, change: Change, *, switches: bool = False) -> tuple[str, ...]:
    """The settings that a change gives another value, or gives one at all; none: not looked at."""
    diff, added = diff_of(case, change), text_of_added(case, change)
    if added is not None:
        return settings_in(added[0], changed_only=False, switches=switches)
    return () if diff is None else settings_in(diff[0].diff, changed_only=True, switches=switches)


def lines_of(case: HostCase, change: Change) -> str:
    """What was written, in a line: the first lines that differ, or that are new; "": not known."""
    diff, added = diff_of(case, change), text_of_added(case, change)
    if added is not None:
        lines = [line for line in added[0].splitlines() if not line.strip().startswith(("#", ";"))]
    else:
        told = [] if diff is None else diff[0].diff.splitlines()
        lines = [line for line in told if _CHANGED_LINE.match(line)]
    return "; ".join(line.strip() for line in lines if line.strip())[:_SAID]


def text_of_added(case: HostCase, change: Change) -> tuple[str, int] | None:
    """What a file says that was not there before."""
    if change.kind is not ChangeKind.ADDED:
        return None
    found = case.view.facts(ConfigFileFacts, "config.read", path=change.path)
    return None if found is None else (found[0].text, found[1])


def _comments(text: str) -> Iterable[str]:
    """The lines in which its writer speaks to people."""
    lines = (line.strip() for line in text.splitlines())
    return (line for line in lines if line.startswith(("#", ";", "//", "--", "/*", "*")))


def sets_of(case: HostCase, change: Change) -> str | None:
    """What a change of a unit's definition sets, as names; None: not looked at."""
    diff, added = diff_of(case, change), text_of_added(case, change)
    if added is not None:
        return " ".join(_SETS.findall(added[0]))
    return None if diff is None else " ".join(_SETS.findall(diff[0].diff or ""))


def names_page(case: HostCase, change: Change) -> str | None:
    """The page that fails and that what changed is about, by its path; None: not looked at."""
    diff, added = diff_of(case, change), text_of_added(case, change)
    text = added[0] if added is not None else None if diff is None else diff[0].diff
    if text is None:
        return None
    paths = (p.probe.path for p in case.red if p.probe.path.strip("/"))
    return next((path for path in paths if re.search(rf"{re.escape(path)}(?![\w-])", text)), "")


_COMPLAINS = re.compile(
    r"error|fatal|exception|cannot|can't|could not|denied|refused|invalid|undefined|unknown|no such"
    r"|unrecognized|fail(?:s|ed|ure)|not (?:found|allowed|permitted)|missing|too (?:many|large)",
    re.IGNORECASE,
)
_DISTINCTIVE = re.compile(r"[A-Za-z0-9]\w*(?:[_./:@-]\w+)+")
"""Names made of several words, paths, addresses: nobody uses the same one by chance."""

_WORD = re.compile(r"\w+")
_LEAST_QUOTED = 6
_WRITTEN_LINE = re.compile(r"[+-](?![+-])")


def quoted(case: HostCase, change: Change) -> str | None:
    """What a log complains of by the very name that stands in what changed; None: not looked at."""
    diff, added = diff_of(case, change), text_of_added(case, change)
    if added is not None:
        text = "\n".join(line for line in added[0].splitlines() if not _is_comment(line))
    elif diff is not None:
        text = "\n".join(line for line in diff[0].diff.splitlines() if _WRITTEN_LINE.match(line))
    else:
        return None
    written = {w for w in _DISTINCTIVE.findall(text) if len(w) >= _LEAST_QUOTED}
    own = change.path.rsplit("/", 1)[-1]
    for name in dict.fromkeys((*case.units, *case.failing)):
        log = case.view.log(name)
        for line in () if log is None else log[0].lines:
            said = line.example
            if _COMPLAINS.search(said):
                told: set[str] = {*_DISTINCTIVE.findall(said), *_WORD.findall(said)} & written - {
                    own
                }
                if told:
                    return max(told, key=len)
    return ""


def _is_comment(line: str) -> bool:
    return line.strip().startswith(("#", ";", "//"))


def diff_of(case: HostCase, change: Change) -> tuple[FileDiffFacts, int] | None:
    if change.then is None or change.then.sha256 is None:
        return None
    return case.view.facts(FileDiffFacts, "file.diff", path=change.path, sha256=change.then.sha256)
