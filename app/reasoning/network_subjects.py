"""Routes, devices and shapers of the network that are not as they were, as subjects."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from app.domain.action import ActionCall
from app.host import network_state as net
from app.host.facts import (
    AddressStateFacts,
    ConfigFileFacts,
    ConnectFacts,
    LinkFacts,
    NetworkFacts,
    QdiscStateFacts,
    RouteFacts,
)
from app.host.view import beneath
from app.reasoning.host_case import HostCase
from app.reasoning.reaching import cuts, cuts_of
from app.reasoning.subjects import Subject
from app.reasoning.unit_facts import unit_facts
from app.reasoning.written import comments_of

_FILES = ("/etc/network", "/etc/systemd/network", "/etc/netplan", "/etc/NetworkManager",
          "/etc/sysconfig/network-scripts", "/etc/sysctl.conf", "/etc/sysctl.d")  # fmt: skip
"""Where a host's network is configured: who changes that too means it to stay."""

_SAY_ADDRESSES = ("/etc/network/interfaces", "/etc/network/interfaces.d", "/etc/netplan",
                  "/etc/systemd/network", "/etc/sysconfig/network-scripts")  # fmt: skip
_MOST_READ = 6
"""So many files that say which addresses devices have are read."""

_OF_DEVICES = tuple(place for place in _FILES if "sysctl" not in place)

_SHAPING = re.compile(r"shap|\bqos|[-_/.]tc\b|bandwidth|fireqos|throttl|netem")
"""How files and units are called that shape traffic on purpose."""

UNREACHED = frozenset({"timeout", "unreachable"})


def network_subjects(case: HostCase) -> Iterable[Subject]:
    """What may keep users from a host though its services run."""
    if case.case.red:
        yield from _routes(case)
        yield from _neighbours(case)
        yield from _policies(case)
        yield from _links(case)
        yield from _shapers(case)


def network_asks(case: HostCase) -> Iterable[ActionCall]:
    """What tells whether the network is as it was, where something does not arrive."""
    cut = cuts_of(case)
    if cut:
        yield ActionCall(action="firewall.show", host=case.host.name)
    if cut or unreached(case) or any(p.late for p in case.red):
        yield ActionCall(action="network.show", host=case.host.name)


# --- routes --------------------------------------------------------------------------------------


def _routes(case: HostCase) -> Iterable[Subject]:
    now = net.network(case.view)
    if now is None:
        return
    for route, was in _expected(case):
        same = [r for r in now[0].routes if r.destination == route.destination]
        if not any(r.gateway == route.gateway for r in same):
            yield _route(case, route, was, same, now)
    yield from _stray(case, now)


def _stray(case: HostCase, now: tuple[NetworkFacts, int]) -> Iterable[Subject]:
    """Routes that were not there while the host was healthy and that somebody made."""
    then = net.network(case.then)
    if then is None:
        return
    known = {(r.destination, r.metric) for r in then[0].routes}
    for route in now[0].routes:
        made = route.refuses or (route.gateway and route.protocol in net.MADE_TO_STAY)
        if not made or (route.destination, route.metric) in known or route.destination == "default":
            continue
        facts: dict[str, Any] = route.model_dump(mode="json") | {
            "state": "new",
            "spoken": net.spoken(route.destination),
            "instead": route.refuses or f"via {route.gateway}",
            "refused": route.refuses is not None,
            "covers": _covered(case, route.destination),
        }
        name = f"{route.destination} {route.metric} new"
        yield subject_of(case, "route", name, facts | meant(case), now[1])


def _covered(case: HostCase, destination: str) -> str:
    """What the host does not get through to and that lies where a route leads; "" for nothing."""
    own = (cut for cut in cuts(case.case) if cut.host == case.host.name)
    inside = [f"{cut.to}:{cut.port}" for cut in own if _lies_in(cut.address, destination)]
    return ", ".join(inside)


def _lies_in(address: str, destination: str) -> bool:
    try:
        return ip_address(address) in ip_network(destination)
    except ValueError:
        return False  # a name, or another family


def _expected(case: HostCase) -> Iterable[tuple[RouteFacts, str]]:
    """The routes that should stand, and who says so."""
    if net.network(case.then) is not None:
        for route in net.routes_made(case.then):
            yield route, "while the host was healthy"
        return
    for one in net.gateways_declared(case.view):
        device = one.device or _device_towards(case, one.gateway)
        shape = {"destination": "default", "gateway": one.gateway, "device": device}
        yield RouteFacts(**shape, protocol="boot", plain=True), f"as {one.file} declares it"


def _device_towards(case: HostCase, gateway: str) -> str | None:
    now = net.network(case.view)
    listed = () if now is None else now[0].links
    return next((link.name for link in listed if _in_reach(link, gateway)), None)


def _reaches(link: LinkFacts, route: RouteFacts) -> bool:
    near = route.onlink == "yes" and link.carrier and bool(link.addresses)
    return near or _in_reach(link, route.gateway)


