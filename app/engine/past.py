"""What the past has to say on one execution: lessons for the reasoner, similar incidents to see."""

from __future__ import annotations

from app.audit.similar import SimilarIncident
from app.domain.event import EntryStatus, TimelineEntry
from app.domain.execution import Step
from app.domain.lesson import Lesson
from app.engine.parts import Inventory, Records
from app.errors import UnknownTarget

MOST_TOLD = 3


class Past:
    """The past as one execution may know it."""

    def __init__(self, execution_id: int, records: Records, inventory: Inventory) -> None:
        self._id = execution_id
        self._records = records
        self._inventory = inventory

    async def lessons(self) -> tuple[Lesson, ...]:
        """Every lesson, its host's groups as the inventory has them now."""
        return tuple(
            lesson.model_copy(update={"groups": self._groups(lesson.host)})
            for lesson in await self._records.lessons.all()
        )

    async def tell_similar(self, key: str) -> None:
        """A line of the timeline on past incidents that read alike; none where there are none."""
        found = await self._records.similar.to(self._id, limit=MOST_TOLD)
        if not found:
            return
        line = TimelineEntry(
            key=key,
            step=Step.HYPOTHESIZE,
            title=f"Read alike: {'; '.join(map(_told, found))}"[:500],
            status=EntryStatus.COMPLETED,
            detail={"similar": [each.execution_id for each in found]},
        )
        await self._records.journal.record(self._id, key, timeline=[line])

    def _groups(self, host: str) -> tuple[str, ...]:
        try:
            return self._inventory.get(host).groups
        except UnknownTarget:  # it has left the inventory since
            return ()


def _told(past: SimilarIncident) -> str:
    helped = f", helped by {', '.join(past.helped)}" if past.helped else ""
    return f"execution {past.execution_id} on {past.host} ({past.outcome}{helped})"
