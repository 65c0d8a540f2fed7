"""Executions and workers beside each other: one change at a time on a host, whoever makes it."""

from __future__ import annotations

import asyncio

from app.domain.execution import Outcome
from app.domain.intent import IntentState
from tests.integration.engine.conftest import Site


async def test_two_executions_never_change_one_host_at_the_same_time(site: Site) -> None:
    site.folder.hold()
    both = [await site.accept("INC0000001"), await site.accept("INC0000002")]
    await site.agent("insists")
    await site.agent("insists")
    await site.folder.until("start")
    await asyncio.sleep(1.0)  # time in which the other would begin, if it could
    assert len(site.folder.started()) == 1
    site.folder.let_go()
    for execution_id in both:
        assert (await site.ended(execution_id)).outcome is Outcome.RESOLVED
    words = [line.split()[0] for line in site.folder.diary()]
    assert words == ["start", "end", "start", "end"]


async def test_who_waited_for_the_host_looks_again_before_changing_it(site: Site) -> None:
    site.folder.hold()
    both = [await site.accept("INC0000001"), await site.accept("INC0000002")]
    await site.agent()
    await site.folder.until("start")
    site.folder.let_go()
    outcomes = {(await site.ended(execution_id)).outcome for execution_id in both}
    assert outcomes == {Outcome.RESOLVED, Outcome.NO_FAULT}
    assert len(site.folder.started()) == 1


async def test_cancelled_during_a_change_it_ends_the_change_and_then_stops(site: Site) -> None:
    site.folder.hold()
    execution_id = await site.accept()
    await site.agent("asks_control")
    await site.folder.until("start")
    await site.endings.cancel(execution_id, by="ann", reason="we do it by hand")
    site.folder.let_go()
    ended = await site.ended(execution_id)
    assert ended.outcome is Outcome.CANCELLED
    assert "we do it by hand" in ended.summary
    (intent,) = await site.records.intents.of_execution(execution_id)
    assert intent.state is IntentState.DONE
    await site.given_back()


async def test_cancelled_before_a_worker_took_it_up(site: Site) -> None:
    execution_id = await site.accept()
    await site.endings.cancel(execution_id, by="ann", reason="")
    await site.agent()
    assert (await site.ended(execution_id)).outcome is Outcome.CANCELLED
    assert site.folder.started() == []


async def test_a_worker_that_slept_finds_its_work_taken_and_ends(site: Site) -> None:
    site.folder.hold()
    execution_id = await site.accept()
    sleeper = await site.agent()
    await site.folder.until("start")
    peer = await site.agent()
    await site.put_to_sleep(sleeper)
    (dead,) = await site.records.workers.live() - {peer.worker_id}
    await site.records.workers.leave(dead)  # what the peers do when it is not heard of for long
    site.folder.let_go()
    ended = await site.ended(execution_id)
    sleeper.go_on()
    await sleeper.gone()
    assert ended.outcome is Outcome.RESOLVED
    assert len(site.folder.started()) == 1
    assert "given up by its peers" in sleeper.said()
