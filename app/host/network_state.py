"""A host's network as it is and as it was: routes, devices, shapers, and the checks over them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from app.domain.host import Host, asked_of
from app.domain.incident import Incident
from app.domain.probe import Probe
from app.host.facts import (
    DeclaredGateway,
    FirewallFacts,
    FirewallRule,
    KernelSettingsFacts,
    LinkFacts,
    NetworkFacts,
    Qdisc,
    QdiscsFacts,
    RouteFacts,
)
from app.host.view import HostView

Said = tuple[bool, str]

MADE_TO_STAY = frozenset({"boot", "static", "dhcp"})
"""Who makes routes that stay; routing daemons and router advertisements change theirs daily."""

_COME_AND_GO = re.compile(
    r"lo|(?:veth|docker|br-|cni|cali|flannel|kube|tun|tap|virbr|vnet|lxc|ifb|wg|dummy).*"
)
"""Devices that containers, virtual machines and tunnels make and take away."""

ABOUT_REACH = re.compile(
    r"\b(rout(?:e[ds]?|ing|er)|gateways?|networks?|subnets?|vlans?|vpn|timed? ?outs?|times out"
    r"|unreachable|(?:cannot|can't|could not|nobody|unable to).{0,40}(?:reach|open|connect)"
    r"|other (?:sites?|networks?|offices?)|packets?|ping\w*|links?|nic|interfaces?|no answer"
    r"|connectivity)\b"
)
ABOUT_SPEED = re.compile(
    r"\b(slow\w*|crawl\w*|downloads?|throughput|bandwidth|lag(?:s|gy|ging)?|latency|timed? ?outs?"
    r"|times out|packet loss|hangs?"
    r"|takes? (?:\w+ ){0,3}(?:ages|long|longer|forever|minutes?|seconds)"
    r"|speed|sluggish|mbit\w*|kbit\w*)\b"
)
ABOUT_FLAPPING = re.compile(
    r"\b(flap\w*|intermittent\w*|sporadic\w*|sometimes|now and then|occasional\w*|on and off"
    r"|every (?:other|second|third|fourth|few|now)|comes? and goes?|from time to time|retransmi\w*"
    r"|packet loss|unstable|unreliab\w*|at random|randomly|one (?:request|check|try)? ?in \w+)\b"
)
"""How people speak of what no longer arrives, arrives late, and fails only now and then."""

ABOUT_ARRIVING = re.compile("|".join(p.pattern for p in (ABOUT_REACH, ABOUT_SPEED, ABOUT_FLAPPING)))


FILTER = "filter"
"""The check that a rule which turns traffic away, and was not there while healthy, is gone."""

_MADE_BY_PROGRAMS = re.compile(r"\b(?:DOCKER|docker|br-[0-9a-f]|f2b-|KUBE-|cni)")
"""Rules that come and go with containers and bans."""

TURNING_AWAY = frozenset({"drop", "reject"})

LEADING_ELSEWHERE = frozenset({"dnat", "redirect"})
"""What makes another port or host answer than was asked. Every network of containers lives by it:
only what was not there while healthy is in question."""


def text_of(incident: Incident) -> str:
    """What a ticket says, in lower case."""
    return f"{incident.short_description}\n{incident.description}".lower()


# --- what is there -------------------------------------------------------------------------------


def network(view: HostView | None) -> tuple[NetworkFacts, int] | None:
    return None if view is None else view.facts(NetworkFacts, "network.show")


def rules(view: HostView | None) -> tuple[FirewallFacts, int] | None:
    return None if view is None else view.facts(FirewallFacts, "firewall.show")


def new_rules(now: HostView, then: HostView | None) -> tuple[tuple[FirewallRule, ...], int] | None:
    """The firewall's rules that were not there while healthy, and the evidence; those of programs
    that make their own are none."""
    before, found = rules(then), rules(now)
    if before is None or found is None:
        return None
    new = (
        rule
        for rule in found[0].rules
        if not _MADE_BY_PROGRAMS.search(f"{rule.table} {rule.chain} {rule.text}")
        and not before[0].has(rule)
    )
    return tuple(new), found[1]


def filters_of(host: Host, now: HostView, then: HostView | None) -> tuple[Probe, ...]:
    """Whether each new rule that turns traffic away is gone."""
    found = new_rules(now, then)
    return tuple(
        asked_of(host, FILTER, rule.text)
        for rule in (() if found is None else found[0])
        if rule.verdict in TURNING_AWAY | LEADING_ELSEWHERE
    )


def _rule_is_gone(view: HostView, text: str) -> Said | None:
    found = rules(view)
    if found is None:
        return None
    gone = all(rule.text != text for rule in found[0].rules)
    return (
        gone,
        f"a firewall rule (nft) turns traffic away that was not there while healthy: {text}",
    )


def routes_made(view: HostView | None) -> tuple[RouteFacts, ...]:
    """Routes over a gateway that somebody made to stay."""
    found = network(view)
    return tuple(
        route
        for route in (() if found is None else found[0].routes)
        if route.protocol in MADE_TO_STAY and route.gateway and lasts(route.device or "")
    )


def links_there(view: HostView | None) -> tuple[LinkFacts, ...]:
    """Devices of the host itself."""
    found = network(view)
    return tuple(one for one in (() if found is None else found[0].links) if lasts(one.name))


def shapers(view: HostView | None) -> dict[str, Qdisc]:
    """What shapes traffic, by device."""
    found = None if view is None else view.facts(QdiscsFacts, "qdisc.list")
    listed = () if found is None else found[0].qdiscs
    return {qdisc.device: qdisc for qdisc in listed if qdisc.shapes}


def settings(view: HostView | None) -> dict[str, str]:
    found = None if view is None else view.facts(KernelSettingsFacts, "kernel.settings")
    return {} if found is None else found[0].values


def lasts(device: str) -> bool:
    """Whether a device is the host's own, and none that comes and goes with a program."""
    return bool(device) and _COME_AND_GO.fullmatch(device) is None


