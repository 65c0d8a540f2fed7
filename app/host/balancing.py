"""Hosts behind a load balancer, as it tells them itself."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.evidence import Evidence
from app.domain.host import Host
from app.host.facts import BalancedFacts

ASKED, PROGRAM = "haproxy.servers", "haproxy"


def passed_on_to(host: Host, evidence: Iterable[Evidence]) -> frozenset[str]:
    """Addresses of the servers that a host passes requests on to; none where it was not asked."""
    told = (e for e in evidence if (e.host, e.action, e.ok) == (host.name, ASKED, True))
    found = (BalancedFacts.model_validate(e.facts) for e in told)
    return frozenset(server.address for facts in found for server in facts.servers)
