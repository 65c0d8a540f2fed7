"""A host whose services run and whose network is not as it was."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.incident import Incident
from app.domain.probe import ProbeResult
from app.host import checks
from app.host.baseline import Baseline
from app.host.facts import Manifest
from app.host.view import HostView
from app.reasoning.port import Advice, Assessment, Case
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import HOST, NOW, PROBE, evidence, facts_of, file, nginx
from tests.unit.reasoning.test_builtin import judge, steps

GATEWAY = "192.0.2.254"


def route(gateway: str | None = GATEWAY, to: str = "default", **more: Any) -> dict[str, Any]:
    shape = {"destination": to, "gateway": gateway, "device": "ens3", "protocol": "static"}
    return shape | {"plain": gateway is not None} | more


def link(name: str = "ens3", *addresses: str, on: bool = True, **more: Any) -> dict[str, Any]:
    shape = {"name": name, "up": on, "carrier": on, "addresses": addresses or ("192.0.2.7/24",)}
    return shape | more


LOCAL = route(None, "192.0.2.0/24", protocol="kernel")
OFFICE = route("192.0.2.253", "198.51.100.0/24")
SIDE = link("ens9", "203.0.113.7/24")
NO_LINKS: list[dict[str, Any]] = []


def network(
    *routes: dict[str, Any], links: list[dict[str, Any]] | None = None, **more: Any
) -> dict[str, Any]:
    return {"routes": list(routes), "links": links or [link(), SIDE]} | more


WELL = network(route(), LOCAL, OFFICE)


def queue(kind: str = "fq_codel", device: str = "ens3", **more: Any) -> dict[str, Any]:
    shapes = kind in ("tbf", "netem", "htb")
    text = f"{kind} rate 512 kbit/s"
    shape = {"device": device, "kind": kind, "root": True, "shapes": shapes, "text": text}
    return shape | more


def told(
    *,
    then: dict[str, Any] | None = None,
    red: dict[str, Any] | None = None,
    check: str = "",
    ticket: str = "nobody in the branch office can reach it",
    changed: tuple[Manifest.File, ...] = (),
    with_baseline: bool = True,
    **now: Any,
) -> Case:
    """A case of the network: `red` a user's failing probe, `check` the failing check's subject."""
    healthy = {"network.show": WELL, "qdisc.list": {"qdiscs": [queue()]}} | (then or {})
    known = facts_of([nginx()], [cases.listener(80, "nginx.service")]) | healthy
    files = Manifest(host="alpha", taken_at=NOW.isoformat(), files=cases.FILES)
    baseline = Baseline(
        host="alpha", taken_at=NOW.isoformat(), manifest=files, probes=(PROBE,),
        evidence=evidence(known),
    )  # fmt: skip
    looked = facts_of(
        [nginx()],
        [cases.listener(80, "nginx.service")],
        baseline__manifest=cases.manifest_now(*changed),
    )
    seen = evidence(looked | {name.replace("__", "."): value for name, value in now.items()})
    view = HostView(HOST, seen)
    learned = checks.learned(HostView(HOST, baseline.evidence)) if with_baseline else ()
    known_checks = learned or checks.declared(view)
    failing = [p for p in known_checks if check and p.name.startswith(f"check {check}")]
    answers = [checks.answer(p, view, taken_at=NOW, simulated=False) for p in failing]
    user = ProbeResult(
        probe=PROBE, taken_at=NOW, simulated=False, evidence_id=900, **({"ok": True} | (red or {}))
    )
    incident = Incident(
        number="INC1", short_description=ticket, host="alpha", claimed_service="nginx",
        received_at=NOW,
    )  # fmt: skip
    return Case(
        incident=incident, host=HOST, hosts=(HOST,), evidence=seen,
        probes=(user, *(a.model_copy(update={"evidence_id": 901}) for a in answers)),
        baselines=(baseline,) if with_baseline else (),
    )  # fmt: skip


async def ended(case: Case, **answers: Any) -> Assessment:
    """The judgement once every question is asked; what `answers` lacks, the host does not know."""
    for number in range(1000, 1010):
        found = await judge(case)
        if found.advice is not Advice.DIAGNOSE:
            return found
        new = []
        for index, call in enumerate(found.wanted):
            facts = answers.get(call.action.replace(".", "__"))
            (one,) = evidence({call.action: facts or {}}, start=100 * number + index)
            given = {"params": call.params, "ok": facts is not None}
            new.append(one.model_copy(update=given))
        case = case.model_copy(update={"evidence": (*case.evidence, *new)})
    raise AssertionError("it never came to an end")


# --- routes ---------------------------------------------------------------------------------------


async def test_a_default_route_that_is_gone_is_added() -> None:
    found = await ended(told(check="route", network__show=network(LOCAL, OFFICE)))
    assert found.advice is Advice.REMEDIATE
    (step,) = steps(found)
    assert step == (
        f"route.add destination=default device=ens3 gateway={GATEWAY} metric=0 onlink=no "
        "protocol=static source=auto"
    )
    assert "default route" in found.statement
    assert "missing" in found.statement


async def test_any_other_route_too_with_its_metric_and_source() -> None:
    lost = OFFICE | {"metric": 100, "source": "192.0.2.7", "protocol": "dhcp"}
    then = {"network.show": network(route(), LOCAL, lost)}
    found = await ended(told(check="route", then=then, network__show=network(route(), LOCAL)))
    (step,) = steps(found)
    assert "metric=100" in step
    assert "source=192.0.2.7" in step
    assert "destination=198.51.100.0/24" in step


async def test_users_who_wait_in_vain_lead_to_the_route() -> None:
    red = {"ok": False, "error": "timeout"}
    case = told(red=red)
    wanted = {call.action for call in (await judge(case)).wanted}
    assert {"network.show", "firewall.show"} <= wanted
    found = await ended(case, network__show=network(LOCAL, OFFICE), firewall__show={})
    assert [s.split()[0] for s in steps(found)] == ["route.add"]


async def test_a_gateway_that_was_changed_is_put_back() -> None:
    now = network(route("192.0.2.66", protocol="boot"), LOCAL, OFFICE)
    found = await ended(told(check="route", network__show=now))
    (step,) = steps(found)
    assert step.startswith(f"route.replace destination=default device=ens3 gateway={GATEWAY} ")
    assert "192.0.2.66" in found.statement


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (network(route("192.0.2.66", protocol="dhcp"), LOCAL, OFFICE), "DHCP"),
        (network(route(None, refuses="blackhole"), LOCAL, OFFICE), "on purpose"),
        (network(LOCAL, OFFICE, rules=["priority 99 src 10.0.0.0 table 7"]), "policy"),
    ],
)
async def test_what_somebody_decided_is_left_alone(now: dict[str, Any], reason: str) -> None:
    found = await ended(told(check="route", network__show=now))
    assert found.advice is Advice.HAND_OVER
    assert reason in found.statement


async def test_a_change_of_the_networks_files_is_meant_to_stay() -> None:
    changed = (file("/etc/network/interfaces", "b" * 64),)
    case = told(check="route", changed=changed, network__show=network(LOCAL, OFFICE))
    found = await ended(case)
    assert found.advice is Advice.HAND_OVER
    assert "/etc/network/interfaces" in found.statement


async def test_a_note_about_work_on_the_network_is_heeded() -> None:
    persons = {"notes": {"/etc/motd": "CHG-2291: default route removed by netops until Friday"}}
    now: dict[str, Any] = {"network__show": network(LOCAL, OFFICE), "persons__list": persons}
    found = await ended(told(check="route", **now))
    assert found.advice is Advice.HAND_OVER
    assert "note" in found.statement


async def test_who_is_logged_in_is_asked_first() -> None:
    now: dict[str, Any] = {
        "network__show": network(LOCAL, OFFICE),
        "persons__list": {"logged_in": ["ann"]},
    }
    found = await ended(told(check="route", **now))
    assert found.repair is not None
    assert found.repair.requires_person


async def test_a_route_that_cannot_be_made_again_is_handed_over() -> None:
    then = {"network.show": network(route(plain=False), LOCAL, OFFICE)}
    found = await ended(told(check="route", then=then, network__show=network(LOCAL, OFFICE)))
    assert found.advice is Advice.HAND_OVER
    assert found.repair is None


async def test_a_gateway_out_of_reach_is_no_route_to_add() -> None:
    now = network(LOCAL, links=[link("ens3", on=False), SIDE])
    found = await ended(told(check="route", network__show=now))
    assert all("route.add" not in step for step in steps(found)) if found.repair else True


async def test_routes_of_daemons_and_containers_come_and_go() -> None:
    then = {
        "network.show": network(
            route(), LOCAL, route("192.0.2.9", "10.9.0.0/16", protocol="bird"),
            route("172.18.0.1", "10.8.0.0/16", device="docker0"),
        )
    }  # fmt: skip
    learned = checks.learned(HostView(HOST, evidence(then)))
    routes = [p.subject for p in learned if p.check == "route"]
    assert routes == [f"default via {GATEWAY}"]


async def test_another_failure_is_not_blamed_on_a_route() -> None:
    red = {"ok": False, "status": 500}
    found = await ended(told(red=red, network__show=network(LOCAL, OFFICE)))
    assert found.repair is None


async def test_without_a_baseline_the_files_say_which_gateway() -> None:
    declared = [{"gateway": GATEWAY, "device": "ens3", "file": "/etc/network/interfaces"}]
    now = network(LOCAL, declared=declared)
    found = await ended(told(check="route", with_baseline=False, network__show=now))
    (step,) = steps(found)
    assert f"gateway={GATEWAY}" in step
    assert "/etc/network/interfaces" in found.statement


async def test_a_host_that_is_as_it_was_has_no_fault() -> None:
    shown: dict[str, Any] = {"network__show": WELL, "qdisc__list": {"qdiscs": [queue()]}}
    found = await ended(told(**shown), firewall__show={})
    assert found.advice is Advice.NO_FAULT


# --- shapers --------------------------------------------------------------------------------------

SHAPED = {"qdiscs": [queue("tbf", overlimits=9)]}
STATE = {"kind": "tbf", "sha256": "c" * 64, "restorable": True}


async def test_a_shaper_that_was_not_there_is_removed() -> None:
    case = told(check="shaping", ticket="downloads crawl", qdisc__list=SHAPED)
    found = await ended(case, qdisc__show=STATE)
    assert steps(found) == [f"qdisc.remove device=ens3 sha256={'c' * 64}"]
    assert "tbf" in found.statement


@pytest.mark.parametrize("red", [{"error": "slow"}, {"error": "timeout"}])
async def test_a_crawl_leads_to_the_shaper(red: dict[str, Any]) -> None:
    case = told(red={"ok": False} | red)
    assert "qdisc.list" in {call.action for call in (await judge(case)).wanted}
    found = await ended(case, qdisc__list=SHAPED, qdisc__show=STATE, network__show=WELL)
    assert [s.split()[0] for s in steps(found)] == ["qdisc.remove"]


LOSSY = {
    "family": "inet", "table": "trial", "chain": "o", "handle": 3, "verdict": "drop",
    "ports": [80], "text": "tcp sport 80 numgen random mod 100 < 20 drop",
}  # fmt: skip


@pytest.mark.parametrize("new", [True, False])
async def test_what_is_late_for_a_rule_that_drops_some_of_it_leads_to_the_rule(
    *, new: bool
) -> None:
    then = {"firewall.show": {"rules": [] if new else [LOSSY]}}
    case = told(red={"ok": False, "error": "timeout"}, then=then)
    asked = {"kind": "rule", "sha256": "e" * 64}
    found = await ended(
        case, qdisc__list={"qdiscs": [queue()]}, firewall__show={"rules": [LOSSY]},
        firewall__rule=asked, network__show=WELL,
    )  # fmt: skip
    if new:
        assert [s.split()[0] for s in steps(found)] == ["firewall.remove_rule"]
        assert "numgen random" in found.statement
    else:
        assert found.repair is None


async def test_a_tree_of_classes_is_for_a_person() -> None:
    shaped = {"qdiscs": [queue("htb")]}
    case = told(check="shaping", qdisc__list=shaped)
    found = await ended(case, qdisc__show={"kind": "htb", "sha256": "d" * 64, "restorable": False})
    assert found.repair is not None
    assert found.repair.requires_person
    assert steps(found)[0].startswith("qdisc.remove_tree")


async def test_a_shaper_that_was_there_before_is_left_alone() -> None:
    case = told(red={"ok": False, "error": "slow"}, then={"qdisc.list": SHAPED}, qdisc__list=SHAPED)
    found = await ended(case, qdisc__show=STATE)
    assert found.repair is None


async def test_a_shaper_that_a_file_sets_is_left_alone() -> None:
    changed = (file("/etc/network/if-up.d/shape-uplink", "b" * 64),)
    case = told(check="shaping", changed=changed, qdisc__list=SHAPED)
    found = await ended(case, qdisc__show=STATE)
    assert found.advice is Advice.HAND_OVER


async def test_a_shaper_does_not_explain_a_page_that_is_refused() -> None:
    case = told(red={"ok": False, "status": 503}, qdisc__list=SHAPED)
    found = await ended(case, qdisc__show=STATE)
    assert found.repair is None


async def test_a_host_without_tc_is_judged_without_it() -> None:
    found = await ended(told(red={"ok": False, "error": "slow"}))
    assert found.advice is Advice.HAND_OVER


# --- devices --------------------------------------------------------------------------------------


async def test_a_device_that_was_switched_off_is_switched_on() -> None:
    now = network(route(), LOCAL, OFFICE, links=[link(), SIDE | {"up": False, "carrier": False}])
    found = await ended(told(check="link", network__show=now))
    assert steps(found) == ["link.up device=ens9"]


async def test_the_route_that_went_with_it_comes_back_with_it() -> None:
    over = route("203.0.113.1", "10.20.0.0/16", device="ens9")
    off = SIDE | {"up": False, "carrier": False}
    case = told(
        check="link", then={"network.show": network(route(), LOCAL, over)},
        network__show=network(route(), LOCAL, links=[link(), off]),
    )  # fmt: skip
    assert [s.split()[0] for s in steps(await ended(case))] == ["link.up", "route.add"]


@pytest.mark.parametrize(
    ("side", "reason"),
    [
        (SIDE | {"carrier": False}, "no carrier"),
        (SIDE | {"addresses": ()}, "203.0.113.7/24"),
        (SIDE | {"up": False, "carrier": False, "addresses": ()}, "203.0.113.7/24"),
    ],
)
async def test_what_cannot_be_mended_from_here_is_said(side: dict[str, Any], reason: str) -> None:
    which = "address" if side["carrier"] else "link"
    now = network(route(), LOCAL, OFFICE, links=[link(), side])
    found = await ended(told(check=which, network__show=now))
    assert found.advice is Advice.HAND_OVER
    assert reason in found.statement


INTERFACES = "/etc/network/interfaces"
DECLARES = "iface ens9 inet static\n    address 203.0.113.7/24\n"


@pytest.mark.parametrize(
    ("text", "claimed", "persons", "goes"),
    [
        (DECLARES, "", [], "alone"),
        (DECLARES, "", ["lee pts/0 09:00"], "asks"),
        (DECLARES, "02:00:00:00:00:09", [], "no"),  # a partner has it
        (DECLARES, None, [], "no"),  # it was not asked on the wire
        ("#" + DECLARES.replace("    ", "#   "), "", [], "no"),
        ("iface ens9 inet static\n    address 203.0.113.70/24\n", "", [], "no"),
    ],
)
async def test_an_address_that_the_host_is_to_have_and_no_other_machine_has_comes_back(
    text: str, claimed: str | None, persons: list[str], goes: str
) -> None:
    gone = network(route(), LOCAL, OFFICE, links=[link(), SIDE | {"addresses": ()}])
    state = {"here": "no", "on": "", "claimed_by": claimed} if claimed is not None else None
    given = told(
        check="address", network__show=gone, changed=(cases.file(INTERFACES),),
        persons__list={"logged_in": persons},
    )  # fmt: skip
    known = {"path": INTERFACES, "text": text, "sha256": "a" * 64, "owner": "root",
             "group": "root", "mode": "0644"}  # fmt: skip
    judged = await ended(given, config__read=known, address__show=state, link__show={"kind": "x"})
    if goes == "no":
        assert judged.repair is None
        return
    assert steps(judged) == ["address.add address=203.0.113.7/24 device=ens9"], judged.statement
    assert judged.repair is not None
    assert (judged.repair.requires_person is not None) is (goes == "asks")
    assert INTERFACES in judged.statement


# --- settings -------------------------------------------------------------------------------------


async def setting(name: str, then: str, now: str, red: dict[str, Any], **more: Any) -> Assessment:
    case = told(red={"ok": False} | red, then={"kernel.settings": {"values": {name: then}}}, **more)
    shown = {"kernel__settings": {"values": {name: now}}, "network__show": WELL}
    return await ended(case, **shown, qdisc__list={"qdiscs": [queue()]}, firewall__show={})


async def test_forwarding_that_was_switched_off_cuts_containers_off() -> None:
    ports = [{"port": 80, "address": "0.0.0.0", "inside": 80, "protocol": "tcp"}]
    shown = {"containers": [{"name": "pages", "id": "x", "state": "running", "ports": ports}]}
    found = await setting(
        "net.ipv4.ip_forward", "1", "0", {"error": "timeout"}, containers__list=shown
    )
    assert steps(found) == ["kernel.set name=net.ipv4.ip_forward value=1"]


@pytest.mark.parametrize(
    ("name", "then", "now"),
    [
        ("net.ipv4.ip_forward", "1", "0"),  # nothing is passed on here
        ("net.ipv4.tcp_fin_timeout", "60", "5"),
        ("net.core.somaxconn", "4096", "16"),
    ],
)
async def test_a_setting_that_explains_nothing_by_itself_is_tried_at_last(
    name: str, then: str, now: str
) -> None:
    found = await setting(name, then, now, {"error": "timeout"})
    assert steps(found) == [f"kernel.set name={name} value={then}"]
    assert found.hypotheses[0].confidence < 0.75


async def test_buffers_that_shrank_explain_a_crawl() -> None:
    name = "net.ipv4.tcp_wmem"
    found = await setting(name, "4096:16384:4194304", "4096:4096:4096", {"error": "slow"})
    assert steps(found) == [f"kernel.set name={name} value=4096:16384:4194304"]
