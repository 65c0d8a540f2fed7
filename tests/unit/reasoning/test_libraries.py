"""A library that was installed over the packaged one, and the services that die of it."""

from __future__ import annotations

from typing import Any

import pytest

from app.reasoning.port import Advice, Assessment
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import (
    HEALTHY_LISTENERS,
    case,
    facts_of,
    file,
    manifest_now,
    nginx,
    tickets,
)
from tests.unit.reasoning.test_builtin import asked, steps
from tests.unit.reasoning.test_containers import settled

PLACE = "/usr/local/lib/python3.12/dist-packages"
CAME = [
    file(f"{PLACE}/ledger/__init__.py", "b" * 64),
    file(f"{PLACE}/ledger/_core.so", "c" * 64),
    file(f"{PLACE}/ledger_wheel-2.1.dist-info/METADATA", "d" * 64),
]


async def after(said: str, *came: Any, **more: Any) -> Assessment:
    """The application dies whenever it starts, and says this."""
    loops = tickets("activating", "auto-restart", result="exit-code", n_restarts=4)
    facts = facts_of([nginx(), loops], HEALTHY_LISTENERS[:1], **more) | asked(nginx(), loops)
    line = {"template": said, "example": said, "count": 4, "identifier": "tickets"}
    facts["journal.unit unit=tickets.service"] = {"source": "journal", "lines": [line]}
    facts["baseline.manifest"] = manifest_now(*came)
    return await settled(case(facts, status=502))


@pytest.mark.parametrize(
    "said",
    [
        "ImportError: cannot import name 'Book' from 'ledger'",
        f"ImportError: {PLACE}/ledger/_core.so: file too short",
        "Worker (pid:7) was terminated due to signal 7",
    ],
)
async def test_what_came_over_the_packaged_one_is_taken_out_of_the_way(said: str) -> None:
    judged = await after(said, *CAME)
    assert judged.advice is Advice.REMEDIATE, judged.statement
    assert [step for step in steps(judged) if step.startswith("library")] == [
        f"library.set_aside path={PLACE}/{top}" for top in ("ledger", "ledger_wheel-2.1.dist-info")
    ]
    assert steps(judged)[-1] == "service.restart unit=tickets.service"
    assert "ledger" in judged.statement


async def test_a_service_that_complains_of_something_else_is_not_mended_so() -> None:
    judged = await after("FATAL: password authentication failed", *CAME)
    assert not any(h.mode == "library-hidden" for h in judged.hypotheses)


async def test_one_that_was_there_before_is_not_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "FILES", (*cases.FILES, file(CAME[0].path)))
    judged = await after("ImportError: cannot import name 'Book' from 'ledger'", *CAME)
    assert not any(h.mode == "library-hidden" for h in judged.hypotheses)


async def test_whoever_is_logged_in_may_be_installing_it() -> None:
    someone = {"logged_in": ["kim pts/0"]}
    judged = await after("ModuleNotFoundError: ledger.book", *CAME, persons__list=someone)
    assert judged.repair is not None
    assert judged.repair.requires_person is not None
