"""Answers as examples for the API's documentation; a test validates each against its model."""

from __future__ import annotations

from typing import Any

from app.domain.value import JsonObject

_SUMMARY: JsonObject = {
    "execution_id": 123,
    "incident_number": "INC0010001",
    "status": "completed",
    "current_step": "finalize",
    "outcome": "resolved",
    "host": "web-prod-01.company.com",
    "priority": "1",
    "short_description": "Web server down - 500 errors",
    "simulated": True,
    "started_at": "2026-11-23T09:40:02.114Z",
    "ended_at": "2026-11-23T09:40:31.870Z",
}

_PROBE: JsonObject = {
    "name": "http web-prod-01.company.com /",
    "kind": "http",
    "address": "10.0.1.100",
    "port": 80,
    "host_header": "web-prod-01.company.com",
}

_RED: JsonObject = {
    "probe": _PROBE,
    "ok": False,
    "error": "refused",
    "detail": "Connection refused by 10.0.1.100:80.",
    "seconds": 0.004,
    "taken_at": "2026-11-23T09:40:02.310Z",
    "simulated": True,
    "evidence_id": 17,
}

_PROOF: JsonObject = {
    "healed": True,
    "statement": "Users are served again: 200 for 10 s, refused before.",
    "before": [_RED],
    "after": [_RED | {"ok": True, "status": 200, "error": None, "detail": "200 as expected."}],
    "watched_seconds": 10.0,
    "worse": [],
    "taken_at": "2026-11-23T09:40:31.402Z",
    "simulated": True,
}

_CHANGE: JsonObject = {
    "step_number": 14,
    "action_type": "remediation",
    "action": "service.start",
    "host": "web-prod-01.company.com",
    "params": {"unit": "nginx.service"},
    "command_executed": "/usr/bin/systemctl start -- nginx.service",
    "status": "completed",
    "exit_code": 0,
    "duration_seconds": 0.31,
    "risk": "R1",
    "evidence_id": 25,
    "simulated": True,
    "created_at": "2026-11-23T09:40:20.955Z",
}

EXECUTION: JsonObject = _SUMMARY | {
    "episode": 1,
    "description": "The main web server is returning 500 internal server errors.",
    "claimed_service": "nginx",
    "source": "servicenow",
    "running_at": "2026-11-23T09:40:02.230Z",
    "root_cause": "nginx.service was stopped",
    "summary": "nginx.service was stopped. It was started; users are served again.",
    "confidence_score": 97.2,
    "evidence_ids": [17, 19],
    "recommended": [],
    "cancellation": {"cancelled": False, "by": "", "reason": ""},
    "timeline": [
        {
            "step_number": 1,
            "action_type": "analyze",
            "title": "Asking what users ask of web-prod-01.company.com",
            "status": "completed",
            "duration_seconds": 0.42,
            "key": "analyze-1",
            "detail": {},
            "created_at": "2026-11-23T09:40:02.240Z",
        }
    ],
    "hypotheses": [
        {
            "hypothesis_text": "nginx.service was stopped",
            "confidence_score": 97.2,
            "status": "confirmed",
            "key": "unit-stopped@web-prod-01.company.com:nginx.service",
            "mode": "unit-stopped",
            "host": "web-prod-01.company.com",
            "subject": "nginx.service",
            "evidence_ids": [19],
            "supports": [
                {
                    "evidence_id": 19,
                    "weight": 3.1,
                    "statement": "nginx.service is inactive",
                    "rule": "unit-stopped",
                }
            ],
            "history": [{"step_key": "hypothesize-1", "confidence": 0.61, "status": "open"}],
        }
    ],
    "verifications": [_PROOF],
    "verification": _PROOF,
    "actions_taken": [_CHANGE],
    "commands_run": 9,
    "provenance": [
        {
            "conclusion": "outcome",
            "evidence_id": 19,
            "drawn_by": "rule:unit-stopped",
            "statement": "nginx.service is inactive",
        }
    ],
    "pending_approval_id": None,
    "model_spent": {"calls": 2, "tokens": 3120, "cost": 0.0021, "seconds": 3.4},
}

