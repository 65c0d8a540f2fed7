"""The second door: an alert is an incident once, whatever is told of it and how often."""

from __future__ import annotations

import copy
from typing import Any

import httpx

from app.api.v1.alert_examples import FIRING
from tests.integration.api.conftest import KNOWN, Api

PATH = "/api/v1/alertmanager/webhook"


def notification(*alerts: dict[str, Any]) -> dict[str, Any]:
    return FIRING | {"alerts": [copy.deepcopy(FIRING["alerts"][0]) | alert for alert in alerts]}


def fates(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [alert["fate"] for alert in answer.json()["alerts"]]


async def test_a_firing_alert_becomes_an_execution(api: Api) -> None:
    answer = await api.post(PATH, FIRING)
    assert fates(answer) == ["taken_on"]
    [taken] = answer.json()["alerts"]
    assert taken["incident_number"] == "AM-5ef77f1f8a3ecfa5-20261123T094000Z"
    view = (await api.get(f"/api/v1/incident/execution/{taken['execution_id']}")).json()
    assert (view["host"], view["source"]) == (KNOWN, "alertmanager")
    assert view["short_description"] == "ShopDown: The shop answers 502"


async def test_the_same_alert_told_again_is_known(api: Api) -> None:
    first = await api.post(PATH, FIRING)
    again = await api.post(PATH, notification({}, {"endsAt": "2026-11-23T10:00:00Z"}))
    assert fates(again) == ["known", "known"]
    [taken] = first.json()["alerts"]
    assert {alert["execution_id"] for alert in again.json()["alerts"]} == {taken["execution_id"]}
    assert (await api.rows())["sre_incident_execution"] == 1


async def test_it_is_known_also_after_its_execution_ended(api: Api) -> None:
    [taken] = (await api.post(PATH, FIRING)).json()["alerts"]
    path = f"/api/v1/incident/execution/{taken['execution_id']}"
    await api.post(f"{path}/cancel", {"reason": "a test"})
    while (await api.get(path)).json()["status"] not in ("completed", "cancelled", "failed"):
        continue
    assert fates(await api.post(PATH, FIRING)) == ["known"]
    later = notification({"startsAt": "2026-11-23T12:00:00Z"})
    assert fates(await api.post(PATH, later)) == ["taken_on"]
    assert (await api.rows())["sre_incident_execution"] == 2


async def test_an_alert_that_is_over_starts_nothing(api: Api) -> None:
    over = notification({"status": "resolved"})
    answer = await api.post(PATH, over)
    assert fates(answer) == ["over"]
    assert answer.json()["alerts"][0]["execution_id"] is None
    assert await api.rows() == {}
    [taken] = (await api.post(PATH, FIRING)).json()["alerts"]
    noted = await api.post(PATH, over)
    assert noted.json()["alerts"][0]["execution_id"] == taken["execution_id"]


async def test_alerts_of_unknown_hosts_are_refused_one_by_one(api: Api) -> None:
    stranger = {"labels": {"alertname": "X", "instance": "203.0.113.9:22"}, "fingerprint": "ab"}
    mixed = await api.post(PATH, notification(stranger, {}))
    assert fates(mixed) == ["refused", "taken_on"]
    assert "names a host of the inventory" in mixed.json()["alerts"][0]["reason"]
    alone = await api.post(PATH, notification(stranger))
    assert alone.status_code == 422
    assert alone.json()["error"]["code"] == "target-unknown"
    assert (await api.rows())["sre_incident_execution"] == 1


async def test_what_is_no_notification_leaves_nothing(api: Api) -> None:
    bodies: list[object] = [{}, [], FIRING | {"version": "3"}, FIRING | {"alerts": []}]
    for body in bodies:
        assert (await api.post(PATH, body)).status_code == 422
    assert await api.rows() == {}
