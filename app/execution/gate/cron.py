"""Cron's tables as cron reads them: how many jobs, and what keeps it from running them."""

from __future__ import annotations

import os
import pwd
import re
import stat
from collections.abc import Iterator
from typing import Any, NamedTuple

from .accounts import has_expired
from .answers import Params, answer, text_at, user_name
from .parameters import is_refused
from .places import Places

SYSTEM_TABLE = "/etc/crontab"
SYSTEM_FOLDER = "/etc/cron.d"
USERS_FOLDERS = ("/var/spool/cron/crontabs", "/var/spool/cron")
_MOST = 200
_TABLE_BYTES = 256 * 1024
_READ_NAMES = re.compile(r"[A-Za-z0-9_-]+")  # others are passed over, as run-parts does
_SETTING = re.compile(r"[A-Za-z_\"'][\w\"' ]*\s*=")
_FIELD = re.compile(r"[0-9A-Za-z*/,\-~]+")
_PATH = re.compile(r"(?<![\w.$}/])/[\w.@/-]{0,400}")
_LINE_CHARS = 1000
_MOST_PROGRAMS, _PROGRAM_CHARS = 20, 200
_NO_SCRIPTS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/dev", "/proc", "/sys")
_BARE_PERCENT = re.compile(r"(?<!\\)%")
_NO_TABLES = frozenset({".placeholder"})  # what packages put there so that the folder stays


def cron_tables(_: Params, __: Places) -> int:
    """CronFacts: every table, the number of its jobs, and complaints as sentences."""
    return answer({"tables": [_table(path, system) for path, system in _tables()][:_MOST]})


class Command(NamedTuple):
    """What one line of a table, or a timer's service, runs."""

    job: str  # the table, or the service
    account: str
    text: str
    active: bool = True  # False: the line is commented out
    of_a_user: bool = False  # a table that its account may write
    kind: str = ""  # the Type= of a service
    reads: tuple[str, ...] = ()  # its environment files


def commands() -> Iterator[Command]:
    """What every line of every table runs; also lines that are commented out."""
    for path, system in _tables():
        yield from _commands(path, system)


def paths_in(text: str) -> list[str]:
    """The absolute paths that a text names, each once."""
    found = (path.rstrip("/.@-") for path in _PATH.findall(text))
    return list(dict.fromkeys(path for path in found if path))


def _commands(path: str, system: bool) -> Iterator[Command]:
    owner = os.path.basename(path)
    for line in text_at(path, _TABLE_BYTES).splitlines():
        if len(line) > _LINE_CHARS:
            continue
        words = line.lstrip("# \t").split()
        times = 1 if words and words[0].startswith("@") else 5
        timed = all(word[0] == "@" or _FIELD.fullmatch(word) for word in words[:times])
        after = words[times:]
        if timed and len(after) > int(system):
            account = after[0] if system else owner
            text = " ".join(after[1:] if system else after)
            active = not line.lstrip().startswith("#")
            yield Command(path, account, text, active, of_a_user=not system)


def _programs(path: str, system: bool) -> list[str]:
    """What its lines name, by their words alone: to look on a dead mount would hang."""
    named = (one for said in _commands(path, system) for one in paths_in(said.text))
    own = (one for one in named if len(one) <= _PROGRAM_CHARS and not is_refused(one, _NO_SCRIPTS))
    return list(dict.fromkeys(own))[:_MOST_PROGRAMS]


def _tables() -> Iterator[tuple[str, bool]]:
    """Paths, and whether the table has a column for the user."""
    if os.path.exists(SYSTEM_TABLE):
        yield SYSTEM_TABLE, True
    for name in _names(SYSTEM_FOLDER):
        yield f"{SYSTEM_FOLDER}/{name}", True
    for folder in USERS_FOLDERS:
        for name in _names(folder):
            if os.path.isfile(f"{folder}/{name}"):
                yield f"{folder}/{name}", False


def _names(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name not in _NO_TABLES)
    except OSError:
        return []


def _table(path: str, system: bool) -> dict[str, Any]:
    text = text_at(path, _TABLE_BYTES)
    lines = [line.strip() for line in text.splitlines()]
    owner = os.path.basename(path)
    jobs = [line for line in lines if line and line[0] != "#" and not _SETTING.match(line)]
    of_jobs = (problem for job in jobs for problem in _of_job(job, system, owner))
    problems = [*_of_file(path, text, system), *of_jobs]
    return {
        "path": path,
        "jobs": len(jobs),
        "problems": problems[:20],
        "programs": _programs(path, system),
    }


def _of_file(path: str, text: str, system: bool) -> Iterator[str]:
    name = os.path.basename(path)
    if system and path != SYSTEM_TABLE and not _READ_NAMES.fullmatch(name):
        yield f"cron passes over a file of the name {name}: only letters, digits, - and _ are read"
    try:
        state = os.stat(path)
    except OSError as error:
        yield f"it cannot be read: {error.strerror}"
        return
    if system and state.st_uid != 0:
        yield f"it belongs to {user_name(state.st_uid)}; cron reads it only from root"
    if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield "others than its owner may write it; cron does not read it"
    if text and not text.endswith("\n"):
        yield "its last line does not end with a newline; cron does not run it"


def _of_job(job: str, system: bool, owner: str) -> Iterator[str]:
    """What keeps cron from running a line as it is meant."""
    words = job.split()
    times = 1 if job.startswith("@") else 5
    bad = [word for word in words[:times] if not (job[0] == "@" or _FIELD.fullmatch(word))]
    if bad:
        yield f"the time field {bad[0][:20]!r} is none"
    after = words[times:]
    if system and after and not _is_account(after[0]):
        yield f"it lacks the user column: {after[0][:60]!r} is no account, so cron drops the table"
    account = after[0] if system and after else owner
    if has_expired(account):
        yield f"its account {account} has expired (chage -E): cron runs nothing as it"
    command = " ".join(after[1:] if system else after)
    if not command:
        yield "a line has no command"
    if _BARE_PERCENT.search(command):
        yield "a bare percent sign cuts the command short: cron takes it for a line's end"


def _is_account(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
