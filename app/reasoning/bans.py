"""Hosts that another one has shut out: fail2ban took them for attackers.

A client that keeps trying an old password is banned like any other; where it is a host that serves
users, they are refused for as long as the ban lasts.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.action import ActionCall
from app.host.facts import BansFacts
from app.reasoning.host_case import HostCase
from app.reasoning.reaching import cuts
from app.reasoning.subjects import Subject

ASKED, UNIT = "fail2ban.banned", "fail2ban.service"


def ban_asks(case: HostCase) -> Iterable[ActionCall]:
    """Whom this host shuts out, where one that needs it does not get through to it."""
    if UNIT in case.view.units and any(cut.to == case.host.name for cut in cuts(case.case)):
        yield ActionCall(action=ASKED, host=case.host.name)


def ban_subjects(case: HostCase) -> Iterable[Subject]:
    """Each ban of a host of the inventory that does not get through."""
    found = case.view.facts(BansFacts, ASKED)
    if found is None:
        return
    known = {host.address: host.name for host in case.case.hosts}
    cut_off = {cut.host for cut in cuts(case.case) if cut.to == case.host.name}
    for ban in found[0].bans:
        name = known.get(ban.address)
        if name not in cut_off:
            continue
        facts, sources = case.common()
        facts["ban"] = ban.model_dump(mode="json") | {"whose": name}
        yield Subject(
            kind="ban",
            host=case.host.name,
            name=f"{ban.jail} {ban.address}",
            facts=facts,
            sources=sources | {"ban": found[1]},
            nearness=0,
        )
