"""The write-ahead ledger: what is about to be changed on a host, before it is sent.

    intended --dispatch()--> dispatched --settle()--> done | refused | unknown --settle()--> ...

Only who gets True from `dispatch` sends the command. An intent found dispatched without an outcome
is settled from what the host knows of it, never by sending it as if for the first time. Where the
durable engine and this ledger disagree, the ledger is right.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.workers import require_alive
from app.audit.writing import Writer
from app.domain.action import ActionCall
from app.domain.intent import INTENT_MOVES, IntentState
from app.domain.value import JsonObject, Value
from app.domain.verdict import Decision
from app.errors import Conflict, Fenced, NotFound
from app.models.database import database_now
from app.models.operations import CommandIntent, HostLease
from app.redaction.redactor import REDACTOR


class Intent(Value):
    """One change: what, where, by which right, and what came of it."""

    id: str  # given by the engine, the same on every try: "exe-7-1.change-1"
    execution_id: int
    workflow_id: str
    host: str
    call: ActionCall
    before: JsonObject  # captured state that the undo needs
    decision: Decision
    plan_hash: str
    fence: int
    undo_of: str | None = None
    simulated: bool
    state: IntentState = IntentState.INTENDED
    exit_code: int | None = None
    output: str = ""  # redacted, capped
    how: str = ""  # "ran" | "receipt" | ...: how the outcome is known
    intended_at: datetime | None = None  # None: not written down yet
    dispatched_at: datetime | None = None
    settled_at: datetime | None = None


class Claim(Value):
    """By which right a change is sent: a live worker's, that holds the host under this fence."""

    worker: str
    fence: int


class Intents(Writer):
    """The ledger of all changes."""

    async def open(self, intent: Intent) -> Intent:
        """Write an intent down. The same id again returns what is written already.

        Raises Conflict where the id stands for another call or host.
        """

        async def work(session: AsyncSession) -> Intent:
            row = await session.get(CommandIntent, intent.id)
            if row is None:
                row = _row(intent)
                session.add(row)
                await session.flush()
            written = _value(row)
            if (written.host, written.call) != (intent.host, intent.call):
                raise Conflict(
                    f"Intent {intent.id} is written down for {written.call.label()}, not for "
                    f"{intent.call.label()}."
                )
            return written

        return await self._write(f"Intent {intent.id}", work)

    async def dispatch(self, intent_id: str, claim: Claim | None = None) -> bool:
        """Claim the sending. True, once and committed, for one caller only: send it now.

        Raises Fenced where the worker was given up, or the host is not held under its fence.
        """

        async def work(session: AsyncSession) -> bool:
            row = await _held(session, intent_id)
            if claim is not None:
                await _require_held(session, row, claim)
            if row.state is not IntentState.INTENDED:
                return False
            row.state, row.dispatched_at = IntentState.DISPATCHED, await database_now(session)
            return True

        return await self._write(f"The dispatch of intent {intent_id}", work)

    async def settle(
        self,
        intent_id: str,
        state: IntentState,
        *,
        exit_code: int | None = None,
        output: str = "",
        how: str,
        worker: str | None = None,
    ) -> Intent:
        """Write down what came of it. An outcome that is known already stands and is returned.

        `worker`: who says so. Raises Fenced where that one was given up; Conflict for a move that
        cannot be, such as the end of what was never dispatched.
        """

        async def work(session: AsyncSession) -> Intent:
            row = await _held(session, intent_id)
            if worker is not None:
                await require_alive(session, worker)
            if not INTENT_MOVES[row.state] or row.state is state:
                return _value(row)
            if state not in INTENT_MOVES[row.state]:
                raise Conflict(f"Intent {intent_id} is {row.state} and cannot become {state}.")
            row.state, row.exit_code, row.how = state, exit_code, how
            row.output = REDACTOR.text(output)
            row.settled_at = await database_now(session)
            return _value(row)

        return await self._write(f"The outcome of intent {intent_id}", work)

    async def get(self, intent_id: str) -> Intent | None:
        """One intent; None where it was never opened."""
        async with self._database.reading() as session:
            row = await session.get(CommandIntent, intent_id)
            return None if row is None else _value(row)

    async def of_execution(self, execution_id: int) -> tuple[Intent, ...]:
        """All of an execution, in the order in which they were opened."""
        return await self._select(
            select(CommandIntent).where(CommandIntent.execution_id == execution_id)
        )

    async def unsettled(self, *, host: str | None = None) -> tuple[Intent, ...]:
        """Those that may have run, with an outcome that nobody knows yet."""
        open_ended = select(CommandIntent).where(
            CommandIntent.state.in_((IntentState.DISPATCHED, IntentState.UNKNOWN))
        )
        if host is not None:
            open_ended = open_ended.where(CommandIntent.host == host)
        return await self._select(open_ended)

    async def recent(
        self, host: str | None = None, *, within_seconds: float, simulated: bool
    ) -> tuple[Intent, ...]:
        """What was sent to a host (or to any) lately: what budgets and the flap guard count."""
        async with self._database.reading() as session:
            since = await database_now(session) - timedelta(seconds=within_seconds)
        wanted = select(CommandIntent).where(
            CommandIntent.simulated == simulated, CommandIntent.dispatched_at >= since
        )
        if host is not None:
            wanted = wanted.where(CommandIntent.host == host)
        return await self._select(wanted)

    async def _select(self, wanted: Select[CommandIntent]) -> tuple[Intent, ...]:
        in_order = wanted.order_by(CommandIntent.intended_at, CommandIntent.id)
        async with self._database.reading() as session:
            return tuple(_value(row) for row in (await session.execute(in_order)).scalars())


async def _require_held(session: AsyncSession, intent: CommandIntent, claim: Claim) -> None:
    """The fencing in the database: who was only slow finds that others went on without it."""
    await require_alive(session, claim.worker)
    lease = await session.get(HostLease, intent.host, with_for_update={"read": True})
    if lease is None or (lease.owner, lease.fence) != (intent.workflow_id, claim.fence):
        raise Fenced(
            f"{intent.host} is not held by {intent.workflow_id} under fence {claim.fence} any more."
        )


async def _held(session: AsyncSession, intent_id: str) -> CommandIntent:
    row = await session.get(CommandIntent, intent_id, with_for_update=True)
    if row is None:
        raise NotFound(f"There is no intent {intent_id}.")
    return row


def _row(intent: Intent) -> CommandIntent:
    return CommandIntent(
        id=intent.id,
        execution_id=intent.execution_id,
        workflow_id=intent.workflow_id,
        host=intent.host,
        call=intent.call.model_dump(mode="json"),
        before=intent.before,
        decision=intent.decision.model_dump(mode="json"),
        plan_hash=intent.plan_hash,
        fence=intent.fence,
        undo_of=intent.undo_of,
        state=IntentState.INTENDED,
        output="",
        how="",
        simulated=intent.simulated,
    )


def _value(row: CommandIntent) -> Intent:
    return Intent(
        id=row.id,
        execution_id=row.execution_id,
        workflow_id=row.workflow_id,
        host=row.host,
        call=ActionCall.model_validate(row.call),
        before=row.before,
        decision=Decision.model_validate(row.decision),
        plan_hash=row.plan_hash,
        fence=row.fence,
        undo_of=row.undo_of,
        simulated=row.simulated,
        state=row.state,
        exit_code=row.exit_code,
        output=row.output,
        how=row.how,
        intended_at=row.intended_at,
        dispatched_at=row.dispatched_at,
        settled_at=row.settled_at,
    )
