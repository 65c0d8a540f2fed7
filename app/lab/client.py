"""Speaking to the service as an operator and an approver would: over HTTP, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from app.lab.errors import ServiceFailed
from app.lab.estate import HOSTS, HostSpec
from app.lab.network import inside
from app.lab.scenario import Scenario, Ticket
from app.lab.service import Service

Body = dict[str, Any]


def incident(scenario: Scenario, number: str, hosts: Mapping[str, HostSpec] = HOSTS) -> Body:
    """The scenario's ticket in ServiceNow's flat form."""
    return payload(scenario.ticket, hosts[scenario.target], number)


def payload(ticket: Ticket, spec: HostSpec, number: str) -> Body:
    """A ticket about a host in ServiceNow's flat form."""
    target = {"ip_address": spec.address, "hostname": spec.names[1]}
    if ticket.service is not None:
        target["service"] = ticket.service
    return {
        "incident_number": number,
        "short_description": ticket.short_description,
        "description": ticket.description,
        "priority": ticket.priority,
        "category": ticket.category,
        "assignment_group": "SRE Team",
        "state": "2",
        **(ticket.model_extra or {}),
        "target": target,
    }


class Client:
    """The API of one running service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        # made once, since each new one reads the machine's certificates; no connection is kept, as
        # the service may be killed at any moment
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(base_url=service.url, limits=limits)

    def take_baseline(self, host: str) -> None:
        """Let the agent look at a healthy host."""
        self._ask("POST", f"/api/v1/hosts/{host}/baseline", timeout=120)

    def trigger(self, payload: Body) -> int:
        """Post the ticket; returns the execution's id."""
        answer = self._ask("POST", "/api/v1/incident/trigger-agent", json=payload)
        return int(answer["execution_id"])

    def execution(self, execution_id: int) -> Body:
        """The execution as it stands."""
        return self._ask("GET", f"/api/v1/incident/execution/{execution_id}")

    def logs(self, execution_id: int) -> list[Body]:
        """Every command of an execution with what it printed."""
        found: list[Body] = []
        after: int | None = 0
        while after is not None:
            path = f"/api/v1/incident/execution/{execution_id}/logs"
            page = self._ask("GET", path, params={"after": after, "limit": 1000})
            found.extend(page["logs"])
            after = page.get("next_after")
        return found

    def pending_approvals(self, execution_id: int) -> list[Body]:
        """The questions of an execution that wait for a person."""
        query = {"state": "pending", "execution_id": execution_id}
        found: list[Body] = self._ask("GET", "/api/v1/approvals", params=query)["approvals"]
        return found

    def approve(self, request: Body) -> None:
        """Say yes to a question, by as many people as it needs."""
        decision = {
            "decision": "approve",
            "reason": "The plan is what we would do.",
            "plan_hash": request["plan_hash"],
        }
        path = f"/api/v1/approvals/{request['id']}/decision"
        for token in self.service.policy.tokens.values():
            answer = self._ask("POST", path, json=decision, token=token)
            if answer.get("state") != "pending":
                return

    def _ask(
        self,
        method: str,
        path: str,
        *,
        json: Body | None = None,
        params: dict[str, Any] | None = None,
        token: str | None = None,
        timeout: float = 15,
    ) -> Body:
        headers = {"Authorization": f"Bearer {token or self.service.key}"}
        try:
            with inside(self.service.namespace):
                answer = self._http.request(
                    method,
                    path,
                    json=json,
                    params=params,
                    headers=headers,
                    timeout=timeout,
                )
        except httpx.TransportError as error:
            raise ServiceFailed(f"{method} {path}: {type(error).__name__}: {error}") from error
        if answer.is_error:
            raise ServiceFailed(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        body: Body = answer.json()
        return body
