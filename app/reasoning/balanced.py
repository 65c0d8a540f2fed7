"""Servers behind a load balancer that it does not use, though its configuration says that it does.

A deployment takes a server out by the balancer's socket and puts it back; where it is cut short in
between, nothing that can be read on the host tells of it, and a restart of the server changes
nothing. Users are refused where no other server of the backend is left.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.probe import ProbeKind
from app.host.balancing import ASKED, PROGRAM
from app.host.drift import program
from app.host.facts import BalancedFacts, BalancedServer
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject

_IN_THEIR_PLACE = (502, 503, 504)
"""How a balancer answers in the place of servers that it has none of."""


def balanced_subjects(case: HostCase) -> Iterable[Subject]:
    """Each server that was taken out by hand, or that gets no work though it should."""
    found = case.view.facts(BalancedFacts, ASKED)
    if found is None or not any(program(unit) == PROGRAM for unit in _on_path(case)):
        return
    servers, ident = found[0].servers, found[1]
    for server in servers:
        if not (server.by_hand or _is_starved(server)):
            continue
        facts, sources = case.common()
        others = [one for one in servers if one.backend == server.backend and one != server]
        facts["balanced"] = server.model_dump(mode="json") | {
            "starved": not server.by_hand,
            "others_left": sum(_is_used(one) for one in others),
            "refused": _refuses(case),
        }
        yield Subject(
            kind="balanced",
            host=case.host.name,
            name=f"{server.backend}/{server.server}",
            facts=facts,
            sources=sources | {"balanced": ident},
            nearness=0,
        )


def _refuses(case: HostCase) -> bool:
    return any(p.probe.kind is ProbeKind.HTTP and p.status in _IN_THEIR_PLACE for p in case.red)


def _on_path(case: HostCase) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*case.failing, *case.units)))


def _is_starved(server: BalancedServer) -> bool:
    return server.weight == 0 and server.weight_configured > 0


def _is_used(server: BalancedServer) -> bool:
    return server.state == "ready" and server.health != "down" and server.weight > 0
