"""Calls as rows: written once, counted over the execution, found again by a step that reruns."""

from __future__ import annotations

import pytest

from app.audit.journal import Journal
from app.domain.model_call import CallStatus, ModelCall, Purpose
from app.domain.verdict import Verdict
from app.engine.advising import Advising, advising
from app.engine.effects import HostEffects
from app.engine.holding import Holding
from app.engine.keys import Keys
from app.engine.limits import Spending
from app.engine.parts import Hands, Records
from app.engine.remembering import Remembering
from app.errors import NotFound
from app.models.database import Database
from app.reasoning.language.doubles import Behaviour, DoubleModel
from app.reasoning.port import Advice
from app.settings import Settings
from tests.integration.engine.scripted import ScriptedHosts, ScriptedProber
from tests.integration.engine.test_changes import _never
from tests.integration.engine.world import HOST, OneHost, Says, incident
from tests.unit.reasoning.language.situations import (
    BUDGET,
    BUILTIN,
    CATALOG,
    REDACTOR,
    unseparated,
)

CALL = ModelCall(
    step_key="1.assess.a", purpose=Purpose.RANK, attempt=1, model="m", prompt_version="rank-0",
    status=CallStatus.ANSWERED, sent="asked", answer="{}", tokens_in=10, tokens_out=5, cost=0.25,
    seconds=1.5,
)  # fmt: skip


@pytest.fixture
async def execution_id(database: Database) -> int:
    taken = await Journal(database).accept(incident("INC1"), {}, simulated=True, max_active=9)
    return taken.execution_id


async def test_a_call_is_written_once_and_told_with_its_cost(
    database: Database, execution_id: int
) -> None:
    calls = Records.of(database).model_calls
    for _ in range(2):
        await calls.keep(execution_id, CALL)
    await calls.keep(execution_id, CALL.model_copy(update={"attempt": 2, "answer": "[]"}))
    told = await calls.listed(execution_id)
    assert [(v.number, v.call.attempt, v.call.answer) for v in told.calls] == [
        (1, 1, "{}"), (2, 2, "[]"),
    ]  # fmt: skip
    assert told.calls[0].call == CALL
    assert told.calls[0].simulated
    assert (told.spent.calls, told.spent.tokens, told.spent.cost) == (2, 30, 0.5)
    assert await Remembering(calls, execution_id).calls() == tuple(v.call for v in told.calls)
    with pytest.raises(NotFound):
        await calls.listed(execution_id + 1)


async def test_a_step_cut_off_after_its_calls_makes_none_again(
    database: Database, execution_id: int
) -> None:
    model = DoubleModel(Behaviour.SCRIPTED)
    first = await _effects(database, execution_id, model).assess("hypothesize-3.assess", CASE)
    assert first.advice is Advice.DIAGNOSE
    made = len(model.asked)
    assert made > 0
    again = await _effects(database, execution_id, model).assess("hypothesize-3.assess", CASE)
    assert again == first
    assert len(model.asked) == made
    rows = await Records.of(database).model_calls.listed(execution_id)
    assert {view.call.step_key for view in rows.calls} == {"1.assess.hypothesize-3.assess"}


CASE = unseparated()


def _effects(database: Database, execution_id: int, model: DoubleModel) -> HostEffects:
    """As each process makes them anew."""
    hands = Hands(
        inventory=OneHost(),
        catalog=CATALOG,
        judge=Says(Verdict.ALLOW),
        hosts=ScriptedHosts(),
        prober=ScriptedProber(True),
        reasoner=BUILTIN,
        advised=Advising(model, BUILTIN, CATALOG, BUDGET, REDACTOR),
    )
    settings = Settings(_env_file=None)
    spending = Spending.under(settings, incident("x").received_at)
    keys = Keys(execution_id=execution_id, number=1)
    holding = Holding("w-1")
    return HostEffects(keys, HOST, settings, Records.of(database), hands, spending, _never, holding)


def test_without_a_key_there_is_no_model() -> None:
    for key in (None, ""):
        settings = Settings(_env_file=None, openai_api_key=key)
        assert advising(settings, BUILTIN, CATALOG) is None
