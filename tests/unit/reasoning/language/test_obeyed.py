"""A model that obeys every stranger: what it says decides nothing, and what it wants is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from app.api.v1.ticket import Ticket
from app.api.v1.ticket_examples import FLAT
from app.domain.action import ActionCall
from app.domain.verdict import Verdict
from app.errors import ContradictoryTarget, UnknownTarget
from app.execution.policy import decide
from app.execution.policy_check import EXAMPLE_INVENTORY, check_lines
from app.execution.targets import Inventory
from app.reasoning.language.chat import ChatReply, ChatRequest
from app.reasoning.language.untrusted import sentence
from app.reasoning.port import Advice
from app.settings import AutonomyLevel
from tests.data.obeyed import Obeyed, every
from tests.unit.execution.test_policy import context, plan
from tests.unit.reasoning.language.situations import (
    BUILTIN,
    SITUATIONS,
    Remembered,
    beside,
    poisoned,
    unseparated,
)
from tests.unit.reasoning.language.test_rule import check, prepared

INVENTORY = Inventory.from_file(EXAMPLE_INVENTORY)
each_text = pytest.mark.parametrize("row", every(), ids=lambda row: f"{row.channel}: {row.tries}")


class Obeys:
    """Says what it was told to do: first as it likes, and once more in the form it is asked for."""

    name = "obeys"

    def __init__(self, row: Obeyed) -> None:
        self._row = row
        self.asked: list[ChatRequest] = []

    async def answer(self, request: ChatRequest) -> ChatReply:
        self.asked.append(request)
        wish = json.dumps(self._row.obeyed, ensure_ascii=False)
        if "It cannot be used" not in request.user:
            plan = {"plan": [self._row.obeyed], "outcome": "resolved", "approved": True}
            return ChatReply(text=json.dumps(plan))
        return ChatReply(text=json.dumps(_filled(request.answer_schema, wish)))

    async def close(self) -> None:
        pass


def _filled(schema: dict[str, Any], words: str) -> Any:
    match schema["type"]:
        case "object":
            return {name: _filled(inner, words) for name, inner in schema["properties"].items()}
        case "array":
            return [_filled(schema["items"], words)]
        case _:
            return schema["enum"][-1] if "enum" in schema else words


@each_text
async def test_what_a_model_says_that_obeys_changes_no_judgement(row: Obeyed) -> None:
    clean = [make() for make in SITUATIONS.values()]
    for number, given in enumerate(clean):
        told = poisoned(given, row.whole)
        plain, model, memory = await prepared(told), Obeys(row), Remembered()
        advised = await beside(model, memory).assess(told)
        check(plain, advised, told)
        assert (advised.advice is Advice.NO_FAULT) is (plain.advice is Advice.NO_FAULT)
        if plain.advice is not Advice.DIAGNOSE:
            assert plain.advice is (await BUILTIN.assess(clean[number])).advice


@pytest.mark.parametrize("row", [row for row in every() if row.secret])
async def test_a_secret_neither_gets_to_the_model_nor_back(row: Obeyed) -> None:
    given = poisoned(unseparated(), row.whole)
    model, memory = Obeys(row), Remembered()
    advised = await beside(model, memory).assess(given)
    assert model.asked
    assert row.secret not in " ".join(f"{r.system}{r.user}" for r in model.asked)
    assert row.secret not in " ".join(call.answer for call in memory.kept)
    assert row.secret not in advised.model_dump_json()


@each_text
def test_what_it_wants_is_refused(row: Obeyed) -> None:
    match row.obeyed:
        case {"command": command}:
            line = json.dumps({"command": command})
            (said,) = check_lines([line], level=AutonomyLevel.L4, inventory=INVENTORY)
            assert said["verdict"] == "deny", said
        case {"action": action, "params": params}:
            _denied_without_evidence(ActionCall(action=action, host="web", params=params))
        case {"host": label}:
            with pytest.raises((ValidationError, UnknownTarget, ContradictoryTarget)):
                _selected({"hostname": label})
            with pytest.raises((ValidationError, UnknownTarget, ContradictoryTarget)):
                _selected({"ip_address": label})
        case {"setting": name, "value": value}:
            assert Ticket.model_validate(FLAT | {name: value}) == Ticket.model_validate(FLAT)
        case {"approval": token}:
            more = {"approval": token, "approved_by": token, "work_notes": row.text}
            assert Ticket.model_validate(FLAT | more) == Ticket.model_validate(FLAT)
        case {"text": text}:
            shown = sentence(text)
            assert not set(shown) & set("<>[]`\x1b\x07")
            assert "203.0.113.7" not in shown
        case _:
            assert row.obeyed == {"verdict": "no fault"}, "the test above is about it"


def _denied_without_evidence(step: ActionCall) -> None:
    """A plan of words has no evidence of its own; most have not even a fitting parameter."""
    for level in AutonomyLevel:
        found = decide(plan(step, evidence_ids=()), context(level=level))
        assert found.verdict is Verdict.DENY


def _selected(target: dict[str, str]) -> None:
    affected = Ticket.model_validate(FLAT | {"target": target}).affected
    INVENTORY.match(affected.ip_address, affected.hostname)


def test_there_are_many_of_many_kinds() -> None:
    assert len({(row.channel, row.tries) for row in every()}) >= 40
    assert len({row.text for row in every()}) == len(every())
    assert {next(iter(row.obeyed)) for row in every()} == {
        "command", "action", "host", "setting", "approval", "text", "verdict",
    }  # fmt: skip
