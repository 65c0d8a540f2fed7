"""A host that does not get through to what it needs, though that answers everybody else."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.host import Host
from app.domain.probe import Probe, ProbeKind
from app.reasoning.port import Assessment, Case
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import HEALTHY_LISTENERS, HOST, case, facts_of
from tests.unit.reasoning.test_builtin import UP, asked, judge, steps

STORE = Host(name="beta", address="192.0.2.9", services=("postgresql",))
PAGE = "http.local host_header=tickets.example url=http://127.0.0.1:9100/"
KEY = "tcp.connect host=192.0.2.9 port=5432"


def needing(facts: dict[str, Any], **more: Any) -> Case:
    """Users are answered 500 by a host that needs another, whose port answers from outside."""
    given = case(facts, status=500, **more)
    (known,) = given.probes
    probe = Probe(
        name="postgresql 192.0.2.9:5432", kind=ProbeKind.POSTGRESQL, address=STORE.address,
        port=5432,
    )  # fmt: skip
    green = known.model_copy(update={"probe": probe, "ok": True, "status": None})
    front = HOST.model_copy(update={"depends_on": ("beta",)})
    return given.model_copy(
        update={"host": front, "hosts": (front, STORE), "probes": (known, green)}
    )


def told(error: str | None, *routes: dict[str, Any], **more: Any) -> dict[str, Any]:
    facts = facts_of(UP, HEALTHY_LISTENERS) | asked(*UP) | more
    facts[PAGE] = {"url": "http://127.0.0.1:9100/", "status": 500}
    facts[KEY] = {"host": "192.0.2.9", "port": 5432, "ok": error is None, "error": error}
    facts |= {"kernel.settings": {}, "firewall.show": {}, "network.show": {"routes": routes}}
    return facts


def with_number(given: Case) -> Case:
    """Parameters that are numbers, as they are sent."""
    found = tuple(
        e.model_copy(update={"params": e.params | {"port": 5432}})
        if e.action == "tcp.connect" else e
        for e in given.evidence
    )  # fmt: skip
    return given.model_copy(update={"evidence": found})


def seen_healthy(given: Case, **facts: Any) -> Case:
    (known,) = given.baselines
    healthy = facts_of(UP, HEALTHY_LISTENERS, network__show={"routes": []}, **facts)
    known = known.model_copy(update={"evidence": cases.evidence(healthy)})
    return with_number(given.model_copy(update={"baselines": (known,)}))


async def judged_of(facts: dict[str, Any], **healthy: Any) -> Assessment:
    return await judge(seen_healthy(needing(facts), **healthy))


async def test_it_is_tried_from_where_it_is_needed() -> None:
    facts = facts_of(UP, HEALTHY_LISTENERS) | asked(*UP)
    facts[PAGE] = {"url": "http://127.0.0.1:9100/", "status": 500}
    judged = await judge(needing(facts))
    assert "tcp.connect host=192.0.2.9 port=5432 on alpha" in [c.label() for c in judged.wanted]


async def test_a_host_that_lets_users_wait_may_wait_itself() -> None:
    given = needing(facts_of(UP, HEALTHY_LISTENERS) | asked(*UP))
    own, other = given.probes
    hangs = own.model_copy(update={"status": None, "error": "timeout"})
    judged = await judge(given.model_copy(update={"probes": (hangs, other)}))
    assert "tcp.connect host=192.0.2.9 port=5432 on alpha" in [c.label() for c in judged.wanted]


REFUSING = {
    "destination": "192.0.2.9", "refuses": "blackhole", "protocol": "boot", "metric": 0,
}  # fmt: skip


async def test_a_new_route_that_swallows_it_is_removed() -> None:
    judged = await judged_of(told("unreachable", REFUSING))
    assert steps(judged) == [
        "route.unblock destination=192.0.2.9 metric=0 protocol=boot refuses=blackhole"
    ], judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person is None
    assert "beta:5432" in judged.statement


async def test_a_new_route_that_leads_elsewhere_is_removed() -> None:
    astray = {
        "destination": "192.0.2.8/30", "gateway": "192.0.2.77", "device": "eth0", "metric": 5,
        "protocol": "static", "plain": True, "source": "auto", "onlink": "no",
    }  # fmt: skip
    judged = await judged_of(told("timeout", astray))
    assert [step.partition(" ")[0] for step in steps(judged)] == ["route.remove"]


@pytest.mark.parametrize(
    ("error", "route"),
    [
        (None, REFUSING),  # it gets through all the same
        ("timeout", REFUSING | {"destination": "198.51.100.0/24"}),  # elsewhere
        ("timeout", REFUSING | {"refuses": None, "protocol": "bird", "gateway": "192.0.2.1"}),
    ],
)
async def test_other_routes_stay(error: str | None, route: dict[str, Any]) -> None:
    judged = await judged_of(told(error, route))
    assert judged.repair is None or "route" not in str(steps(judged))


OLD_CARD = {"address": "192.0.2.9", "device": "eth0", "hardware": "02:00:00:00:00:01"}


async def test_an_old_hardware_address_of_what_is_needed_is_forgotten() -> None:
    facts = told("unreachable")
    facts["network.show"] = {"routes": [], "neighbours": [OLD_CARD]}
    judged = await judged_of(facts)
    assert steps(judged) == [
        "neighbour.remove address=192.0.2.9 device=eth0 hardware=02:00:00:00:00:01"
    ], judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person is None
    assert "beta:5432" in judged.statement


@pytest.mark.parametrize(("error", "address"), [(None, "192.0.2.9"), ("timeout", "192.0.2.10")])
async def test_other_neighbours_stay(error: str | None, address: str) -> None:
    facts = told(error)
    facts["network.show"] = {"routes": [], "neighbours": [OLD_CARD | {"address": address}]}
    judged = await judged_of(facts)
    assert judged.repair is None or "neighbour" not in str(steps(judged))


LEADING_AWAY = {
    "priority": 500, "source": "all", "destination": "192.0.2.9/32", "table": "99", "plain": True,
}  # fmt: skip


async def test_a_rule_that_leads_what_is_needed_elsewhere_is_removed() -> None:
    facts = told("unreachable")
    facts["network.show"] = {"routes": [], "policies": [LEADING_AWAY]}
    judged = await judged_of(facts)
    said = "policy_rule.remove destination=192.0.2.9/32 priority=500 source=all table=99"
    assert steps(judged) == [said], judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person is None


@pytest.mark.parametrize(
    ("error", "more"),
    [(None, {}), ("timeout", {"destination": "198.51.100.0/24"}), ("timeout", {"plain": False})],
)
async def test_other_rules_of_routing_stay(error: str | None, more: dict[str, Any]) -> None:
    facts = told(error)
    facts["network.show"] = {"routes": [], "policies": [LEADING_AWAY | more]}
    judged = await judged_of(facts)
    assert judged.repair is None or "policy_rule" not in str(steps(judged))


async def test_new_rules_of_one_chain_are_removed_together() -> None:
    shape = {"family": "inet", "table": "trial", "chain": "o", "verdict": "drop", "ports": [5432]}
    rules = [
        shape | {"handle": 4, "text": "tcp dport 5432 drop"},
        shape | {"handle": 5, "text": "udp dport 5432 drop"},
        shape | {"handle": 6, "text": "udp dport 9 drop", "ports": [9]},  # of another purpose
    ]
    facts = told("timeout") | {"firewall.show": {"rules": rules}}
    given = seen_healthy(needing(facts), firewall__show={"rules": []})
    judged = await judge(given)
    place = {"family": "inet", "table": "trial", "chain": "o"}
    wanted = [c.params["handle"] for c in judged.wanted if c.action == "firewall.rule"]
    assert sorted(wanted) == [4, 5]
    looks = cases.evidence({"firewall.rule": {"kind": "rule", "sha256": "e" * 64}})
    looked = tuple(
        look.model_copy(update={"id": 900 + handle, "params": place | {"handle": handle}})
        for handle in (4, 5)
        for look in looks
    )
    judged = await judge(given.model_copy(update={"evidence": (*given.evidence, *looked)}))
    assert [step.partition(" sha256")[0] for step in steps(judged)] == [
        "firewall.remove_rule chain=o family=inet handle=4",
        "firewall.remove_rule chain=o family=inet handle=5",
    ], judged.statement


@pytest.mark.parametrize(
    ("verdict", "new"), [("reject", True), ("dnat", True), ("redirect", True), ("dnat", False)]
)
async def test_a_new_rule_on_the_way_out_is_removed(verdict: str, *, new: bool) -> None:
    """What leads to another port turns away too; networks of containers have always done so."""
    rule = {
        "family": "inet", "table": "out", "chain": "o", "handle": 4, "verdict": verdict,
        "text": f"tcp dport 5432 {verdict}", "ports": [5432],
    }  # fmt: skip
    facts = told("refused")
    facts["firewall.show"] = {"rules": [rule]}
    facts["firewall.rule"] = {"kind": "rule", "sha256": "e" * 64}
    given = seen_healthy(needing(facts), firewall__show={"rules": [] if new else [rule]})
    looked = tuple(
        e.model_copy(
            update={"params": {"family": "inet", "table": "out", "chain": "o", "handle": 4}}
        )
        if e.action == "firewall.rule" else e
        for e in given.evidence
    )  # fmt: skip
    judged = await judge(given.model_copy(update={"evidence": looked}))
    if not new:
        assert "firewall" not in judged.statement
        return
    assert [step.partition(" ")[0] for step in steps(judged)] == ["firewall.remove_rule"]


async def shut_out(*banned: str, **more: Any) -> Assessment:
    """What is judged where the host that is needed bans these addresses."""
    guard = cases.unit("fail2ban.service")
    facts = facts_of([guard], [], firewall__show={}, network__show={"routes": []}, **more)
    bans = [{"jail": "postgresql", "address": address} for address in banned]
    if banned:
        facts["fail2ban.banned"] = {"bans": bans}
    beyond = tuple(e.model_copy(update={"host": "beta"}) for e in cases.evidence(facts, start=500))
    given = seen_healthy(needing(told("timeout")))
    return await judge(given.model_copy(update={"evidence": (*given.evidence, *beyond)}))


async def test_it_is_asked_whom_the_other_end_bans() -> None:
    judged = await shut_out()
    assert "fail2ban.banned on beta" in [call.label() for call in judged.wanted]


async def test_a_host_that_was_banned_is_let_in_again() -> None:
    judged = await shut_out("198.51.100.9", HOST.address)
    assert steps(judged) == [f"fail2ban.unban address={HOST.address} jail=postgresql on beta"]
    assert judged.repair is not None
    assert judged.repair.requires_person is None
    assert "shuts out alpha" in judged.statement


async def test_strangers_stay_banned() -> None:
    judged = await shut_out("198.51.100.9")
    assert judged.repair is None or "fail2ban" not in str(steps(judged))


async def test_one_who_is_to_be_kept_out_stays_so() -> None:
    note = {"notes": {"/etc/motd": "do not let alpha in: under attack"}}
    judged = await shut_out(HOST.address, persons__list=note)
    assert judged.repair is None or "fail2ban" not in str(steps(judged))
