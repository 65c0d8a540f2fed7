"""Who is turned away at the door stands in the audit's chain, by name where there is one."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from app.access.refusals import EVENT
from app.audit.events import Events
from app.audit.verifying import verify
from app.domain.permission import Role
from app.models.chain import AuditEntry
from app.models.database import Database
from tests.integration.access.doors import key
from tests.integration.api.conftest import Start
from tests.integration.audit.tampering import tamper

TRIGGER = "/api/v1/incident/trigger-agent"


async def told(database: Database) -> list[dict[str, Any]]:
    """The lines of all entries, each without where it came from."""
    wanted = select(AuditEntry.content).where(AuditEntry.about == EVENT)
    async with database.reading() as session:
        contents = (await session.execute(wanted.order_by(AuditEntry.seq))).scalars().all()
    lines = [line for content in contents for line in json.loads(content)["refused"]]
    assert {line.pop("address") for line in lines} == {"127.0.0.1"}
    return lines


async def test_each_refusal_is_told_with_who_and_why(start: Start, database_url: str) -> None:
    async with start(database_url, rate_limit_per_minute=2) as api:
        keys = api.app.state.service.parts.access.keys
        viewer, operator = await key(keys, Role.VIEWER, "vera"), await key(keys, Role.OPERATOR)
        for _ in range(3):
            assert (await api.client.post(TRIGGER, json={})).status_code == 401
        assert (await api.post(TRIGGER, {}, **viewer)).status_code == 403
        assert (await api.post(TRIGGER, {}, **operator)).status_code == 422
        assert (await api.post(TRIGGER, {"number": "1"}, **operator)).status_code == 422
        assert (await api.post(TRIGGER, {}, **operator)).status_code == 429
        assert (await api.client.get("/healthz")).status_code == 200
        database = Database(api.app.state.settings)
    try:
        lines = await told(database)
        assert all(line["route"] == TRIGGER and line["method"] == "POST" for line in lines)
        short = [(line["status"], line["code"], line.get("who"), line["times"]) for line in lines]
        assert (401, "unauthorized", None, 3) in short
        assert (403, "forbidden", "key vera", 1) in short
        assert {who for status, _, who, _ in short if status == 422} == {"key operator"}
        assert [code for status, code, *_ in short if status == 429] == ["rate-limited"]
        (forbidden,) = [line for line in lines if line["status"] == 403]
        assert "viewer" in forbidden["why"]
        assert (await verify(database)).sound
        await Events(database).tell("start", {})  # what follows tells a change from a forgery
        await tamper(
            database,
            f"UPDATE audit_entry SET content = replace(content, 'vera', 'eve') "
            f"WHERE about = '{EVENT}'",
        )
        assert [finding.fault.value for finding in (await verify(database)).findings] == [
            "entry-changed"
        ]
    finally:
        await database.close()
