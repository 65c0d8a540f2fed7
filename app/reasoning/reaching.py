"""Whether a host gets through to what its services need, asked from where it is needed.

What answers everybody else may still be out of reach for the one host that needs it: for a route, a
rule of a firewall on either side, a name.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.action import ActionCall
from app.domain.host import Host
from app.domain.probe import ProbeKind
from app.domain.value import Value
from app.host.facts import ConnectFacts
from app.host.view import HostView
from app.reasoning.host_case import HostCase
from app.reasoning.port import Case

ASKED = "tcp.connect"
MOST = 8
"""Ports tried from a host at most."""

_BY_CONNECTION = frozenset(
    {ProbeKind.TCP, ProbeKind.HTTP, ProbeKind.POSTGRESQL, ProbeKind.MYSQL, ProbeKind.REDIS}
)
_SERVER_ERRORS = 500


class Cut(Value):
    """A port that answers others and does not answer a host that needs it."""

    host: str  # that does not get through
    to: str  # the host of the port
    address: str
    port: int
    error: str
    evidence_id: int


def reach_asks(case: HostCase) -> Iterable[ActionCall]:
    """Connections tried where a service fails and nothing beneath it on its own host does.

    One that lets its users wait may itself wait for what it needs.
    """
    failing = any(p.late or (p.status or 0) >= _SERVER_ERRORS for p in case.red)
    waits = any(p.error == "timeout" for p in case.red)
    if not failing or not (case.breaks_at_a_service or waits):
        return
    for address, port in _needed(case.case, case.host)[:MOST]:
        yield ActionCall(action=ASKED, host=case.host.name, params={"host": address, "port": port})


def cuts(case: Case) -> tuple[Cut, ...]:
    """What hosts do not get through to, though it answers."""
    found: list[Cut] = []
    for host in case.hosts:
        view = HostView(host, case.evidence)
        for address, port in _needed(case, host):
            tried = view.facts(ConnectFacts, ASKED, host=address, port=port)
            if tried is not None and not tried[0].ok:
                to = next(h.name for h in case.hosts if h.address == address)
                error = tried[0].error or "not told"
                found.append(
                    Cut(
                        host=host.name, to=to, address=address, port=port, error=error,
                        evidence_id=tried[1],
                    )
                )  # fmt: skip
    return tuple(found)


def cuts_of(case: HostCase) -> tuple[Cut, ...]:
    """Those at either end of which a host is."""
    return tuple(cut for cut in cuts(case.case) if case.host.name in (cut.host, cut.to))


def _needed(case: Case, host: Host) -> tuple[tuple[str, int], ...]:
    """Ports that answer the agent, of hosts that a host depends on."""
    others = {h.address for h in case.hosts if h.name in host.depends_on}
    found = (
        (p.probe.address, p.probe.port)
        for p in case.probes
        if p.ok and p.probe.port and p.probe.address in others and p.probe.kind in _BY_CONNECTION
    )
    return tuple(dict.fromkeys(found))
