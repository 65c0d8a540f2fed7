"""Past incidents like this one, by full-text search, and what helped then.

SQLite's FTS5 and PostgreSQL's tsvector rank the same texts: how the incident was told, and what
was found. The newest executions are indexed when they are asked for, so there is no index to keep
true; MOST_SEARCHED bounds the work. A ticket's words are untrusted: only letters and digits of them
reach a query, each as a term of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.execution import ACTIVE, Outcome
from app.domain.intent import IntentState
from app.domain.value import Value
from app.errors import NotFound
from app.models.database import Database
from app.models.operations import CommandIntent
from app.models.sre_execution import Execution, VerificationRow

MOST_SEARCHED = 2000
MOST_TERMS = 32
_TERM = re.compile(r"[^\W_]{3,40}")
_COMMON = frozenset(
    ["the", "and", "not", "for", "are", "was", "with", "from", "this", "that", "has"]
)


class SimilarIncident(Value):
    """One ended execution that reads alike, the most alike first."""

    execution_id: int
    incident_number: str
    host: str
    short_description: str
    outcome: Outcome | None
    root_cause: str
    helped: tuple[str, ...]  # what was done and stood, where a verification proved it; else empty
    recommended: tuple[str, ...]
    ended_at: datetime | None
    simulated: bool


class Similar:
    """Searches the audit. Nothing here writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def to(self, execution_id: int, *, limit: int = 5) -> tuple[SimilarIncident, ...]:
        """Ended executions like this one; simulated ones only for a simulated one. NotFound."""
        async with self._database.reading() as session:
            execution = await session.get(Execution, execution_id)
            if execution is None:
                raise NotFound(f"There is no execution {execution_id}.")
            found = await _ranked(session, execution, limit)
            return tuple([await _shown(session, each) for each in found])


def terms_of(*texts: str) -> tuple[str, ...]:
    """The words of a text that are worth searching for; lower case, each once."""
    words = (word.lower() for text in texts for word in _TERM.findall(text))
    return tuple(dict.fromkeys(word for word in words if word not in _COMMON))[:MOST_TERMS]


async def _ranked(session: AsyncSession, to: Execution, limit: int) -> Sequence[Execution]:
    terms = terms_of(to.short_description, to.description, to.host, to.claimed_service or "")
    if not terms:
        return ()
    sqlite = session.get_bind().dialect.name == "sqlite"
    ids = await (_by_fts5 if sqlite else _by_tsvector)(session, to, terms, limit)
    rows = {row.id: row for row in (await session.execute(_those(ids))).scalars()}
    return [rows[each] for each in ids]


def _those(ids: Sequence[int]) -> Select[Execution]:
    return select(Execution).where(Execution.id.in_(ids))


def _searched(to: Execution) -> Select[int, str]:
    """The texts of the executions that are searched."""
    texts = (
        Execution.short_description, Execution.description, Execution.host,
        Execution.claimed_service, Execution.root_cause,
    )  # fmt: skip
    told: ColumnElement[str] = func.coalesce(texts[0], literal(""))
    for each in texts[1:]:
        told = told.concat(" ").concat(func.coalesce(each, literal("")))
    return (
        select(Execution.id, told.label("told"))
        .where(
            Execution.id != to.id,
            Execution.simulated.is_(to.simulated),
            Execution.status.not_in(ACTIVE),
        )
        .order_by(Execution.id.desc())
        .limit(MOST_SEARCHED)
    )


async def _by_fts5(
    session: AsyncSession, to: Execution, terms: Sequence[str], limit: int
) -> list[int]:
    """A temporary index of this connection: it sees the same moment and leaves nothing behind."""
    rows = (await session.execute(_searched(to))).all()
    if not rows:
        return []
    await session.execute(text("DROP TABLE IF EXISTS temp.told_text"))
    await session.execute(text("CREATE VIRTUAL TABLE temp.told_text USING fts5(told)"))
    await session.execute(
        text("INSERT INTO temp.told_text (rowid, told) VALUES (:id, :told)"),
        [{"id": row.id, "told": row.told} for row in rows],
    )
    wanted = text(
        "SELECT rowid FROM temp.told_text WHERE told_text MATCH :terms "
        "ORDER BY bm25(told_text), rowid DESC LIMIT :limit"
    )
    query = " OR ".join(f'"{term}"' for term in terms)
    found = (await session.execute(wanted, {"terms": query, "limit": limit})).scalars().all()
    await session.execute(text("DROP TABLE temp.told_text"))
    return list(found)


async def _by_tsvector(
    session: AsyncSession, to: Execution, terms: Sequence[str], limit: int
) -> list[int]:
    searched = _searched(to).subquery()
    # its parser takes `shop.service` for the name of a host: words are told apart first, as by FTS5
    words = func.regexp_replace(searched.c.told, "[^[:alnum:]]+", " ", "g")
    vector = func.to_tsvector("simple", words)
    query = func.to_tsquery("simple", " | ".join(f"'{term}'" for term in terms))
    wanted = (
        select(searched.c.id)
        .where(vector.op("@@")(query))
        .order_by(func.ts_rank_cd(vector, query).desc(), searched.c.id.desc())
        .limit(limit)
    )
    return list((await session.execute(wanted)).scalars())


async def _shown(session: AsyncSession, execution: Execution) -> SimilarIncident:
    return SimilarIncident(
        execution_id=execution.id,
        incident_number=execution.incident_number,
        host=execution.host,
        short_description=execution.short_description,
        outcome=execution.outcome,
        root_cause=execution.root_cause,
        helped=await _helped(session, execution),
        recommended=tuple(execution.recommended),
        ended_at=execution.ended_at,
        simulated=execution.simulated,
    )


async def _helped(session: AsyncSession, execution: Execution) -> tuple[str, ...]:
    """Actions that ran, were not taken back, and ended behind a green verification."""
    green = select(VerificationRow.id).where(
        VerificationRow.execution_id == execution.id, VerificationRow.healed
    )
    resolved = execution.outcome is Outcome.RESOLVED
    if not resolved or (await session.execute(green)).first() is None:
        return ()
    ran = (
        select(CommandIntent)
        .where(
            CommandIntent.execution_id == execution.id,
            CommandIntent.state == IntentState.DONE,
            CommandIntent.exit_code == 0,
        )
        .order_by(CommandIntent.intended_at, CommandIntent.id)
    )
    rows = (await session.execute(ran)).scalars().all()
    undone = {row.undo_of for row in rows}
    stood = (row.call for row in rows if row.undo_of is None and row.id not in undone)
    return tuple(dict.fromkeys(_label(call) for call in stood))


def _label(call: dict[str, object]) -> str:
    params = call.get("params")
    told = [f"{k}={v}" for k, v in params.items()] if isinstance(params, dict) else []
    return " ".join([str(call["action"]), *told])
