"""A notification of Alertmanager for the API's documentation; the tests post it."""

from __future__ import annotations

from app.domain.value import JsonObject

FIRING: JsonObject = {
    "version": "4",
    "groupKey": '{}:{alertname="ShopDown"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "sre-agent",
    "groupLabels": {"alertname": "ShopDown"},
    "commonLabels": {"alertname": "ShopDown", "severity": "critical"},
    "commonAnnotations": {},
    "externalURL": "http://alertmanager.example.com:9093",
    "alerts": [
        {
            "status": "firing",
            "labels": {
                "alertname": "ShopDown",
                "instance": "web-prod-01.company.com:9100",
                "service": "nginx",
                "severity": "critical",
            },
            "annotations": {
                "summary": "The shop answers 502",
                "description": "More than half of the requests failed for five minutes.",
            },
            "startsAt": "2026-11-23T09:40:00.123Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example.com:9090/graph?g0.expr=up",
            "fingerprint": "5ef77f1f8a3ecfa5",
        }
    ],
}
