"""Roles of a database that may do less than they could: given back once a person agrees."""

from __future__ import annotations

from typing import Any

import pytest

from app.host.database_access import lost
from app.host.database_checks import doubted
from app.host.view import HostView
from app.reasoning.port import Assessment, Case
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import HEALTHY_LISTENERS, HOST, case, facts_of
from tests.unit.reasoning.test_builtin import UP, asked, judge, steps

ROLE = {"name": "clerk", "login": True, "limit": -1, "until": "never", "expired": False}
GRANT = {
    "database": "books", "table": "public.ledger", "role": "clerk", "privileges": "INSERT,SELECT",
}  # fmt: skip


def server(
    role: dict[str, Any] | None = None, grant: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "clusters": [
            {
                "port": 5432, "status": "ready", "reachable": True, "unit": "postgresql.service",
                "max_connections": 100, "used": 3, "databases": ["books"], "writes": True,
                "roles": [ROLE | (role or {})],
                "grants": [GRANT | (grant or {})],
            }
            | more
        ]
    }  # fmt: skip


WELL = server()


def between(
    now: dict[str, Any],
    then: dict[str, Any],
    action: str = "postgres.state",
    *,
    status: int,
    **more: Any,
) -> Case:
    """What a server tells of itself now, and told while the host was healthy."""
    facts = facts_of(UP, HEALTHY_LISTENERS) | {action: now} | asked(*UP) | more
    page = "http.local host_header=tickets.example url=http://127.0.0.1:9100/"
    facts[page] = {"url": "http://127.0.0.1:9100/", "status": status}
    given = case(facts, status=status)
    (known,) = given.baselines
    healthy = facts_of(UP, HEALTHY_LISTENERS) | {action: then}
    known = known.model_copy(update={"evidence": cases.evidence(healthy)})
    return given.model_copy(update={"baselines": (known,)})


async def judged_between(
    now: dict[str, Any], then: dict[str, Any], action: str = "postgres.state", **more: Any
) -> Assessment:
    """The page fails, with what a server tells of itself now and told while it was healthy."""
    return await judge(between(now, then, action, status=500, **more))


@pytest.mark.parametrize(
    ("role", "word"),
    [
        ({"limit": 1}, "CONNECTION LIMIT"),
        ({"login": False}, "NOLOGIN"),
        ({"until": "2020-01-01T00:00:00Z", "expired": True}, "VALID UNTIL"),
    ],
)
async def test_a_role_that_may_log_in_less_is_let_in_if_a_person_agrees(
    role: dict[str, Any], word: str
) -> None:
    judged = await judged_between(server(role), WELL)
    assert steps(judged) == [
        "postgres.set_role limit=-1 login=yes port=5432 role=clerk until=never"
    ], judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person
    assert word in judged.statement


async def test_a_right_that_was_revoked_is_given_back_if_a_person_agrees() -> None:
    judged = await judged_between(server({}, {"privileges": "SELECT"}), WELL)
    assert steps(judged) == [
        "postgres.grant database=books port=5432 privileges=INSERT role=clerk table=public.ledger"
    ], judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person


@pytest.mark.parametrize(
    "role", [{"limit": 5, "expired": False}, {}, {"until": "2030-01-01T00:00:00Z"}]
)
def test_what_a_role_did_not_lose_is_not_told(role: dict[str, Any]) -> None:
    then = HostView(HOST, cases.evidence({"postgres.state": server(role)}))
    now = HostView(HOST, cases.evidence({"postgres.state": server(role)}))
    assert lost(now, then) == ()
    wider = HostView(HOST, cases.evidence({"postgres.state": server()}))
    assert lost(wider, then) == ()


@pytest.mark.parametrize(
    ("service", "text", "names"),
    [
        ("postgresql", "something is odd", ["access", "writes"]),
        ("tickets", "the database says permission denied", ["access", "writes"]),
        ("tickets", "the page is blue", []),
    ],
)
def test_it_is_asked_about_where_the_ticket_may_be(
    service: str, text: str, names: list[str]
) -> None:
    then = HostView(HOST, cases.evidence({"postgres.state": WELL}))
    closed = server({"limit": 1}, writes=False)
    now = HostView(HOST, cases.evidence({"postgres.state": closed}))
    incident = case({}).incident.model_copy(
        update={"claimed_service": service, "short_description": text, "description": ""}
    )
    assert [probe.check for probe in doubted(now, then, incident, agreed=False)] == names


def test_what_could_not_be_looked_at_in_time_is_not_lost() -> None:
    then = HostView(HOST, cases.evidence({"postgres.state": server()}))
    blind = server(grants=[], not_looked_at=["books"])
    assert lost(HostView(HOST, cases.evidence({"postgres.state": blind})), then) == ()
    seen = server(grants=[])
    assert len(lost(HostView(HOST, cases.evidence({"postgres.state": seen})), then)) == 1
