"""Receipts: the host's own record of every change that was ever sent to it.

A folder <intent>/ with request.json, the lock `alive`, then `started`, `out`, and at the end `rc`
(or `refused`); of a change that waits for the agent's word, `kept` or `taken-back` after that. The
folder appears whole, by one rename: that rename is the guard, so the same intent never starts
twice. `alive` stays locked while somebody works on it; a folder without `rc` that nobody has locked
is one whose work was cut off.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import json
import os
import shutil
import signal
import time
from typing import Any

from . import disk
from .answers import Params, answer
from .places import Places
from .refusal import Refused

KEPT_SECONDS = 30 * 24 * 3600
_MOST_REMOVED = 200
_FACTS = ("intent", "state", "exit_code", "output", "reason")
_EXISTS = (errno.EEXIST, errno.ENOTEMPTY)


def receipt_read(params: Params, places: Places) -> int:
    """ReceiptFacts."""
    told = Receipts(places).tell(str(params["intent"]))
    return answer({name: told[name] for name in _FACTS if name in told})


class Receipts:
    """All receipts of this host."""

    def __init__(self, places: Places) -> None:
        self._root = places.receipts

    def folder(self, intent: str) -> str:
        return f"{self._root}/{intent}"

    def claim(self, intent: str, request: dict[str, Any]) -> int | None:
        """Make the receipt of an intent; the lock to hold while working, None if it exists.

        Refused where it cannot be written: without a receipt nothing may run.
        """
        staged = f"{self._root}/.{os.getpid()}-{intent}"
        try:
            disk.make_folder(staged)
            lock = os.open(f"{staged}/alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            disk.write_whole(f"{staged}/request.json", json.dumps(request).encode())
            os.rename(staged, self.folder(intent))
            disk.sync_folder(self._root)
        except OSError as error:
            shutil.rmtree(staged, ignore_errors=True)
            if error.errno in _EXISTS:
                return None
            raise Refused(
                "no-receipt", f"the receipt could not be written: {error.strerror}; nothing ran"
            ) from None
        return lock

    def request(self, intent: str) -> dict[str, Any]:
        """What the intent was first sent with."""
        found: dict[str, Any] = json.loads(self._read(intent, "request.json"))
        return found

    def write(self, intent: str, name: str, content: bytes) -> None:
        disk.write_whole(f"{self.folder(intent)}/{name}", content)

    def tell(self, intent: str) -> dict[str, Any]:
        """The state of an intent: none, running, ended, lost or refused."""
        if not os.path.isdir(self.folder(intent)):
            return {"intent": intent, "state": "none"}
        told = self._settled(intent)
        if told is None and self._is_held(intent):
            told = {"state": "running"}
        told = told or self._settled(intent) or self._cut_off(intent)
        return {"intent": intent, **told}

    def remove_old(self) -> None:
        """Remove receipts of which nobody will ask any more."""
        limit = time.time() - KEPT_SECONDS
        # tidying up never stands in the way of a change: `claim` tells what is wrong
        with contextlib.suppress(OSError), os.scandir(self._root) as found:
            old = (one.path for one in found if one.stat().st_mtime < limit)
            for path in itertools.islice(old, _MOST_REMOVED):
                shutil.rmtree(path, ignore_errors=True)

    def _settled(self, intent: str) -> dict[str, Any] | None:
        """The written end of an intent, or None while it has none."""
        refused = self._read(intent, "refused")
        if refused:
            return {"state": "refused", "reason": refused.decode()}
        ended = self._read(intent, "rc")
        if not ended:
            return None
        output = self._read(intent, "out").decode("utf-8", "replace")
        told = {"state": "ended", "output": output, **json.loads(ended)}
        watch = self._watch(intent)
        return told if not watch else {**told, "watch": watch}

    def _watch(self, intent: str) -> str:
        """What became of a change that waits for the agent's word; "" for one that does not.

        waiting; kept: the agent was heard; taken-back; lost: its process was ended first, and what
        it did stands.
        """
        if not self.request(intent).get("watched"):
            return ""
        held = self._is_held(intent)
        for ending in ("kept", "taken-back"):
            if self._read(intent, ending):
                return ending
        return "waiting" if held else "lost"

    def await_end(self, intent: str, seconds: float) -> None:
        """Wait until nobody works on an intent any more, or for so long."""
        lock = os.open(f"{self.folder(intent)}/alive", os.O_RDWR | os.O_CLOEXEC)
        before = signal.signal(signal.SIGALRM, _time_is_up)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            with contextlib.suppress(TimeoutError):  # it is told as it is: still at it
                fcntl.flock(lock, fcntl.LOCK_SH)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            os.close(lock)

    def _cut_off(self, intent: str) -> dict[str, Any]:
        if not self._read(intent, "started"):
            return {
                "state": "refused",
                "reason": "the host stopped working on it before anything was run",
            }
        output = self._read(intent, "out").decode("utf-8", "replace")
        reason = "it was started, and cut off before its end could be written"
        return {"state": "lost", "reason": reason, "output": output}

    def _is_held(self, intent: str) -> bool:
        """Whether somebody works on it now."""
        lock = os.open(f"{self.folder(intent)}/alive", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def _read(self, intent: str, name: str) -> bytes:
        try:
            with open(f"{self.folder(intent)}/{name}", "rb") as source:
                return source.read()
        except FileNotFoundError:
            return b""


def _time_is_up(*_: object) -> None:
    raise TimeoutError
