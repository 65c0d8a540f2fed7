"""The ticket is posted as ServiceNow would: nothing else of a scenario reaches the agent."""

from __future__ import annotations

import json

from app.lab.client import incident
from app.lab.scenario import Scenario

SCENARIO = Scenario.model_validate(
    {
        "id": "nginx-down",
        "title": "the secret title",
        "family": "secret-family",
        "target": "web01",
        "hosts": ["web01"],
        "ticket": {
            "short_description": "Shop down",
            "description": "since 09:40",
            "priority": "1 - Critical",
            "service": "nginx",
            "caller_id": "a.moser",
        },
        "inject": "systemctl stop nginx",
        "healthy": "true",
        "expect": {"outcome": "resolved", "cause": "secret cause"},
    }
)


def test_the_target_names_host_address_and_the_claimed_service() -> None:
    body = incident(SCENARIO, "INC0000001")
    assert body["target"] == {
        "ip_address": "10.77.0.10",
        "hostname": "web01.corp.internal",
        "service": "nginx",
    }
    assert body["incident_number"] == "INC0000001"
    assert body["priority"] == "1 - Critical"
    assert body["caller_id"] == "a.moser"


def test_a_ticket_without_a_service_claims_none() -> None:
    ticket = SCENARIO.ticket.model_copy(update={"service": None})
    body = incident(SCENARIO.model_copy(update={"ticket": ticket}), "INC0000001")
    assert "service" not in body["target"]


def test_nothing_but_the_ticket_reaches_the_agent() -> None:
    text = json.dumps(incident(SCENARIO, "INC0000001"))
    assert "secret" not in text
    assert "systemctl" not in text
