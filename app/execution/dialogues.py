"""First words of databases: an open port alone serves nobody.

Each asks what every client asks before it logs in, and no more: no account, no password. A server
that asks for a password, or says that it does not know us, is there for those whom it knows; one
that is starting, full, or unable to write says so in its first words.
"""

from __future__ import annotations

import asyncio
import struct

from app.domain.probe import Probe
from app.execution.answer import Answer

PROTOCOL_3_0 = 196608
STRANGER = "28"  # SQLSTATE class: invalid authorization. The server works and does not know us.
LONGEST = 8192
_CLIENT = 0x1 | 0x200 | 0x8000 | 0x80000  # long passwords, 4.1, secure connection, plugins
_TURNED_AWAY = (1044, 1045, 1130, 1698)  # access denied; this host may not connect


class NotServed(Exception):
    """The other side answered, and not with what a user needs."""

    def __init__(self, word: str, detail: str = "") -> None:
        super().__init__(word)
        self.word = word
        self.detail = detail


async def postgresql(probe: Probe) -> Answer:
    """A start-up message; the body is how the server wants us to log in, or why it does not."""
    body = struct.pack(">I", PROTOCOL_3_0) + b"user\0sre-agent\0database\0postgres\0\0"
    answer = await _exchange(probe, struct.pack(">I", len(body) + 4) + body)
    if answer[:1] == b"R":
        return Answer(None, "asks for authentication")
    if answer[:1] != b"E":
        raise NotServed("protocol", "no PostgreSQL server answers")
    fields = _error_fields(answer)
    if not fields.get("C", "").startswith(STRANGER):
        raise NotServed("database", fields.get("M", "it refuses connections"))
    return Answer(None, fields.get("M", ""))


async def mysql(probe: Probe) -> Answer:
    """Greeting, log-in as a stranger, refusal: the whole of it.

    Never less. A client that leaves before the end of the handshake counts as a connection error,
    and after a hundred of them the server blocks its address.
    """
    reader, writer = await asyncio.open_connection(probe.address, probe.port)
    try:
        greeting, number = await _packet(reader)
        if greeting[:1] != b"\x0a":
            return _refused(greeting)
        writer.write(_framed(_stranger(), number + 1))
        answer, number = await _packet(reader)
        if answer[:1] == b"\xfe":  # it would rather hear of another way to log in: still nothing
            writer.write(_framed(b"", number + 1))
            answer, _ = await _packet(reader)
        return _refused(answer)
    except asyncio.IncompleteReadError as error:
        raise NotServed("reset", "it hung up in the middle of its greeting") from error
    finally:
        writer.close()


def _refused(answer: bytes) -> Answer:
    """What the server says to a stranger; being turned away as one is as it should be."""
    if answer[:1] != b"\xff":
        raise NotServed("protocol", "no MySQL or MariaDB server answers")
    code = int.from_bytes(answer[1:3], "little")
    text = answer[3:].decode("utf-8", "replace")
    if code in _TURNED_AWAY:
        return Answer(None, "turns strangers away")
    raise NotServed("database", text[6:] if text.startswith("#") else text)


def _stranger() -> bytes:
    """HandshakeResponse41 of an account that nobody has, without a password."""
    flags = struct.pack("<IIB23x", _CLIENT, LONGEST, 33)
    return flags + b"sre-agent\0" + b"\0" + b"mysql_native_password\0"


async def _packet(reader: asyncio.StreamReader) -> tuple[bytes, int]:
    """One packet's payload and its number; IncompleteReadError where the server hangs up."""
    head = await reader.readexactly(4)
    size = min(int.from_bytes(head[:3], "little"), LONGEST)
    return await reader.readexactly(size), head[3]


def _framed(payload: bytes, number: int) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([number % 256]) + payload


async def redis(probe: Probe) -> Answer:
    """PING. A server that cannot persist, or is still loading, says so instead of PONG."""
    answer = (await _exchange(probe, b"PING\r\n")).decode("utf-8", "replace").strip()
    if answer.startswith(("+PONG", "-NOAUTH", "-NOPERM")):
        return Answer(None, answer.split()[0])
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