LOGS: JsonObject = {
    "execution_id": 123,
    "logs": [
        {
            "step": 3,
            "state": "diagnose",
            "action_type": "diagnostic",
            "action": "unit.show",
            "host": "web-prod-01.company.com",
            "params": {"unit": "nginx.service"},
            "argv": ["/usr/bin/systemctl", "show", "--", "nginx.service"],
            "command_executed": "/usr/bin/systemctl show -- nginx.service",
            "command_output": "ActiveState=inactive\nSubState=dead\n",
            "error_output": "",
            "error": None,
            "status": "completed",
            "exit_code": 0,
            "duration_seconds": 0.02,
            "truncated": False,
            "risk": "R0",
            "why": "Does the claimed service run?",
            "detail": {},
            "evidence_id": 19,
            "created_at": "2026-11-23T09:40:04.101Z",
            "simulated": True,
        }
    ],
    "next_after": 3,
}

MODEL_CALLS: JsonObject = {
    "execution_id": 123,
    "calls": [
        {
            "number": 1,
            "call": {
                "step_key": "1.assess.hypothesize-2.assess",
                "purpose": "rank",
                "attempt": 1,
                "model": "gpt-4.1-mini",
                "prompt_version": "rank-1f3a5c7d",
                "status": "answered",
                "failure": "",
                "detail": "",
                "sent": "You help a program that repairs Linux hosts. ...",
                "answer": '{"ranking": []}',
                "tokens_in": 2914,
                "tokens_out": 61,
                "cost": 0.0013,
                "seconds": 1.72,
            },
            "created_at": "2026-11-23T09:40:06.530Z",
            "simulated": True,
        }
    ],
    "spent": {"calls": 1, "tokens": 2975, "cost": 0.0013, "seconds": 1.72},
}

ACTIVE: JsonObject = {
    "executions": [
        _SUMMARY
        | {"status": "running", "current_step": "diagnose", "outcome": None, "ended_at": None}
    ]
}

EXECUTIONS: JsonObject = {"executions": [_SUMMARY], "next_before": 123}

ALERTS: JsonObject = {
    "open": [
        {
            "id": 4,
            "kind": "approval-waiting",
            "subject": "approval 3",
            "statement": "Execution 12 (incident INC0010001) on web-prod-01.company.com waits "
            "since 2026-11-23 09:40 UTC for a person's answer to question 3: may it run "
            "service.restart on web-prod-01.company.com?",
            "execution_id": 12,
            "host": "web-prod-01.company.com",
            "simulated": False,
            "opened_at": "2026-11-23T09:55:04.101Z",
            "ended_at": None,
            "told_at": "2026-11-23T09:55:04.412Z",
            "not_told": [],
            "problem": "",
        }
    ],
    "recent": [],
}

AUDIT: JsonObject = {
    "chain": "9c41d2a07be3f586",
    "entries": 48210,
    "head_hash": "1d7e" * 16,
    "head_at": "2026-11-25T19:20:07.113000+00:00",
    "key_id": "3f0c9a2b51d47e86",
    "guarded": True,
    "guards_missing": [],
    "verified": {
        "looked_at": "2026-11-25T19:20:11.402Z",
        "verified_to": 48210,
        "passed_at": "2026-11-25T18:52:40.009Z",
        "entries": 47988,
        "rows": 30951,
        "anchors": 608,
        "sound": True,
        "wrong": 0,
        "fault": "",
        "at_entry": None,
        "sentence": "",
    },
}


def answer(example: JsonObject) -> dict[int | str, dict[str, Any]]:
    """The part of a route's `responses=` that shows an example of its answer."""
    return {200: {"content": {"application/json": {"example": example}}}}
