"""A change to a host, made once whatever crashes: written ahead, dispatched by one, settled.

    nothing -> intended     lease held; before-state captured; both durable before a byte is sent
    intended -> dispatched  still allowed, still sensible; whoever makes this move may send
    dispatched -> done | refused | unknown    from the host's own receipt of the intent

Resumed at any point, `once` goes on from what the ledger says. What was dispatched is never sent
again blindly: the host is asked what it knows of the intent, and the gate there starts no intent
twice. What even the host cannot tell is `unknown`, and a person looks. Asking tells the host this
run's fence too: what an earlier worker still has on its way is refused from then on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from app import log
from app.audit.intents import Claim, Intent
from app.domain.action import ActionCall
from app.domain.host import Host
from app.domain.intent import IntentState
from app.domain.value import JsonObject
from app.domain.verdict import ALREADY_SO, TAKEN_BACK, ChangeResult, ChangeStatus, Decision
from app.engine.holding import Holding
from app.engine.parts import Hands, Records
from app.errors import Fenced
from app.execution.gate_protocol import UNHEARD_SECONDS
from app.execution.ports import Receipt, ReceiptState, Watch

logger = log.get(__name__)

POLL_SECONDS = 1.0  # between two looks at a receipt of what still runs
MARGIN_SECONDS = 20.0  # beyond the entry's own timeout, for a host that is slow to answer

Refusal = Callable[[], Awaitable[str]]
"""Why the change may not be made now, as a sentence; "" where it may."""

PRECONDITION = "precondition"
"""`ChangeResult.how` where the host is not in the state that the change is meant for."""

TAKEN_BACK_CODE = 75
"""The exit code of a change that its host took back: it did not last."""

_SETTLED = (IntentState.DONE, IntentState.REFUSED)


_TAKEN_BACK = f"the host took it back: it heard nothing of the agent for {UNHEARD_SECONDS} s"


@dataclass(frozen=True)
class Wanted:
    """One change to be made under one intent."""

    intent_id: str
    execution_id: int
    workflow_id: str
    call: ActionCall
    host: Host
    decision: Decision
    refusal: Refusal  # asked at the last moment, after the before-state was captured
    undo_of: str | None = None


@dataclass
class Changes:
    """The flow of one change over the ledger and the host."""

    records: Records
    hands: Hands
    holding: Holding
    capture: Callable[[str, Mapping[str, ActionCall]], Awaitable[dict[str, JsonObject]]]
    """(key of the rows, diagnostics by name) -> facts by name; of a failed one there are none."""

    _resent: set[str] = field(default_factory=set)

    async def once(self, wanted: Wanted) -> ChangeResult:
        """Make the change, or find out what became of it."""
        intent = await self.records.intents.get(wanted.intent_id)
        known = intent is not None and intent.state in _SETTLED
        if intent is None:
            intent = await self._intend(wanted)
            intent = await self._dispatch(wanted, intent, intent.before)
        elif intent.state is IntentState.INTENDED:
            intent = await self._dispatch(wanted, intent, await self._before(wanted, again=True))
        if intent.state not in _SETTLED:
            intent = await self._settle_from_host(wanted, intent)
        return self._result(wanted, intent, from_ledger=known)

    async def _intend(self, wanted: Wanted) -> Intent:
        """Write down what is about to be done and how things are before it."""
        before = await self._before(wanted)
        return await self.records.intents.open(
            Intent(
                id=wanted.intent_id,
                execution_id=wanted.execution_id,
                workflow_id=wanted.workflow_id,
                host=wanted.host.name,
                call=wanted.call,
                before=before,
                decision=wanted.decision.model_dump(mode="json"),
                plan_hash=wanted.decision.plan_hash,
                fence=self._fence(wanted),
                undo_of=wanted.undo_of,
                simulated=self.hands.simulated,
            )
        )

    async def _dispatch(self, wanted: Wanted, intent: Intent, facts: JsonObject) -> Intent:
        """The last look, then the one move that permits sending, then sending."""
        reason, how = await self._refusal(wanted, facts)
        if reason:
            return await self._settle(intent, IntentState.REFUSED, output=reason, how=how)
        if not await self.records.intents.dispatch(intent.id, self._claim(wanted)):
            return await self._stored(intent)
        return await self._send(wanted, await self._stored(intent))

    async def _refusal(self, wanted: Wanted, facts: JsonObject) -> tuple[str, str]:
        """Why it must not be sent, "" where it may, and which kind of no that is.

        `facts` is the state as it is now.
        """
        if not await self._is_held(wanted):
            return f"{wanted.host.name} is not leased to {wanted.workflow_id} any more.", "refused"
        unmet = self.hands.catalog.unmet(wanted.call, facts)
        if unmet and self.hands.catalog.is_so(wanted.call, facts):
            return f"It is already so: {'; '.join(unmet)}.", ALREADY_SO
        if unmet:
            return "Its precondition does not hold: " + "; ".join(unmet) + ".", PRECONDITION
        return await wanted.refusal(), "refused"

    async def _send(self, wanted: Wanted, intent: Intent) -> Intent:
        receipt = await self.hands.hosts.change(
            wanted.host,
            wanted.call,
            intent_id=intent.id,
            fence=self._fence(wanted),
            undo=self._unless_heard(wanted, intent),
        )
        return await self._settle_by(await self._heard(wanted, receipt), intent, how="ran")

    def _unless_heard(self, wanted: Wanted, intent: Intent) -> tuple[ActionCall, ...]:
        """What the host runs by itself where the agent cannot reach it any more after the change.

        An undo has none: it leads back to where the agent was heard.
        """
        may_cut_off = self.hands.catalog.entry(wanted.call.action).cuts_off
        if not may_cut_off or wanted.undo_of is not None or not wanted.host.gate:
            return ()
        return self.hands.catalog.undo(wanted.call, intent.before, wanted.host).calls

    async def _heard(self, wanted: Wanted, receipt: Receipt) -> Receipt:
        """Say that we still get through, where the host waits for it; until it can tell the end.

        Whether it is heard is the host's to say: it takes back what it heard nothing of.
        """
        if receipt.watch is not Watch.WAITING:
            return receipt
        deadline = monotonic() + UNHEARD_SECONDS + MARGIN_SECONDS
        told = receipt
        while told.watch is Watch.WAITING or told.state is ReceiptState.UNREACHABLE:
            told = await self.hands.hosts.confirm(wanted.host, receipt.intent_id)
            if told.watch not in (Watch.WAITING, Watch.NONE):
                return told
            if monotonic() > deadline:
                break
            await asyncio.sleep(POLL_SECONDS)
        return told

    async def _settle_from_host(self, wanted: Wanted, intent: Intent) -> Intent:
        """Ask the host what became of the intent until it can say, or time is up."""
        entry = self.hands.catalog.entry(wanted.call.action)
        deadline = monotonic() + entry.timeout + MARGIN_SECONDS
        receipt = Receipt(intent_id=intent.id, state=ReceiptState.UNREACHABLE)
        while intent.state not in _SETTLED and monotonic() < deadline:
            fence = self._fence(wanted)
            receipt = await self.hands.hosts.receipt(wanted.host, intent.id, fence=fence)
            receipt = await self._heard(wanted, receipt)
            if receipt.state is ReceiptState.LOST:
                break
            if receipt.state is ReceiptState.NONE and intent.id not in self._resent:
                self._resent.add(intent.id)
                intent = await self._send_late(wanted, intent)
                continue
            intent = await self._settle_by(receipt, intent, how="receipt")
            if intent.state not in _SETTLED:
                await asyncio.sleep(POLL_SECONDS)
        if intent.state in _SETTLED:
            return intent
        return await self._give_up(intent, receipt)

    async def _send_late(self, wanted: Wanted, intent: Intent) -> Intent:
        """The host has never seen what we meant to send before a crash: it is as if intended."""
        now = await self._before(wanted, again=True)
        reason, how = await self._refusal(wanted, now)
        if reason:
            return await self._settle(intent, IntentState.REFUSED, output=reason, how=how)
        return await self._send(wanted, intent)

    async def _settle_by(self, receipt: Receipt, intent: Intent, *, how: str) -> Intent:
        """Settle where the receipt decides it; otherwise the intent as it is."""
        if receipt.watch is Watch.TAKEN_BACK:
            return await self._settle(
                intent,
                IntentState.DONE,
                exit_code=TAKEN_BACK_CODE,
                output=f"{receipt.output}\n[{_TAKEN_BACK}]".strip(),
                how=TAKEN_BACK,
            )
        if receipt.state is ReceiptState.ENDED:
            return await self._settle(
                intent,
                IntentState.DONE,
                exit_code=receipt.exit_code,
                output=receipt.output,
                how="receipt" if receipt.repeated else how,
            )
        if receipt.state is ReceiptState.REFUSED:
            output = receipt.reason or receipt.output
            return await self._settle(intent, IntentState.REFUSED, output=output, how="gate")
        return intent

    async def _give_up(self, intent: Intent, receipt: Receipt) -> Intent:
        logger.warning(
            "the outcome of a change is not known", intent=intent.id, receipt=receipt.state.value
        )
        reason = receipt.reason or f"The host's receipt says {receipt.state.value}."
        return await self._settle(intent, IntentState.UNKNOWN, output=reason, how="unsettled")

    async def _settle(
        self,
        intent: Intent,
        state: IntentState,
        *,
        exit_code: int | None = None,
        output: str,
        how: str,
    ) -> Intent:
        return await self.records.intents.settle(
            intent.id,
            state,
            exit_code=exit_code,
            output=output,
            how=how,
            worker=self.holding.worker,
        )

    async def _before(self, wanted: Wanted, *, again: bool = False) -> JsonObject:
        """The facts that its undo and its preconditions need, by name.

        `again`: after a crash. The undo goes by the first look; whether to go on, by this one.
        """
        captures = self.hands.catalog.captures(wanted.call)
        if not captures:
            return {}
        row = f"{wanted.intent_id}.{'again' if again else 'before'}"
        return dict(await self.capture(row, captures))

    def _claim(self, wanted: Wanted) -> Claim | None:
        return self.holding.claim(wanted.host.name)

    def _fence(self, wanted: Wanted) -> int:
        """The fence under which this run holds the host; 0 where it does not."""
        claim = self._claim(wanted)
        return 0 if claim is None else claim.fence

    async def _is_held(self, wanted: Wanted) -> bool:
        """Whether this run may change the host. Raises Fenced where another worker's run may."""
        lease = await self.records.leases.holder(wanted.host.name)
        if lease is None or lease.owner != wanted.workflow_id:
            return False
        if lease.fence != self._fence(wanted):
            raise Fenced(f"{wanted.workflow_id} goes on with another worker.")
        return True

    async def _stored(self, intent: Intent) -> Intent:
        stored = await self.records.intents.get(intent.id)
        assert stored is not None, f"intent {intent.id} was written a moment ago"
        return stored

    def _result(self, wanted: Wanted, intent: Intent, *, from_ledger: bool) -> ChangeResult:
        stands = intent.state is not IntentState.REFUSED and intent.how != TAKEN_BACK
        undo = self.hands.catalog.undo(wanted.call, intent.before, wanted.host)
        return ChangeResult(
            call=wanted.call,
            intent_id=intent.id,
            status=_status(intent, simulated=self.hands.simulated),
            exit_code=intent.exit_code,
            output=intent.output,
            how="ledger" if from_ledger and stands else intent.how,
            before=intent.before,
            undo=undo.calls if stands else (),
            undo_note=undo.note if stands else "Nothing of it stands.",
            settle=undo.settle if stands else (),
            seconds=_seconds(intent),
        )


def _status(intent: Intent, *, simulated: bool) -> ChangeStatus:
    if intent.state is IntentState.DONE:
        return ChangeStatus.SIMULATED if simulated else ChangeStatus.DONE
    if intent.state is IntentState.REFUSED:
        return ChangeStatus.REFUSED
    return ChangeStatus.UNKNOWN


def _seconds(intent: Intent) -> float:
    if intent.dispatched_at is None or intent.settled_at is None:
        return 0.0
    return (intent.settled_at - intent.dispatched_at).total_seconds()
