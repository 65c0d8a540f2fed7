"""kill -9 at chosen moments, a real process each time: nothing is lost, nothing is done twice."""

from __future__ import annotations

import time

from app.domain.execution import Outcome
from app.domain.intent import IntentState
from app.engine.takeover import MAX_TAKEOVERS
from tests.integration.engine.conftest import Site
from tests.integration.engine.graph import KILLER


async def test_an_execution_is_worked_on_and_the_host_given_back(site: Site) -> None:
    execution_id = await site.accept()
    await site.agent()
    ended = await site.ended(execution_id)
    assert ended.outcome is Outcome.RESOLVED
    assert site.folder.state == "active"
    assert len(site.folder.started()) == 1
    await site.given_back()


async def test_killed_in_the_middle_of_a_change_it_is_made_once(site: Site) -> None:
    site.folder.hold()
    execution_id = await site.accept()
    first = await site.agent()
    await site.folder.until("start")
    await first.kill()
    began = time.monotonic()
    await site.agent()
    site.folder.let_go()
    ended = await site.ended(execution_id)
    assert ended.outcome is Outcome.RESOLVED, ended.summary
    assert len(site.folder.started()) == 1
    (intent,) = await site.records.intents.of_execution(execution_id)
    assert (intent.state, intent.how) == (IntentState.DONE, "receipt")
    assert len(ended.actions_taken) == 1
    assert time.monotonic() - began < 10


async def test_killed_while_the_command_ends_without_us_its_receipt_is_taken(site: Site) -> None:
    site.folder.hold()
    execution_id = await site.accept()
    first = await site.agent()
    await site.folder.until("start")
    await first.kill()
    site.folder.let_go()
    await site.folder.until("end")
    await site.agent()
    ended = await site.ended(execution_id)
    assert ended.outcome is Outcome.RESOLVED
    assert len(site.folder.started()) == 1


async def test_killed_again_and_again_it_still_is_made_once(site: Site) -> None:
    site.folder.hold()
    execution_id = await site.accept()
    for _ in range(3):
        agent = await site.agent()
        await site.folder.until("start")
        await agent.kill()
    site.folder.let_go()
    await site.agent()
    assert (await site.ended(execution_id)).outcome is Outcome.RESOLVED
    assert len(site.folder.started()) == 1


async def test_stopped_in_good_order_it_goes_on_at_the_next_start(site: Site) -> None:
    site.folder.hold()
    execution_id = await site.accept()
    first = await site.agent()
    await site.folder.until("start")
    assert await first.stop() < 3
    await site.agent()
    site.folder.let_go()
    assert (await site.ended(execution_id)).outcome is Outcome.RESOLVED
    assert len(site.folder.started()) == 1


async def test_a_peer_takes_over_at_once_from_a_process_that_is_gone(site: Site) -> None:
    site.folder.hold()
    execution_id = await site.accept()
    first = await site.agent()
    await site.folder.until("start")
    peer = await site.agent()
    await first.kill()
    killed = time.monotonic()
    site.folder.let_go()
    ended = await site.ended(execution_id)
    assert ended.outcome is Outcome.RESOLVED
    assert time.monotonic() - killed < 6
    assert len(site.folder.started()) == 1
    assert "taking over" in peer.said()


async def test_an_execution_that_kills_its_workers_is_given_up(site: Site) -> None:
    execution_id = await site.accept()
    for _ in range(1 + MAX_TAKEOVERS):
        await site.start_agent("kills").gone()
    await site.agent("kills")
    ended = await site.ended(execution_id)
    assert ended.outcome is Outcome.ESCALATED
    assert f"died {1 + MAX_TAKEOVERS} times" in ended.summary
    await site.given_back()


async def test_who_works_beside_a_killer_is_not_given_up_with_it(site: Site) -> None:
    killer = await site.accept(KILLER)
    beside = [await site.accept(f"INC000000{number}") for number in range(3)]
    for _ in range(1 + MAX_TAKEOVERS):
        await site.start_agent("one_kills").gone()
    await site.agent("one_kills")
    assert (await site.ended(killer)).outcome is Outcome.ESCALATED
    outcomes = [(await site.ended(one)).outcome for one in beside]
    assert sorted(map(str, outcomes)) == ["no_fault", "no_fault", "resolved"]
    assert len(site.folder.started()) == 1


async def test_an_error_of_ours_ends_in_failed_with_the_reason(site: Site) -> None:
    execution_id = await site.accept()
    await site.agent("breaks")
    ended = await site.ended(execution_id)
    assert ended.outcome is Outcome.FAILED
    assert "a mistake of ours" in ended.summary
    await site.given_back()
