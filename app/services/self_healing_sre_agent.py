"""The self-healing agent: a LangGraph graph of six states, built from the table of their moves.

    analyze -> hypothesize <-> diagnose
                   |    ^
                   v    |  (not healed: undone, that cause refuted)
               remediate -> verify -> finalize

Any state may end in finalize: a limit, a cancelled ticket, a decision against the repair. A plan
that needs a person ends the workflow without finalizing; the person's decision starts the next one,
which looks at the host anew. The graph has no checkpointer: it is replayed inside a durable
workflow, and everything it does to the world goes through `Effects`, step by step.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from app.domain.execution import STEP_MOVES, Outcome, Step
from app.errors import EngineError
from app.services import looking, proving, repairing, telling
from app.services.ports import Conclusion, Effects, Ending, EndingKind, ExecutionInput
from app.services.progress import Progress
from app.services.proving import WatchTimes


@dataclass(frozen=True)
class Limits:
    """What ends an execution that gets nowhere, and how long health is watched."""

    rounds: int
    changes: int
    watch: WatchTimes


class GraphState(TypedDict):
    """LangGraph's channels: one, replaced whole by each state."""

    progress: Progress


_Work = Callable[[Progress], Awaitable[Progress]]


class _Node(Protocol):
    """A node as LangGraph calls it: the parameter's name is part of its contract."""

    def __call__(self, state: GraphState) -> Awaitable[GraphState]: ...


def build(effects: Effects, limits: Limits) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The graph of STEP_MOVES over one execution's effects."""

    async def remediate(at: Progress) -> Progress:
        return await repairing.remediate(at, effects, limits.changes)

    async def verify(at: Progress) -> Progress:
        return await proving.verify(at, effects, limits.watch)

    work: dict[Step, _Work] = {
        Step.ANALYZE: lambda at: looking.analyze(at, effects),
        Step.HYPOTHESIZE: lambda at: looking.hypothesize(at, effects),
        Step.DIAGNOSE: lambda at: looking.diagnose(at, effects),
        Step.REMEDIATE: remediate,
        Step.VERIFY: verify,
        Step.FINALIZE: lambda at: repairing.finalize(at, effects),
    }
    graph = StateGraph(GraphState)
    for step, does in work.items():
        graph.add_node(step.value, _node(step, does, effects, limits))
        graph.add_conditional_edges(step.value, _route, [*map(str, STEP_MOVES[step]), END])
    graph.add_edge(START, Step.ANALYZE.value)
    return graph.compile()


def _node(step: Step, does: _Work, effects: Effects, limits: Limits) -> _Node:
    """A state with its safe boundary: cancelled or exhausted executions go to finalize instead."""

    async def run(state: GraphState) -> GraphState:
        at = state["progress"]
        stopped = None if step is Step.FINALIZE else await _stopped(step, at, effects, limits)
        moved = await does(at) if stopped is None else stopped
        if moved.next is not None and moved.next not in STEP_MOVES[step]:
            raise EngineError(f"The state {step} may not move to {moved.next}.")
        return {"progress": moved}

    return run


async def _stopped(step: Step, at: Progress, effects: Effects, limits: Limits) -> Progress | None:
    """Why this state is not entered: a person's cancel, or a limit; None to go on.

    Verification is never cut short: a change was made, and what came of it must be known.
    """
    if step is Step.VERIFY:
        return None
    visit = at.visits.get(step, 0) + 1
    said = await effects.control(f"{step.value}-{visit}.control")
    if said.cancelled:
        text = f"Cancelled: {said.reason or 'no reason given'}"
        return at.step(conclusion=_ended(at, Outcome.CANCELLED, text), next=Step.FINALIZE)
    spent = said.exhausted
    if spent is None and step is Step.DIAGNOSE and visit > limits.rounds:
        spent = f"{limits.rounds} rounds of questions did not separate the causes"
    if spent is None:
        return None
    return at.step(conclusion=_ended(at, Outcome.ESCALATED, spent), next=Step.FINALIZE)


def _ended(at: Progress, outcome: Outcome, text: str) -> Conclusion:
    if at.case is not None and at.assessment is not None:
        return telling.concluded(at, outcome, f"{text}. {at.assessment.statement}")
    return Conclusion(outcome=outcome, root_cause=text, summary=text)


def _route(state: GraphState) -> str:
    moved = state["progress"].next
    return END if moved is None else moved.value


async def run_execution(effects: Effects, given: ExecutionInput, limits: Limits) -> Ending:
    """Run one workflow of an execution to its conclusion or to its question to a person."""
    graph = build(effects, limits)
    steps_at_most = 12 * (limits.rounds + limits.changes) + 20
    start = {"progress": Progress(given=given)}
    ended = await graph.ainvoke(start, {"recursion_limit": steps_at_most})
    at: Progress = ended["progress"]
    if at.waiting_for is not None:
        return Ending(kind=EndingKind.WAITING_APPROVAL, proposal=at.waiting_for)
    if at.conclusion is None:
        raise EngineError("The workflow ended without a conclusion.")
    return Ending(kind=EndingKind.CONCLUDED, outcome=at.conclusion.outcome)
