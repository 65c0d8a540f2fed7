"""The pages in one process with a real database: what they show, and what they never show."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from app.api.headers import SECURITY_HEADERS
from app.audit.looking import Looking
from app.dashboard.rendering import STATIC
from app.engine.parts import Records
from tests.integration.api.conftest import Api
from tests.integration.api.scene import EVIL, add_a_change, waiting_execution
from tests.integration.audit.tampering import lift_guards
from tests.integration.audit.values import model_call


@pytest.fixture
async def records(api: Api) -> Records:
    return Records.of(api.database)


async def test_every_page_is_there_and_nothing_in_it_runs(api: Api, records: Records) -> None:
    question = await waiting_execution(api.database)
    await waiting_execution(api.database, "INC0010002")
    await add_a_change(records, question.execution_id)
    number = question.execution_id
    pages = [
        "/ui",
        f"/ui/executions/{number}",
        f"/ui/executions/{number}/lines/1",
        f"/ui/executions/{number}/compare",
        f"/ui/executions/{number}/compare?with={number + 1}",
        "/ui/approvals",
        f"/ui/approvals/{question.id}",
        "/ui/hosts",
        "/ui/hosts/alpha",
        "/ui/hosts/web-prod-01.company.com",
        "/ui/tickets",
        "/ui/stop",
        "/ui/figures",
        "/ui/audit",
        "/ui/figures?days=7&made=real",
    ]
    for address in pages:
        answer = await api.client.get(address)
        assert answer.status_code == 200, (address, answer.text[-500:])
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value
        page = answer.text
        assert "document.title" not in page or "&lt;script&gt;document.title" in page
        assert not re.search(r"<script(?! src=)|<style|\son\w+=|\sstyle=|javascript:", page)
        assert not set("\x1b\u202e") & set(page), address


async def test_what_a_model_cost_is_told_where_one_was_asked(api: Api, records: Records) -> None:
    number = (await waiting_execution(api.database)).execution_id
    address, page = f"/api/v1/incident/execution/{number}", f"/ui/executions/{number}"
    assert (await api.get(address)).json()["model_spent"] is None
    assert "language model" not in (await api.get(page)).text
    await records.model_calls.keep(number, model_call().model_copy(update={"cost": 0.0}))
    free = (await api.get(page)).text
    assert "A language model was asked once: " in free
    assert "cost not counted (no prices are set)" in free
    priced = {"tokens_in": 1200, "tokens_out": 34, "cost": 0.25, "seconds": 1.5}
    await records.model_calls.keep(number, model_call(attempt=2).model_copy(update=priced))
    spent = (await api.get(address)).json()["model_spent"]
    assert spent == (await api.get(f"{address}/model-calls")).json()["spent"]
    assert (spent["calls"], spent["cost"]) == (2, 0.25)
    told = (await api.get(page)).text
    assert "A language model was asked 2 times: " in told
    assert f"{spent['tokens']:,} tokens, cost 0.2500, " in told


async def test_one_execution_tells_its_story(api: Api, records: Records) -> None:
    question = await waiting_execution(api.database, evil="")
    page = (await api.client.get(f"/ui/executions/{question.execution_id}")).text
    for told in (
        "Waits for a person to approve: service.restart unit=ledger.service on alpha.",
        "SIMULATED: no host was contacted",
        "ledger.service was stopped",
        "50.0 %",
        "A person is asked by the rule <code>autonomy</code>",
        "<span>/usr/bin/systemctl</span> <span>restart</span>",
        "R2",
        "as recorded",
        f'href="/ui/approvals/{question.id}"',
        f'href="#x{question.execution_id}-l1-o-2"',  # the line of the output that says it
    ):
        assert told in page, told


async def test_an_output_that_was_changed_afterwards_is_called_so(
    api: Api, records: Records
) -> None:
    question = await waiting_execution(api.database, evil="")
    async with api.database.transaction() as session:
        await lift_guards(session)
        await session.execute(text("UPDATE incident_execution_log SET command_output = 'fine'"))
    page = (await api.client.get(f"/ui/executions/{question.execution_id}")).text
    assert "the output is NOT the one that was recorded" in page


async def test_filters_live_in_the_address(api: Api, records: Records) -> None:
    for number in ("INC0010001", "INC0010002"):
        await waiting_execution(api.database, number)

    async def shown(query: str) -> set[str]:
        page = (await api.client.get(f"/ui?{query}")).text
        rows = page.split('<tbody id="rows"')[-1] if '<tbody id="rows"' in page else ""
        return set(re.findall(r">(INC\d+)</a>", rows))

    both = {"INC0010001", "INC0010002"}
    assert await shown("") == both
    assert await shown("q=0010002") == {"INC0010002"}
    assert await shown("q=100%25") == set()  # a sign of the database's own means itself
    assert await shown("status=waiting_approval&outcome=&host=alpha&made=simulated") == both
    assert await shown("made=real") == set()
    assert await shown("outcome=resolved") == set()
    assert await shown("before=2") == {"INC0010001"}


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/ui/executions/99", 404),
        ("/ui/executions/x", 422),
        ("/ui/executions/99999999999999999999", 422),
        ("/ui/approvals/99", 404),
        ("/ui/hosts/nowhere%3Cb%3E", 404),
        ("/ui?status=odd", 422),
        ("/ui/static/..%2f..%2fmain.py", 404),
        ("/ui/static/none.js", 404),
    ],
)
async def test_a_refusal_is_a_page_too(api: Api, address: str, status: int) -> None:
    answer = await api.client.get(address)
    assert answer.status_code == status
    if "%2f" not in address:
        assert answer.headers["content-type"].startswith("text/html")
        assert "<b>" not in answer.text


async def test_files_may_be_kept_since_their_address_tells_their_content(api: Api) -> None:
    page = (await api.client.get("/ui")).text
    for address in re.findall(r'(?:src|href|data-worker)="(/ui/static/[^"]+)"', page):
        answer = await api.client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert len(list(STATIC.iterdir())) == 5


async def test_a_look_sees_what_has_changed_and_nothing_else(api: Api, records: Records) -> None:
    looking = Looking(api.database)
    before = await looking.look()
    question = await waiting_execution(api.database)
    now = await looking.look(before)
    assert now.changed_since(before) == {question.execution_id}
    assert now.questions_changed_since(before) == {question.id}
    again = await looking.look(now)
    assert not again.changed_since(now)
    assert not again.questions_changed_since(now)
    await add_a_change(records, question.execution_id)
    assert (await looking.look(again)).changed_since(again) == {question.execution_id}


async def test_the_whole_of_evil_is_still_readable(api: Api, records: Records) -> None:
    question = await waiting_execution(api.database)
    assert EVIL
    page = (await api.client.get(f"/ui/executions/{question.execution_id}/lines/1")).text
    assert "&lt;script&gt;document.title=&#39;owned&#39;&lt;/script&gt;red⟨U+202E⟩turned" in page
