"""First words of databases: an open port alone serves nobody.

Each asks what every client asks before it logs in, and no more: no account, no password. A server
that asks for a password, or says that it does not know us, is there for those whom it knows; one
that is starting, full, or unable to write says so in its first words.
"""

from __future__ import annotations

import asyncio
import struct

from app.domain.probe import Probe

PROTOCOL_3_0 = 196608
STRANGER = "28"  # SQLSTATE class: invalid authorization. The server works and does not know us.
LONGEST = 8192


class NotServed(Exception):
    """The other side answered, and not with what a user needs."""

    def __init__(self, word: str, detail: str = "") -> None:
        super().__init__(word)
        self.word = word
        self.detail = detail


async def postgresql(probe: Probe) -> tuple[int | None, str]:
    """A start-up message; the body is how the server wants us to log in, or why it does not."""
    body = struct.pack(">I", PROTOCOL_3_0) + b"user\0sre-agent\0database\0postgres\0\0"
    answer = await _exchange(probe, struct.pack(">I", len(body) + 4) + body)
    if answer[:1] == b"R":
        return None, "asks for authentication"
    if answer[:1] != b"E":
        raise NotServed("protocol", "no PostgreSQL server answers")
    fields = _error_fields(answer)
    if not fields.get("C", "").startswith(STRANGER):
        raise NotServed("database", fields.get("M", "it refuses connections"))
    return None, fields.get("M", "")


async def mysql(probe: Probe) -> tuple[int | None, str]:
    """The server's greeting; it speaks first."""
    answer = await _exchange(probe, b"")
    if answer[4:5] == b"\x0a":
        return None, "greets"
    if answer[4:5] == b"\xff":
        raise NotServed("database", answer[7:].decode("utf-8", "replace").strip())
    raise NotServed("protocol", "no MySQL or MariaDB server answers")


async def redis(probe: Probe) -> tuple[int | None, str]:
    """PING. A server that cannot persist, or is still loading, says so instead of PONG."""
    answer = (await _exchange(probe, b"PING\r\n")).decode("utf-8", "replace").strip()
    if answer.startswith(("+PONG", "-NOAUTH", "-NOPERM")):
        return None, answer.split()[0]
    if answer.startswith("-"):
        raise NotServed("database", answer[1:300])
    raise NotServed("protocol", "no redis server answers")


async def _exchange(probe: Probe, words: bytes) -> bytes:
    """Say something and hear the first of the answer; the probe's own time-out stands around it."""
    reader, writer = await asyncio.open_connection(probe.address, probe.port)
    try:
        if words:
            writer.write(words)
            await writer.drain()
        return await reader.read(LONGEST)
    finally:
        writer.close()


def _error_fields(answer: bytes) -> dict[str, str]:
    """PostgreSQL's ErrorResponse: fields by their letter, C the SQLSTATE, M the message."""
    parts = answer[5:].split(b"\0")
    told = (part.decode("utf-8", "replace") for part in parts if part)
    return {text[0]: text[1:] for text in told}
