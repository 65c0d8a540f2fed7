"""One change: under a receipt, behind a fence, alone on its host, to its end whatever happens.

The work is done by a process that belongs to nobody any more: it survives the end of the SSH
session, of this gate and of the agent, and its end stands in the receipt.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import time
from typing import Any, NamedTuple

from . import disk
from .dead_man import Ear, Watch, speak, watch_of
from .jobs import Job, Loop
from .parameters import is_inert
from .places import Places
from .receipts import Receipts
from .refusal import Refused
from .request import Call, Config, admit

SECONDS_FOR_LOCK = 2.0
SECONDS_TO_END = 10.0
"""How long a gate that brings the agent's word waits for what it leads to."""
_INTENT_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-")


def change(request: dict[str, Any], config: Config, places: Places) -> dict[str, Any]:
    """Run one changing action once, and tell its receipt.

    The same intent again is answered from its receipt and runs nothing.
    """
    intent = intent_of(request)
    call, watch = admit(request, config, changes=True), watch_of(request, config)
    receipts = Receipts(places)
    record = _record(intent, request, config) | {"watched": watch is not None}
    receipts.remove_old()
    alive = receipts.claim(intent, record)
    if alive is None:
        _require_same(receipts.request(intent), record)
        return {**receipts.tell(intent), "repeated": True}
    try:
        lock = _alone(places, record["fence"])
    except Refused as refused:
        receipts.write(intent, "refused", refused.reason.encode())
        return receipts.tell(intent)
    ended = _detach(_Work(call, watch, intent), receipts, places, lock)
    os.close(alive)  # the detached process holds both locks from here on
    os.close(lock)
    _wait(ended, call.timeout + 5)
    return receipts.tell(intent)


def confirm(request: dict[str, Any], places: Places) -> dict[str, Any]:
    """Bring the agent's word to a change that waits for it, and tell the receipt as it is then."""
    intent, receipts = intent_of(request), Receipts(places)
    if receipts.tell(intent).get("watch") == "waiting":
        speak(receipts.folder(intent))
        receipts.await_end(intent, SECONDS_TO_END)
    return receipts.tell(intent)


def look(request: dict[str, Any], places: Places) -> dict[str, Any]:
    """Tell the receipt of an intent; nothing is started.

    Who goes on for an earlier holder asks under a newer fence. What that one sent and has not come
    yet is refused from then on: it may come when it is not wanted any more.
    """
    intent, receipts = intent_of(request), Receipts(places)
    told = receipts.tell(intent)
    if told["state"] == "none" and "fence" in request:
        try:
            os.close(_alone(places, _fence_of(request)))
        except Refused as refused:
            if refused.code != "busy":
                raise
            return {**told, "state": "running", "reason": refused.reason}  # asked again in a moment
        told = receipts.tell(intent)
    return told


def intent_of(request: dict[str, Any]) -> str:
    """The intent's id, fit to be the name of a folder."""
    intent = request.get("intent")
    if (
        not isinstance(intent, str)
        or not is_inert(intent)
        or not 0 < len(intent) <= 128
        or not set(intent) <= _INTENT_LETTERS
        or intent[0] in ".-"
    ):
        raise Refused("malformed", f"{ascii(intent)[:80]} is no intent's id")
    return intent


def _record(intent: str, request: dict[str, Any], config: Config) -> dict[str, Any]:
    return {
        "intent": intent,
        "action": request["action"],
        "params": request["params"],
        "fence": _fence_of(request),
        "catalog": config.digest,
        "at": time.time(),
    }


def _fence_of(request: dict[str, Any]) -> int:
    fence = request.get("fence")
    if not isinstance(fence, int) or isinstance(fence, bool) or fence < 0:
        raise Refused("malformed", "a change needs its fence, a whole number from 0")
    return fence


def _require_same(first: dict[str, Any], now: dict[str, Any]) -> None:
    if any(first[name] != now[name] for name in ("action", "params")):
        raise Refused("intent-reused", f"intent {now['intent']} was used for {first['action']}")


