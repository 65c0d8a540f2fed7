"""The prober against real listeners: what users would see, told in the port's words."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import cast

import pytest
import trustme

from app.domain.host import Host
from app.domain.probe import Probe, ProbeKind, ProbeResult, likeness
from app.execution import answer as answers
from app.execution.prober import HttpProber, why_not
from app.host.learned_probes import learn

HOST = Host(name="alpha", address="127.0.0.1")
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


def page(body: str, status: str = "200 OK") -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        text = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        writer.write(text.encode())
        await writer.drain()

    return answer


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


def http(port: int, **more: object) -> Probe:
    shape = {"name": "p", "kind": ProbeKind.HTTP, "address": "127.0.0.1", "port": port} | more
    return Probe.model_validate(shape)


async def ask(probe: Probe) -> ProbeResult:
    (result,) = await HttpProber().probe(HOST, [probe])
    return result


@pytest.mark.parametrize(
    ("answer", "expects", "said"),
    [
        (page("tickets here"), {}, ""),
        (page("tickets here"), {"expect_text": ["tickets"]}, ""),
        (page("other"), {"expect_text": ["tickets"]}, "lacks 'tickets'"),
        (page("x", "503 No"), {}, "answered 503"),
        (page("x", "503 No"), {"expect_status": [503]}, ""),
        (page("x", "204 No Content"), {"expect_status": [200]}, "answered 204, expected 200"),
        (page("Welcome to nginx!"), {}, "welcome page"),
        (page("x", "302 Found"), {}, ""),
        (page("start 7"), {"unlike": likeness("start 8")}, "another page"),
        (page("list 7"), {"unlike": likeness("start 8")}, ""),
    ],
)
async def test_answers(answer: Answer, expects: dict[str, object], said: str) -> None:
    async with listening(answer) as port:
        result = await ask(http(port, **expects))
    assert result.ok is (said == "")
    assert said in result.detail
    assert not result.simulated


async def test_nobody_listens() -> None:
    async with listening(silence) as port:
        pass
    result = await ask(http(port))
    assert (result.ok, result.error) == (False, "refused")


async def test_nobody_answers() -> None:
    async with listening(silence) as port:
        result = await ask(http(port, timeout_seconds=0.2))
    assert (result.ok, result.error, result.reached) == (False, "timeout", True)
    assert result.detail == "timeout: connected, and no answer came"


async def test_hung_up_in_the_middle() -> None:
    async with listening(hang_up) as port:
        result = await ask(http(port))
    assert (result.ok, result.error) == (False, "reset")


async def test_too_slow_counts_as_failing() -> None:
    async with listening(page("x")) as port:
        result = await ask(http(port, slow_after_seconds=0.0))
    assert not result.ok
    assert "took" in result.detail


async def test_the_name_asked_is_the_users() -> None:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with listening(answer) as port:
        await ask(http(port, host_header="tickets.example", path="/a?b=c"))
    assert heard[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert b"Host: tickets.example\r\n" in heard[0]


async def test_a_port_is_open_or_not() -> None:
    async with listening(silence) as port:
        probe = Probe(name="t", kind=ProbeKind.TCP, address="127.0.0.1", port=port)
        assert (await ask(probe)).ok
    assert (await ask(probe)).error == "refused"


async def test_plain_text_where_tls_is_expected() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with listening(plain) as port:
        result = await ask(http(port, tls=True))
    assert not result.ok
    assert result.error is not None
    assert result.error.startswith(("tls", "reset"))


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ("Content-Type: text/css", "Content-Type: text/css", ""),
        (
            "Content-Type: text/css",
            "Content-Type: text/plain",
            "content-type is text/plain, and was",
        ),
        ("Content-Type: text/css", "X-Other: 1", "content-type is not told"),
        ("X-Other: 1", "Access-Control-Allow-Origin: *", ""),  # more than before
    ],
)
async def test_what_a_browser_makes_of_a_page_is_expected_of_it(
    then: str, now: str, said: str
) -> None:
    async with listening(page("body{}", f"200 OK\r\n{then}")) as port:
        one, two = await ask(http(port)), await ask(http(port))
    (taught,) = learn([one], [two])
    async with listening(page("body{}", f"200 OK\r\n{now}")) as port:
        result = await ask(taught.model_copy(update={"port": port}))
    assert result.ok is (not said)
    assert said in result.detail


async def test_a_header_with_a_secret_in_it_is_the_same_the_next_time() -> None:
    leads = "302 Found\r\nLocation: /login?password=hunter2hunter2"
    async with listening(page("x", leads)) as port:
        one, two = await ask(http(port)), await ask(http(port))
        (taught,) = learn([one], [two])
        assert "hunter2" not in str(taught.expect_headers)
        assert (await ask(taught)).ok


def certified(*, whole: bool = True) -> ssl.SSLContext:
    """For a server with a certificate of an intermediate authority, sent along or not."""
    issuer = trustme.CA().create_child_ca()
    leaf = issuer.issue_cert("shop.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    sent = leaf.cert_chain_pems if whole else leaf.cert_chain_pems[:1]
    with trustme.Blob(
        leaf.private_key_pem.bytes() + b"".join(p.bytes() for p in sent)
    ).tempfile() as file:
        context.load_cert_chain(file)
    return context


@asynccontextmanager
async def with_certificate(*, whole: bool, older: bool) -> AsyncIterator[Probe]:
    """A TLS server with a certificate of an intermediate authority, sent along or not."""
    context = certified(whole=whole)
    context.minimum_version = ssl.TLSVersion.TLSv1_2 if older else ssl.TLSVersion.TLSv1_3
    async with listening(silence, context) as port:
        yield Probe(
            name="t", kind=ProbeKind.TLS, address="127.0.0.1", port=port, host_header="shop.example"
        )


@pytest.mark.parametrize(
    ("whole", "older", "lost"),
    [
        (True, True, ""),
        (False, True, "certificate of the issuer is not sent"),
        (True, False, "TLS 1.2 cannot connect"),
    ],
)
async def test_what_a_tls_server_did_while_healthy_is_expected_of_it(
    whole: bool, older: bool, lost: str
) -> None:
    async with with_certificate(whole=True, older=True) as probe:
        one, two = await ask(probe), await ask(probe)
    (taught,) = learn([one], [two])
    assert len(taught.expect_text) == 2
    async with with_certificate(whole=whole, older=older) as now:
        assert (await ask(now)).ok, "by itself that is no fault"
        result = await ask(taught.model_copy(update={"port": now.port}))
    assert result.ok is (not lost)
    assert lost in (result.error or "")


def talkative(context: ssl.SSLContext, listener: socket.socket) -> None:
    """Greets whoever connects again and again, and does not notice that they take their leave."""
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return  # the test is over
        with suppress(OSError), context.wrap_socket(plain, server_side=True) as wrapped:
            for _ in range(200):
                wrapped.sendall(b"settings")


async def test_a_tls_server_that_talks_at_once_is_judged_by_its_certificate() -> None:
    """As a balancer does that offers HTTP/2: its words arrive while we take our leave."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    serving = asyncio.create_task(asyncio.to_thread(talkative, certified(), listener))
    try:
        for name, error in (("shop.example", None), ("other.example", "is for shop.example")):
            probe = Probe(
                name="t", kind=ProbeKind.TLS, address="127.0.0.1", port=port, host_header=name
            )
            results = [await ask(probe) for _ in range(5)]
            assert [error in (r.error or "") if error else r.ok for r in results] == [True] * 5
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        await serving
        listener.close()


