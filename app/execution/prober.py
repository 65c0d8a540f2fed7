"""Asks what users ask, from the service's own side: HTTP(S), TCP, DNS, TLS, databases.

A probe connects to the address that the inventory gives and says the name that a user would type.
It follows no redirect, uses no proxy from the environment, and reads at most 64 KiB. Certificates
are not judged by an HTTP probe: whether the site answers and whether its certificate is good are
two questions, and the second has a probe of its own.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic

import httpx

from app.domain.host import Host
from app.domain.probe import Probe, ProbeKind, ProbeResult, likeness
from app.execution import dns_query, tls
from app.execution.answer import Answer, noticed
from app.execution.certificates import why_not_valid
from app.execution.dialogues import NotServed, mysql, postgresql, redis
from app.host.probes import serves_nothing
from app.redaction.redactor import REDACTOR, Redactor

READ_AT_MOST = 64 * 1024
KEPT_OF_BODY = 2048
WHOLE_AT_MOST = 4 * 1024 * 1024
WHOLE_FROM = 256 * 1024
WHOLE_SECONDS = 5.0
"""Of a page that must come whole: how much is read, from which size on it is timed, and how long it
may take once it has begun. A stream without an end has no length and is not timed."""


NOTHING = Answer(None, "")

_SOONER = 0.05  # seconds before a probe's own deadline, so that what is known then is told


class _Silent(NotServed):
    """A connection came about, and no answer on it."""

    def __init__(self) -> None:
        super().__init__("timeout", "connected, and no answer came")


class HttpProber:
    """A `Prober` that really asks."""

    simulated = False

    def __init__(self, redactor: Redactor | None = None) -> None:
        self._redactor = redactor or REDACTOR

    async def probe(self, host: Host, probes: Sequence[Probe]) -> tuple[ProbeResult, ...]:
        """All probes in parallel, each within its own timeout; in the order given."""
        del host  # every probe carries its address: this side needs nothing else of the host
        return tuple(await asyncio.gather(*(self._one(p) for p in probes)))

    async def _one(self, probe: Probe) -> ProbeResult:
        started = monotonic()
        try:
            async with asyncio.timeout(probe.timeout_seconds):
                answer = self._redacted(await _ASK[probe.kind](probe))
        except NotServed as error:
            said = self._result(probe, started, error=error.word, detail=error.detail)
            return said.model_copy(update={"reached": isinstance(error, _Silent)})
        except (OSError, httpx.HTTPError, ssl.SSLError) as error:
            return self._result(probe, started, error=told(error), detail=str(error)[:200])
        failing = why_not(probe, answer, monotonic() - started)
        return self._result(probe, started, answer, detail=failing)

    def _redacted(self, answer: Answer) -> Answer:
        """With its headers as they are kept: what is expected of them was learned from such."""
        kept = tuple((name, self._redactor.text(text)) for name, text in answer.headers)
        return answer._replace(headers=kept)

    def _result(
        self,
        probe: Probe,
        started: float,
        answer: Answer = NOTHING,
        *,
        error: str | None = None,
        detail: str = "",
    ) -> ProbeResult:
        kept = self._redactor.text(answer.body[:KEPT_OF_BODY])
        if not detail and error is None and probe.unlike and likeness(kept) == probe.unlike:
            detail = "another page is answered in its place"
        return ProbeResult(
            probe=probe,
            ok=not detail and error is None,
            status=answer.status,
            headers=answer.headers,
            error=error,
            detail=self._redactor.text(": ".join(part for part in (error, detail) if part)),
            body=kept,
            seconds=round(monotonic() - started, 4),
            taken_at=datetime.now(UTC),
            simulated=False,
        )


def why_not(probe: Probe, answer: Answer, seconds: float) -> str:
    """Why a user would not be content with an answer; "" where they would be."""
    wanted, status, body = probe.expect_status, answer.status, answer.body
    if status is not None and (status not in wanted if wanted else status >= 400):
        shown = " or ".join(map(str, wanted)) if wanted else "below 400"
        return f"answered {status}, expected {shown}"
    if probe.kind is ProbeKind.DNS:
        gone = [address for address in probe.expect_text if address not in body.split()]
        found = body or "nothing"
        return f"{probe.host_header} is {found}, and was {' '.join(gone)}" if gone else ""
    missing = [text for text in probe.expect_text if text not in body]
    if missing:
        return f"the page lacks {missing[0]!r}, which stood in every healthy answer"
    for name, value in probe.expect_headers:
        now = dict(answer.headers).get(name)
        if now != value:
            return f"{name} is {now or 'not told'}, and was {value}"
    if probe.kind is ProbeKind.HTTP and serves_nothing(body):
        return "a web server's own welcome page instead of the site"
    if probe.slow_after_seconds is not None and seconds > probe.slow_after_seconds:
        return f"took {seconds:.1f} s, expected at most {probe.slow_after_seconds:.1f} s"
    return ""


def told(error: Exception) -> str:
    """An error as `ProbeResult.error` names it."""
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "timeout"
    cause = _root(error)
    if isinstance(cause, ssl.SSLError):
        return f"tls: {cause.reason or 'handshake failed'}"
    if isinstance(cause, socket.gaierror):
        return "dns"
    if isinstance(cause, ConnectionRefusedError):
        return "refused"
    if isinstance(cause, OSError) and cause.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return "unreachable"
    return "reset"


def _root(error: BaseException) -> BaseException:
    """The system's own error behind what a library raised."""
    seen = error
    while (behind := seen.__cause__ or seen.__context__) is not None:
        seen = behind
    return seen


