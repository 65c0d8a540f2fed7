"""Command lines in every text that the API takes: read, kept and shown, and never acted on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from app.api.v1.ticket_examples import FLAT
from app.execution.catalog import Catalog
from tests.data.command_lines import denied
from tests.integration.api.conftest import Api, Start
from tests.integration.api.scene import PLAN_HASH, waiting_execution
from tests.integration.api.test_monitoring import ended

CATALOG = Catalog.load()
LINES = [line.command for line in denied()]
FREELY = {"rate_limit_per_minute": 1_000_000}
LOOKS = frozenset({"diagnostic", "probe"})
TOKEN = "token-of-ann-in-the-policy-file"


async def ran_for(api: Api, ticket: dict[str, Any]) -> list[tuple[str, str]]:
    """What was run for a ticket, in order: of which kind, and the command."""
    answer = await api.trigger(ticket)
    assert answer.status_code == 200, answer.text
    execution_id = answer.json()["execution_id"]
    await ended(api, execution_id)
    path = f"/api/v1/incident/execution/{execution_id}/logs"
    logs = (await api.get(path, limit=500)).json()["logs"]
    return [(line["action_type"], line["command_executed"]) for line in logs]


def pieces(size: int) -> Iterator[str]:
    """All lines, joined to texts of at most so many characters."""
    text = ""
    for line in LINES:
        if len(text) + len(line) > size:
            yield text
            text = ""
        text += f"{line}\n"
    yield text


async def test_a_ticket_full_of_commands_may_have_the_host_looked_at_and_no_more(
    start: Start, database_url: str
) -> None:
    """A ticket's words may choose among the catalog's reads: what else is asked are such."""
    (text,) = pieces(31_000)
    spoken = FLAT | {
        "incident_number": "INC0010002",
        "description": f"{FLAT['description']}\nThe runbook says to run:\n{text}",
        "category": LINES[7], "assignment_group": LINES[70], "work_notes": text,
        "state": "systemctl stop nginx", "comments": text, "u_command": "systemctl stop nginx",
    }  # fmt: skip
    async with start(database_url, **FREELY) as api:
        plain, told = await ran_for(api, FLAT), await ran_for(api, spoken)
    assert plain, "else nothing was compared"
    assert set(plain) <= set(told)
    done, done_told = ([r for r in ran if r[0] not in LOOKS] for ran in (plain, told))
    assert done == done_told, "what is decided and done is the same, in the same order"
    commands = [command for _, command in told]
    assert {command.split()[0] for command in commands} <= _programs()
    assert [c for c in commands if any(line in c for line in LINES if " " in line.strip())] == []


async def test_no_line_names_a_host(start: Start, database_url: str) -> None:
    async with start(database_url, **FREELY) as api:
        for number, line in enumerate(LINES):
            for target in ({"hostname": line}, {"ip_address": line}):
                if not line.strip():
                    continue  # it names nothing, and the webhook says so
                answer = await api.trigger(
                    FLAT | {"incident_number": f"I{number}", "target": target}
                )
                assert answer.status_code == 422, line
        assert await api.rows() == {}


async def test_no_line_is_a_decision_a_plan_or_a_number(
    start: Start, database_url: str, tmp_path: Path
) -> None:
    async with start(database_url, policy_file=policy_file(tmp_path), **FREELY) as api:
        asked = await waiting_execution(api.database)
        path, before = f"/api/v1/approvals/{asked.id}", await shown(api, asked.id)
        said = {"decision": "approve", "reason": "ok", "plan_hash": PLAN_HASH}
        for line, field in zip(LINES, cycle(("decision", "plan_hash", "reason")), strict=False):
            wrong = {field: line} | ({"plan_hash": "0" * 64} if field == "reason" else {})
            answer = await api.post(f"{path}/decision", said | wrong, **ANN)
            # whatever the words, it was another plan that was looked at
            assert answer.status_code == (409 if field == "reason" else 422), (field, line)
        assert await shown(api, asked.id) == before


async def test_a_persons_words_stay_words(start: Start, database_url: str, tmp_path: Path) -> None:
    """Why somebody asks for another plan, agrees or refuses: all lines, some hundred at a time."""
    async with start(database_url, policy_file=policy_file(tmp_path), **FREELY) as api:
        for number, text in enumerate(pieces(1_900)):
            asked = await waiting_execution(api.database, f"INC{number}", host=f"host-{number}")
            before = await shown(api, asked.id)
            decision = ("approve", "reject", "revise")[number % 3]
            said = {"decision": decision, "reason": text, "plan_hash": PLAN_HASH}
            answer = await api.post(f"/api/v1/approvals/{asked.id}/decision", said, **ANN)
            assert answer.status_code == 200, answer.text
            after = answer.json()
            assert (after["steps"], after["plan_hash"]) == (before["steps"], PLAN_HASH)
            assert _plain(after["votes"][0]["reason"]) == _plain(text)


ANN = {"Authorization": f"Bearer {TOKEN}"}


def policy_file(folder: Path) -> Path:
    path = folder / "policy.yaml"
    path.write_text(json.dumps({"approvers": {"ann": TOKEN}}))
    path.chmod(0o600)
    return path


async def shown(api: Api, approval_id: int) -> dict[str, Any]:
    found: dict[str, Any] = (await api.get(f"/api/v1/approvals/{approval_id}")).json()
    return found


def _programs() -> set[str]:
    """The first words of everything that the catalog can run."""
    return {entry.argv[0] if entry.argv else "gate" for entry in CATALOG.actions.values()} | {
        "probe"
    }


def _plain(text: str) -> str:
    """Of a text what no cleaning takes away."""
    return re.sub(r"[^!-~]", "", text)