def _in_reach(link: LinkFacts, gateway: str | None) -> bool:
    """Whether a gateway lies in a network of a device that is up."""
    if not link.carrier or gateway is None:
        return False
    address = ip_address(gateway)
    if address.is_link_local:
        return True
    return any(address in ip_interface(own).network for own in link.addresses)


def _route(
    case: HostCase,
    route: RouteFacts,
    was: str,
    same: list[RouteFacts],
    now: tuple[NetworkFacts, int],
) -> Subject:
    in_its_place = next((r for r in same if r.metric == route.metric), None)
    device = next((link for link in now[0].links if link.name == route.device), None)
    then = net.network(case.then)
    facts: dict[str, Any] = route.model_dump(mode="json") | {
        "state": "gone" if not same else "changed",
        "spoken": net.spoken(route.destination),
        "was": was,
        "now": None if in_its_place is None else in_its_place.model_dump(mode="json"),
        "instead": ", ".join(r.gateway or r.refuses or r.device or "?" for r in same),
        "refused": next((r.refuses for r in same if r.refuses), None) is not None,
        "in_reach": device is not None and _reaches(device, route),
        "rules": [r for r in now[0].rules if then is not None and r not in then[0].rules],
    }
    name = net.route_named(route.destination, route.gateway or "")
    facts |= _explains(case, "route", name) | meant(case)
    return subject_of(case, "route", name, facts, now[1])


# --- neighbours ----------------------------------------------------------------------------------


def _neighbours(case: HostCase) -> Iterable[Subject]:
    """Neighbours that were written down for good since the host was healthy, or ever."""
    now, then = net.network(case.view), net.network(case.then)
    for one in () if now is None else now[0].neighbours:
        if now is None or (then is not None and one in then[0].neighbours):
            continue
        facts = one.model_dump(mode="json") | {
            "new": then is not None,
            "covers": _between(case, one.address),
        }
        name = f"{one.address} {one.device}"
        yield subject_of(case, "neighbour", name, facts | meant(case), now[1])


def _policies(case: HostCase) -> Iterable[Subject]:
    """Rules of routing by policy that came since the host was healthy, or stand there at all."""
    now, then = net.network(case.view), net.network(case.then)
    for one in () if now is None else now[0].policies:
        if now is None or (then is not None and one in then[0].policies):
            continue
        facts = one.model_dump(mode="json") | {
            "new": then is not None,
            "covers": _covered(case, one.destination),
        }
        name = f"{one.priority} {one.destination}"
        yield subject_of(case, "policy", name, facts | meant(case), now[1])


def _between(case: HostCase, address: str) -> str:
    """What does not get through between the host and one so called; "" for nothing."""
    own = case.host.name
    found = [f"{c.to}:{c.port}" for c in cuts_of(case) if c.host == own and c.address == address]
    callers = {h.name for h in case.case.hosts if h.address == address}
    found += [f"{c.host}" for c in cuts_of(case) if c.to == own and c.host in callers]
    return ", ".join(dict.fromkeys(found))


# --- devices -------------------------------------------------------------------------------------


def _links(case: HostCase) -> Iterable[Subject]:
    now = net.network(case.view)
    if now is None:
        return
    for then in net.links_there(case.then):
        link = next((one for one in now[0].links if one.name == then.name), None)
        lost = set(then.addresses) - set(() if link is None else link.addresses)
        if then.carrier and (link is None or not link.carrier or lost):
            yield _link(case, then, link, sorted(lost), now)
        elif link is not None and None not in (link.mtu, then.mtu) and link.mtu != then.mtu:
            yield with_file(case, _link(case, then, link, [], now, "mtu"), _OF_DEVICES)


def _link(
    case: HostCase,
    then: LinkFacts,
    link: LinkFacts | None,
    lost: list[str],
    now: tuple[NetworkFacts, int],
    state: str = "",
) -> Subject:
    on = {(r.destination, r.gateway) for r in now[0].routes}
    routes = [
        route.model_dump(mode="json")
        for route in net.routes_made(case.then)
        if route.device == then.name and (route.destination, route.gateway) not in on
    ]
    down = link is None or not link.carrier
    facts: dict[str, Any] = {
        "device": then.name,
        "state": state or ("down" if down else "address-lost"),
        "mtu": None if link is None else link.mtu,
        "mtu_then": then.mtu,
        "switched_off": link is not None and not link.up,
        "how": "gone" if link is None else "without carrier" if link.up else "switched off",
        "lost": lost,
        "lost_text": ", ".join(lost),
        "lost_routes": routes,
        **_declared(case, then.name, lost),
    }
    checks = _explains(case, "link", then.name), _explains(case, "address", f" on {then.name}")
    facts |= {name: any(found[name] for found in checks) for name in checks[0]} | meant(case)
    return subject_of(case, "link", then.name, facts, now[1])


