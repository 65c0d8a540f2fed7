"""Probes from the service's own side: HTTP, TCP, DNS and TLS, as a user would meet them.

A probe connects to the address that it names and shows the name that a user would type; it never
follows a redirect, never uses a proxy, and reads a bounded part of an answer.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import httpx
from cryptography import x509

from app.domain.host import Host
from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.domain.value import Value
from app.execution import dns_query
from app.execution.redaction import Redactor

SHOWN_BYTES = 2048
READ_BYTES = 1024 * 1024
_WORDS = {
    errno.ECONNREFUSED: "refused",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ETIMEDOUT: "timeout",
}


class Seen(Value):
    """What a probe saw, before it is told in a result."""

    ok: bool
    detail: str
    status: int | None = None
    error: str | None = None
    body: str = ""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class NetworkProber:
    """Asks for real. Never raises for what a host does."""

    simulated = False

    def __init__(
        self, redactor: Redactor | None = None, *, now: Callable[[], datetime] = _utc_now
    ) -> None:
        self._redactor = redactor or Redactor()
        self._now = now

    async def probe(self, host: Host, probes: Sequence[Probe]) -> tuple[ProbeResult, ...]:  # noqa: ARG002 - the port's; a simulated prober needs the host
        """All probes in parallel, each within its own timeout; in the order given."""
        return tuple(await asyncio.gather(*(self._one(probe) for probe in probes)))

    async def _one(self, probe: Probe) -> ProbeResult:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(probe.timeout_seconds):
                seen = await _ASK[probe.kind](probe)
        except TimeoutError:
            seen = _failed("timeout", f"no answer within {probe.timeout_seconds:g} s")
        except OSError as error:
            word = error_word(error)
            seen = _failed(word, f"{probe.address}:{probe.port}: {word}")
        seconds = time.monotonic() - begun
        seen = _slow(seen, probe, seconds)
        return ProbeResult(
            probe=probe,
            ok=seen.ok,
            status=seen.status,
            error=seen.error,
            detail=self._redactor.text(seen.detail),
            body=self._redactor.text(seen.body[:SHOWN_BYTES]),
            seconds=round(seconds, 4),
            taken_at=self._now(),
            simulated=False,
        )


def error_word(error: BaseException) -> str:
    """A failure to connect in one word, looked for through its causes."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "dns"
        if isinstance(cause, ssl.SSLError):
            return f"tls: {cause.reason or 'handshake failed'}"
        if isinstance(cause, OSError) and cause.errno in _WORDS:
            return _WORDS[cause.errno]
        cause = cause.__cause__ or cause.__context__
    return "unreachable"


async def _ask_http(probe: Probe) -> Seen:
    scheme = "https" if probe.tls else "http"
    name = probe.host_header or probe.address
    headers = {"Host": name, "User-Agent": "sre-agent-probe", "Accept": "*/*"}
    url = f"{scheme}://{_bracketed(probe.address)}:{probe.port}{probe.path}"
    client = httpx.AsyncClient(verify=_any_certificate(), trust_env=False, timeout=None)  # noqa: S113 - the probe's own timeout holds
    try:
        async with (
            client,
            client.stream("GET", url, headers=headers, extensions={"sni_hostname": name}) as answer,
        ):
            body = await _bounded(answer)
            return _judged(probe, answer.status_code, body.decode("utf-8", "replace"))
    except httpx.ConnectError as error:
        word = error_word(error)
        return _failed(word, f"{probe.address}:{probe.port}: {word}")
    except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
        return _failed("reset", f"the connection ended before an answer: {error or 'reset'}")
    except httpx.InvalidURL as error:
        return _failed("url", f"{url!r} is no URL: {error}")


async def _bounded(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) >= READ_BYTES:
            break
    return bytes(body[:READ_BYTES])


def _judged(probe: Probe, status: int, body: str) -> Seen:
    """Whether a user would be content with this answer."""
    expected = probe.expect_status
    wanted = " or ".join(map(str, expected)) if expected else "below 400"
    if status not in expected if expected else status >= 400:
        detail = f"answered {status}; expected {wanted}"
        return Seen(ok=False, detail=detail, status=status, body=body)
    missing = [text for text in probe.expect_text if text not in body]
    if missing:
        detail = f"answered {status} without {missing[0]!r}"
        return Seen(ok=False, detail=detail, status=status, body=body)
    return Seen(ok=True, detail=f"answered {status}", status=status, body=body)


async def _ask_tcp(probe: Probe) -> Seen:
    _, writer = await asyncio.open_connection(probe.address, probe.port)
    writer.close()
    return Seen(ok=True, detail=f"{probe.address}:{probe.port} accepts connections")


async def _ask_dns(probe: Probe) -> Seen:
    name = probe.host_header or ""
    try:
        found = await dns_query.ask(probe.address, probe.port, name, probe.timeout_seconds)
    except dns_query.DnsError as error:
        return _failed("dns", f"{name}: {error}")
    missing = [text for text in probe.expect_text if text not in found]
    shown = " ".join(found)
    if missing:
        return Seen(
            ok=False, error="dns", detail=f"{name} is {shown}, not {missing[0]}", body=shown
        )
    return Seen(ok=True, detail=f"{name} is {shown}", body=shown)


async def _ask_tls(probe: Probe) -> Seen:
    """A handshake, and a certificate for that name whose time has come and not passed."""
    name = probe.host_header or probe.address
    _, writer = await asyncio.open_connection(
        probe.address, probe.port, ssl=_any_certificate(), server_hostname=name
    )
    encoded = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    problem = certificate_problem(x509.load_der_x509_certificate(encoded), name, _utc_now())
    if problem:
        return _failed(f"tls: {problem}", f"{name}: {problem}")
    return Seen(ok=True, detail=f"the certificate for {name} is valid")


def certificate_problem(certificate: x509.Certificate, name: str, now: datetime) -> str:
    """Why a browser would refuse it, its issuer aside; "" where it would not."""
    if now < certificate.not_valid_before_utc:
        return f"certificate not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    if now > certificate.not_valid_after_utc:
        return f"certificate expired {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    names = _names_of(certificate)
    if not any(_covers(pattern, name) for pattern in names):
        return f"certificate is for {', '.join(names) or 'no name'}"
    return ""


def _names_of(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return [*found.get_values_for_type(x509.DNSName), *addresses]


def _covers(pattern: str, name: str) -> bool:
    pattern, name = pattern.lower(), name.lower().rstrip(".")
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return pattern == name


def _any_certificate() -> ssl.SSLContext:
    """Certificates are judged by `certificate_problem`: a site may have its own authority."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _slow(seen: Seen, probe: Probe, seconds: float) -> Seen:
    limit = probe.slow_after_seconds
    if not seen.ok or limit is None or seconds <= limit:
        return seen
    detail = f"{seen.detail}, but only after {seconds:.1f} s; expected {limit:g} s"
    return seen.model_copy(update={"ok": False, "error": "slow", "detail": detail})


def _failed(word: str, detail: str) -> Seen:
    return Seen(ok=False, error=word, detail=detail)


def _bracketed(address: str) -> str:
    try:
        return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    except ValueError:
        return address


_ASK: dict[ProbeKind, Callable[[Probe], Awaitable[Seen]]] = {
    ProbeKind.HTTP: _ask_http,
    ProbeKind.TCP: _ask_tcp,
    ProbeKind.DNS: _ask_dns,
    ProbeKind.TLS: _ask_tls,
}
