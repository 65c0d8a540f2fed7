"""Whole executions with each double: they end as without a model, and change what they changed."""

from __future__ import annotations

import pytest

from app.domain.event import EntryStatus
from app.domain.execution import Outcome
from app.reasoning.language.doubles import Behaviour, DoubleModel
from app.reasoning.port import Assessment, Case
from app.services.ports import Ending
from app.services.proving import WatchTimes
from app.services.self_healing_sre_agent import Limits, run_execution
from tests.unit.reasoning.language.situations import Remembered, beside
from tests.unit.services.world import FRONT, World, unit

LIMITS = Limits(rounds=4, changes=2, watch=WatchTimes(reversible=1, disruptive=1))


class Advised(World):
    """The small world with a model beside its reasoner."""

    def __init__(self, model: DoubleModel) -> None:
        super().__init__()
        self.model = model
        self.memory = Remembered()

    async def assess(self, key: str, case: Case) -> Assessment:
        self._key(key)
        return await beside(self.model, self.memory, step=key).assess(case)


def stopped(world: World) -> None:
    """Starting it heals."""
    world.stop()
    world.reacts["service.start"] = lambda call: world.start(str(call.params["unit"]))


def stuck(world: World) -> None:
    """Starting it does not heal: in the end nothing stands out."""
    world.stop()


def broken_beside(world: World) -> None:
    """Healing one thing breaks another."""
    world.stop()

    def react(_call: object) -> None:
        world.start()
        world.units["side.service"] = unit("side.service", "failed", "failed", "exit-code")

    world.reacts["service.start"] = react


def healthy(_world: World) -> None:
    """A false alarm."""


async def run(world: World) -> Ending:
    return await run_execution(world, world.given(), LIMITS)


@pytest.mark.parametrize("behaviour", list(Behaviour))
@pytest.mark.parametrize("fault", [stopped, stuck, broken_beside, healthy])
async def test_an_execution_ends_as_it_does_without_a_model(
    behaviour: Behaviour, fault: object
) -> None:
    plain, advised = World(), Advised(DoubleModel(behaviour))
    for world in (plain, advised):
        assert callable(fault)
        fault(world)
    without, with_model = await run(plain), await run(advised)
    assert with_model == without
    assert (advised.changed, advised.undone) == (plain.changed, plain.undone)
    assert advised.conclusion is not None
    assert plain.conclusion is not None
    assert advised.conclusion.root_cause == plain.conclusion.root_cause
    assert advised.conclusion.summary.startswith(plain.conclusion.summary)
    assert not advised.held


async def test_where_a_model_fails_the_timeline_says_so_and_the_summary_is_the_own_one() -> None:
    advised = Advised(DoubleModel(Behaviour.SLOW))
    stuck(advised)
    ending = await run(advised)
    assert ending.outcome is Outcome.ESCALATED
    said = [e.title for e in advised.timeline.values() if e.status is EntryStatus.FAILED]
    assert any("the built-in reasoner goes on alone" in title for title in said), said
    assert len(advised.model.asked) == 1


async def test_what_a_model_explains_is_marked_as_its_own() -> None:
    advised = Advised(DoubleModel(Behaviour.SCRIPTED))
    stuck(advised)
    await run(advised)
    assert advised.conclusion is not None
    assert FRONT not in advised.conclusion.recommended
    assert "double-scripted reads it so, unproven" in advised.conclusion.summary
