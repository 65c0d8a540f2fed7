"""Runs of jobs that are at work, and a pile of them ended but for the first."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import NamedTuple

from .answers import Params, answer, process_ids, started_at, stat_fields, text_at
from .job_locks import locks_of, shown_of
from .places import Places
from .refusal import Failed
from .scheduled import Script, scripts

_PILED_UP, _MOST_RUNS = 3, 200
_MOST_LOCKS = 100
_INTERPRETER = re.compile(
    r"(?:ba|da|k|z|a)?sh|python[0-9.]*|perl[0-9.]*|ruby[0-9.]*|php[0-9.]*|node"
)


class Process(NamedTuple):
    """One process, as it was when all were looked at."""

    pid: int
    parent: int
    started: int  # clock ticks since boot
    uid: int
    argv: tuple[str, ...]


Processes = dict[int, Process]


def job_scripts(_: Params, __: Places) -> int:
    """JobScriptsFacts: the scripts of jobs and their runs; the locks that they take, and whose."""
    found, processes = scripts(), every_process()
    shown = []
    for one in found.values():
        pile = _pile(one, processes) if one.active else []
        oldest = min((run.started for run in pile), default=None)
        seconds = None if oldest is None else max(0, int(time.time() - started_at(oldest)))
        shown.append(
            {
                "path": one.path, "job": one.job, "kind": one.kind, "reads": one.reads,
                "runs": len(pile), "oldest_seconds": seconds,
            }
        )  # fmt: skip
    locks = [lock for one in found.values() for lock in locks_of(one)][:_MOST_LOCKS]
    at_work = {one.path: bool(_runs(one, processes)) for one in found.values()}
    told = [shown_of(lock, running=at_work[lock.script]) for lock in locks]
    return answer({"scripts": shown, "locks": [one for one in told if one is not None]})


def job_end_extra_runs(params: Params, _: Places) -> int:
    """Ask every run of a pile to end but the one that was there first, with what they started."""
    script = scripts().get(str(params["script"]))
    if script is None or not script.active:
        raise Failed(f"no job here runs {params['script']}")
    processes = every_process()
    runs = sorted(_pile(script, processes), key=lambda run: (run.started, run.pid))
    if len(runs) > _MOST_RUNS:
        raise Failed(f"{script.path} runs {len(runs)} times: so many are for a person to end")
    extra = runs[1:] if len(runs) >= _PILED_UP else []
    meant = [one for run in extra for one in (run, *_below(run, processes))]
    ended = [one.pid for one in meant if _asked_to_end(one)]
    kept = runs[0].pid if runs else None
    return answer({"script": script.path, "kept": kept, "asked_to_end": ended})


def every_process() -> Processes:
    """All processes by their number."""
    found: Processes = {}
    for pid in process_ids():
        fields = stat_fields(pid)
        try:
            uid = os.stat(f"/proc/{pid}").st_uid
        except OSError:
            continue  # it has just ended
        argv = tuple(text_at(f"/proc/{pid}/cmdline", 8192).split("\0")[:-1])
        if fields is not None:
            found[int(pid)] = Process(int(pid), int(fields[1]), int(fields[19]), uid, argv)
    return found


def _runs(script: Script, processes: Processes) -> list[Process]:
    """Processes that run a script as its job's account."""
    return [
        one
        for one in processes.values()
        if one.uid == script.account and _program_of(one.argv) == script.path
    ]


def _program_of(argv: tuple[str, ...]) -> str | None:
    """The script that a process runs: its first word, or the first behind an interpreter."""
    if not argv:
        return None
    if not _INTERPRETER.fullmatch(argv[0].rsplit("/", 1)[-1].lstrip("-")):
        return argv[0]
    return next((word for word in argv[1:] if not word.startswith("-")), None)


def _pile(script: Script, processes: Processes) -> list[Process]:
    """The most runs that were started in the same words; those that a run forked do not count."""
    runs = _runs(script, processes)
    pids = {run.pid for run in runs}
    alike: dict[tuple[str, ...], list[Process]] = {}
    for run in runs:
        if run.parent not in pids:
            alike.setdefault(run.argv, []).append(run)
    return max(alike.values(), key=len, default=[])


def _below(run: Process, processes: Processes) -> list[Process]:
    """What a run has started, and what that has, as the same account."""
    found, waiting = [], [run.pid]
    while waiting:
        parent = waiting.pop()
        inner = [one for one in processes.values() if one.parent == parent and one.uid == run.uid]
        found += inner
        waiting += [one.pid for one in inner]
    return found


def _asked_to_end(process: Process) -> bool:
    """Whether exactly that process was there to be asked."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        fields = stat_fields(process.pid)
        if fields is None or int(fields[19]) != process.started:
            return False
        signal.pidfd_send_signal(handle, signal.SIGTERM)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True
