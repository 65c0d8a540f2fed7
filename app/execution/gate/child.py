"""One child process: a program without a shell, or a builtin, in a process group of its own."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NamedTuple

ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "TERM": "dumb",
    "PAGER": "cat",
    "SYSTEMD_PAGER": "",
    "SYSTEMD_COLORS": "0",
}
"""All that a program sees of an environment."""

CANNOT_RUN = 127


class Child(NamedTuple):
    """A started child and the reading ends of its two outputs."""

    pid: int
    out: int
    err: int


def start(work: Callable[[], int], account: str) -> Child:
    """Start `work` in a child of its own session, as `account`; it returns the exit code."""
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(work, account, out_end, err_end)
    os.close(out_end)
    os.close(err_end)
    return Child(pid, out, err)


def program(argv: tuple[str, ...]) -> Callable[[], int]:
    """Work that becomes the program `argv[0]`, with a clean environment and no shell."""

    def replace_process() -> int:
        try:
            os.execve(argv[0], argv, ENVIRONMENT)
        except OSError as error:
            print(f"{argv[0]}: {error.strerror}", file=sys.stderr)
            return CANNOT_RUN

    return replace_process


def end_group(pid: int) -> None:
    """End a child and whatever it started, at once."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def exit_code(status: int) -> int:
    """The exit code of a wait status; 128 and the signal's number where a signal ended it."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def drop_to(account: str) -> None:
    """Become an account for good: its groups, its group, itself."""
    entry = pwd.getpwnam(account)
    os.setgroups(os.getgrouplist(account, entry.pw_gid))
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def group_names() -> dict[int, str]:
    """Names of groups by id, for showing owners."""
    return {entry.gr_gid: entry.gr_name for entry in grp.getgrall()}


def _become(work: Callable[[], int], account: str, out_end: int, err_end: int) -> None:
    """The child's life. Never returns: the parent's code must not run twice."""
    code = 1
    try:
        os.setsid()
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.umask(0o077)
        os.chdir("/")
        _wire(out_end, err_end)
        if account != "root" and os.geteuid() == 0:
            drop_to(account)
        code = work()
        sys.stdout.flush()
    except Exception:  # noqa: BLE001 - the last frame of this process: it must reach stderr
        traceback.print_exc(limit=4)
    finally:
        sys.stderr.flush()
        os._exit(code)


def _wire(out_end: int, err_end: int) -> None:
    """Nothing to read from, two pipes to write to, no other descriptor."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(out_end, 1)
    os.dup2(err_end, 2)
    os.closerange(3, 1024)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="replace", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="replace", closefd=False)
