"""How builtins read a program, describe what they found, and answer."""

from __future__ import annotations

import grp
import json
import os
import pwd
import stat
import sys
import time
from collections.abc import Callable
from typing import Any

from .child import ENVIRONMENT
from .parameters import Given
from .places import Places

Params = dict[str, Given]
Builtin = Callable[[Params, Places], int]
"""A function of the gate: prints its answer, returns an exit code."""

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFSOCK: "socket",
}


def answer(facts: dict[str, Any]) -> int:
    """Print facts as one JSON document; success."""
    json.dump(facts, sys.stdout, separators=(",", ":"))
    return 0


def read_program(argv: list[str], seconds: float = 8.0) -> tuple[int | None, str, str]:
    """Exit code, standard output and error of a program; None where it is absent or late."""
    import subprocess  # only where it is needed: it costs every start of the gate 10 ms

    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=ENVIRONMENT,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, "", str(error)
    return done.returncode, _text(done.stdout), _text(done.stderr)


def kind_of(mode: int) -> str:
    """file, directory, symlink, socket or other."""
    return _KINDS.get(stat.S_IFMT(mode), "other")


def mode_text(mode: int) -> str:
    """0644, as people write it."""
    return f"{stat.S_IMODE(mode):04o}"


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def iso(seconds: float) -> str:
    """A time since the epoch as ISO 8601 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def unit_of(pid: int | str) -> str | None:
    """The systemd unit that a process belongs to, from its control group."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as source:
            lines = source.read().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "name=systemd"):
            units = [p for p in path.split("/") if p.endswith((".service", ".scope", ".socket"))]
            if units:
                return units[-1]
    return None


def text_at(path: str, most: int = 65536) -> str:
    """A small text of the kernel's or the system's own; "" where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.read(most)
    except OSError:
        return ""


def command_of(pid: int | str) -> str:
    """A process's name, never its arguments: those may carry secrets."""
    return text_at(f"/proc/{pid}/comm", 64).strip()


def stat_fields(pid: int | str) -> list[str] | None:
    """/proc/PID/stat from the state on: state, ppid, ...; start time is the 20th of them."""
    text = text_at(f"/proc/{pid}/stat", 4096)
    return text[text.rindex(")") + 2 :].split() if ")" in text else None


def start_time_of(pid: int | str) -> int | None:
    """When a process started, in clock ticks since boot; with its pid it names it for good."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields is not None else None


def started_at(ticks: int) -> float:
    """Clock ticks since boot as seconds since the epoch, by the clock as it is set now."""
    words = [line.split() for line in text_at("/proc/stat", 1 << 20).splitlines()]
    booted = float(next((w[1] for w in words if w and w[0] == "btime"), 0))
    return booted + ticks / os.sysconf("SC_CLK_TCK")


def process_ids() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit()]


def _text(output: bytes) -> str:
    return output.decode("utf-8", "replace")
