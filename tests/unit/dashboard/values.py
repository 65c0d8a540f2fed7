"""Executions and lines of logs to show: the smallest that say something."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from app.audit.views import Cancellation, ExecutionView, LogView, TimelineView
from app.domain.action import Risk
from app.domain.event import ActionType, EntryStatus, LogStatus
from app.domain.execution import ExecutionStatus, Step
from app.domain.incident import Priority

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def execution(**fields: Any) -> ExecutionView:
    told: dict[str, Any] = {
        "execution_id": 7,
        "incident_number": "INC0010001",
        "status": ExecutionStatus.RUNNING,
        "current_step": Step.DIAGNOSE,
        "outcome": None,
        "host": "alpha",
        "priority": Priority.HIGH,
        "short_description": "The site is down",
        "simulated": False,
        "started_at": NOON,
        "ended_at": None,
        "episode": 1,
        "description": "",
        "claimed_service": None,
        "source": "servicenow",
        "running_at": NOON,
        "root_cause": "",
        "summary": "",
        "confidence_score": None,
        "evidence_ids": (),
        "recommended": (),
        "cancellation": Cancellation(),
        "timeline": (),
        "hypotheses": (),
        "verifications": (),
        "verification": None,
        "actions_taken": (),
        "commands_run": 0,
        "provenance": (),
    }
    return ExecutionView(**(told | fields))


def entry(step: Step, at: float, seconds: float, **fields: Any) -> TimelineView:
    told: dict[str, Any] = {
        "step_number": 1,
        "action_type": step,
        "title": f"At {step}",
        "status": EntryStatus.COMPLETED,
        "duration_seconds": seconds,
        "key": f"{step}-1",
        "detail": {},
        "created_at": after(at),
    }
    return TimelineView(**(told | fields))


def line(number: int = 1, **fields: Any) -> LogView:
    told: dict[str, Any] = {
        "step": number,
        "state": Step.DIAGNOSE,
        "action_type": ActionType.DIAGNOSTIC,
        "action": "unit.show",
        "host": "alpha",
        "params": {"unit": "ledger.service"},
        "argv": ("/usr/bin/systemctl", "show", "--", "ledger.service"),
        "command_executed": "/usr/bin/systemctl show -- ledger.service",
        "command_output": "ActiveState=failed\n",
        "error_output": "",
        "error": None,
        "status": LogStatus.COMPLETED,
        "exit_code": 0,
        "duration_seconds": 0.25,
        "truncated": False,
        "risk": Risk.READ,
        "why": "Is it running?",
        "detail": {},
        "evidence_id": number,
        "created_at": after(number),
        "simulated": False,
    }
    return LogView(**(told | fields))
