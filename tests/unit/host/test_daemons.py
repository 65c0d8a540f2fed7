"""Daemons that a ticket is about without a word of their names."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.host import Host
from app.domain.incident import Incident
from app.host import checks, daemons
from app.host.view import HostView
from tests.unit.reasoning.cases import NOW, evidence, facts_of, unit

HOST = Host(name="alpha", address="192.0.2.7", services=("ledger",))
WRAPPED: dict[str, Any] = {"exec_start": ["/usr/sbin/crond", "-n"]}


def view(*units: dict[str, Any], **files: str) -> HostView:
    states = {name.replace("__", "."): state for name, state in files.items()}
    return HostView(HOST, evidence(facts_of(list(units), [], enabled=states)))


HEALTHY = view(
    unit("cron.service"),
    unit("night-clerk.service", **WRAPPED),
    unit("exim4.service"),
    unit("atd.service", "inactive", "dead"),
)


def told(text: str) -> Incident:
    return Incident(number="INC1", short_description=text, host="alpha", received_at=NOW)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Opening hours show the same since Monday", {"cron.service", "night-clerk.service"}),
        ("as if nobody called the thing", {"cron.service", "night-clerk.service"}),
        ("The list hasn't been updated for two days", {"cron.service", "night-clerk.service"}),
        ("No report from the depot today", {"cron.service", "night-clerk.service"}),
        ("Customers get no e-mail", {"exim4.service"}),
        ("Pages answer 502", set()),
    ],
)
def test_what_people_miss_tells_the_kind_of_daemon(text: str, meant: set[str]) -> None:
    assert daemons.spoken_of(HEALTHY, view(), told(text)) == meant


def test_one_that_somebody_masked_is_left_to_people() -> None:
    now = view(cron__service="masked")
    found = daemons.spoken_of(HEALTHY, now, told("the figures are stale"))
    assert found == {"night-clerk.service"}


def test_a_stopped_one_of_the_kind_is_asked_about() -> None:
    now = view(unit("night-clerk.service", **WRAPPED), unit("exim4.service"))
    ticket = told("the figures are stale")
    meant = daemons.spoken_of(HEALTHY, now, ticket)
    found = checks.doubted(checks.learned(HEALTHY), now, ticket, meant)
    assert [(p.check, p.subject) for p in found if p.check == "runs"] == [("runs", "cron.service")]
