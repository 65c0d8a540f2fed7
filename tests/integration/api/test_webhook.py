"""The webhook: durable before it answers, once for each incident, nothing left of bad input."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from app.api.v1.ticket_examples import EXAMPLES, FLAT
from tests.integration.api.conftest import KNOWN, Api, Start

UNKNOWN = "no-such-host.invalid"


def ticket(**changed: Any) -> dict[str, Any]:
    body = copy.deepcopy(FLAT)
    return {name: value for name, value in (body | changed).items() if value is not ...}


async def test_the_example_is_answered_as_documented(api: Api) -> None:
    answer = await api.trigger(FLAT)
    assert answer.status_code == 200
    body = answer.json()
    assert body == {
        "message": "SRE Agent triggered successfully",
        "execution_id": body["execution_id"],
        "incident_number": "INC0010001",
        "status": "running",
    }
    assert isinstance(body["execution_id"], int)
    assert (await api.rows())["sre_incident_execution"] == 1


async def test_every_documented_shape_is_taken(api: Api, subtests: pytest.Subtests) -> None:
    for name, body in EXAMPLES.items():
        with subtests.test(name):
            answer = await api.trigger(body)
            assert answer.status_code == 200
            view = await api.get(f"/api/v1/incident/execution/{answer.json()['execution_id']}")
            assert view.json()["host"] == KNOWN


async def test_a_repeat_is_answered_the_same(api: Api) -> None:
    first, second = await api.trigger(FLAT), await api.trigger(FLAT)
    assert (second.status_code, second.json()) == (200, first.json())
    assert (await api.rows())["sre_incident_execution"] == 1


REFUSED = [
    ({"hostname": UNKNOWN}, "target-unknown"),
    ({"ip_address": "203.0.113.9"}, "target-unknown"),
    ({"ip_address": "203.0.113.9", "hostname": KNOWN}, "target-contradictory"),
    ({"ip_address": "10.0.1.100", "hostname": UNKNOWN}, "target-contradictory"),
    ({}, "target-unknown"),
    ({"service": "nginx"}, "target-unknown"),
    (None, "target-unknown"),
    ("", "target-unknown"),
    (..., "target-unknown"),
]


async def test_an_unknown_or_contradictory_target_is_refused(
    api: Api, subtests: pytest.Subtests
) -> None:
    for target, code in REFUSED:
        with subtests.test(target=target):
            answer = await api.trigger(ticket(target=target))
            assert answer.status_code == 422
            error = answer.json()["error"]
            assert error["code"] == code
            assert error["message"]
            assert await api.rows() == {}


async def test_a_wrong_service_never_rejects(api: Api, subtests: pytest.Subtests) -> None:
    for service in (None, "", "no-such-service", 7, ["nginx"], ...):
        with subtests.test(service=service):
            named = {"hostname": KNOWN} | ({} if service is ... else {"service": service})
            assert (await api.trigger(ticket(target=named))).status_code == 200


BAD: list[object] = [
    {},
    [],
    "INC0010001",
    None,
    ticket(incident_number=...),
    ticket(incident_number=""),
    ticket(incident_number="INC\u00001"),
    ticket(incident_number="I" * 41),
    ticket(incident_number={"x": 1}),
    ticket(short_description=..., description=...),
    ticket(short_description=["a"]),
    ticket(target="web-prod-01"),
    ticket(target={"hostname": "web; reboot"}),
    ticket(target={"ip_address": "10.0.1.100.1"}),
    ticket(description={"value": {"value": 1}}),
    {"result": []},
    {"result": {}},
    {"result": FLAT | {"target": {"hostname": UNKNOWN}}},
]


NO_TICKETS = [b"", b"{", b"\xff", b"[" * 50_000, b'{"a":' * 900 + b"1" + b"}" * 900, b"1" * 5000]


async def test_bad_input_is_explained_and_leaves_no_row(
    api: Api, subtests: pytest.Subtests
) -> None:
    for body in (*(json.dumps(bad).encode() for bad in BAD), *NO_TICKETS):
        with subtests.test(body=body[:80]):
            answer = await api.client.post(
                "/api/v1/incident/trigger-agent",
                content=body,
                headers={"Content-Type": "application/json"},
            )
            assert answer.status_code in (400, 422)
            assert answer.json()["error"]["message"]
            assert await api.rows() == {}


async def test_odd_texts_are_taken_and_come_back_clean(api: Api) -> None:
    raw = (
        rb'{"incident_number": "INC7", "short_description": "down \u0000\ud800 now",'
        rb' "u_odd": ["\u0000", "\udfff", 1e999], "description": "'
        + "ü\u202e<script>".encode()
        + rb'", "target": {"hostname": "WEB-PROD-01.company.com."}}'
    )
    answer = await api.client.post(
        "/api/v1/incident/trigger-agent",
        content=raw,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 200
    view = (await api.get(f"/api/v1/incident/execution/{answer.json()['execution_id']}")).json()
    assert view["short_description"] == "down  now".replace("  ", " ")
    assert view["description"].startswith("ü")


async def test_a_full_queue_says_when_to_come_back(start: Start, database_url: str) -> None:
    async with start(database_url, queue_limit=1, worker_concurrency=1) as api:
        answers = [await api.trigger(ticket(incident_number=f"INC{n}")) for n in range(3)]
        full = [answer for answer in answers if answer.status_code == 429]
        assert full
        assert int(full[0].headers["retry-after"]) > 0
        assert full[0].json()["error"]["code"] == "busy"


async def test_with_a_disk_nearly_full_nothing_new_is_taken_on(
    start: Start, database_url: str
) -> None:
    """As if it were: no disk has so much free as is asked for here."""
    async with start(database_url) as api:
        known = (await api.trigger(FLAT)).json()["execution_id"]
    async with start(database_url, min_free_mb=10**12) as api:
        answer = await api.trigger(ticket(incident_number="INC0010002"))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert answer.json()["error"]["code"] == "disk-nearly-full"
        assert "what is at work goes on" in answer.json()["error"]["message"]
        ready = await api.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        (short,) = [check for check in ready.json()["checks"] if not check["ok"]]
        assert short["name"] == "disk"
        assert "MIN_FREE_MB" in short["detail"]
        assert (await api.get(f"/api/v1/incident/execution/{known}")).status_code == 200
        assert (await api.rows())["sre_incident_execution"] == 1
