"""Signs that somebody else is on the host: looked for, never touched. They are evidence."""

from __future__ import annotations

import os
from collections.abc import Iterator

from .answers import Params, answer, process_ids, text_at, user_name
from .places import Places

TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/")  # noqa: S108 - looked into, not written to
DATA = ("/var/lib/", "/var/cache/", "/var/log/", "/var/spool/", "/var/www/")
OF_DATA = "program-in-data-folder"
CRONTABS = ("/var/spool/cron/crontabs", "/var/spool/cron")
PRELOAD = "/etc/ld.so.preload"
_MOST = 40


def security_signs(_: Params, __: Places) -> int:
    """SecurityFacts: the same host without an intruder gives an empty list."""
    found = [*_programs_in_writable_folders(), *_preloaded(), *_jobs(), *_second_roots()]
    return answer({"signs": found[:_MOST]})


def _sign(kind: str, subject: str, user: str = "") -> dict[str, str]:
    return {"kind": kind, "subject": subject[:300], "user": user}


def _programs_in_writable_folders() -> Iterator[dict[str, str]]:
    """What runs from where anybody may write, or where a daemon without rights keeps its data and
    could have put it itself. A program that was deleted since counts too."""
    for pid in process_ids():
        try:
            program = os.readlink(f"/proc/{pid}/exe")
            account = os.stat(f"/proc/{pid}").st_uid
            file = os.stat(f"/proc/{pid}/exe")
        except OSError:
            continue  # a kernel thread, or gone
        if program.startswith(TEMPORARY):
            yield _sign("program-in-temporary-folder", program, user_name(account))
        elif program.startswith(DATA) and account == file.st_uid != 0 and _is_here(program, file):
            yield _sign(OF_DATA, program, user_name(account))


def _is_here(program: str, file: os.stat_result) -> bool:
    """Whether a path is that file on this host too: a container has paths of its own."""
    try:
        return os.path.samestat(os.stat(program), file)
    except OSError:
        return False


def _preloaded() -> Iterator[dict[str, str]]:
    """Libraries that are put into every program."""
    for library in text_at(PRELOAD, 4096).split():
        yield _sign("preloaded-library", library)


def _jobs() -> Iterator[dict[str, str]]:
    """Scheduled jobs that run something from a temporary folder."""
    for folder in CRONTABS:
        try:
            owners = sorted(name for name in os.listdir(folder))
        except OSError:
            continue
        for owner in owners:
            for line in text_at(f"{folder}/{owner}", 65536).splitlines():
                words = line.split()
                if words and not words[0].startswith("#") and _runs_from_temporary(words):
                    yield _sign("job-in-temporary-folder", line.strip(), owner)


def _runs_from_temporary(words: list[str]) -> bool:
    """Whether the command's own word lies there; arguments and redirections may."""
    command = words[1:] if words[0].startswith("@") else words[5:]
    return bool(command) and command[0].startswith(TEMPORARY)


def _second_roots() -> Iterator[dict[str, str]]:
    for line in text_at("/etc/passwd", 1 << 20).splitlines():
        fields = line.split(":")
        if len(fields) > 3 and fields[2] == "0" and fields[0] != "root":
            yield _sign("account-with-uid-0", fields[0], fields[0])
