"""What held of a host's network, and what tickets about it say."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.incident import Incident
from app.domain.probe import Probe
from app.host import checks
from app.host.view import HostView
from tests.unit.reasoning.cases import HOST, NOW, evidence

THEN: dict[str, Any] = {
    "network.show": {
        "routes": [
            {"destination": "default", "gateway": "192.0.2.1", "device": "ens3",
             "protocol": "static"},
            {"destination": "::/0", "gateway": "fe80::1", "device": "ens3", "protocol": "ra"},
        ],
        "links": [
            {"name": "ens3", "up": True, "carrier": True, "addresses": ["192.0.2.7/24"]},
            {"name": "ens4", "up": False, "carrier": False},
            {"name": "veth1a2b", "up": True, "carrier": True},
        ],
    },
    "qdisc.list": {"qdiscs": [
        {"device": "ens4", "kind": "tbf", "root": True, "shapes": True, "text": "tbf"},
    ]},
}  # fmt: skip


def incident(text: str) -> Incident:
    return Incident(number="INC1", short_description=text, host="alpha", received_at=NOW)


def held(facts: dict[str, Any]) -> dict[str, Probe]:
    found = checks.learned(HostView(HOST, evidence(facts)))
    return {f"{p.check} {p.subject}": p for p in found}


def test_what_comes_and_goes_by_itself_is_not_learned() -> None:
    assert set(held(THEN)) == {
        "route default via 192.0.2.1",
        "link ens3",
        "address 192.0.2.7/24 on ens3",
        "shaping ens3",
    }


def test_what_an_older_baseline_does_not_tell_is_not_learned() -> None:
    old = {"routes": [{"destination": "default", "gateway": "192.0.2.1", "device": "ens3"}]}
    assert held({"network.show": old | {"addresses": ["192.0.2.7/24"]}}) == {}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"routes": []}, "is missing"),
        ({"routes": [{"destination": "default", "gateway": "192.0.2.9"}]}, "192.0.2.9 instead"),
        ({"routes": [{"destination": "default", "refuses": "blackhole"}]}, "blackhole instead"),
    ],
)
def test_a_route_that_no_longer_stands(now: dict[str, Any], said: str) -> None:
    check = held(THEN)["route default via 192.0.2.1"]
    judged = checks.judge(check, HostView(HOST, evidence({"network.show": now})))
    assert judged is not None
    assert not judged[0]
    assert said in judged[1]


@pytest.mark.parametrize(
    ("check", "link", "said"),
    [
        ("link ens3", {"up": False, "carrier": False}, "switched off"),
        ("link ens3", {"up": True, "carrier": False}, "no carrier"),
        ("address 192.0.2.7/24 on ens3", {"up": True, "carrier": True}, "has lost the address"),
    ],
)
def test_a_device_that_is_not_as_it_was(check: str, link: dict[str, Any], said: str) -> None:
    now = {"network.show": {"links": [{"name": "ens3"} | link]}}
    judged = checks.judge(held(THEN)[check], HostView(HOST, evidence(now)))
    assert judged is not None
    assert not judged[0]
    assert said in judged[1]


def test_what_was_not_asked_is_not_judged() -> None:
    for check in held(THEN).values():
        assert checks.judge(check, HostView(HOST, ())) is None
        (call,) = checks.calls(check, "alpha")
        assert call.action in ("network.show", "qdisc.list")


@pytest.mark.parametrize(
    ("text", "check", "meant"),
    [
        ("intranet times out for the head office", "route default via 192.0.2.1", True),
        ("nobody in Leeds can reach the wiki", "route default via 192.0.2.1", True),
        ("users cannot reach the wiki", "route default via 192.0.2.1", True),
        ("host unreachable from the branch", "link ens3", True),
        ("nightly dump is empty", "route default via 192.0.2.1", False),
        ("downloads crawl since Monday", "shaping ens3", True),
        ("the file takes nearly a minute", "shaping ens3", True),
        ("wrong password page", "shaping ens3", False),
    ],
)
def test_a_ticket_about_the_network(text: str, check: str, meant: bool) -> None:
    assert checks.concerns(held(THEN)[check], incident(text), HOST) is meant
