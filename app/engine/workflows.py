"""What the engine says of a workflow: its name, its state, its version."""

from __future__ import annotations

from enum import StrEnum

from app.domain.value import Value

GRAPH_EPOCH = "graph-8"
"""What recorded steps belong to. Raise it when the graph asks for other steps in another order:
what was begun under another epoch is finished by workers of that epoch while there are any, and
handed over to a person where there are none (app/engine/handover.py)."""


class WorkflowState(StrEnum):
    """What is known of a workflow, in our words."""

    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"
    FAILED = "failed"  # it raised, or was given up


class Workflow(Value):
    """One workflow's row: `exe-<execution_id>-<number>`."""

    id: str
    state: WorkflowState
    worker: str | None  # who ran it last
    epoch: str = GRAPH_EPOCH
    takeovers: int = 0  # how often a dead worker's run of it was taken over

    @property
    def ended(self) -> bool:
        """Whether it has ended for good, well or not."""
        return self.state in (WorkflowState.ENDED, WorkflowState.FAILED)

    @property
    def execution_id(self) -> int:
        return workflow_of(self.id)[0]


def workflow_id(execution_id: int, number: int) -> str:
    """The permanent name of one workflow; enqueuing the same one twice is once."""
    return f"exe-{execution_id}-{number}"


def workflow_of(name: str) -> tuple[int, int]:
    """(execution id, number) of a workflow id; ValueError for a foreign one."""
    prefix, execution_id, number = name.split("-")
    if prefix != "exe":
        raise ValueError(f"{name!r} is not exe-<execution>-<number>")
    return int(execution_id), int(number)
