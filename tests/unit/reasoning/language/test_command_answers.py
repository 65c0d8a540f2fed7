"""A model that answers with command lines, in every place where an answer has room for text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.domain.value import JsonObject
from app.engine.advising import reads_of
from app.reasoning.language.answers import Unfit, choose_schema, parsed, rank_schema
from app.reasoning.language.chat import ChatReply, ChatRequest
from app.reasoning.language.offers import offers
from app.reasoning.port import Case
from tests.data.command_lines import denied
from tests.unit.reasoning.language.situations import (
    BUILTIN,
    CATALOG,
    Remembered,
    beside,
    tied,
    unseparated,
)
from tests.unit.reasoning.language.test_rule import check, prepared

LINES = [line.command for line in denied()]


def in_its_texts(command: str, schema: JsonObject) -> str:
    """A valid answer: only free texts hold the line."""
    return json.dumps(_filled(schema, command))


def as_its_choice(command: str, schema: JsonObject) -> str:
    """The line instead of each name that a list of the schema allows."""
    return json.dumps(_filled(schema, command, invents=True))


def as_a_plan(command: str, schema: JsonObject) -> str:
    """Beside a valid answer what was not asked for: an action, a plan, a level, an approval."""
    call = {"action": command, "host": command, "params": {"unit": command}}
    more = {"plan": [call], "action": command, "autonomy_level": "L4", "approved_by": command}
    return json.dumps(_filled(schema, command) | more)


def as_it_is(command: str, _schema: JsonObject) -> str:
    return command


def as_a_tool_call(command: str, _schema: JsonObject) -> str:
    called = {"name": "run_command", "arguments": json.dumps({"command": command})}
    return f"```json\n{json.dumps({'tool_calls': [{'function': called}]})}\n```"


WAYS = [in_its_texts, as_its_choice, as_a_plan, as_it_is, as_a_tool_call]


def _filled(schema: JsonObject, command: str, *, invents: bool = False) -> Any:
    match schema["type"]:
        case "object":
            fields = schema["properties"].items()
            return {name: _filled(inner, command, invents=invents) for name, inner in fields}
        case "array":
            return [_filled(schema["items"], command, invents=invents)]
        case "integer":
            return schema["enum"][0]
        case _:
            return schema["enum"][0] if "enum" in schema and not invents else command


class Says:
    """A model that answers whatever it is asked in one way, with one line."""

    name = "says"

    def __init__(self, command: str, way: Callable[[str, JsonObject], str]) -> None:
        self._command = command
        self._way = way
        self.asked = 0

    async def answer(self, request: ChatRequest) -> ChatReply:
        self.asked += 1
        return ChatReply(text=self._way(self._command, request.answer_schema))

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("at", range(len(WAYS)), ids=[way.__name__ for way in WAYS])
@pytest.mark.parametrize("situation", [unseparated, tied])
async def test_no_line_that_a_model_answers_becomes_a_call(
    at: int, situation: Callable[[], Case]
) -> None:
    """Ways and situations take turns with the lines, so that each line is said once."""
    given = situation()
    plain = await prepared(given)
    possible = {offer.call.label() for offer in offers(given, plain, reads_of(CATALOG))}
    own = {call.label() for call in plain.wanted}
    turns = 2 * len(WAYS)
    for command in LINES[2 * at + (situation is tied) :: turns]:
        model = Says(command, WAYS[at])
        advised = await beside(model, Remembered()).assess(given)
        assert model.asked, "else nothing was tried"
        check(plain, advised, given)
        assert {call.label() for call in advised.wanted} <= possible | own, command
        for call in advised.wanted:
            assert CATALOG.check(call, given.host_named(call.host)).risk.reads_only


@pytest.mark.parametrize("way", [as_its_choice, as_a_plan, as_it_is, as_a_tool_call])
@pytest.mark.parametrize("schema", [rank_schema(["a", "b"], [1, 2]), choose_schema(["q1"])])
def test_no_line_is_taken_for_a_name_a_plan_or_a_call(
    way: Callable[[str, JsonObject], str], schema: JsonObject
) -> None:
    for command in LINES:
        with pytest.raises(Unfit):
            parsed(way(command, schema), schema)


async def test_a_valid_answer_s_texts_are_shown_as_texts_and_nothing_more() -> None:
    """Else the test above might only show that nothing of an answer is ever used."""
    given = unseparated()
    advised = await beside(Says("reboot", in_its_texts)).assess(given)
    assert len(advised.wanted) > len((await BUILTIN.assess(given)).wanted)
    assert "reboot" not in " ".join(call.label() for call in advised.wanted)
