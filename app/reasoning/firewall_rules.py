"""Rules of the firewall that turn away what should arrive, as subjects.

Several that are new in one chain were made for one purpose: they are one cause.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.domain.action import ActionCall
from app.host import network_state
from app.host.facts import FirewallFacts, FirewallRule, FirewallRuleFacts
from app.host.hops import Layer
from app.reasoning.host_case import HostCase
from app.reasoning.reaching import cuts_of
from app.reasoning.subjects import Subject


def rule_subjects(case: HostCase) -> Iterable[Subject]:
    """Rules that turn traffic away, where users do not get through to a port that is served."""
    for rule, others in _in_question(case):
        yield _subject(case, rule, others)


def rule_asks(case: HostCase) -> Iterable[ActionCall]:
    """What tells the other rules of a cause exactly; the first is its mode's to ask about."""
    for _, others in _in_question(case):
        for rule in others:
            yield ActionCall(action="firewall.rule", host=case.host.name, params=_address(rule))


def _in_question(case: HostCase) -> Iterable[tuple[FirewallRule, tuple[FirewallRule, ...]]]:
    """Each rule that may be the cause, with those that are so together with it."""
    cut = cuts_of(case)
    ports = {*(p.probe.port for p in case.red if p.probe.port), *(one.port for one in cut)}
    doubted = _doubted(case)
    failed = (h.layer is Layer.NETWORK for walk in case.walks for h in walk.failed)
    cut_off = bool(cut) or any(failed)
    found = case.view.facts(FirewallFacts, "firewall.show")
    if found is None or not cut_off:
        return
    then = _then(case)
    new = network_state.new_rules(case.view, case.then)
    turning = [
        rule
        for rule in found[0].rules
        if rule.verdict in network_state.TURNING_AWAY
        or (rule.verdict in network_state.LEADING_ELSEWHERE and new and rule in new[0])
        if not rule.ports or ports & {*rule.ports} or rule.text in doubted
    ]
    told: set[str] = set()
    for rule in turning:
        if then is None or then.has(rule):
            yield rule, ()
        elif _chain(rule) not in told:
            told.add(_chain(rule))
            same = (r for r in turning if _chain(r) == _chain(rule) and r != rule)
            yield rule, tuple(r for r in same if not then.has(r))


def _chain(rule: FirewallRule) -> str:
    return f"{rule.family}/{rule.table}/{rule.chain}"


def _then(case: HostCase) -> FirewallFacts | None:
    """The firewall while the host was healthy."""
    then = None if case.then is None else case.then.facts(FirewallFacts, "firewall.show")
    return None if then is None else then[0]


def _doubted(case: HostCase) -> frozenset[str]:
    """Rules that are asked about since a ticket is about what does not arrive."""
    asked = (p.probe for p in case.red if p.probe.check == network_state.FILTER)
    return frozenset(probe.subject or "" for probe in asked)


def _subject(case: HostCase, rule: FirewallRule, others: tuple[FirewallRule, ...]) -> Subject:
    facts, sources = case.common()
    found = case.view.facts(FirewallFacts, "firewall.show")
    assert found is not None
    then = _then(case)
    also: list[dict[str, Any]] = [_address(one) | {"sha256": _hash(case, one)} for one in others]
    facts["rule"] = rule.model_dump(mode="json") | {
        "new": None if then is None else not then.has(rule),
        "for_ports": bool(rule.ports),
        "doubted": rule.text in _doubted(case),
        "sha256": _hash(case, rule),
        "also": also,
        "texts": "; ".join(one.text for one in (rule, *others)),
        "persistent": _in_files(case),
    }
    sources["rule"] = found[1]
    name = f"{rule.family} {rule.table} {rule.chain} {rule.handle}"
    return Subject(
        kind="rule", host=case.host.name, name=name, facts=facts, sources=sources, nearness=0
    )


def _hash(case: HostCase, rule: FirewallRule) -> str | None:
    looked = case.view.facts(FirewallRuleFacts, "firewall.rule", **_address(rule))
    return None if looked is None else looked[0].sha256


def _address(rule: FirewallRule) -> dict[str, str | int]:
    return rule.model_dump(include={"family", "table", "chain", "handle"})


def _in_files(case: HostCase) -> bool | None:
    """Whether the firewall's files were changed too: then somebody meant it to stay."""
    if case.drift is None:
        return None
    return any(c.path.startswith("/etc/nftables") for c in case.drift[0])
