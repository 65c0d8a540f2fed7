"""The user's path: where it breaks, and what it asks where it does not know yet."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.probe import ProbeResult
from app.host import datagrams
from app.host.hops import HopState, Layer, Walk
from app.host.path import PathWalker
from app.host.serving import Serving
from app.host.view import HostView
from tests.unit.reasoning.cases import (
    ENV,
    HEALTHY_LISTENERS,
    HOST,
    NOW,
    PROBE,
    baseline,
    evidence,
    facts_of,
    listener,
    nginx,
    tickets,
    unit,
)

UP = [nginx(), tickets()]


def walk(
    facts: dict[str, Any],
    *,
    error: str | None = None,
    status: int | None = None,
    known_before: bool = True,
    answered: frozenset[int] = frozenset(),
) -> Walk:
    failing = ProbeResult(
        probe=PROBE, ok=False, error=error, status=status, taken_at=NOW, simulated=False
    )
    view = HostView(HOST, evidence(facts))
    known = baseline() if known_before else None
    return PathWalker(view, known, "nginx", answered).walk(failing)


def test_nothing_known_asks_for_the_first_hop() -> None:
    found = walk({}, error="refused")
    assert found.first_failed is None
    assert "sockets.listening" in {a.action for a in found.asks}


def test_no_listener_names_the_unit_that_should_listen() -> None:
    found = walk(facts_of([nginx("inactive", "dead"), tickets()], HEALTHY_LISTENERS[1:]))
    assert found.first_failed is not None
    assert (found.first_failed.layer, found.first_failed.subject) == (
        Layer.LISTENER,
        "nginx.service",
    )


def test_an_intruder_is_named() -> None:
    held = [listener(80, "caddy.service"), HEALTHY_LISTENERS[1]]
    found = walk(facts_of(UP, held), status=404)
    assert found.first_failed is not None
    assert "caddy.service" in found.first_failed.statement


def test_behind_a_healthy_proxy_the_missing_upstream_is_found() -> None:
    found = walk(
        facts_of([nginx(), tickets("inactive", "dead")], HEALTHY_LISTENERS[:1]), status=502
    )
    assert found.first_failed is not None
    assert (found.first_failed.layer, found.first_failed.subject) == (
        Layer.UPSTREAM,
        "tickets.service",
    )
    assert found.units == ("nginx.service", "tickets.service")


def test_an_upstream_that_listens_is_asked_as_users_name_it() -> None:
    found = walk(facts_of(UP, HEALTHY_LISTENERS), status=502)
    (ask,) = [a for a in found.asks if a.action == "http.local"]
    assert ask.params == {"url": "http://127.0.0.1:9100/", "host_header": "tickets.example"}


def test_a_listener_on_loopback_only_is_told() -> None:
    inner = listener(80, "nginx.service") | {"address": "127.0.0.1"}
    found = walk(facts_of(UP, [inner, HEALTHY_LISTENERS[1]]), error="refused")
    assert found.first_failed is not None
    assert "only at 127.0.0.1" in found.first_failed.statement


def test_a_refused_certificate_is_the_matter_of_who_shows_it() -> None:
    found = walk(facts_of(UP, HEALTHY_LISTENERS), error="tls: certificate expired")
    assert found.units == ("nginx.service",)
    assert found.first_failed is not None
    assert found.first_failed.subject == "nginx.service"


def test_a_listener_that_outsiders_do_not_reach_is_the_networks() -> None:
    found = walk(facts_of(UP, HEALTHY_LISTENERS), error="timeout")
    assert found.first_failed is not None
    assert found.first_failed.layer is Layer.NETWORK
    assert {"firewall.show", "network.show"} <= {a.action for a in found.asks}


def test_a_page_that_never_comes_beside_others_that_do_is_not_the_networks() -> None:
    facts = facts_of(UP, HEALTHY_LISTENERS, firewall__show={}, qdisc__list={})
    found = walk(facts, error="timeout", answered=frozenset({PROBE.port}))
    layers = [hop.layer for hop in found.hops if hop.state is HopState.FAILED]
    assert Layer.NETWORK not in layers


@pytest.mark.parametrize(
    ("resolved", "state"),
    [
        ({"ok": True, "seconds": 0.01}, HopState.OK),
        ({"ok": False, "error": "not found"}, HopState.FAILED),
        ({"ok": True, "seconds": 5.0}, HopState.FAILED),
    ],
)
def test_names_that_the_application_needs_are_resolved(
    resolved: dict[str, Any], state: HopState
) -> None:
    facts = facts_of(UP, HEALTHY_LISTENERS)
    facts[f"environment.read path={ENV}"] = {"hosts": {"DB": "db.example", "IP": "192.0.2.9"}}
    facts["name.resolve name=db.example"] = {"name": "db.example"} | resolved
    (hop,) = [h for h in walk(facts, status=500).hops if h.subject == "db.example"]
    assert hop.state is state


@pytest.mark.parametrize(
    ("mount", "counts"),
    [("/", True), ("/var/log", True), ("/srv/tickets/logs", True), ("/mnt/backup", False)],
)
def test_full_file_systems_count_where_the_path_writes(mount: str, counts: bool) -> None:
    entry = {"mount": mount, "source": "x", "fstype": "ext4", "used_percent": 100.0}
    found = walk(facts_of(UP, HEALTHY_LISTENERS, mounts=[entry]), status=500)
    assert (mount in [h.subject for h in found.failed]) is counts


def test_without_a_baseline_the_configuration_tells_whose_port_it_is() -> None:
    facts = facts_of([nginx("inactive", "dead"), tickets()], HEALTHY_LISTENERS[1:])
    found = walk(facts, error="refused", known_before=False)
    assert found.units[0] == "nginx.service"


def first(port: int) -> dict[str, Any]:
    """What process 1 listens on, as the host tells it."""
    return listener(port, "init.scope", "systemd") | {"pid": 1}


def socket_unit(active: str = "active", sub: str = "listening", **more: Any) -> dict[str, Any]:
    ports = [{"protocol": "tcp", "port": 80}]
    return unit("hatch.socket", active, sub, listens=ports, **more)


def by_socket(
    now: list[dict[str, Any]],
    held: list[dict[str, Any]],
    then: list[dict[str, Any]],
    **answer: Any,
) -> Walk:
    """A port that a .socket unit held while the host was healthy."""
    healthy = facts_of([], [first(80)]) | {"units.show pattern=*.socket": {"units": then}}
    known = baseline().model_copy(update={"evidence": evidence(healthy)})
    told = answer or {"error": "refused"}
    failing = ProbeResult(probe=PROBE, ok=False, taken_at=NOW, simulated=False, **told)
    view = HostView(HOST, evidence(facts_of(now, held)))
    return PathWalker(view, known, "hatch", frozenset()).walk(failing)


def test_where_process_1_listened_it_is_the_socket_unit_that_should() -> None:
    found = by_socket([], [], [socket_unit()])
    assert found.first_failed is not None
    assert found.first_failed.subject == "hatch.socket"
    assert {"unit": "hatch.socket"} in [a.params for a in found.asks if a.action == "unit.show"]
    assert "init.scope" not in str(found.hops)


def test_a_closed_socket_is_the_unit_that_is_down() -> None:
    closed = socket_unit("failed", "failed", result="trigger-limit-hit")
    found = by_socket([closed], [], [socket_unit()])
    assert found.units == ("hatch.socket",)
    assert [h.subject for h in found.failed] == ["hatch.socket", "hatch.socket"]


def test_a_service_that_its_socket_has_started_holds_the_port_rightly() -> None:
    started = unit("hatch.service", triggered_by=["hatch.socket"])
    found = by_socket([socket_unit(), started], [listener(80, "hatch.service")], [socket_unit()])
    assert all("held by" not in hop.statement for hop in found.hops)


@pytest.mark.parametrize(
    ("state", "followed"), [(("failed", "failed"), True), (("inactive", "dead"), False)]
)
def test_behind_a_socket_its_service_is_looked_at_once_it_was_started(
    state: tuple[str, str], followed: bool
) -> None:
    services = ["hatch.service"]
    behind = unit("hatch.service", *state, triggered_by=["hatch.socket"])
    listening = socket_unit(triggers=services)
    found = by_socket([listening, behind], [first(80)], [listening])
    assert ("hatch.service" in found.units) is followed


def test_a_socket_that_is_not_known_yet_is_asked_for() -> None:
    found = by_socket([], [first(80)], [], status=500)
    assert {"pattern": "*.socket"} in [a.params for a in found.asks if a.action == "units.show"]


def test_a_service_that_a_ticket_names_may_be_a_socket() -> None:
    serving = Serving(HostView(HOST, evidence(facts_of([socket_unit()], []))), None)
    assert serving.unit_named("hatch") == "hatch.socket"


@pytest.mark.parametrize("holder", ["init.scope", "hatch.service"])
def test_datagrams_at_a_socket_are_taken_by_whoever_it_is(holder: str) -> None:
    held = listener(514, holder) | {"protocol": "udp", "pid": 1 if holder == "init.scope" else 9}
    gone, there = (HostView(HOST, evidence(facts_of([], ports))) for ports in ([], [held]))
    for view, taken in ((there, True), (gone, False)):
        said = datagrams.are_taken(view, "hatch.socket 514")
        assert said is not None
        assert said[0] is taken