def postgres_error(state: str, message: str) -> bytes:
    fields = f"SFATAL\0C{state}\0M{message}\0\0".encode()
    return b"E" + (len(fields) + 4).to_bytes(4, "big") + fields


@pytest.mark.parametrize(
    ("kind", "words", "error", "said"),
    [
        (ProbeKind.POSTGRESQL, b"R\0\0\0\x08\0\0\0\x0a", None, ""),
        (ProbeKind.POSTGRESQL, postgres_error("28000", "no entry for you"), None, ""),
        (ProbeKind.POSTGRESQL, postgres_error("53300", "too many clients"), "database", "clients"),
        (ProbeKind.POSTGRESQL, postgres_error("57P03", "starting up"), "database", "starting up"),
        (ProbeKind.POSTGRESQL, b"SSH-2.0-x", "protocol", "no PostgreSQL"),
        (ProbeKind.REDIS, b"+PONG\r\n", None, ""),
        (ProbeKind.REDIS, b"-NOAUTH Authentication required.\r\n", None, ""),
        (ProbeKind.REDIS, b"-MISCONF Redis is configured to save", "database", "MISCONF"),
    ],
)
async def test_first_words_of_databases(
    kind: ProbeKind, words: bytes, error: str | None, said: str
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(words)
        await writer.drain()

    async with listening(answer) as port:
        result = await ask(Probe(name="p", kind=kind, address="127.0.0.1", port=port))
    assert (result.error, result.ok) == (error, error is None)
    assert said in result.detail


def mysql_packet(payload: bytes, number: int) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


def mysql_error(code: int, text: str) -> bytes:
    return b"\xff" + code.to_bytes(2, "little") + b"#HY000" + text.encode()


@pytest.mark.parametrize(
    ("first", "then", "error"),
    [
        (b"\x0a10.11.6-MariaDB\0", mysql_error(1045, "Access denied"), None),
        (b"\x0a8.0.36\0", mysql_error(1040, "Too many connections"), "database"),
        (mysql_error(1130, "Host is not allowed"), b"", None),
        (mysql_error(1129, "Host is blocked"), b"", "database"),
        (b"", b"", "reset"),
    ],
)
async def test_mysql_is_spoken_to_until_it_turns_a_stranger_away(
    first: bytes, then: bytes, error: str | None
) -> None:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(mysql_packet(first, 0) if first else b"\x09")
        if not then:
            return
        heard.append(await reader.read(500))
        writer.write(mysql_packet(b"\xfemysql_native_password\0", 2))
        heard.append(await reader.readexactly(4))
        writer.write(mysql_packet(then, 4))

    async with listening(answer) as port:
        result = await ask(Probe(name="p", kind=ProbeKind.MYSQL, address="127.0.0.1", port=port))
    assert result.error == error, result
    if then:
        assert b"sre-agent\0" in heard[0]
        assert heard[1] == b"\0\0\0\x03"


def file_of(kib: int, sent: int) -> Answer:
    """A page of some KiB of which only so many arrive."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {kib * 1024}\r\n\r\n".encode())
        writer.write(b"x" * (sent * 1024))
        await writer.drain()
        await reader.read()

    return answer


async def test_a_file_that_comes_at_a_crawl_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.execution.prober.WHOLE_SECONDS", 0.2)
    async with listening(file_of(3000, 100)) as port:
        result = await ask(http(port, whole=True))
    assert (result.ok, result.error) == (False, "slow")
    assert "of 3000 KiB" in result.detail
    assert result.late


@pytest.mark.parametrize(("kib", "sent"), [(3000, 3000), (9000, 4096), (100, 100)])
async def test_a_file_that_comes_whole_or_far_enough_is_fine(kib: int, sent: int) -> None:
    async with listening(file_of(kib, sent)) as port:
        result = await ask(http(port, whole=True))
    assert result.ok, result.detail


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("192.0.2.7", ""),
        ("192.0.2.7 192.0.2.8", ""),
        ("192.0.2.77", "shop.example is 192.0.2.77, and was 192.0.2.7"),
    ],
)
def test_a_name_must_be_where_it_was(body: str, said: str) -> None:
    probe = Probe(
        name="dns", kind=ProbeKind.DNS, address="192.0.2.1", port=53, host_header="shop.example",
        expect_text=("192.0.2.7",),
    )  # fmt: skip
    assert why_not(probe, answers.Answer(None, body), 0.01) == said


class Names(asyncio.DatagramProtocol):
    """A name server that has one name at these addresses, as RFC 1035 words it."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = data[12 : data.index(b"\0", 12) + 5]
        head = data[:2] + struct.pack("!HHHHH", 0x8180, 1, len(self.addresses), 0, 0)
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4)
        told = b"".join(record + socket.inet_aton(address) for address in self.addresses)
        self.transport.sendto(head + question + told, addr)


@pytest.mark.parametrize(
    ("came", "ok"),
    [((), True), (("127.0.0.9",), True), (("255.255.255.255",), False)],
    ids=["nothing", "somebody is there", "nobody is there"],
)
async def test_a_second_address_is_fine_where_somebody_answers_there(
    came: tuple[str, ...], ok: bool
) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Names("127.0.0.1", *came), local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    result = await ask(
        Probe(
            name="dns", kind=ProbeKind.DNS, address="127.0.0.1", port=port,
            host_header="shop.example", expect_text=("127.0.0.1",),
        )
    )  # fmt: skip
    transport.close()
    assert result.ok is ok, result.detail
    assert ok or "255.255.255.255 too, where nobody answers" in result.detail
