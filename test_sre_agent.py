#!/usr/bin/env python3
"""Checks a running SRE agent end to end, as an operator would after installing it.

    python test_sre_agent.py [--url http://127.0.0.1:8000] [--host NAME] [--timeout 180]

Prints what was checked and how it went, one line each. Exit code: 0 all well, 1 something is
wrong (the report says what and what to do), 2 the server could not be reached at all.

A simulated server gets an incident to work on. A server that reaches real hosts gets one only
for a host that `--host` names: the agent will look at that host, and act within its policy.

Where the server has keys or reaches real hosts, put one of the role operator into SRE_AGENT_TOKEN:
the key itself, since this script uses nothing of the agent and so looks no reference up.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

OK, WRONG, UNREACHABLE = 0, 1, 2
POLL_SECONDS = 0.5
STATUSES = {"queued", "running", "waiting_approval", "completed", "failed", "cancelled"}
ENDED = {"completed", "failed", "cancelled"}
EXAMPLE_HOST = "web-prod-01.company.com"


class Wrong(Exception):
    """A check found something wrong. Its text says what was expected, and what to do."""


class ServerDown(Exception):
    """Nobody answers at the address."""


@dataclass
class Server:
    """The server under test, and what the checks have learned of it so far."""

    client: httpx.Client
    timeout: float
    wanted_host: str | None
    mode: str = ""
    target: dict[str, str] = field(default_factory=dict)
    incident: dict[str, Any] = field(default_factory=dict)
    execution_id: int = 0

    def get(self, path: str, expect: int = 200, **params: Any) -> dict[str, Any]:
        return self._ask("GET", path, expect, params=params)

    def post(self, path: str, body: object, expect: int = 200) -> dict[str, Any]:
        return self._ask("POST", path, expect, json=body)

    def _ask(self, method: str, path: str, expect: int, **more: Any) -> dict[str, Any]:
        try:
            answer = self.client.request(method, path, **more)
        except httpx.TransportError as error:
            raise ServerDown(f"{method} {path}: {error}") from error
        if answer.status_code != expect:
            raise Wrong(
                f"{method} {path} answered {answer.status_code}, expected {expect}: "
                f"{_reason(answer)}"
            )
        return _json_object(answer, f"{method} {path}")


def _json_object(answer: httpx.Response, what: str) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        raise Wrong(f"{what} did not answer JSON: is this the SRE agent at this address?") from None
    if not isinstance(body, dict):
        raise Wrong(f"{what} answered {type(body).__name__}, expected an object")
    return body


def _reason(answer: httpx.Response) -> str:
    """What the server said was wrong, in its own words."""
    try:
        error = answer.json()["error"]
        return f"{error['message']} {error['hint']}".strip()
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]


def expect_shape(
    body: dict[str, Any], shape: dict[str, type | tuple[type, ...]], what: str
) -> None:
    """Every key of `shape` is in `body`, with that type."""
    for key, kind in shape.items():
        if key not in body:
            raise Wrong(f"{what} has no {key!r}; it has {', '.join(sorted(body))}")
        if not isinstance(body[key], kind) or isinstance(body[key], bool):
            raise Wrong(f"{what}: {key!r} is {body[key]!r}, expected {_named(kind)}")


def _named(kind: type | tuple[type, ...]) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join(each.__name__ for each in kinds)


# --- the checks, in the order they are made; each returns what it saw, in a few words ------------


def it_answers(server: Server) -> str:
    body = server.get("/healthz")
    expect_shape(body, {"status": str, "version": str}, "/healthz")
    return f"version {body['version']}"


def it_is_ready(server: Server) -> str:
    answer = server.client.get("/readyz")
    body = _json_object(answer, "GET /readyz")
    if "checks" not in body:
        raise Wrong(f"GET /readyz answered {answer.status_code}: {_reason(answer)}")
    failed = [f"{check['name']}: {check['detail']}" for check in body["checks"] if not check["ok"]]
    if failed or answer.status_code != 200:
        raise Wrong("not ready: " + "; ".join(failed))
    server.mode = body["mode"]
    return f"mode {body['mode']}, autonomy {body['autonomy_level']}"


def it_documents_itself(server: Server) -> str:
    paths = server.get("/openapi.json").get("paths", {})
    wanted = "/api/v1/incident/trigger-agent"
    if wanted not in paths:
        raise Wrong(f"/openapi.json does not list {wanted}")
    return f"{len(paths)} addresses documented"


def it_knows_hosts(server: Server) -> str:
    hosts = {host["name"]: host for host in server.get("/api/v1/hosts").get("hosts", [])}
    if not hosts:
        raise Wrong("the inventory is empty: fill ssh_config.py, or set INVENTORY_FILE")
    name = server.wanted_host or (EXAMPLE_HOST if EXAMPLE_HOST in hosts else next(iter(hosts)))
    if name not in hosts:
        raise Wrong(f"the inventory has no {name!r}; it has {', '.join(sorted(hosts))}")
    server.target = {"hostname": name, "ip_address": _address(hosts[name])}
    return f"{len(hosts)} in the inventory, using {name}"


def _address(host: dict[str, Any]) -> str:
    """The host's address where it is one; the inventory may also hold a name there."""
    address = str(host["address"])
    return address if address.replace(".", "").isdigit() or ":" in address else ""


