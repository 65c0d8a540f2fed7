"""Cases in which a model is asked, or must not be; each with strangers' texts in it if wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.domain.model_call import ModelCall
from app.engine.advising import reads_of
from app.execution.catalog import Catalog
from app.knowledge.library import Library
from app.reasoning.builtin import BuiltinReasoner
from app.reasoning.language.adviser import Adviser
from app.reasoning.language.beside import ReasonerBeside
from app.reasoning.language.chat import Budget, ChatModel
from app.reasoning.port import Case
from app.redaction.redactor import Redactor
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import (
    ENV,
    HEALTHY_LISTENERS,
    UNIT_FILE,
    case,
    facts_of,
    file,
    nginx,
    tickets,
)
from tests.unit.reasoning.test_builtin import INTRUDER, asked
from tests.unit.reasoning.test_drift_repairs import serving

CATALOG = Catalog.load()
BUILTIN = BuiltinReasoner(Library.load())
BUDGET = Budget(seconds=20, tokens=200_000)
REDACTOR = Redactor(["hunter2-the-agents-own"], key=b"k" * 32)


class Remembered:
    """Implements the port `Memory` in a list."""

    def __init__(self) -> None:
        self.kept: list[ModelCall] = []

    async def calls(self) -> tuple[ModelCall, ...]:
        return tuple(self.kept)

    async def keep(self, call: ModelCall) -> None:
        assert call.name not in [c.name for c in self.kept if c.step_key == call.step_key]
        self.kept.append(call)


def beside(
    model: ChatModel,
    memory: Remembered | None = None,
    *,
    step: str = "1.assess.a",
    budget: Budget = BUDGET,
) -> ReasonerBeside:
    adviser = Adviser(model, memory or Remembered(), budget, REDACTOR.text, step)
    return ReasonerBeside(BUILTIN, adviser, reads_of(CATALOG), REDACTOR.text)


def healthy() -> Case:
    return case(facts_of([nginx(), tickets()], HEALTHY_LISTENERS), status=200)


def clear() -> Case:
    """One cause stands out."""
    down = nginx("inactive", "dead")
    facts = facts_of([down, tickets()], HEALTHY_LISTENERS[1:]) | asked(down, tickets())
    return case(facts, error="refused", round=2)


def first_round() -> Case:
    return case(facts_of([nginx("inactive", "dead"), tickets()], []), error="refused")


def second_round() -> Case:
    """The built-in reasoner still has questions of its own."""
    return first_round().model_copy(update={"round": 2})


def unseparated(lines: Sequence[str] = ()) -> Case:
    """Everything was asked, both services run, users get an error: nothing stands out."""
    facts = facts_of([nginx(), tickets()], HEALTHY_LISTENERS)
    facts |= asked(nginx(), tickets(), log={"tickets.service": list(lines)})
    facts["http.local url=http://127.0.0.1:9100/ host_header=tickets.example"] = {
        "url": "http://127.0.0.1:9100/", "status": 500,
    }  # fmt: skip
    return case(facts, status=500, round=3)


def tied() -> Case:
    """Two changes, each of which may be at fault and can be put back."""
    changed = (file(ENV, "b" * 64), file(UNIT_FILE, "c" * 64))
    return case(serving(*changed), status=502, round=2)


def halted() -> Case:
    """Signs of an intruder: nothing may be changed, whatever anybody says."""
    down = tickets("inactive", "dead")
    facts = facts_of([nginx(), down], HEALTHY_LISTENERS[:1]) | asked(nginx(), down)
    facts["security.signs"] = {"signs": [INTRUDER]}
    return case(facts, status=502, round=2)


SITUATIONS: dict[str, Callable[[], Case]] = {
    "healthy": healthy,
    "clear": clear,
    "first round": first_round,
    "second round": second_round,
    "unseparated": unseparated,
    "tied": tied,
    "halted": halted,
}


def poisoned(given: Case, text: str) -> Case:
    """The same case with a stranger's text wherever strangers can write."""
    incident = given.incident.model_copy(
        update={"short_description": text[:160], "description": text, "claimed_service": "nginx"}
    )
    evidence = tuple(
        item.model_copy(update={"facts": _poisoned(item.action, item.facts, text)})
        for item in given.evidence
    )
    probes = tuple(p.model_copy(update={"body": text, "detail": text}) for p in given.probes)
    told = {"incident": incident, "evidence": evidence, "probes": probes}
    return given.model_copy(update=told)


def _poisoned(action: str, facts: dict[str, Any], text: str) -> dict[str, Any]:
    if action in ("journal.unit", "unit.logs"):
        line = {"template": text, "example": text, "count": 1}
        return facts | {"lines": [*facts.get("lines", []), line]}
    if action == "units.show":
        return {"units": [u | {"description": text} for u in facts["units"]]}
    return facts


__all__ = ["BUDGET", "BUILTIN", "CATALOG", "REDACTOR", "SITUATIONS", "Remembered", "beside",
           "cases", "poisoned", "unseparated"]  # fmt: skip