def _declared(case: HostCase, device: str, lost: list[str]) -> dict[str, Any]:
    """Which file says that a device is to have the addresses that it lost, and what is known of one
    that is alone; `unread`: the next file that may say so."""
    files = () if case.manifest_now is None else case.manifest_now.files
    paths = [f.path for f in files if any(beneath(f.path, place) for place in _SAY_ADDRESSES)]
    read = {path: case.view.facts(ConfigFileFacts, "config.read", path=path) for path in paths}
    says = next(
        (
            path
            for path, found in read.items()
            if lost and found is not None and all(_names(found[0].text, one) for one in lost)
        ),
        "",
    )
    unread = [p for p in paths if not case.view.asked("config.read", path=p)]
    alone = lost[0] if len(lost) == 1 and ":" not in lost[0] else ""
    state = case.view.facts(AddressStateFacts, "address.show", device=device, address=alone)
    return {
        "declared_in": says,
        "unread": "" if says or not lost or len(paths) > _MOST_READ else next(iter(unread), ""),
        "alone": alone,
        "claimed_by": None if state is None else state[0].claimed_by,
    }


def _names(text: str, address: str) -> bool:
    """Whether a text has an address, be it without its prefix, on a line that is no comment."""
    word = re.compile(rf"(?<![0-9.]){re.escape(address.partition('/')[0])}(?![0-9.])")
    lines = (line for line in text.splitlines() if not line.lstrip().startswith(("#", ";")))
    return any(word.search(line) for line in lines)


# --- shapers -------------------------------------------------------------------------------------


def _shapers(case: HostCase) -> Iterable[Subject]:
    listed = case.view.evidence("qdisc.list")
    known = case.then is not None and case.then.evidence("qdisc.list") is not None
    then = net.shapers(case.then)
    late = any(p.late for p in case.case.red)
    for device, qdisc in net.shapers(case.view).items():
        assert listed is not None
        state = case.view.facts(QdiscStateFacts, "qdisc.show", device=device)
        checked = any(p.probe.check == "shaping" and p.probe.subject == device for p in case.red)
        facts: dict[str, Any] = qdisc.model_dump(mode="json") | {
            "new": device not in then if known else None,
            "explains": late or checked,
            "sha256": None if state is None else state[0].sha256,
            "restorable": None if state is None else state[0].restorable,
            "on_purpose": _shaped_on_purpose(case),
        }
        yield subject_of(case, "shaper", device, facts | meant(case), listed.id)


def _shaped_on_purpose(case: HostCase) -> str:
    """A file or unit that is there to shape traffic; "" where there is none."""
    changed = (c.path for c in (case.drift or ((), 0))[0])
    running = (name for name in case.view.units if case.view.steady(name))
    return next((name for name in (*changed, *running) if _SHAPING.search(name.lower())), "")


# --- what all of them carry ----------------------------------------------------------------------


def with_file(case: HostCase, subject: Subject, places: tuple[str, ...]) -> Subject:
    """A subject with the one changed file that sets it, and with the service that fails here."""
    more: dict[str, Any] = {}
    sources: dict[str, int] = {}
    changed = (case.drift or ((), 0))[0]
    files = [c for c in changed if any(beneath(c.path, place) for place in places)]
    if len(files) == 1 and case.drift is not None:
        more["change"], sources["change"] = files[0].model_dump(mode="json"), case.drift[1]
    elsewhere = {c.path for c in changed} - {c.path for c in files}
    more["nothing_else"] = case.drift is not None and not elsewhere
    victim = next((name for name in case.failing if name in case.view.units), None)
    if victim is not None:
        more["victim"], found = unit_facts(case, victim)
        sources["victim"] = found["unit"]
    return subject.model_copy(
        update={"facts": subject.facts | more, "sources": subject.sources | sources}
    )


def _explains(case: HostCase, check: str, name: str) -> dict[str, bool]:
    """Whether what failed is this very thing, or something that does not arrive."""
    checked = any(p.probe.check == check and p.probe.subject.endswith(name) for p in case.red)
    return {"checked": checked, "unreached": unreached(case)}


def unreached(case: HostCase) -> bool:
    """Whether users, or the host's own services, do not get through."""
    tried = (case.view.facts(ConnectFacts, "tcp.connect", **e.params)
             for e in case.view.every("tcp.connect"))  # fmt: skip
    return any(p.error in UNREACHED for p in case.red) or any(
        found is not None and found[0].error in UNREACHED for found in tried
    )


def meant(case: HostCase) -> dict[str, object]:
    """Whether the network's files were changed too, and what their writer says."""
    changed = [
        change
        for change in (case.drift or ((), 0))[0]
        if any(beneath(change.path, place) for place in _FILES)
    ]
    said = (comments_of(case, change) for change in changed)
    return {
        "persistent": bool(changed),
        "files": ", ".join(change.path for change in changed[:3]),
        "comments": "\n".join(words[0] for words in said if words),
    }


def subject_of(case: HostCase, kind: str, name: str, own: dict[str, Any], evidence: int) -> Subject:
    facts, sources = case.common()
    return Subject(
        kind=kind,
        host=case.host.name,
        name=name,
        facts=facts | {kind: own},
        sources=sources | {kind: evidence},
        nearness=0,
    )
