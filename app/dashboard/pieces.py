"""Pieces of pages that have changed, by the same templates as the pages themselves."""

from __future__ import annotations

from collections.abc import Iterator

from app.audit.overview import Overview
from app.dashboard.broadcaster import Change, Piece
from app.dashboard.frame import Frame
from app.dashboard.rendering import render
from app.dashboard.story import Story, proofs, told
from app.domain.approval import ApprovalState
from app.engine.parts import Records
from app.execution.catalog import Catalog

LOG_LINES = 500
"""Lines of the log on one page. Executions have fewer, unless EXECUTION_MAX_COMMANDS was raised."""

SECTIONS = ("head", "outcome", "causes", "model", "changes", "timeline")


class Pieces:
    """Renders what has changed, once for all who look."""

    def __init__(self, records: Records, catalog: Catalog, overview: Overview) -> None:
        self._records = records
        self._catalog = catalog
        self._overview = overview
        self._shown: dict[int, int] = {}  # by execution: the last line that was sent

    async def of(self, change: Change) -> list[Piece]:
        """The pieces of the executions and questions that have changed."""
        pieces = [
            piece
            for execution_id in sorted(change.executions)
            for piece in await self._of_execution(execution_id)
        ]
        if change.questions:
            pieces += await self._of_questions(change.questions)
        if change.pause:
            frame = Frame(simulated=False, pause=await self._records.pauses.current())
            pieces.append(Piece("stopped", render("_stopped.html", frame=frame)))
        return pieces

    async def story(self, execution_id: int, *, after: int = 0) -> tuple[Story, int | None]:
        """An execution with its log's lines after a number; and the number for the next page."""
        execution = await self._records.reading.execution(execution_id)
        log = await self._records.reading.logs(execution_id, after=after, limit=LOG_LINES)
        questions = await self._records.approvals.listed(execution_id=execution_id)
        hashes = await self._overview.output_hashes(execution_id)
        spent = await self._records.model_calls.spent(execution_id)
        story = told(execution, log.logs, questions, hashes, self._catalog, spent)
        return story, log.next_after

    async def _of_execution(self, execution_id: int) -> list[Piece]:
        story, _ = await self.story(execution_id)
        seen = self._shown.get(execution_id, 0)
        self._shown[execution_id] = story.last_line
        if not story.active:
            self._shown.pop(execution_id)
        return [*_sections(story), *_lines(story, after=seen)]

    async def _of_questions(self, numbers: frozenset[int]) -> list[Piece]:
        pending = await self._records.approvals.listed(state=ApprovalState.PENDING)
        count = Frame(simulated=False, waiting=len(pending))
        pieces = [
            Piece("waiting", render("_waiting.html", questions=pending)),
            Piece("waiting-count", render("_waiting_count.html", frame=count)),
        ]
        for number in sorted(numbers):
            question = await self._records.approvals.get(number)
            html = render("_question_state.html", question=question)
            pieces.append(Piece(f"q{number}-state", html))
        return pieces


def _sections(story: Story) -> Iterator[Piece]:
    number = story.execution.execution_id
    row = render("_row.html", execution=story.execution)
    yield Piece(f"row-{number}", row, into="rows", first=True)
    for name in SECTIONS:
        html = render(f"_{name}.html", story=story, proofs=proofs(story.execution))
        yield Piece(f"x{number}-{name}", html)


def _lines(story: Story, *, after: int) -> Iterator[Piece]:
    number = story.execution.execution_id
    for line in story.lines:
        if line.view.step > after:
            html = render("_line.html", story=story, line=line)
            yield Piece(f"x{number}-l{line.view.step}", html, into=f"x{number}-log")
