"""The database's disk is full while an execution is at work: it waits, and loses nothing.

A full disk is made by a limit on how large the agent's files may become. It holds for its database
alone: all else that it writes is small.
"""

from __future__ import annotations

import asyncio
import resource

import pytest

from app.audit.backlog import backlog
from app.domain.execution import Outcome
from tests.integration.engine.conftest import Agent, Site, polled

LARGEST = 4096
"""Bytes up to which a file may still be written."""

SILENT_SECONDS = 3.0
"""Without a beat for so long the agent surely tried to write, and could not."""


def fill_disk(agent: Agent, *, full: bool) -> None:
    _, hard = resource.prlimit(agent.pid, resource.RLIMIT_FSIZE)
    soft = LARGEST if full else hard
    resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (soft, hard))


async def silent(site: Site) -> bool:
    seen = await backlog(site.database)
    return all(worker.heard_seconds > SILENT_SECONDS for worker in seen.workers)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("moment", ["start", "end"])
async def test_an_execution_waits_for_room_and_goes_on(site: Site, moment: str) -> None:
    site.folder.hold()
    execution_id = await site.accept()
    agent = await site.agent()
    await site.folder.until("start")
    if moment == "end":
        site.folder.let_go()
        await site.folder.until("end")
    fill_disk(agent, full=True)
    if moment == "start":
        site.folder.let_go()
        await site.folder.until("end")
    async with asyncio.timeout(30):
        await polled(lambda: silent(site), bool)
    fill_disk(agent, full=False)
    ended = await site.ended(execution_id, seconds=40)
    assert ended.outcome is Outcome.RESOLVED, ended.summary
    assert len(site.folder.started()) == 1
    await site.given_back()
