"""Speaking to the service as ServiceNow and an approver would: over HTTP, nothing else."""

from __future__ import annotations

from typing import Any

import httpx

from app.lab.errors import ServiceFailed
from app.lab.estate import HOSTS
from app.lab.network import inside
from app.lab.scenario import Scenario
from app.lab.service import Service

Body = dict[str, Any]


def incident(scenario: Scenario, number: str) -> Body:
    """The scenario's ticket in ServiceNow's flat form."""
    ticket = scenario.ticket
    spec = HOSTS[scenario.target]
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

    def commands_run(self, execution_id: int) -> int:
        """How many commands were run on hosts after the ticket."""
        count, page = 0, 1
        while True:
            path = f"/api/v1/incident/execution/{execution_id}/logs"
            answer = self._ask("GET", path, params={"page": page, "page_size": 200})
            logs = answer["logs"]
            count += sum(1 for entry in logs if entry.get("command_executed"))
            if not logs or count >= int(answer.get("total", 0)) or len(logs) < 200:
                return count
            page += 1

    def pending_approvals(self, execution_id: int) -> list[Body]:
        """The requests of an execution that wait for a person."""
        answer = self._ask("GET", "/api/v1/approvals", params={"state": "pending"}, token=True)
        found: list[Body] = answer.get("approvals", [])
        return [each for each in found if each.get("execution_id", execution_id) == execution_id]

    def approve(self, request: Body) -> None:
        """Approve a request, by as many people as it asks for."""
        request_id = request.get("id") or request.get("approval_id")
        decision = {
            "decision": "approve",
            "reason": "The plan matches what we would do.",
            "plan_hash": request["plan_hash"],
        }
        for name in self.service.policy.tokens:
            self._ask("POST", f"/api/v1/approvals/{request_id}/decision", json=decision, token=name)
            execution = int(request["execution_id"])
            waiting = [each["plan_hash"] for each in self.pending_approvals(execution)]
            if request["plan_hash"] not in waiting:
                return

    def _ask(
        self,
        method: str,
        path: str,
        *,
        json: Body | None = None,
        params: dict[str, Any] | None = None,
        token: str | bool = False,
        timeout: float = 15,
    ) -> Body:
        tokens = self.service.policy.tokens
        name = token if isinstance(token, str) else next(iter(tokens), "")
        headers = {"Authorization": f"Bearer {tokens[name]}"} if token and name in tokens else {}
        try:
            with inside(self.service.namespace):
                answer = httpx.request(
                    method,
                    self.service.url + path,
                    json=json,
                    params=params,
                    headers=headers,
                    timeout=timeout,
                )
        except httpx.TransportError as error:
            raise ServiceFailed(f"{method} {path}: {type(error).__name__}: {error}") from error
        if answer.is_error:
            raise ServiceFailed(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        body = answer.json() if answer.content else {}
        return body if isinstance(body, dict) else {"approvals": body}
