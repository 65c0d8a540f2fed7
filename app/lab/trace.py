"""A trace read back: what was known of an incident when its cause was judged, as a case.

Traces are what `lab run` keeps of the service under test: its database, and the inventory that it
was given. Any database of the service will do. Facts that another version wrote and that this one
does not know are left out.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from app.domain.evidence import Evidence
from app.domain.host import Host
from app.domain.incident import Incident
from app.domain.probe import ProbeResult
from app.domain.value import Value, canonical_json
from app.errors import SreAgentError
from app.execution.targets import Inventory
from app.host.baseline import Baseline
from app.lab.errors import LabError
from app.reasoning.port import Case

INVENTORY = "inventory.yaml"
DATABASE = "service.sqlite"
DUMP = "service.sql"  # in its place, where the service ran on PostgreSQL

_BEFORE_CHANGES = re.compile(r"\.(?:analyze|hypothesize|diagnose)-[0-9]+\b")
"""Steps of an execution that only look; the first other one ends what was known by looking."""

Kind = TypeVar("Kind", bound=Value)


def read_trace(folder: Path, inventory: Path | None = None) -> Case:
    """The newest incident of a trace, as it was known before anything was changed for it."""
    place = folder / DATABASE
    if not place.is_file():
        raise LabError(f"{folder} is no trace: it has no {DATABASE}")
    hosts = inventory or folder / INVENTORY
    if not hosts.is_file():
        raise LabError(f"{folder} has no {INVENTORY}: name the hosts with --inventory FILE")
    try:
        with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            return _case(database, Inventory.from_file(hosts))
    except (sqlite3.Error, ValidationError, KeyError, ValueError, SreAgentError) as error:
        told = error.message if isinstance(error, SreAgentError) else error
        raise LabError(f"{folder} cannot be read: {told}") from error


def _case(database: sqlite3.Connection, inventory: Inventory) -> Case:
    execution = database.execute(
        "SELECT * FROM sre_incident_execution ORDER BY id DESC LIMIT 1"
    ).fetchone()
    if execution is None:
        raise ValueError("no incident stands in it")
    rows = list(_looked_at(database, int(execution["id"])))
    baselines = tuple(_baselines(database))
    evidence = {_question(e): e for e in map(_evidence, rows) if e is not None}
    answers = (_answer(row) for row in rows if row["kind"] == "probe")
    seen = {e.host for e in evidence.values()} | {b.host for b in baselines}
    host, others = _hosts(inventory, execution["host"], seen)
    return Case(
        incident=_incident(execution),
        host=host,
        hosts=(host, *others),
        evidence=tuple(evidence.values()),
        probes=tuple({one.probe.name: one for one in answers}.values()),
        baselines=baselines,
    )


def _hosts(inventory: Inventory, name: str, seen: Iterable[str]) -> tuple[Host, tuple[Host, ...]]:
    """The incident's host and those beside it that were there: a run may boot a few of them."""
    there = {name, *seen}

    def of(host: Host) -> Host:
        needed = tuple(one for one in host.depends_on if one in there)
        return host.model_copy(update={"depends_on": needed})

    own = of(inventory.get(name))
    known = Inventory((of(h) for h in inventory.hosts if h.name in there), source=inventory.source)
    return own, known.related(own)


def _looked_at(database: sqlite3.Connection, execution: int) -> Iterator[sqlite3.Row]:
    """Evidence in the order it was gathered, up to the first change; a resumed run is not told."""
    found = database.execute(
        "SELECT * FROM sre_evidence WHERE execution_id = ? ORDER BY id", (execution,)
    )
    for row in found:
        if not row["step_key"].startswith("1.") or not _BEFORE_CHANGES.search(row["step_key"]):
            return
        yield row


def _evidence(row: sqlite3.Row) -> Evidence | None:
    if row["kind"] != "diagnostic":
        return None
    names = ("id", "host", "action", "exit_code", "error", "seconds")
    return Evidence(
        **{name: row[name] for name in names},
        params=json.loads(row["params"]),
        ok=bool(row["ok"]),
        facts=json.loads(row["facts"]),
        truncated=bool(row["truncated"]),
        taken_at=_moment(row["taken_at"]),
        simulated=bool(row["simulated"]),
    )


def _question(evidence: Evidence) -> tuple[str, str, str]:
    return evidence.host, evidence.action, canonical_json(evidence.params)


def _answer(row: sqlite3.Row) -> ProbeResult:
    return _of_any_version(ProbeResult, json.loads(row["facts"]) | {"evidence_id": row["id"]})


def _baselines(database: sqlite3.Connection) -> Iterator[Baseline]:
    latest = "SELECT * FROM baseline GROUP BY host HAVING version = MAX(version) ORDER BY id"
    for row in database.execute(latest):
        parts = {
            "host": row["host"],
            "taken_at": _moment(row["taken_at"]).isoformat(),
            "manifest": json.loads(row["manifest"]),
            "probes": json.loads(row["probes"]),
            "evidence": json.loads(row["host_model"])["evidence"],
        }
        yield _of_any_version(Baseline, parts)


def _incident(row: sqlite3.Row) -> Incident:
    names = ("short_description", "description", "host", "claimed_service")
    return Incident(
        number=row["incident_number"],
        received_at=_moment(row["received_at"]),
        **{name: row[name] for name in names},
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _of_any_version(model: type[Kind], raw: dict[str, Any]) -> Kind:
    """A value that another version may have written with more fields than this one has."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        unknown = [one["loc"] for one in error.errors() if one["type"] == "extra_forbidden"]
        if not unknown:
            raise
        for place in unknown:
            _drop(raw, place)
    return model.model_validate(raw)


def _drop(raw: Any, place: tuple[int | str, ...]) -> None:
    for part in place[:-1]:
        raw = raw[part]
    raw.pop(place[-1], None)
