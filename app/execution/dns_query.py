"""One DNS question for IPv4 addresses over UDP, asked of one server. Messages only as RFC 1035."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import struct

_A, _IN = 1, 1
_HEADER = struct.Struct(">HHHHHH")
_RECORD = struct.Struct(">HHIH")
_RECURSION_DESIRED = 0x0100
_RESPONSE = 0x8000
_CODES = {0: "", 1: "format error", 2: "server failure", 3: "no such name", 5: "refused"}


class DnsError(Exception):
    """The server did not answer with addresses. The text says what it did."""


async def ask(server: str, port: int, name: str, seconds: float) -> tuple[str, ...]:
    """The IPv4 addresses of a name. DnsError, TimeoutError or OSError where there are none."""
    loop = asyncio.get_running_loop()
    number = secrets.randbelow(1 << 16)
    transport, answers = await loop.create_datagram_endpoint(_Answers, remote_addr=(server, port))
    try:
        transport.sendto(_question(number, name))
        async with asyncio.timeout(seconds):
            while True:
                data = await answers.queue.get()
                if isinstance(data, Exception):
                    raise data
                if data[:2] == number.to_bytes(2, "big"):
                    return _addresses(data)
    finally:
        transport.close()


class _Answers(asyncio.DatagramProtocol):
    """Datagrams and errors, in the order they came."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | Exception] = asyncio.Queue(16)

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - asyncio's
        if not self.queue.full():
            self.queue.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        if not self.queue.full():
            self.queue.put_nowait(exc)


def _question(number: int, name: str) -> bytes:
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".")]
    if any(not 0 < len(label) < 64 for label in labels):
        raise DnsError(f"{name!r} is no name")
    encoded = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    header = _HEADER.pack(number, _RECURSION_DESIRED, 1, 0, 0, 0)
    return header + encoded + struct.pack(">HH", _A, _IN)


def _addresses(data: bytes) -> tuple[str, ...]:
    try:
        _, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
        code = flags & 0xF
        if not flags & _RESPONSE or code:
            raise DnsError(_CODES.get(code, f"code {code}") or "no answer")
        at = _HEADER.size
        for _question_number in range(questions):
            at = _after_name(data, at) + 4
        found = list(_records(data, at, answers))
    except (struct.error, IndexError) as error:
        raise DnsError("an answer that is no DNS message") from error
    if not found:
        raise DnsError("no address")
    return tuple(found)


def _records(data: bytes, at: int, count: int) -> list[str]:
    found = []
    for _ in range(count):
        at = _after_name(data, at)
        kind, _class, _ttl, length = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if kind == _A and length == 4:
            found.append(str(ipaddress.IPv4Address(data[at : at + 4])))
        at += length
    return found


def _after_name(data: bytes, at: int) -> int:
    """Where a name ends; a pointer ends it."""
    while data[at]:
        if data[at] >= 0xC0:
            return at + 2
        at += data[at] + 1
    return at + 1
