"""What must hold at the end: each a list of sentences on where it does not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, groupby
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.execution import ACTIVE, Outcome
from app.domain.intent import IntentState
from app.models.chain import AuditEntry
from app.models.database import Database
from app.models.operations import CommandIntent
from app.models.sre_execution import Execution
from tests.chaos.estate import UNITS, needs_person


async def broken(database: Database, root: Path, numbers: Sequence[str]) -> list[str]:
    """Everything that does not hold; [] where all does."""
    async with database.reading() as session:
        executions = (await session.execute(select(Execution).order_by(Execution.id))).scalars()
        intents = (await session.execute(select(CommandIntent))).scalars()
        rows, changes = list(executions), list(intents)
        begun = await _begun(session)
    hosts = {folder.name: folder for folder in sorted((root / "hosts").iterdir())}
    return [
        *_each_ended_once(rows, numbers),
        *_sent_once(hosts),
        *_told_truly(rows, changes, hosts),
        *(wrong for folder in hosts.values() for wrong in _one_at_a_time(folder)),
        *(wrong for n in hosts for wrong in _in_order([r for r in rows if r.host == n], begun)),
    ]


def _each_ended_once(rows: Sequence[Execution], numbers: Sequence[str]) -> Iterator[str]:
    """No incident is lost, and none has two executions."""
    times = Counter(row.incident_number for row in rows)
    for number in numbers:
        if times[number] != 1:
            yield f"{number} has {times[number]} executions"
    for row in rows:
        if row.status in ACTIVE or row.outcome is None or row.ended_at is None:
            yield f"{row.incident_number} has not ended: {row.status}"


def _sent_once(hosts: dict[str, Path]) -> Iterator[str]:
    """No command reached a host twice for one intent, and none was begun twice."""
    for name, folder in hosts.items():
        for what in ("arrivals", "diary"):
            lines = [line.split()[:2] for line in _lines(folder / what)]
            begun = Counter(intent for word, intent in lines if word in ("sent", "start"))
            yield from (f"{what} of {name}: {i} {n} times" for i, n in begun.items() if n > 1)


def _told_truly(
    rows: Sequence[Execution], changes: Sequence[CommandIntent], hosts: dict[str, Path]
) -> Iterator[str]:
    """What is said to have been done was done on the host, and what was resolved all of it."""
    ended = {
        line.split()[1]
        for folder in hosts.values()
        for line in _lines(folder / "diary")
        if line.startswith("end ")
    }
    for change in changes:
        if change.state is IntentState.DONE and change.id not in ended:
            yield f"{change.id} is said to be done and was not"
    done = Counter(c.execution_id for c in changes if c.state is IntentState.DONE)
    for row in rows:
        if row.outcome is Outcome.RESOLVED and done[row.id] != len(UNITS):
            yield f"execution {row.id} is resolved with {done[row.id]} changes"


def _one_at_a_time(folder: Path) -> Iterator[str]:
    """One change at a time on a host, and one execution's changes not amid another's."""
    words = [line.split()[:2] for line in _lines(folder / "diary")]
    for (first, intent), (second, other) in zip(words[::2], words[1::2], strict=False):
        if (first, second) != ("start", "end") or intent != other:
            yield f"{folder.name}: {other} {second} after {intent} {first}"
    owners = [intent.split("-")[1] for word, intent in words if word == "start"]
    blocks = [owner for owner, _ in groupby(owners)]
    if len(blocks) != len(set(blocks)):
        yield f"{folder.name}: executions amid each other: {blocks}"


async def _begun(session: AsyncSession) -> dict[int, int]:
    """Where in the audit's chain each execution began: its order is not that of any clock."""
    wanted = select(AuditEntry).where(AuditEntry.about == Execution.__tablename__)
    begun: dict[int, int] = {}
    for entry in (await session.execute(wanted.order_by(AuditEntry.seq))).scalars():
        if json.loads(entry.content)["running_at"] is not None:
            begun.setdefault(int(entry.row_id), entry.seq)
    return begun


def _in_order(rows: Sequence[Execution], begun: Mapping[int, int]) -> Iterator[str]:
    """Who came first began first, but for those that waited for a person."""
    plain = [row for row in rows if not needs_person(row.id) and row.id in begun]
    for first, second in combinations(plain, 2):
        if begun[second.id] < begun[first.id]:
            yield f"{first.host}: execution {second.id} began before {first.id}"


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
