"""Certificates that users refuse because their time is over, as subjects."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.action import ActionCall, Params
from app.domain.probe import ProbeKind, ProbeResult
from app.host.facts import CertificatesFacts, NginxServer, ServedCertificateFacts
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject

ASKED, SERVED = "certificates.for_key", "certificates.served"


def certificate_subjects(case: HostCase) -> Iterable[Subject]:
    """Each certificate that is served, over, and was looked for a successor of."""
    for path, failing in _refused(case):
        found = case.view.facts(CertificatesFacts, ASKED, path=path)
        if found is None:
            continue
        facts, sources = case.common()
        facts["certificate"] = found[0].model_dump(mode="json") | {
            "unit": _reader(case, failing.probe.port),
        }
        yield Subject(
            kind="certificate",
            host=case.host.name,
            name=path,
            facts=facts,
            sources=sources | {"certificate": found[1]},
            nearness=0,
        )


def certificate_asks(case: HostCase) -> Iterable[ActionCall]:
    """What looks for certificates that could stand in the place of one that is refused."""
    known = {failing.probe.name for _, failing in _refused(case)}
    for one in _failing(case):
        if one.probe.name not in known:
            yield ActionCall(action=SERVED, host=case.host.name, params=_served_as(one))
    for path, _ in _refused(case):
        yield ActionCall(action=ASKED, host=case.host.name, params={"path": path})


def _failing(case: HostCase) -> list[ProbeResult]:
    return [p for p in case.red if p.probe.kind is ProbeKind.TLS]


def _served_as(failing: ProbeResult) -> Params:
    probe = failing.probe
    return {"port": probe.port, "name": probe.host_header or probe.address}


def _refused(case: HostCase) -> tuple[tuple[str, ProbeResult], ...]:
    """Files of certificates that users refuse, each with how they are refused."""
    servers = () if case.view.nginx is None else case.view.nginx[0].servers
    found: dict[str, ProbeResult] = {}
    for one in _failing(case):
        for server in servers:
            if server.certificate is not None and _serves(server, one):
                found.setdefault(server.certificate, one)
        served = case.view.facts(ServedCertificateFacts, SERVED, **_served_as(one))
        if served is not None and served[0].path:
            found.setdefault(served[0].path, one)
    return tuple(found.items())


def _reader(case: HostCase, port: int) -> str:
    """The unit that serves on a port and is to read its certificate anew; "": none is known."""
    listening = case.view.listening_on(port) or ()
    return next((one.unit for one in listening if one.unit), "")


def _serves(server: NginxServer, failing: ProbeResult) -> bool:
    named = failing.probe.host_header
    return failing.probe.port in server.ports and (named is None or named in server.names)
