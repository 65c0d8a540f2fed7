"""Secrets planted in all that a host says, and in the ticket: none in any row, log line or answer.

The whole application runs one incident on a simulated host whose recording is full of secrets.
Then everything that it wrote is searched: each table, the durable engine's own files, the log, and
each answer of the API.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.api.v1.ticket_examples import FLAT
from app.execution.recording import SHIPPED
from app.models.base import Base
from tests.integration.api.conftest import KNOWN, Api, Start
from tests.integration.api.test_monitoring import ended
from tests.unit.redaction.corpus import PLANTS

PLANTED = "\n".join(plant.output for plant in PLANTS)
OF_TICKET = "the password is: Tr1cky-ticket-pass and it fails"


def _planted(recorded: dict[str, Any]) -> dict[str, Any]:
    """The recording with every plant in each output, in facts and in each page."""
    for state in recorded["states"].values():
        for answer in state["observations"].values():
            answer["output"] = (answer.get("output") or "") + "\n" + PLANTED
            answer["error_output"] = (answer.get("error_output") or "") + "\n" + PLANTED
        for probe in state["probes"].values():
            probe["body"] = (probe.get("body") or "") + PLANTED
            probe["detail"] = (probe.get("detail") or "") + " token=Pl4nted-in-detail"
    for transition in recorded["transitions"]:
        transition["output"] = (transition.get("output") or "") + PLANTED
    return recorded


def _pieces() -> dict[str, str]:
    """Each secret by its kind; of those of several lines, each line."""
    lines = {
        f"{plant.kind}, line {number}": line
        for plant in PLANTS
        for number, line in enumerate(plant.secret.split("\n"))
    }
    return lines | {"of the ticket": "Tr1cky-ticket-pass", "of a detail": "Pl4nted-in-detail"}


def _files(folder: Path) -> dict[str, str]:
    """The database's own files and the durable engine's, where they are files."""
    return {
        path.name: path.read_bytes().decode("utf-8", "replace") for path in folder.glob("*.sqlite*")
    }


async def _rows(api: Api) -> str:
    async with api.database.reading() as session:
        found = [
            (await session.execute(select(table))).mappings().all()
            for table in Base.metadata.sorted_tables
        ]
    return json.dumps([[dict(row) for row in rows] for rows in found], default=str)


async def _answers(api: Api, execution_id: int) -> str:
    paths = [
        path for path in api.app.openapi()["paths"] if "get" in api.app.openapi()["paths"][path]
    ]
    named = {"execution_id": execution_id, "hostname": KNOWN, "host": KNOWN, "name": KNOWN}
    texts = []
    for path in paths:
        if path.endswith("/events") or "stream" in path:
            continue  # it does not end; what it tells are rows
        for name, value in named.items():
            path = path.replace("{" + name + "}", str(value))
        texts.append((await api.get(path)).text)
    return "\n".join(texts)


async def test_no_secret_gets_out(
    start: Start, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    recorded = json.loads((SHIPPED / f"{KNOWN}.json").read_text(encoding="utf-8"))
    (folder / f"{KNOWN}.json").write_text(json.dumps(_planted(recorded)), encoding="utf-8")
    async with start(database_url, recordings_dir=folder) as api:
        ticket = FLAT | {"description": OF_TICKET}
        execution_id = (await api.trigger(ticket)).json()["execution_id"]
        await ended(api, execution_id)
        places = {"rows": await _rows(api), "answers": await _answers(api, execution_id)}
    said = capsys.readouterr()
    places |= {"log": said.err + said.out}
    places |= _files(tmp_path)
    assert "[redacted:" in places["rows"], "the plants never came so far"
    assert "[redacted:" in places["answers"]
    leaks = [
        f"{kind} in the {place}"
        for kind, secret in _pieces().items()
        for place, text in places.items()
        if secret in text or json.dumps(secret)[1:-1] in text
    ]
    assert leaks == []
