"""Several children at once, each with its deadline and its cap on output. No threads.

One loop waits for output, for ended children and for the next deadline. A child that is late, or
that has said more than it may, is ended with its whole process group; what it said is kept.
"""

from __future__ import annotations

import collections
import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import child
from .builtin_table import builtin, run_builtin
from .places import Places
from .request import Call

AT_ONCE = 8
ERROR_BYTES = 16 * 1024
_CHUNK = 65536


class Interrupted(Exception):
    """The gate itself was told to end; its children end with it."""


class Job:
    """One call being run."""

    def __init__(self, number: int, call: Call, *, end_when_full: bool = True) -> None:
        self.number = number
        self.call = call
        self.end_when_full = end_when_full
        self.pid = 0
        self.output = {"stdout": bytearray(), "stderr": bytearray()}
        self.truncated = False
        self.timed_out = False
        self.started = 0.0
        self.code: int | None = None

    @property
    def deadline(self) -> float:
        return self.started + self.call.timeout

    def start(self, places: Places) -> child.Child:
        self.started = time.monotonic()
        started = child.start(self._work(places), self.call.account)
        self.pid = started.pid
        return started

    def _work(self, places: Places) -> Callable[[], int]:
        if self.call.argv:
            return child.program(self.call.argv)
        function = builtin(self.call.builtin)  # read here: once for all children that need it
        return lambda: run_builtin(function, self.call.params, places)

    def take(self, stream: str, chunk: bytes) -> None:
        """Keep what fits; whoever says more is cut, and ended where nothing is lost by that."""
        kept = self.output[stream]
        room = (self.call.max_bytes if stream == "stdout" else ERROR_BYTES) - len(kept)
        kept += chunk[: max(room, 0)]
        if len(chunk) > room:
            self.truncated = True
            if self.end_when_full:
                child.end_group(self.pid)

    def end_late(self) -> None:
        self.timed_out = True
        child.end_group(self.pid)

    def answer(self) -> dict[str, Any]:
        """The job's line of the gate's answer."""
        ended_by_us = self.timed_out or (self.truncated and self.end_when_full)
        return {
            "id": self.number,
            "exit_code": None if ended_by_us else self.code,
            "stdout": self.output["stdout"].decode("utf-8", "replace"),
            "stderr": self.output["stderr"].decode("utf-8", "replace"),
            "truncated": self.truncated,
            "timed_out": self.timed_out,
            "seconds": round(time.monotonic() - self.started, 4),
        }


class Loop:
    """Runs jobs, at most so many at once, and tells of each as it ends."""

    def __init__(self, places: Places, ended: Callable[[Job], None]) -> None:
        self._places = places
        self._ended = ended
        self._running: dict[int, Job] = {}
        self._selector = selectors.DefaultSelector()

    def run(self, jobs: Iterable[Job]) -> None:
        """Run all; where this is interrupted, everything that was started is ended first."""
        waiting = collections.deque(jobs)
        with _told_of_ended_children() as bell:
            self._selector.register(bell, selectors.EVENT_READ, None)
            try:
                while waiting or self._running:
                    while waiting and len(self._running) < AT_ONCE:
                        self._start(waiting.popleft())
                    self._wait(bell)
            finally:
                for job in self._running.values():
                    child.end_group(job.pid)
                self._selector.close()

    def _start(self, job: Job) -> None:
        started = job.start(self._places)
        self._running[started.pid] = job
        for stream, end in (("stdout", started.out), ("stderr", started.err)):
            os.set_blocking(end, False)
            self._selector.register(end, selectors.EVENT_READ, (job, stream))

    def _wait(self, bell: int) -> None:
        next_deadline = min(job.deadline for job in self._running.values())
        left = max(next_deadline - time.monotonic(), 0.0)
        for key, _ in self._selector.select(left):
            if key.fd == bell:
                _drain(bell)
            else:
                self._read(key.fd, *key.data)
        for job in list(self._running.values()):
            if not job.timed_out and time.monotonic() >= job.deadline:
                job.end_late()
            self._reap(job)

    def _read(self, end: int, job: Job, stream: str) -> bool:
        """Take what is there; False once nobody writes any more."""
        try:
            chunk = os.read(end, _CHUNK)
        except BlockingIOError:
            return False
        if chunk:
            job.take(stream, chunk)
            return True
        self._selector.unregister(end)
        os.close(end)
        return False

    def _reap(self, job: Job) -> None:
        pid, status = os.waitpid(job.pid, os.WNOHANG)
        if pid == 0:
            return
        job.code = child.exit_code(status)
        for key in list(self._selector.get_map().values()):
            if key.data is not None and key.data[0] is job:
                self._finish_reading(key.fd, key.data[1], job)
        child.end_group(job.pid)  # what it may have left behind
        del self._running[job.pid]
        self._ended(job)

    def _finish_reading(self, end: int, stream: str, job: Job) -> None:
        while self._read(end, job, stream):
            if job.truncated:
                break
        if end in self._selector.get_map():
            self._selector.unregister(end)
            os.close(end)


@contextlib.contextmanager
def _told_of_ended_children() -> Iterator[int]:
    """A descriptor that becomes readable when a child has ended."""
    bell, striker = os.pipe()
    os.set_blocking(bell, False)
    os.set_blocking(striker, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    before = signal.set_wakeup_fd(striker, warn_on_full_buffer=False)
    try:
        yield bell
    finally:
        signal.set_wakeup_fd(before)
        os.close(bell)
        os.close(striker)


def _drain(bell: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(bell, _CHUNK):
            pass
