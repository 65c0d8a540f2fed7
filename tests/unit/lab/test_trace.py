"""Traces read back: an incident as it was known before anything was changed, and its case."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.knowledge.case_file import Ending, read_case
from app.knowledge.library import Library
from app.lab import case_recording
from app.lab.errors import LabError
from app.lab.trace import read_trace
from app.models.migrate import upgrade
from app.reasoning.case_run import run_case
from app.settings import Settings

MODES = Library.load().modes
NOW = "2026-03-02 10:00:00.000000"
ADDRESS = "192.0.2.10"

INVENTORY = f"""\
hosts:
  web01: {{address: {ADDRESS}, username: sre-agent, services: [nginx], depends_on: [db01, db02]}}
  db01: {{address: 192.0.2.20, username: sre-agent}}
  db02: {{address: 192.0.2.21, username: sre-agent}}
"""

UNIT = {"name": "nginx.service", "load_state": "loaded", "active_state": "inactive",
        "sub_state": "dead", "result": "success", "unit_file_state": "enabled"}  # fmt: skip
PROBE = {"name": "http web01:80/", "kind": "http", "address": ADDRESS, "port": 80}
ANSWER = {"probe": PROBE, "ok": False, "error": "refused", "taken_at": "2026-03-02T10:00:00Z",
          "simulated": False}  # fmt: skip
LOOK = "1.observe.analyze-1.look"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A trace whose incident was looked at and then repaired."""
    place = tmp_path / "service.sqlite"
    upgrade(Settings(_env_file=None, database_url=f"sqlite+aiosqlite:///{place}"))
    (tmp_path / "inventory.yaml").write_text(INVENTORY, encoding="utf-8")
    with closing(sqlite3.connect(place)) as database:
        incident(database, episode=1)
        seen(database, LOOK, "units.show", {"units": [UNIT]}, params={"pattern": "*.service"})
        seen(database, LOOK, "sockets.listening", {"listeners": []})
        seen(database, "1.probe.analyze-1.probe", "probe.http", ANSWER, kind="probe", ok=0)
        seen(database, "1.observe.diagnose-1.observe", "unit.show", UNIT,
             params={"unit": "nginx.service"})  # fmt: skip
        running = UNIT | {"active_state": "active", "sub_state": "running"}
        seen(database, "exe-1-1.remediate-1.change-1.0", "service.start", {}, kind="change")
        seen(database, "1.observe.verify-1.worse", "unit.show", running,
             params={"unit": "nginx.service"})  # fmt: skip
        database.commit()
    return tmp_path


def incident(database: sqlite3.Connection, *, episode: int) -> None:
    insert(
        database, "sre_incident_execution", simulated=0, incident_number="INC0010001",
        episode=episode, short_description="The shop is down", description="", priority="3",
        category="", assignment_group="", incident_state="", host="web01", source="operator",
        received_at=NOW, raw="{}", status="completed", started_at=NOW, root_cause="",
        summary="", recommended="[]", evidence_ids="[]",
    )  # fmt: skip


def seen(
    database: sqlite3.Connection,
    key: str,
    action: str,
    facts: dict[str, Any],
    *,
    params: dict[str, str] | None = None,
    kind: str = "diagnostic",
    ok: int = 1,
    execution: int = 1,
) -> None:
    position = database.execute("SELECT count(*) FROM sre_evidence").fetchone()[0]
    insert(
        database, "sre_evidence", execution_id=execution, step_key=key, position=position,
        kind=kind, step="analyze", host="web01", action=action,
        params=json.dumps(params or {}), risk="R0", ok=ok, facts=json.dumps(facts),
        truncated=0, seconds=0.1, output_sha256="", taken_at=NOW, created_at=NOW, simulated=0,
    )  # fmt: skip


def insert(database: sqlite3.Connection, table: str, **values: object) -> None:
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    database.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))


def test_a_trace_is_known_as_it_was_before_the_first_change(trace: Path) -> None:
    case = read_trace(trace)
    assert [e.action for e in case.evidence] == ["units.show", "sockets.listening", "unit.show"]
    assert case.evidence[-1].facts["active_state"] == "inactive"
    assert [p.probe.name for p in case.red] == [PROBE["name"]]
    assert case.hosts == (case.host,)  # the others of the inventory were never looked at


def test_a_trace_becomes_a_case_that_passes(trace: Path) -> None:
    case = case_recording.recorded(read_trace(trace), MODES)
    assert (case.expect.cause, case.expect.subject) == ("unit-stopped", "nginx.service")
    assert case.expect.ends is Ending.REPAIR
    place = case_recording.write(case, trace / "cases", case_recording.name_of(case))
    assert place.name == "unit-stopped-nginx-service.yaml"
    assert run_case(read_case(place), MODES).passed
    again = case_recording.write(case, trace / "cases", case_recording.name_of(case))
    assert again.name == "unit-stopped-nginx-service-2.yaml"


def test_what_another_version_wrote_beside_is_left_out(trace: Path) -> None:
    further = ANSWER | {"probe": PROBE | {"name": "tls", "colour": "red"}, "taste": "sweet"}
    with closing(sqlite3.connect(trace / "service.sqlite")) as database:
        incident(database, episode=2)
        seen(database, "1.probe.analyze-1.probe", "probe.http", further, kind="probe", ok=0,
             execution=2)  # fmt: skip
        database.commit()
    assert [p.probe.name for p in read_trace(trace).probes] == ["tls"]


def test_secrets_do_not_get_into_a_case(trace: Path) -> None:
    case = read_trace(trace)
    told = {"source": "journal", "lines": [{"template": "x", "count": 1,
            "example": "login with password=Tr0ub4dor-and-3 failed"}]}  # fmt: skip
    params: dict[str, str | int] = {"unit": "nginx.service", "lines": 200}
    log = case.evidence[-1].model_copy(
        update={"id": 99, "action": "journal.unit", "params": params, "facts": told}
    )
    kept = case_recording.recorded(
        case.model_copy(update={"evidence": (*case.evidence, log)}), MODES
    )
    text = case_recording.text_of(kept)
    assert "login with password=" in text
    assert "Tr0ub4dor" not in text


def test_what_is_no_trace_is_told(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"it has no service\.sqlite"):
        read_trace(tmp_path)
    (tmp_path / "service.sqlite").write_bytes(b"")
    with pytest.raises(LabError, match="name the hosts with --inventory"):
        read_trace(tmp_path)
    (tmp_path / "inventory.yaml").write_text(INVENTORY, encoding="utf-8")
    with pytest.raises(LabError, match="cannot be read"):
        read_trace(tmp_path)