def route_named(destination: str, gateway: str) -> str:
    return f"{destination} via {gateway}"


def spoken(destination: str) -> str:
    """A destination as people say it."""
    return "the default route" if destination in ("default", "::/0") else f"the route {destination}"


# --- checks: what held while the host was healthy ------------------------------------------------


def learned(then: HostView) -> Iterable[tuple[str, str]]:
    """Pairs of a check and its subject that held."""
    for route in routes_made(then):
        yield "route", route_named(route.destination, route.gateway or "")
    for link in links_there(then):
        if link.carrier:
            yield "link", link.name
            yield from (("address", f"{address} on {link.name}") for address in link.addresses)
    if then.facts(QdiscsFacts, "qdisc.list") is not None:
        shaped = shapers(then)
        yield from (("shaping", one.name) for one in links_there(then) if one.name not in shaped)


def declared(view: HostView) -> Iterable[tuple[str, str]]:
    """The same of what the host's own files declare: where nothing older is known."""
    for one in gateways_declared(view):
        yield "route", route_named("default", one.gateway)


def gateways_declared(view: HostView | None) -> tuple[DeclaredGateway, ...]:
    """Default gateways that files declare for devices that are up and have an address."""
    found = network(view)
    listed = () if found is None else found[0].declared
    facts = NetworkFacts() if found is None else found[0]
    return tuple(one for one in listed if not one.device or carries(facts, one.device))


def carries(facts: NetworkFacts, device: str) -> bool:
    return any(link.name == device and link.carrier and link.addresses for link in facts.links)


def _route_stands(view: HostView, subject: str) -> Said | None:
    found = network(view)
    if found is None:
        return None
    destination, _, gateway = subject.partition(" via ")
    same = [r for r in found[0].routes if r.destination == destination]
    if any(r.gateway == gateway for r in same):
        return True, f"{spoken(destination)} via {gateway} stands"
    others = ", ".join(r.gateway or r.refuses or r.device or "?" for r in same)
    elsewhere = f"points to {others} instead" if same else "is missing"
    return False, f"{spoken(destination)} via gateway {gateway} {elsewhere}"


def _link_is_up(view: HostView, device: str) -> Said | None:
    found = network(view)
    if found is None:
        return None
    link = next((one for one in found[0].links if one.name == device), None)
    if link is None:
        return False, f"the network device {device} is gone, and it was up while healthy"
    how = "has no carrier" if link.up else "is switched off"
    return link.carrier, f"the network device {device} {how}, and it was up while healthy"


def _address_is_there(view: HostView, subject: str) -> Said | None:
    found = network(view)
    if found is None:
        return None
    address, _, device = subject.partition(" on ")
    there = any(address in link.addresses for link in found[0].links)
    return there, f"{device} has lost the address {address}, which it had while healthy"


def _is_not_shaped(view: HostView, device: str) -> Said | None:
    if view.facts(QdiscsFacts, "qdisc.list") is None:
        return None
    found = shapers(view).get(device)
    text = "" if found is None else found.text
    return found is None, f"traffic on {device} is shaped ({text}), and was not while healthy"


ASKED_BY = {
    "route": "network.show",
    "link": "network.show",
    "address": "network.show",
    "shaping": "qdisc.list",
    FILTER: "firewall.show",
}
"""The checks of this module, and the diagnostic that tells each."""

JUDGED_BY: dict[str, Callable[[HostView, str], Said | None]] = {
    "route": _route_stands,
    "link": _link_is_up,
    "address": _address_is_there,
    "shaping": _is_not_shaped,
    FILTER: _rule_is_gone,
}

ABOUT = {
    FILTER: ABOUT_REACH,
    "route": ABOUT_REACH,
    "link": ABOUT_REACH,
    "address": ABOUT_REACH,
    "shaping": ABOUT_SPEED,
}
