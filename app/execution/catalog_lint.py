"""The rules that every entry of the catalog keeps, checked at each start and in the tests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from app.execution.entry import (
    EACH,
    PLACEHOLDER,
    CallTemplate,
    CatalogEntry,
    Check,
    Condition,
    UndoTemplate,
)
from app.execution.gate.parameters import Unfit, check, check_all

FORBIDDEN_PROGRAMS = frozenset(
    {
        "sh", "bash", "dash", "zsh", "ash", "busybox", "ksh", "csh", "tcsh", "fish", "python",
        "python3", "perl", "ruby", "lua", "node", "php", "tclsh", "awk", "gawk", "mawk",
        "sed", "less", "more", "most", "man", "vi", "vim", "nano", "ed", "emacs", "xargs",
        "env", "find", "tar", "zip", "unzip", "rsync", "git", "scp", "ssh", "sftp", "ftp",
        "curl", "wget", "nc", "ncat", "socat", "timeout", "nice", "nohup", "watch", "setsid",
        "stdbuf", "chroot", "unshare", "nsenter", "su", "sudo", "doas", "runuser", "systemd-run",
        "at", "batch", "crontab", "make", "gdb", "strace", "ltrace", "tee", "dd", "cp",
        "mv", "rm", "ln", "install", "chmod", "chown", "chattr", "kill", "pkill", "killall",
        "reboot", "shutdown", "halt", "poweroff", "init", "mount", "umount", "mkfs", "fdisk",
        "apt", "apt-get", "dpkg", "yum", "dnf", "rpm", "docker", "podman",
    }
)  # fmt: skip
"""Interpreters, shells, pagers, editors, wrappers, and whatever writes where it is told to.

Who needs such a thing ships a small reviewed builtin in the gate instead.
"""

HOSTILE = (
    "-", "-x", "--help", " ", "a b", "a\tb", "a\nb", "a\n", "\x00", "a\x00b", "\x1b[31m", "a;b\n",
    "é", "а", "；", "\u202e", "", "$(id) x", "a\r",
)  # fmt: skip
"""Texts that no type may ever accept, whatever its pattern says."""


def lint(types: Mapping[str, Mapping[str, Any]], actions: Mapping[str, CatalogEntry]) -> list[str]:
    """Every broken rule, as a sentence; an empty list for a good catalog."""
    problems = [problem for name, of in types.items() for problem in _of_type(name, of)]
    for entry in actions.values():
        for problem in _of_entry(entry, types, actions):
            problems.append(f"{entry.id}: {problem}")
    return problems


def _of_type(name: str, of: Mapping[str, Any]) -> Iterator[str]:
    if of.get("kind") not in {"int", "text", "choice", "unit", "path"}:
        yield f"type {name}: unknown kind {of.get('kind')!r}"
        return
    if "pattern" in of:
        re.compile(of["pattern"])
    for text in HOSTILE:
        try:
            check(name, text, of)
        except Unfit:
            continue
        yield f"type {name}: accepts {text!r}"


def _of_entry(
    entry: CatalogEntry,
    types: Mapping[str, Mapping[str, Any]],
    actions: Mapping[str, CatalogEntry],
) -> Iterator[str]:
    unknown = sorted(set(entry.params.values()) - set(types))
    if unknown:
        yield f"unknown types {unknown}"
        return
    if bool(entry.argv) == bool(entry.builtin):
        yield "needs either argv or builtin"
    yield from _of_argv(entry, entry.argv)
    yield from _of_argv(entry, entry.agentless.argv if entry.agentless else ())
    yield from _of_change(entry) if entry.changes else _of_read(entry)
    yield from _of_templates(entry, actions)
    yield from _of_examples(entry, types)


def _of_argv(entry: CatalogEntry, argv: tuple[str, ...]) -> Iterator[str]:
    if not argv:
        return
    if not argv[0].startswith("/") or PLACEHOLDER.search(argv[0]):
        yield f"argv[0] is {argv[0]!r}; expected an absolute path"
    if PurePosixPath(argv[0]).name in FORBIDDEN_PROGRAMS:
        yield f"{argv[0]} runs or writes what it is told to"
    for position, word in enumerate(argv):
        for name in PLACEHOLDER.findall(word):
            if name not in entry.params:
                yield f"{word!r} names no parameter"
        if PLACEHOLDER.match(word) and "--" not in argv[:position]:
            yield f"the operand {word!r} does not stand after '--'"


def _of_read(entry: CatalogEntry) -> Iterator[str]:
    if entry.parser is None:
        yield "a diagnostic needs a parser"
    if (
        entry.undo
        or entry.settle
        or entry.rollback
        or entry.limits
        or entry.capture
        or entry.precondition
    ):
        yield "a diagnostic has nothing to capture, undo or limit"


def _of_change(entry: CatalogEntry) -> Iterator[str]:
    if entry.limits is None:
        yield "a change needs limits"
    if bool(entry.undo) == (entry.rollback is not None):
        yield "a change needs either undo or `rollback: none`"
    if entry.rollback is not None and not entry.rollback_note:
        yield "`rollback: none` needs its note"
    if entry.cuts_off and not entry.undo:
        yield "what may cut the agent off needs an undo, for the host to run"
    captured = set(entry.capture)
    conditions = [*entry.precondition, *(c for u in (*entry.undo, *entry.settle) for c in u.when)]
    compared: list[Condition | Check] = [*conditions, *entry.verify]
    values = [v for one in compared for v in (*one.one_of, *one.none_of) if isinstance(v, str)]
    yield from _of_words(entry, values)
    for condition in conditions:
        if condition.of not in captured:
            yield f"a condition is over {condition.of!r}, which is not captured"


def _of_templates(entry: CatalogEntry, actions: Mapping[str, CatalogEntry]) -> Iterator[str]:
    reading: list[CallTemplate] = [*entry.capture.values(), *entry.verify]
    for template in [*reading, *entry.undo, *entry.settle]:
        words = [str(word) for word in template.params.values()]
        if isinstance(template, UndoTemplate) and template.each is not None:
            yield from _of_words(entry, [f"{{{template.each}}}"])
            words = [word for word in words if word != f"{{{EACH}}}"]
        yield from _of_words(entry, words)
        target = actions.get(template.action)
        if target is None:
            yield f"names the unknown action {template.action!r}"
        elif set(template.params) != set(target.params):
            yield f"calls {template.action} with {sorted(template.params)}"
        elif template in reading and target.changes:
            yield f"would run {template.action}, a change, in order to look"


def _of_words(entry: CatalogEntry, words: list[str]) -> Iterator[str]:
    """Every brace of a template belongs to a placeholder that something fills."""
    for word in words:
        if set("{}") & set(PLACEHOLDER.sub("", word)):
            yield f"{word!r} has braces that are no placeholder"
        for name in PLACEHOLDER.findall(word):
            if name.partition(".")[0] not in {*entry.params, *entry.capture}:
                yield f"{word!r} names neither a parameter nor a capture"


def _of_examples(entry: CatalogEntry, types: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    of = {name: types[type_name] for name, type_name in entry.params.items()}
    for example in entry.examples.match:
        try:
            check_all(of, example)
        except Unfit as problem:
            yield f"refuses its own example {example}: {problem}"
    for example in entry.examples.not_match:
        try:
            check_all(of, example)
        except Unfit:
            continue
        yield f"accepts {example}, which it must refuse"
