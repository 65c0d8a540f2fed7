"""A misspelt directive where no healthy version is on record: corrected if one word is meant."""

from __future__ import annotations

from typing import Any

import pytest

from app.reasoning.port import Advice, Assessment
from tests.unit.reasoning.cases import HEALTHY_LISTENERS, case, evidence, facts_of, nginx, tickets
from tests.unit.reasoning.test_builtin import asked, judge, steps

FILE, WORD, RIGHT = "/etc/nginx/conf.d/tickets.conf", "proxxy_pass", "proxy_pass"


async def judged_of(
    nearest: tuple[str, ...], *, kind: str = "unknown-word", logged_in: bool = False
) -> Assessment:
    down = nginx("failed", "failed", result="exit-code")
    problem = {
        "level": "emerg", "file": FILE, "line": 4, "kind": kind, "subject": WORD,
        "message": f'unknown directive "{WORD}" in {FILE}:4',
    }  # fmt: skip
    facts: dict[str, Any] = facts_of(
        [down, tickets()],
        HEALTHY_LISTENERS[1:],
        nginx__test={"program": "nginx", "ok": False, "problems": [problem]},
    )
    facts |= asked(down, tickets())
    if logged_in:
        facts["persons.list"] = {"logged_in": ["mo pts/0 2026-01-01 09:00"]}
    given = case(facts, error="refused", with_baseline=False)
    found = {"path": FILE, "line": 4, "word": WORD, "value": "other", "nearest": nearest}
    (told,) = evidence({"config.misspelt": found}, start=500)
    told = told.model_copy(update={"params": {"path": FILE, "line": 4, "word": WORD}})
    return await judge(given.model_copy(update={"evidence": (*given.evidence, told)}))


async def test_the_one_word_that_is_nearest_is_what_was_meant() -> None:
    judged = await judged_of((RIGHT,))
    assert steps(judged) == [
        f"config.correct_word line=4 path={FILE} right={RIGHT} word={WORD}",
        "service.reset_failed unit=nginx.service",
        "service.start unit=nginx.service",
    ], judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person is None
    assert WORD in judged.statement
    assert RIGHT in judged.statement


@pytest.mark.parametrize("nearest", [(), ("proxy_pass", "proxy_bass")])
async def test_where_it_is_not_clear_a_person_decides(nearest: tuple[str, ...]) -> None:
    judged = await judged_of(nearest)
    assert judged.advice is Advice.HAND_OVER
    assert WORD in judged.statement


async def test_nobody_s_work_is_overwritten() -> None:
    judged = await judged_of((RIGHT,), logged_in=True)
    assert judged.repair is not None
    assert judged.repair.requires_person is not None


async def test_another_fault_of_the_file_is_not_taken_for_a_slip() -> None:
    judged = await judged_of((RIGHT,), kind="syntax")
    assert judged.repair is None


async def test_what_is_nearest_is_asked_for() -> None:
    down = nginx("failed", "failed", result="exit-code")
    problem = {
        "level": "emerg", "file": FILE, "line": 4, "kind": "unknown-word", "subject": WORD,
        "message": f'unknown directive "{WORD}"',
    }  # fmt: skip
    facts = facts_of(
        [down, tickets()],
        HEALTHY_LISTENERS[1:],
        nginx__test={"program": "nginx", "ok": False, "problems": [problem]},
    )
    judged = await judge(case(facts | asked(down, tickets()), error="refused", with_baseline=False))
    asked_for = [call.label() for call in judged.wanted]
    assert f"config.misspelt line=4 path={FILE} word={WORD} on alpha" in asked_for
