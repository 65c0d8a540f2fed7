"""Alertmanager's notifications, made plain: which host, which number, what is told."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from app.api.v1.alert_examples import FIRING
from app.api.v1.alerts import Alert, AlertGroup
from app.domain.incident import Priority
from app.errors import ContradictoryTarget, UnknownTarget
from app.execution.targets import Inventory

INVENTORY = Inventory.from_targets(
    {
        "web01.example.com": {
            "ip": "192.0.2.10",
            "username": "sre-agent",
        },
        "db01.example.com": {"ip": "fd00::1", "username": "sre-agent"},
    },
    source="a test",
)


def sent(**changed: Any) -> dict[str, Any]:
    return {**copy.deepcopy(FIRING["alerts"][0]), **changed}


def alert(labels: dict[str, str] | None = None, **changed: Any) -> Alert:
    more = {} if labels is None else {"labels": {"alertname": "ShopDown"} | labels}
    return Alert.model_validate(sent(**more, **changed))


@pytest.mark.parametrize(
    ("labels", "host"),
    [
        ({"instance": "web01.example.com:9100"}, "web01"),
        ({"instance": "WEB01.example.com"}, "web01"),
        ({"instance": "192.0.2.10:9100"}, "web01"),
        ({"instance": "[fd00::1]:9100"}, "db01"),
        ({"instance": "fd00::1"}, "db01"),
        ({"nodename": "web01.example.com", "instance": "exporter:9115"}, "web01"),
        ({"host": "db01.example.com", "instance": "10.9.9.9:80"}, "db01"),
    ],
)
def test_labels_select_a_host_of_the_inventory(labels: dict[str, str], host: str) -> None:
    assert alert(labels).host(INVENTORY).name == f"{host}.example.com"


@pytest.mark.parametrize(
    "labels", [{}, {"instance": "10.9.9.9:22"}, {"job": "web01.example.com"}, {"instance": ""}]
)
def test_what_names_no_host_is_refused(labels: dict[str, str]) -> None:
    with pytest.raises(UnknownTarget, match="names a host of the inventory"):
        alert(labels).host(INVENTORY)


def test_labels_that_mean_different_hosts_contradict() -> None:
    labels = {"host": "web01.example.com", "instance": "[fd00::1]:9100"}
    with pytest.raises(ContradictoryTarget, match="different hosts"):
        alert(labels).host(INVENTORY)


def test_each_beginning_has_its_own_number() -> None:
    assert alert().number == "AM-5ef77f1f8a3ecfa5-20261123T094000Z"
    same = alert(startsAt="2026-11-23T10:40:00.123+01:00")
    assert same.number == alert().number
    assert alert(startsAt="2026-11-23T09:50:00Z").number != alert().number
    assert len(alert(fingerprint="f" * 20).number) <= 40


def test_the_incident_tells_what_the_alert_tells() -> None:
    host = INVENTORY.hosts[0]
    incident = alert(
        {"severity": "warning", "unit": "nginx.service", "zone": "a\x00b"},
        annotations={"summary": "Shop\n  is down\x1b[31m", "description": "5 min"},
    ).incident(host)
    assert incident.short_description == "ShopDown: Shop is down[31m"
    assert incident.description.startswith("5 min\n\nalertname=ShopDown\nseverity=warning\n")
    assert "zone=ab" in incident.description
    assert (incident.priority, incident.claimed_service) == (Priority.MODERATE, "nginx.service")
    assert (incident.host, incident.source) == ("web01.example.com", "alertmanager")
    bare = Alert.model_validate(sent(labels={}, annotations={})).incident(host)
    assert (bare.short_description, bare.priority) == ("alert", Priority.MODERATE)
    assert bare.claimed_service is None


@pytest.mark.parametrize(
    "changed",
    [
        {"startsAt": "2026-11-23T09:40:00"},
        {"startsAt": "soon"},
        {"startsAt": 1795426800},
        {"startsAt": "1795426800"},
        {"startsAt": "0001-01-01T00:00:00+14:00"},
        {"fingerprint": "a b"},
        {"fingerprint": "f" * 21},
        {"status": "pending"},
        {"labels": ["a"]},
    ],
)
def test_what_is_no_alert_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Alert.model_validate(sent(**changed))


@pytest.mark.parametrize("changed", [{"version": "5"}, {"version": None}, {"alerts": []}])
def test_what_is_no_notification_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AlertGroup.model_validate(FIRING | changed)
