"""Who works on an execution, and its ledger, as the lab asks for them from outside."""

from __future__ import annotations

from app.domain.intent import IntentState
from app.lab.cluster import intents_of, who_works_on
from tests.conftest import settings_of
from tests.integration.engine.conftest import Site


async def test_the_process_is_told_while_it_works_and_nobody_otherwise(site: Site) -> None:
    settings = settings_of(site.url)
    execution_id = await site.accept()
    assert await who_works_on(settings, execution_id) is None
    site.folder.hold()
    agent = await site.agent()
    await site.folder.until("start")
    assert await who_works_on(settings, execution_id) == int(agent.worker_id.split(".")[1])
    assert await who_works_on(settings, execution_id + 1) is None
    (intent,) = await intents_of(settings, [execution_id, execution_id + 1])
    assert intent.state is IntentState.DISPATCHED
    site.folder.let_go()
    await site.ended(execution_id)
    await site.given_back()
    (intent,) = await intents_of(settings, [execution_id])
    assert intent.state is IntentState.DONE
