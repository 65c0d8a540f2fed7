"""Files that a ticket says come slowly: asked for as its writer asks, and timed."""

from __future__ import annotations

import re

from app.domain.host import Host
from app.domain.incident import Incident
from app.domain.probe import Probe, ProbeKind
from app.host.network_state import ABOUT_SPEED, text_of

_URL = re.compile(
    r"\b(https?)://([A-Za-z0-9.-]+)(?::([0-9]{1,5}))?(/[A-Za-z0-9/._~-]{0,200}\.[A-Za-z0-9]{2,5})"
    r"(?![A-Za-z0-9?#%&=/])"
)
"""A plain file: a ticket may not make the agent ask for what does something."""

_MOST = 2
_SECONDS = 8.0


def slow_pages(incident: Incident, host: Host) -> tuple[Probe, ...]:
    """Probes of the host's own files that a ticket about slowness names."""
    if not ABOUT_SPEED.search(text_of(incident)):
        return ()
    text = f"{incident.short_description}\n{incident.description}"
    own = {host.name, host.address, *host.names}
    found = {m[0]: m for m in _URL.finditer(text) if m[2] in own and ".." not in m[4]}
    return tuple(_probe(host, match) for match in list(found.values())[:_MOST])


def _probe(host: Host, url: re.Match[str]) -> Probe:
    tls = url[1] == "https"
    return Probe(
        name=f"whole {url[0]}",
        kind=ProbeKind.HTTP,
        address=host.address,
        port=int(url[3] or (443 if tls else 80)),
        host_header=url[2],
        path=url[4],
        tls=tls,
        timeout_seconds=_SECONDS,
        whole=True,
    )