def it_refuses_unknown_hosts(server: Server) -> str:
    body = _incident("REFUSED", {"hostname": "no-such-host.invalid"})
    error = server.post("/api/v1/incident/trigger-agent", body, expect=422).get("error")
    if not isinstance(error, dict):
        raise Wrong("an error's body is {'error': {...}}, and this one is not")
    expect_shape(error, {"code": str, "message": str, "hint": str, "details": list}, "the error")
    return f"422 {error['code']}"


def it_takes_an_incident(server: Server) -> str:
    server.incident = _incident(datetime.now(UTC).strftime("%Y%m%d%H%M%S"), server.target)
    body = server.post("/api/v1/incident/trigger-agent", server.incident)
    expect_shape(
        body,
        {"message": str, "execution_id": int, "incident_number": str, "status": str},
        "the webhook's answer",
    )
    server.execution_id = body["execution_id"]
    return f"execution {server.execution_id}"


def it_takes_it_once(server: Server) -> str:
    again = server.post("/api/v1/incident/trigger-agent", server.incident)
    if again.get("execution_id") != server.execution_id:
        raise Wrong(
            f"the same incident got execution {again.get('execution_id')} the second time, "
            f"expected {server.execution_id}"
        )
    return "a repeat gets the same execution"


def it_lists_executions(server: Server) -> str:
    active = server.get("/api/v1/incident/executions/active")
    everything = server.get("/api/v1/incident/executions", limit=50)
    for page, what in ((active, "executions/active"), (everything, "executions")):
        expect_shape(page, {"executions": list}, what)
        for line in page["executions"]:
            expect_shape(
                line,
                {"execution_id": int, "incident_number": str, "status": str, "started_at": str},
                f"a line of {what}",
            )
    if server.execution_id not in [line["execution_id"] for line in everything["executions"]]:
        raise Wrong(f"execution {server.execution_id} is not in the list")
    return f"{len(active['executions'])} active"


def it_works_it_out(server: Server) -> str:
    path = f"/api/v1/incident/execution/{server.execution_id}"
    deadline = time.monotonic() + server.timeout
    while True:
        body = server.get(path)
        expect_execution(body)
        if body["status"] in ENDED or body["status"] == "waiting_approval":
            break
        if time.monotonic() > deadline:
            raise Wrong(
                f"still {body['status']} in {body['current_step']} after {server.timeout:.0f} s: "
                "docs/howto/debugging.md says how to find where it is stuck"
            )
        time.sleep(POLL_SECONDS)
    if body["status"] == "failed":
        raise Wrong(f"the execution failed: {body.get('summary') or 'it does not say why'}")
    return f"{body['status']}, {body.get('outcome') or 'no outcome yet'}: {body.get('root_cause')}"


def expect_execution(body: dict[str, Any]) -> None:
    shape: dict[str, type | tuple[type, ...]] = {
        "execution_id": int,
        "incident_number": str,
        "status": str,
        "current_step": (str, type(None)),
        "started_at": str,
        "timeline": list,
        "hypotheses": list,
    }
    expect_shape(body, shape, "the execution")
    if body["status"] not in STATUSES:
        raise Wrong(f"the status {body['status']!r} is none of {', '.join(sorted(STATUSES))}")
    for entry in body["timeline"]:
        expect_shape(
            entry,
            {
                "step_number": int,
                "action_type": str,
                "title": str,
                "status": str,
                "duration_seconds": (int, float),
            },
            "a line of the timeline",
        )
    for hypothesis in body["hypotheses"]:
        expect_shape(
            hypothesis,
            {"hypothesis_text": str, "confidence_score": (int, float), "status": str},
            "a hypothesis",
        )
        if not 0 <= hypothesis["confidence_score"] <= 100:
            raise Wrong(f"a confidence of {hypothesis['confidence_score']} is not within 0 to 100")