def _alone(places: Places, fence: int) -> int:
    """The lock of the one change that may run here, for a holder that no later one replaced."""
    try:
        disk.make_folder(places.state)  # who only asks may be the first that comes to this host
        lock = os.open(places.change_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refused("no-lock", f"the host's lock could not be had: {error}") from None
    try:
        _take(lock)
        _pass_fence(fence, places)
    except OSError as error:
        os.close(lock)
        raise Refused("no-lock", f"the host's lock could not be had: {error}") from None
    except Refused:
        os.close(lock)
        raise
    return lock


def _take(lock: int) -> None:
    """Lock, waiting a little for a change that is just ending."""

    def give_up(*_: object) -> None:
        raise Refused("busy", "another change is running on this host; nothing ran")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_FOR_LOCK)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _pass_fence(fence: int, places: Places) -> None:
    """Refuse the holder of an older lease; remember a newer one."""
    highest = _highest(places)
    if fence < highest:
        raise Refused(
            "fenced", f"fence {fence} is older than {highest}: another execution has the host"
        )
    if fence > highest:
        disk.write_whole(places.fence, str(fence).encode())


def _highest(places: Places) -> int:
    try:
        with open(places.fence, encoding="ascii") as source:
            return int(source.read())
    except FileNotFoundError:
        return 0
    except ValueError as error:
        raise Refused("fenced", f"{places.fence} holds no number: {error}") from None


class _Work(NamedTuple):
    """What an orphan does."""

    call: Call
    watch: Watch | None
    intent: str


def _detach(work: _Work, receipts: Receipts, places: Places, lock: int) -> int:
    """Start the work in an orphan of its own session; a descriptor that ends when it does."""
    ended, end = os.pipe()
    first = os.fork()
    if first == 0:
        os.setsid()
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if os.fork() == 0:
            _work(work, receipts, places, (lock, end))
        os._exit(0)
    os.waitpid(first, 0)
    os.close(end)
    return ended


def _work(work: _Work, receipts: Receipts, places: Places, held: tuple[int, int]) -> None:
    """The orphan's life: run, write the end, let go of the host. Never returns.

    `held`: the host's lock, and what the gate waits for.
    """
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nothing, standard)
        ear = None if work.watch is None else Ear(receipts.folder(work.intent))
        receipts.write(work.intent, "started", str(os.getpid()).encode())
        job = Job(0, work.call, end_when_full=False)
        Loop(places, lambda _: None).run([job])
        _write_end(job, work.intent, receipts)
        for one in held:  # before the waiting gate hears of the end: the next change finds it free
            os.close(one)
        if work.watch is not None and ear is not None:
            _watch(work.watch, ear, work.intent, receipts, places)
    finally:
        os._exit(0)


def _watch(watch: Watch, ear: Ear, intent: str, receipts: Receipts, places: Places) -> None:
    """Keep the change where the agent is heard in time; otherwise take it back."""
    if ear.hears(watch.seconds):
        receipts.write(intent, "kept", b"heard")
        return
    lock = os.open(places.change_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)  # as long as it takes: nobody else will do it
    told = []
    for call in watch.calls:
        job = Job(0, call, end_when_full=False)
        Loop(places, lambda _: None).run([job])
        answer = job.answer()
        told.append({"action": call.action, "exit_code": answer["exit_code"]})
    receipts.write(intent, "taken-back", json.dumps(told).encode())
    os.close(lock)


def _write_end(job: Job, intent: str, receipts: Receipts) -> None:
    answer = job.answer()
    output = answer["stdout"] + answer["stderr"]
    if answer["timed_out"]:
        output += f"\n[ended after {job.call.timeout:g} s]"
    with contextlib.suppress(OSError):  # a full disk: the exit code matters more
        receipts.write(intent, "out", output.encode())
    end = {
        "exit_code": 124 if answer["timed_out"] else answer["exit_code"],
        "seconds": answer["seconds"],
        "truncated": answer["truncated"],
    }
    receipts.write(intent, "rc", json.dumps(end).encode())


def _wait(ended: int, seconds: float) -> None:
    """Until the orphan has ended, or for so long."""
    select.select([ended], [], [], seconds)
    os.close(ended)
