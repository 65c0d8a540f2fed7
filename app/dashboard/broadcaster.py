"""What is live: one look a second for all, each change rendered once, the same bytes to each.

    position()      where the stream stands: a page that is rendered now says so
    frames(last)    the stream from there on; a viewer that comes back misses nothing

An event's number is `<run>-<n>`. Who names one that this process still has gets all that came
after it; who names another (the server was started anew, or it was long ago) is told to `resync`:
the pages are whole, so reading one again loses nothing. A viewer that does not keep up is let go
and comes back with the last number that it saw.

Nobody looking costs nothing: the task ends when the last viewer has been gone for a while.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from app import log
from app.audit.looking import Look
from app.errors import SreAgentError

LOOK_SECONDS = 1.0
BEAT_SECONDS = 5.0
"""How often viewers hear that the database was looked at, though nothing has changed."""

IDLE_SECONDS = 60.0
KEPT = 512
BEHIND = 64
"""How many events are kept for those who come back; how many a viewer may be behind."""

VIEWERS = 500

STREAM_SECONDS = 600.0
"""A stream ends after this and its viewer comes back: sessions end, and keys are taken back."""

RESYNC = b"event: resync\ndata: {}\n\n"

logger = log.get(__name__)


class Change(NamedTuple):
    """What differs between two looks."""

    executions: frozenset[int]
    questions: frozenset[int]
    pause: bool = False


class Piece(NamedTuple):
    """A piece of a page: it takes the place of the element of its id.

    `into` names the list that it goes to the end of (or to the top, with `first`) where there is
    no such element yet; "" leaves it out there.
    """

    id: str
    html: str
    into: str = ""
    first: bool = False


LookingAt = Callable[[Look | None], Awaitable[Look]]
Rendering = Callable[[Change], Awaitable[list[Piece]]]


class Broadcaster:
    """One to a process, on its event loop."""

    def __init__(self, look: LookingAt, render: Rendering) -> None:
        self._look = look
        self._render = render
        self._run = secrets.token_hex(4)
        self._number = 0
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=KEPT)
        self._viewers: set[asyncio.Queue[bytes | None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._last_look: Look | None = None
        self._wanted_at = 0.0
        self._sent: dict[str, int] = {}

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    @property
    def full(self) -> bool:
        return len(self._viewers) >= VIEWERS

    async def position(self) -> str:
        """The number of the newest event. What changes after this moment gets a higher one."""
        await self._wake()
        return f"{self._run}-{self._number}"

    async def frames(self, last: str) -> AsyncIterator[bytes]:
        """Events after the number `last`, for as long as the viewer keeps up."""
        await self._wake()
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(BEHIND)
        missed = self._after(last)  # in one breath with joining: nothing falls in between
        self._viewers.add(queue)
        try:
            yield b"retry: 2000\n\n"
            for frame in missed:
                yield frame
            ends = time.monotonic() + STREAM_SECONDS
            while (news := await _before(ends, queue)) is not None:
                yield news
        finally:
            self._viewers.discard(queue)

    async def close(self) -> None:
        """End the task and every stream."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        for queue in list(self._viewers):
            self._let_go(queue)

    def _after(self, last: str) -> list[bytes]:
        run, _, number = last.partition("-")
        if run != self._run or not number.isdigit():
            return [RESYNC]
        seen = int(number)
        oldest = self._kept[0][0] if self._kept else self._number + 1
        if seen + 1 < oldest:
            return [RESYNC]
        return [frame for at, frame in self._kept if at > seen]

    async def _wake(self) -> None:
        self._wanted_at = time.monotonic()
        if self._last_look is None:
            self._last_look = await self._look(None)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(), name="dashboard-broadcaster")

    async def _watch(self) -> None:
        beat_at = time.monotonic()
        while self._viewers or time.monotonic() - self._wanted_at < IDLE_SECONDS:
            await asyncio.sleep(LOOK_SECONDS)
            if await self._looked() and time.monotonic() - beat_at >= BEAT_SECONDS:
                beat_at = time.monotonic()
                self._send(b"event: beat\ndata: {}\n\n")

    async def _looked(self) -> bool:
        """Look once and tell what has changed; False where the database could not be asked."""
        before = self._last_look
        try:
            now = await self._look(before)
            if before is not None:
                change = Change(
                    now.changed_since(before),
                    now.questions_changed_since(before),
                    pause=now.pause != before.pause,
                )
                if any(change):
                    self._publish(await self._render(change))
        except SreAgentError as error:
            logger.warning("what is new could not be read; it is tried again", reason=str(error))
            return False
        except Exception:  # a task that ends silently would leave every page stale
            logger.exception("what is new could not be shown; it is tried again")
            return False
        self._last_look = now
        return True

    def _publish(self, pieces: list[Piece]) -> None:
        """One event with all pieces that look otherwise than when they were last sent."""
        news = [piece for piece in pieces if self._sent.get(piece.id) != hash(piece.html)]
        if not news:
            return
        if len(self._sent) > 50 * KEPT:
            self._sent.clear()
        self._sent |= {piece.id: hash(piece.html) for piece in news}
        self._number += 1
        data = json.dumps([piece._asdict() for piece in news], separators=(",", ":"))
        frame = f"id: {self._run}-{self._number}\nevent: pieces\ndata: {data}\n\n".encode()
        self._kept.append((self._number, frame))
        self._send(frame)

    def _send(self, frame: bytes) -> None:
        for queue in list(self._viewers):
            try:
                queue.put_nowait(frame)
            except asyncio.QueueFull:
                self._let_go(queue)

    def _let_go(self, queue: asyncio.Queue[bytes | None]) -> None:
        """End a viewer's stream; what it has not read is replayed when it comes back."""
        self._viewers.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)


async def _before(ends: float, queue: asyncio.Queue[bytes | None]) -> bytes | None:
    """The next frame; None where the stream is to end."""
    try:
        async with asyncio.timeout(ends - time.monotonic()):
            return await queue.get()
    except TimeoutError:
        return None
