"""A change that may cut the agent off is taken back by the host itself, unless the agent is heard.

The change comes with the calls that take it back. Once it has ended, its own process waits for the
agent's word, which comes over a connection made after the change: whoever gets through so is not
cut off. Where nobody is heard in time, the calls are run, and the receipt says so.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
from collections.abc import Mapping
from typing import Any, NamedTuple

from .refusal import Refused
from .request import Call, Config, admit

SHORTEST, LONGEST = 5, 300
MOST_CALLS = 4
_EAR = "ear"


class Watch(NamedTuple):
    """How long to wait for the agent's word, and what takes the change back."""

    seconds: float
    calls: tuple[Call, ...]


def watch_of(request: Mapping[str, Any], config: Config) -> Watch | None:
    """What a request says of it; None where it says nothing. Refused where it cannot be done."""
    asked = request.get("unless_heard")
    if asked is None:
        return None
    if not isinstance(asked, dict):
        raise Refused("malformed", "unless_heard is no object")
    seconds, calls = asked.get("seconds"), asked.get("calls")
    if not isinstance(seconds, int) or not SHORTEST <= seconds <= LONGEST:
        raise Refused("malformed", f"expected {SHORTEST} to {LONGEST} whole seconds to wait")
    if not isinstance(calls, list) or not 0 < len(calls) <= MOST_CALLS:
        raise Refused("malformed", f"expected 1 to {MOST_CALLS} calls that take it back")
    if not all(isinstance(one, dict) for one in calls):
        raise Refused("malformed", "a call that takes it back is no object")
    return Watch(float(seconds), tuple(admit(one, config, changes=True) for one in calls))


class Ear:
    """Where the agent's word arrives: a named pipe in the receipt's folder, open from the start."""

    def __init__(self, folder: str) -> None:
        path = f"{folder}/{_EAR}"
        os.mkfifo(path, 0o600)
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def hears(self, seconds: float) -> bool:
        """Whether the agent's word comes within so many seconds."""
        heard, _, _ = select.select([self._pipe], [], [], seconds)
        return bool(heard)


def speak(folder: str) -> None:
    """Say the agent's word; in vain where nobody listens any more, which the receipt tells."""
    try:
        pipe = os.open(f"{folder}/{_EAR}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        if problem.errno in (errno.ENXIO, errno.ENOENT):
            return
        raise
    with contextlib.suppress(BlockingIOError):  # it is full of words already
        os.write(pipe, b"1")
    os.close(pipe)
