"""A question that a user of the service would ask, asked from outside the host."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from enum import StrEnum

from app.domain.value import Value

_NUMBERS = re.compile(r"[0-9]+")


class ProbeKind(StrEnum):
    HTTP = "http"
    TCP = "tcp"
    DNS = "dns"
    TLS = "tls"
    POSTGRESQL = "postgresql"  # its first words, before any log-in; likewise the next two
    MYSQL = "mysql"
    REDIS = "redis"
    HOST = "host"  # the host's own word, where no user can be asked (app/host/checks.py)


class Probe(Value):
    """One probe. It runs on the service's side, so it takes another path than any action.

    A `host` probe is the exception: it reads on the host what no action writes.
    """

    name: str  # unique on the host: "http www.example.net /"
    kind: ProbeKind
    address: str  # what is connected to: the host's own address, or the resolver for dns
    port: int
    host_header: str | None = None  # http, tls: the name a user would type; dns: the name asked
    path: str = "/"
    tls: bool = False
    expect_status: tuple[int, ...] = ()  # empty: any below 400
    expect_text: tuple[str, ...] = ()  # every one must stand in the body; host: what was there
    expect_headers: tuple[tuple[str, str], ...] = ()  # http: names in small letters, and values
    timeout_seconds: float = 5.0
    slow_after_seconds: float | None = None  # above it the answer counts as a failure
    whole: bool = False  # http: the whole page must come, and not at a crawl
    unlike: str = ""  # http: the likeness of another page that must not be answered in its place
    check: str = ""  # host: which check, such as runs, config, room, route or shaping
    subject: str = ""  # host: the unit, mount, container, table or route that it is about


class ProbeResult(Value):
    """What a probe found. `ok` is whether a user would have been content."""

    probe: Probe
    ok: bool
    status: int | None = None  # HTTP status
    headers: tuple[tuple[str, str], ...] = ()  # HTTP: those that a browser goes by, redacted
    # one of refused, timeout, unreachable, reset, dns, "tls: ...", database, protocol, slow, check
    error: str | None = None
    detail: str = ""  # one sentence: what was seen against what was expected
    body: str = ""  # the first 2 KiB of the body, redacted
    reached: bool = False  # HTTP: whether a connection came about, also where no answer came then
    seconds: float = 0.0
    taken_at: datetime
    simulated: bool
    evidence_id: int | None = None

    @property
    def late(self) -> bool:
        """Whether it failed by taking too long, and not by what was answered."""
        limit = self.probe.slow_after_seconds
        over = limit is not None and self.seconds > limit
        return not self.ok and (self.error in ("slow", "timeout") or (self.error is None and over))


def likeness(body: str) -> str:
    """A page without its numbers, as a hash: two answers of one page are alike; "" for no page."""
    plain = _NUMBERS.sub("#", body).strip()
    return hashlib.sha256(plain.encode()).hexdigest() if plain else ""
