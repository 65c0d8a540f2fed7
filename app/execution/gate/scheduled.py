"""What cron, timers and services that fail run: the scripts, read with care, for others may have
written them.

A script is what stands where a job names its command, begins with `#!`, and could be written by
nobody but root and the account that the job runs as. Which table or timer names it first counts:
the system's own before those of users.
"""

from __future__ import annotations

import os
import pwd
import re
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from . import disk, mounts
from .answers import read_program
from .cron import Command, commands, paths_in
from .parameters import is_refused
from .refusal import Failed

_SCRIPT_BYTES = 64 * 1024
_MOST = 100
_PROGRAM = re.compile(r"argv\[\]=(.*?) ; ignore_errors=")
_OF_THE_SYSTEM = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/dev", "/proc", "/sys", "/lib")
_TOLD = ("Id", "User", "Type")
_PARTS = re.compile(r"&&|\|\|?|;")


class Script(NamedTuple):
    """A script that a job runs."""

    path: str
    job: str  # the table or the service that runs it
    account: int  # the user id that the job runs as
    active: bool  # False: the line that names it is commented out
    text: str
    kind: str  # the Type= of the service that runs it; "" where a table does
    reads: tuple[str, ...]  # that service's environment files


def scripts() -> dict[str, Script]:
    """The scripts of jobs, and of services that fail, by path; at most 100."""
    served = served_places()
    found: dict[str, Script] = {}
    named = (*commands(), *_run_by((*_timed(), *_failing())))
    for one in sorted(named, key=lambda c: (not c.active, c.of_a_user)):
        account = _uid(one.account)
        if account is None:
            continue
        for path in _named(one.text):
            if path in found or len(found) >= _MOST or is_refused(path, served):
                continue
            text = _read(path, account, served)
            if text is not None:
                found[path] = Script(path, one.job, account, one.active, text, one.kind, one.reads)
    return found


def served_places() -> list[str]:
    """Where another host or a program answers for what lies there: who asks a dead one hangs."""
    return [mount.path for mount in mounts.every() if mount.is_served]


def _named(command: str) -> Iterator[str]:
    """Where each part of a command line has its program, the first path that is no system's."""
    for part in _PARTS.split(command):
        for path in paths_in(part):
            if not is_refused(path, _OF_THE_SYSTEM):
                yield path
                break


def _timed() -> list[str]:
    """The services that timers start."""
    _, timers, _ = read_program(
        ["/usr/bin/systemctl", "list-timers", "--all", "--no-legend", "--no-pager", "--plain"]
    )
    return [line.split()[-1] for line in timers.splitlines() if line.endswith(".service")]


def _failing() -> list[str]:
    """The services that systemd has given up, or starts again and again."""
    _, units, _ = read_program([
        "/usr/bin/systemctl", "list-units", "--all", "--type=service",
        "--state=failed,auto-restart", "--no-legend", "--no-pager", "--plain",
    ])  # fmt: skip
    return [line.split()[0] for line in units.splitlines() if line.strip()]


def _run_by(named: Iterable[str]) -> Iterator[Command]:
    """What services run."""
    units = list(dict.fromkeys(named))
    if not units:
        return
    asked = [part for name in (*_TOLD, "ExecStart", "EnvironmentFiles") for part in ("-p", name)]
    _, shown, _ = read_program(["/usr/bin/systemctl", "show", "--no-pager", *asked, "--", *units])
    for block in shown.split("\n\n"):
        lines = [line.partition("=") for line in block.splitlines()]
        said = {name: value for name, _, value in lines if name in _TOLD}
        reads = [v.partition(" (")[0] for name, _, v in lines if name == "EnvironmentFiles"]
        for command in _PROGRAM.findall(block):
            yield Command(
                said.get("Id", ""),
                said.get("User") or "root",
                command,
                kind=said.get("Type", ""),
                reads=tuple(path for path in reads if path),
            )


def _uid(account: str) -> int | None:
    try:
        return int(account) if account.isdigit() else pwd.getpwnam(account).pw_uid
    except KeyError:
        return None


def _read(path: str, account: int, served: list[str]) -> str | None:
    """What a script says; None for what is none, or could be written by others."""
    real = os.path.realpath(path)
    if is_refused(real, served):
        return None
    try:
        with disk.parent_of(real) as (folder, name):
            file = disk.open_regular(folder, name, real, links_allowed=True)
        try:
            state = os.fstat(file)
            if state.st_size > _SCRIPT_BYTES or not _is_theirs(state, account):
                return None
            text = disk.read_up_to(file, _SCRIPT_BYTES).decode("utf-8", "replace")
        finally:
            os.close(file)
    except (Failed, OSError):
        return None
    return text if text.startswith("#!") and "\0" not in text else None


def _is_theirs(state: os.stat_result, account: int) -> bool:
    """Whether nobody could write it but root and the account that runs it."""
    group_may = state.st_mode & stat.S_IWGRP and state.st_gid != 0
    return not (state.st_mode & stat.S_IWOTH or group_may) and state.st_uid in (0, account)
