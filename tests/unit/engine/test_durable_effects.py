"""The wrapping of effects into steps: whole, typed, and told to who counts."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from app.engine import durable_effects
from app.engine.durable_effects import durable, effect_names
from app.engine.effects import HostEffects
from app.services.ports import Control, Effects

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Plain:
    """Two effects, and how often they were done."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def now(self, key: str) -> datetime:
        self.done.append(key)
        return NOON

    async def control(self, key: str) -> Control:
        self.done.append(key)
        return Control(exhausted="enough")

    def __getattr__(self, name: str) -> object:
        return None  # the effects that this test does not ask for


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a durable store would hold: each step's JSON, by the step's name."""
    answers: dict[str, Any] = {}

    async def step(name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        if name not in answers:
            answers[name] = await work()
        return answers[name]

    monkeypatch.setattr(durable_effects, "step", step)
    return answers


def test_every_effect_of_the_port_is_wrapped_and_implemented() -> None:
    declared = {
        name for name, member in vars(Effects).items() if inspect.iscoroutinefunction(member)
    }
    assert set(effect_names()) == declared
    for name in declared:
        port = inspect.signature(getattr(Effects, name))
        assert inspect.signature(getattr(HostEffects, name)).parameters.keys() == (
            port.parameters.keys()
        )
        assert list(port.parameters)[1] == "key"


async def test_a_step_is_done_once_and_answered_from_its_record(store: dict[str, Any]) -> None:
    plain, told = Plain(), list[str]()
    for _ in range(2):  # the run, and its replay
        effects = durable(cast(Effects, plain), lambda name, _answer: told.append(name))
        assert await effects.now("a") == NOON
        assert (await effects.control("b")).exhausted == "enough"
    assert plain.done == ["a", "b"]
    assert told == ["now", "control"] * 2
    assert store == {
        "now a": "2026-01-01T12:00:00Z",
        "control b": {"cancelled": False, "exhausted": "enough", "reason": ""},
    }
