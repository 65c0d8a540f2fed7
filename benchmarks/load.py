"""POSTs sent at a fixed rate, whatever comes back: what a queue of callers does to a server.

Each request has its moment, and how long it took is counted from there: a server that is slow, and
so makes the next one wait, is not let off for it. How late the sender itself was is told beside it.
HTTP is spoken by hand: a client library needs more of a processor than the server under test.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

ANSWER_SECONDS = 60.0
HOST = "127.0.0.1"


@dataclass
class Answers:
    """What came back of some POSTs."""

    seconds: list[float] = field(default_factory=list)  # from when it was due to its answer
    late: list[float] = field(default_factory=list)  # how much later than due it was sent
    statuses: Counter[int] = field(default_factory=Counter)
    bodies: list[dict[str, Any]] = field(default_factory=list)  # of those that were taken


class Sender:
    """Connections to one server; as many as there are requests under way."""

    def __init__(self, port: int, path: str) -> None:
        self._port = port
        self._path = path
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def at_rate(self, bodies: Sequence[object], rate: float) -> Answers:
        """Send them `rate` a second; ends once all are answered. Raises TimeoutError."""
        loop, answers = asyncio.get_running_loop(), Answers()
        began = loop.time()
        async with asyncio.TaskGroup() as tasks:
            for index, body in enumerate(bodies):
                due = began + index / rate
                await asyncio.sleep(max(0.0, due - loop.time()))
                tasks.create_task(self._one(body, due, answers))
        return answers

    async def all(self, bodies: Iterable[object]) -> Answers:
        """Send them one after the other."""
        loop, answers = asyncio.get_running_loop(), Answers()
        for body in bodies:
            await self._one(body, loop.time(), answers)
        return answers

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def _one(self, body: object, due: float, answers: Answers) -> None:
        loop = asyncio.get_running_loop()
        answers.late.append(loop.time() - due)
        async with asyncio.timeout(ANSWER_SECONDS), self._connection() as (reader, writer):
            writer.write(self._request(body))
            status, answer = await _answer(reader)
        answers.seconds.append(loop.time() - due)
        answers.statuses[status] += 1
        if status == 200:
            answers.bodies.append(json.loads(answer))

    @asynccontextmanager
    async def _connection(
        self,
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """One that is free, or a new one; of an exchange that broke none is kept."""
        while self._idle and self._idle[-1][0].at_eof():
            # the server closes what it has heard nothing on for some seconds
            self._idle.pop()[1].close()
        streams = (
            self._idle.pop() if self._idle else await asyncio.open_connection(HOST, self._port)
        )
        try:
            yield streams
        except BaseException:
            streams[1].close()
            raise
        self._idle.append(streams)

    def _request(self, body: object) -> bytes:
        content = json.dumps(body).encode()
        head = (
            f"POST {self._path} HTTP/1.1\r\nHost: {HOST}:{self._port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = int(head.split(" ", 2)[1])
    (length,) = (
        int(line.partition(":")[2]) for line in head.split("\r\n") if line.startswith("content-len")
    )
    return status, await reader.readexactly(length)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all are not above; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
