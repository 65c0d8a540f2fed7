"""`ps -eo pid=,ppid=,user:32=,stat=,etimes=,rss=,pcpu=,cgroup:200=,comm=`: every process."""

from __future__ import annotations

import re

from app.host.facts import Process, ProcessesFacts
from app.host.parsers.cgroup_path import unit_of_cgroup
from app.host.parsers.raw import ParseError, RawOutput

_LINE = re.compile(
    r"(?P<pid>\d{1,10})\s+(?P<ppid>\d{1,10})\s+(?P<user>\S+)\s+(?P<state>[A-Z])\S*\s+"
    r"(?P<seconds>-|\d{1,12})\s+(?P<rss>\d{1,15})\s+(?P<cpu>\d{1,6}(?:\.\d{1,3})?)\s+"
    r"(?P<cgroup>\S+)\s+(?P<command>.+)"
)
_KIBIBYTE = 1024


def parse_processes(raw: RawOutput) -> ProcessesFacts:
    """All processes; ParseError where not one line has the nine columns."""
    lines = raw.whole_lines()
    matches = [match for line in lines if (match := _LINE.fullmatch(line.strip()))]
    if not matches:
        raise ParseError(f"ps: expected lines with nine columns: {raw.complaint()}")
    return ProcessesFacts(processes=tuple(_process(match) for match in matches))


def _process(match: re.Match[str]) -> Process:
    seconds = match["seconds"]
    return Process(
        pid=int(match["pid"]),
        ppid=int(match["ppid"]),
        user=match["user"],
        state=match["state"],
        seconds=0 if seconds == "-" else int(seconds),  # "-": started in the future, clock moved
        rss_bytes=int(match["rss"]) * _KIBIBYTE,
        cpu_percent=float(match["cpu"]),
        command=match["command"].removesuffix(" <defunct>"),
        unit=unit_of_cgroup(match["cgroup"]),
    )
