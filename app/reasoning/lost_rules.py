"""Chains of the firewall that lost rules which let traffic through, as subjects."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.action import ActionCall
from app.host import network_state as net
from app.host.facts import FirewallFacts, FirewallLostFacts, LostRule
from app.reasoning.host_case import HostCase
from app.reasoning.reaching import cuts_of
from app.reasoning.subjects import Subject

ASKED = "firewall.lost"
_GATEWAY_TIMEOUT = 504


def lost_rule_subjects(case: HostCase) -> Iterable[Subject]:
    """Each chain that turns away by its policy and lacks rules that let through."""
    found = case.view.facts(FirewallLostFacts, ASKED)
    if found is None or not _cut_off(case):
        return
    then = None if case.then is None else case.then.facts(FirewallFacts, "firewall.show")
    chains: dict[tuple[str, str, str], list[LostRule]] = {}
    for rule in found[0].lost:
        ran = then is None or then[0].has(rule)
        if ran and rule.verdict == "accept" and rule.policy == "drop":
            chains.setdefault((rule.family, rule.table, rule.chain), []).append(rule)
    for (family, table, name), lost in chains.items():
        facts, sources = case.common()
        facts["chain"] = {
            "family": family,
            "table": table,
            "name": name,
            "file": found[0].file,
            "lost": [rule.model_dump(mode="json") for rule in lost],
            "texts": "; ".join(rule.text for rule in lost),
            "ran": None if then is None else True,
            "for_ports": any(_is_about(case, rule) for rule in lost),
        }
        yield Subject(
            kind="chain",
            host=case.host.name,
            name=f"{family} {table} {name}",
            facts=facts,
            sources=sources | {"chain": found[1]},
            nearness=0,
        )


def lost_rule_asks(case: HostCase) -> Iterable[ActionCall]:
    """What compares the firewall with its file: where rules went, or it was never seen healthy."""
    if not _cut_off(case):
        return
    now, then = net.rules(case.view), net.rules(case.then)
    accepts = [r for r in then[0].rules if r.verdict == "accept"] if then is not None else []
    if now is None:
        yield ActionCall(action="firewall.show", host=case.host.name)
    # both at once: what stands in front of a service is mended first
    went = bool(accepts) if now is None else any(not now[0].has(r) for r in accepts)
    if went or then is None:
        yield ActionCall(action=ASKED, host=case.host.name)


def _cut_off(case: HostCase) -> bool:
    """Whether somebody waits in vain for the host, or the host itself for something."""
    waiting = (p.error == "timeout" or p.status == _GATEWAY_TIMEOUT for p in case.red)
    return any(waiting) or any(cut.error == "timeout" for cut in cuts_of(case))


def _is_about(case: HostCase, rule: LostRule) -> bool:
    """Whether a rule let through what fails: one of its ports, or traffic of any port."""
    missed = {*(p.probe.port for p in case.red), *(cut.port for cut in cuts_of(case))}
    return not rule.ports or bool(missed.intersection(rule.ports))