async def _http(probe: Probe) -> Answer:
    scheme = "https" if probe.tls else "http"
    name = probe.host_header or probe.address
    url = httpx.URL(f"{scheme}://{probe.address}:{probe.port}").join(probe.path)
    headers = {"Host": name, "User-Agent": "sre-agent-probe", "Connection": "close"}
    async with httpx.AsyncClient(
        verify=tls.any_certificate(),
        trust_env=False,
        follow_redirects=False,
        timeout=probe.timeout_seconds,
    ) as client:
        request = client.build_request("GET", url, headers=headers)
        request.extensions["sni_hostname"] = name
        reached = asyncio.Event()

        async def seen(event: str, _: object) -> None:
            if event == "connection.connect_tcp.complete":
                reached.set()

        request.extensions["trace"] = seen
        try:
            async with asyncio.timeout(max(probe.timeout_seconds - _SOONER, _SOONER)):
                response = await client.send(request, stream=True)
        except TimeoutError:
            if reached.is_set():
                raise _Silent from None
            raise
        try:
            body = await _body(response, whole=probe.whole)
            return Answer(response.status_code, body, noticed(response.headers))
        finally:
            await response.aclose()


async def _body(response: httpx.Response, *, whole: bool) -> str:
    length = int(response.headers.get("content-length") or 0)
    if whole and length >= WHOLE_FROM:
        return await _timed(response, min(length, WHOLE_AT_MOST))
    read = b""
    async for chunk in response.aiter_bytes():
        read += chunk
        if len(read) >= READ_AT_MOST:
            break
    return read[:READ_AT_MOST].decode("utf-8", errors="replace")


async def _timed(response: httpx.Response, wanted: int) -> str:
    """Read a long page to its end; NotServed where it comes at a crawl."""
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            async for _ in response.aiter_raw():
                if response.num_bytes_downloaded >= wanted:
                    break
    except TimeoutError as late:
        read = response.num_bytes_downloaded // 1024
        said = f"{read} KiB of {wanted // 1024} KiB came in {WHOLE_SECONDS:.0f} s"
        raise NotServed("slow", said) from late
    return ""


async def _tcp(probe: Probe) -> Answer:
    _, writer = await asyncio.open_connection(probe.address, probe.port)
    writer.close()
    await writer.wait_closed()
    return Answer(None, "")


async def _tls(probe: Probe) -> Answer:
    """A handshake under the user's name; the certificate's dates and names are judged.

    The body tells the server's manners, a line each; those it had while healthy are expected.
    """
    name = probe.host_header or probe.address
    encoded = await tls.certificate(probe.address, probe.port, name)
    problem = why_not_valid(encoded, name, datetime.now(UTC))
    if problem:
        raise NotServed(f"tls: {problem}")
    most = probe.timeout_seconds / 2
    has = await tls.manners(probe.address, probe.port, name, most)
    lost = [tls.LOST.get(text, text) for text in probe.expect_text if text not in has]
    if lost:
        raise NotServed(f"tls: {lost[0]}")
    return Answer(None, "\n".join(has))


async def _dns(probe: Probe) -> Answer:
    """Whether the resolver at the probe's address knows the name; the addresses are the body.

    An address that came to those that it had is fine where somebody answers there: else each second
    user waits for nobody.
    """
    name = probe.host_header or probe.address
    try:
        found = await dns_query.ask(probe.address, probe.port, name, probe.timeout_seconds)
    except dns_query.DnsError as error:
        raise NotServed("dns", f"{name}: {error}") from error
    came = [address for address in sorted(found) if address not in probe.expect_text]
    if probe.expect_text and len(came) < len(found):
        for address, there in zip(came, await asyncio.gather(*map(_is_there, came)), strict=True):
            if not there:
                said = f"{name} is {address} too, where nobody answers; was {probe.expect_text[0]}"
                raise NotServed("dns", said)
    return Answer(None, " ".join(sorted(found)))


_KNOCKS, _KNOCK_SECONDS = (22, 80, 443), 1.5
"""Ports of which a machine that is there accepts or refuses one, and how long it may take."""


async def _is_there(address: str) -> bool:
    """Whether a machine answers at an address, if only by refusing."""
    return any(await asyncio.gather(*(_knocked(address, port) for port in _KNOCKS)))


async def _knocked(address: str, port: int) -> bool:
    try:
        async with asyncio.timeout(_KNOCK_SECONDS):
            _, writer = await asyncio.open_connection(address, port)
    except ConnectionRefusedError:
        return True
    except OSError:  # TimeoutError too
        return False
    writer.close()
    return True


_ASK = {
    ProbeKind.HTTP: _http,
    ProbeKind.TCP: _tcp,
    ProbeKind.TLS: _tls,
    ProbeKind.DNS: _dns,
    ProbeKind.POSTGRESQL: postgresql,
    ProbeKind.MYSQL: mysql,
    ProbeKind.REDIS: redis,
}
