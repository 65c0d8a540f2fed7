"""Certificates that users refuse because their time is over, as subjects."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.action import ActionCall
from app.domain.probe import ProbeKind, ProbeResult
from app.host.facts import CertificatesFacts, NginxServer
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject

ASKED = "certificates.for_key"


def certificate_subjects(case: HostCase) -> Iterable[Subject]:
    """Each certificate that is served, over, and was looked for a successor of."""
    for path in _refused(case):
        found = case.view.facts(CertificatesFacts, ASKED, path=path)
        if found is None:
            continue
        facts, sources = case.common()
        facts["certificate"] = found[0].model_dump(mode="json")
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
    for path in _refused(case):
        yield ActionCall(action=ASKED, host=case.host.name, params={"path": path})


def _refused(case: HostCase) -> tuple[str, ...]:
    """Files of certificates that users refuse."""
    failing = [p for p in case.red if p.probe.kind is ProbeKind.TLS]
    servers = () if case.view.nginx is None else case.view.nginx[0].servers
    return tuple(
        dict.fromkeys(
            server.certificate
            for one in failing
            for server in servers
            if server.certificate is not None and _serves(server, one)
        )
    )


def _serves(server: NginxServer, failing: ProbeResult) -> bool:
    named = failing.probe.host_header
    return failing.probe.port in server.ports and (named is None or named in server.names)
