"""What an agent did, step by step, kept beside the rows of its run.

Traces in the cache hold the newest run of a scenario only; rows are kept for longer, and so is
what explains them. `rows.jsonl` has `rows.timelines.jsonl`: one line a scenario.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from app.lab.agents import Agent

SUFFIX = ".timelines.jsonl"


class Entry(BaseModel):
    """One line of the story, as the API tells it; what else it says is kept, not shown."""

    model_config = ConfigDict(extra="allow", frozen=True)

    action_type: str
    title: str
    status: str
    duration_seconds: float = 0.0
    created_at: datetime


class Timeline(BaseModel):
    """The story of one scenario."""

    model_config = ConfigDict(frozen=True)

    id: str
    root_cause: str | None = None
    started_at: datetime | None = None
    timeline: tuple[Entry, ...] = ()


def beside(rows: Path) -> Path:
    """Where the timelines of a file of rows are."""
    return rows.with_name(rows.stem + SUFFIX)


def keep(rows: Path, scenario: str, agent: Agent) -> None:
    """Add what an agent says of its work on a scenario, where it says anything."""
    story = agent.story()
    if not story.get("timeline"):
        return
    line = json.dumps({"id": scenario, **story}, ensure_ascii=False) + "\n"
    # unbuffered, so one write each: scenarios that end at once do not mix their lines
    with beside(rows).open("ab", buffering=0) as file:
        file.write(line.encode(errors="replace"))  # half a surrogate pair is no text


def read_beside(rows: Path) -> dict[str, Timeline]:
    """The timelines of a file of rows. They only explain: what is unreadable is left out."""
    place = beside(rows)
    found: dict[str, Timeline] = {}
    if not place.is_file():
        return found
    for line in place.read_bytes().splitlines():
        try:
            timeline = Timeline.model_validate_json(line)
        except ValidationError:
            continue  # cut off when the run was killed
        found[timeline.id] = timeline
    return found