def it_shows_its_commands(server: Server) -> str:
    page = server.get(f"/api/v1/incident/execution/{server.execution_id}/logs", limit=500)
    expect_shape(page, {"execution_id": int, "logs": list}, "the logs")
    for line in page["logs"]:
        expect_shape(
            line,
            {
                "step": (int, str),
                "action_type": str,
                "command_executed": str,
                "command_output": str,
                "status": str,
            },
            "a line of the logs",
        )
        if line.get("simulated") is not (server.mode == "simulated"):
            raise Wrong(f"{line['command_executed']!r} does not say rightly if it was simulated")
    if not page["logs"]:
        raise Wrong("the execution ran no command and asked no probe")
    return f"{len(page['logs'])} commands and probes"


Check = Callable[[Server], str]

OF_THE_SERVER: tuple[tuple[str, Check], ...] = (
    ("The server answers", it_answers),
    ("It is ready: database, tables, worker", it_is_ready),
    ("The API documents itself", it_documents_itself),
    ("It knows hosts", it_knows_hosts),
    ("It refuses hosts that it does not know", it_refuses_unknown_hosts),
)
OF_AN_INCIDENT: tuple[tuple[str, Check], ...] = (
    ("It takes an incident", it_takes_an_incident),
    ("It takes the same incident once", it_takes_it_once),
    ("It lists executions", it_lists_executions),
    ("It works the incident out", it_works_it_out),
    ("It shows every command", it_shows_its_commands),
)


def _incident(suffix: str, target: dict[str, str]) -> dict[str, Any]:
    return {
        "incident_number": f"CHECK-{suffix}",
        "short_description": "Web server down - 500 errors",
        "description": "Posted by test_sre_agent.py to check the installation.",
        "priority": "1 - Critical",
        "category": "Software",
        "assignment_group": "SRE Team",
        "state": "2",
        "target": target,
    }


def checks_of(server: Server) -> Iterator[tuple[str, Check]]:
    """The checks to make; those of an incident only where that is safe."""
    yield from OF_THE_SERVER
    if server.mode == "real" and server.wanted_host is None:
        print("  --   Working on an incident: left out, since this server reaches real hosts.")
        print("       To have it: --host NAME, of a host that the agent may look at.")
        return
    yield from OF_AN_INCIDENT


def run(server: Server) -> int:
    """Make the checks in order; stop at the first that fails, since the next rest on it."""
    passed = 0
    for title, check in checks_of(server):
        try:
            seen = check(server)
        except (ServerDown, httpx.TransportError) as error:
            print(f"  FAIL {title}\n       {error}")
            print(f"\nNobody answers at {server.client.base_url}. Start the server with")
            print("  python start_server.py\nor name another address with --url.")
            return UNREACHABLE
        except Wrong as wrong:
            print(f"  FAIL {title}\n       {wrong}")
            print(f"\n{passed} passed, 1 failed; the checks after it were not made.")
            return WRONG
        passed += 1
        print(f"  ok   {title}: {seen}", flush=True)
    print(f"\n{passed} passed, 0 failed")
    return OK


def main() -> int:
    default = os.environ.get("SRE_AGENT_URL", "http://127.0.0.1:8000")
    parser = argparse.ArgumentParser(description="Check a running SRE agent end to end.")
    parser.add_argument("--url", default=default, help="where the server listens (%(default)s)")
    parser.add_argument("--host", help="the host of the inventory to post an incident for")
    parser.add_argument("--timeout", type=float, default=180, help="seconds for the incident")
    given = parser.parse_args()
    print(f"Checking the SRE agent at {given.url}\n")
    token = os.environ.get("SRE_AGENT_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(base_url=given.url, timeout=10, trust_env=False, headers=headers) as client:
        return run(Server(client, given.timeout, given.host))


if __name__ == "__main__":
    sys.exit(main())
