"""Limits that a web server puts on requests, and requests that they are too low for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.domain.host import asked_of
from app.domain.incident import Incident
from app.domain.probe import Probe, ProbeResult
from app.domain.value import Value
from app.host.facts import NginxServer
from app.host.network_state import text_of
from app.host.ticket_pages import failing_requests
from app.host.view import HostView

ASKED, CHECK = "nginx.dump", "limit"
SIZE = "client_max_body_size"
TIMES = ("proxy_read_timeout", "fastcgi_read_timeout", "uwsgi_read_timeout")

ABOUT_SENDING = re.compile(
    r"\b(?:up-?load\w*|attach\w*|send\w*|sent|pictures?|files?|documents?|too (?:large|big)|413)\b"
)
"""How people speak of what they send to a web server."""

USUAL_SECONDS = 60
"""nginx's own limit for each of TIMES: one below it was chosen."""

_SIZE_TOLD = re.compile(r"\b([0-9]{1,4})(?:[.,][0-9]+)? ?(k|m|g)(?:i?b|bytes?|egabytes?)?\b")
_IN_MEGABYTES = {"k": 1 / 1024, "m": 1.0, "g": 1024.0}
_SIZES = {"": 1 / 1024**2, **_IN_MEGABYTES}
_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_USUAL_MEGABYTES = 1.0
_STEPS = (2, 5, 10, 20, 50, 100)
_ROOM = 1.25
_AMOUNT = re.compile(r"([0-9]+)([a-z]*)")

Said = tuple[bool, str]


class LowLimit(Value):
    """A limit that something is refused by, and what it should be."""

    directive: str
    value: str | None  # as it stands; None: nginx's own
    file: str  # as nginx names it, maybe a link
    line: int  # of the directive, or where the server begins that lacks it
    wanted: str
    refused: str  # what is refused, as a sentence without its end


def low_sizes(view: HostView, incident: Incident) -> tuple[LowLimit, ...]:
    """Servers that refuse what a ticket wants to send, by its size and by what was refused."""
    text = text_of(incident)
    if not ABOUT_SENDING.search(text) or not any(r.too_large for r in failing_requests(view)):
        return ()
    needed = max((_megabytes_told(found) for found in _SIZE_TOLD.finditer(text)), default=0.0)
    wanted = next((step for step in _STEPS if step >= needed * _ROOM), None)
    if needed <= _USUAL_MEGABYTES or wanted is None:
        return ()
    low = [s for s in _servers(view) if s.upstreams and _largest(s) < needed]
    named = [s for s in low if any(name in text for name in s.names)]
    return tuple(_low_size(one, needed, f"{wanted}m") for one in (named or low)[:1])


def doubted(view: HostView, incident: Incident) -> tuple[Probe, ...]:
    """Whether a server takes what a ticket wants to send."""
    return tuple(
        asked_of(view.host, CHECK, f"{one.file}:{one.line} {one.wanted}")
        for one in low_sizes(view, incident)
    )


def takes(view: HostView, subject: str) -> Said | None:
    """Whether the server whose limit stands, or is missing, at a place takes so much."""
    place, _, wanted = subject.rpartition(" ")
    if view.nginx is None:
        return None
    file, _, line = place.rpartition(":")
    near = [s for s in _servers(view) if file in (s.file, *(x.file for x in s.limits))]
    one = next((s for s in near if int(line) in (s.line, *(x.line for x in s.limits))), None)
    if one is None:
        return False, f"{place} begins no server and holds no limit"
    enough = _largest(one) >= _amount(wanted, _SIZES)
    said = f"{', '.join(one.names) or 'a server'} takes {_largest(one):g} MiB at most ({SIZE})"
    return enough, f"{said}, and larger requests are refused"


def low_times(view: HostView, failing: ProbeResult) -> Iterable[LowLimit]:
    """Limits below nginx's own on the time that a page may take, where one was not waited for."""
    for server in _servers(view):
        if failing.probe.port not in server.ports:
            continue
        host = failing.probe.host_header
        if server.names and host is not None and host not in server.names:
            continue
        for limit in server.limits:
            if limit.directive in TIMES and 0 < _amount(limit.value, _SECONDS) < USUAL_SECONDS:
                yield LowLimit(
                    directive=limit.directive,
                    value=limit.value,
                    file=limit.file,
                    line=limit.line,
                    wanted=f"{USUAL_SECONDS}s",
                    refused=f"{failing.probe.path} takes longer and is answered 504",
                )


def _servers(view: HostView) -> tuple[NginxServer, ...]:
    return () if view.nginx is None else view.nginx[0].servers


def _largest(server: NginxServer) -> float:
    """Mebibytes that a server takes; its own limit, not that of a location."""
    own = next((x for x in server.limits if x.directive == SIZE and not x.location), None)
    amount = _USUAL_MEGABYTES if own is None else _amount(own.value, _SIZES)
    return amount or float("inf")


def _low_size(server: NginxServer, needed: float, wanted: str) -> LowLimit:
    own = next((x for x in server.limits if x.directive == SIZE and not x.location), None)
    return LowLimit(
        directive=SIZE,
        value=None if own is None else own.value,
        file=server.file if own is None else own.file,
        line=server.line if own is None else own.line,
        wanted=wanted,
        refused=f"requests of up to {needed:g} MiB are sent and refused (413)",
    )


def _megabytes_told(found: re.Match[str]) -> float:
    return int(found[1]) * _IN_MEGABYTES[found[2]]


def _amount(value: str, units: dict[str, float]) -> float:
    found = _AMOUNT.fullmatch(value.lower())
    return int(found[1]) * units[found[2]] if found and found[2] in units else 0.0
