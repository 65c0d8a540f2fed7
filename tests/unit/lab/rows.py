"""Rows for tests: each a plain pass, but for what a test says."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from app.lab.judge import Row

PASS = Row(
    id="nginx-stopped",
    family="nothing-listens",
    passed=True,
    outcome="resolved",
    expected_outcome="resolved",
    healthy_after=True,
    collateral=[],
    guard_output="",
    cause="nginx was stopped",
    cause_ok=True,
    approval_asked=False,
    false_resolved=False,
    seconds_to_end=20.0,
    seconds_to_healthy=8.0,
    commands_run=28,
    changes_made=1,
    reason="",
)


def row(name: str = "nginx-stopped", **changes: Any) -> Row:
    return replace(PASS, id=name, **changes)


def failed(name: str = "nginx-stopped", **changes: Any) -> Row:
    changes = {"passed": False, "reason": "users are not served at the end", **changes}
    return row(name, **changes)


def written(path: Path, *rows: Row) -> Path:
    path.write_text("".join(json.dumps(asdict(each)) + "\n" for each in rows))
    return path
