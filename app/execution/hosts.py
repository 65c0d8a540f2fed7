"""Real hosts behind the port `Hosts`: diagnostics in one batch, changes under receipts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from app.domain.action import ActionCall
from app.domain.evidence import Observation
from app.domain.host import Host
from app.errors import ActionRejected, HostUnreachable
from app.execution import gate_protocol
from app.execution.agentless import plain_command
from app.execution.catalog import Catalog
from app.execution.enrolment import GATE_COMMAND, gate_digest
from app.execution.observations import Observer, RawResult
from app.execution.ports import CONNECTION_LOST, Receipt, ReceiptState
from app.execution.ssh import Completed, SshConnections
from app.execution.ssh_attempts import Attempt, attempts
from app.execution.targets import Inventory
from app.redaction.redactor import REDACTOR, Redactor
from app.secrets.secrets import Secrets

BATCH_BYTES = 64 * 1024 * 1024
CHANGE_MARGIN_SECONDS = 15.0  # beyond the entry's own timeout, for connecting and the gate
RECEIPT_SECONDS = 20.0
CHECK_SECONDS = 60.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SshHosts:
    """The hosts of an inventory, by SSH. Never raises for what a host does."""

    simulated = False

    def __init__(
        self,
        inventory: Inventory,
        catalog: Catalog,
        *,
        known_hosts_file: Path | None = None,
        secrets: Secrets | None = None,
        redactor: Redactor | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._catalog = catalog
        self._digest = gate_digest(catalog)
        self._connections = SshConnections(inventory.by_name, known_hosts_file, secrets)
        self._observer = Observer(catalog, redactor or REDACTOR)
        self._now = now

    async def observe(
        self, host: Host, calls: Sequence[ActionCall], *, deadline_seconds: float = 60.0
    ) -> tuple[Observation, ...]:
        """Run diagnostics in parallel over one connection; answers in the order of `calls`."""
        found: dict[int, Observation] = {}
        fitting: dict[int, ActionCall] = {}
        for index, call in enumerate(calls):
            reason = self._why_not_read(host, call)
            if reason:
                found[index] = self._observer.failed(call, reason, self._now())
            else:
                fitting[index] = call
        ask = self._ask_gate if host.gate else self._ask_plainly
        if fitting:
            found |= await ask(host, fitting, deadline_seconds)
        return tuple(found[index] for index in range(len(calls)))

    async def change(
        self,
        host: Host,
        call: ActionCall,
        *,
        intent_id: str,
        fence: int,
        undo: Sequence[ActionCall] = (),
    ) -> Receipt:
        """Run one changing entry under a receipt. The same intent never starts twice."""
        try:
            entry = self._catalog.check(call, host)
            if not entry.changes:
                reason = f"{call.label()} changes nothing; observe it"
                return _no_change(intent_id, ReceiptState.REFUSED, reason)
            argv = self._catalog.render(call)
            seconds = entry.timeout + CHANGE_MARGIN_SECONDS
            if not host.gate:
                return await self._change_plainly(host, call, intent_id, seconds)
            for one in undo:
                self._catalog.check(one, host)
            request = gate_protocol.change(self._digest, call, intent_id, fence, undo)
            return await self._receipt(host, request, intent_id, seconds, argv)
        except ActionRejected as refusal:
            return _no_change(intent_id, ReceiptState.REFUSED, str(refusal))

    async def confirm(self, host: Host, intent_id: str) -> Receipt:
        """Say that the agent still gets through, over a connection that is made for it."""
        request = gate_protocol.confirm(self._digest, intent_id)
        return await self._receipt(host, request, intent_id, RECEIPT_SECONDS, (), apart=True)

    async def receipt(self, host: Host, intent_id: str, *, fence: int | None = None) -> Receipt:
        """What the host knows of an intent, without starting anything."""
        if not host.gate:
            reason = f"{host.name} has no gate, so it keeps no receipts"
            return _no_change(intent_id, ReceiptState.LOST, reason)
        request = gate_protocol.receipt(self._digest, intent_id, fence)
        return await self._receipt(host, request, intent_id, RECEIPT_SECONDS, ())

    async def enrolled(self, host: Host) -> None:
        """Nothing, where the host's gate is that of this catalog; else HostUnreachable's kinds."""
        request = gate_protocol.receipt(self._digest, "doctor")
        done = await self._run_gate(host, request, RECEIPT_SECONDS)
        if not list(gate_protocol.lines(host, done.stdout, done.stderr)):
            raise HostUnreachable(f"{host.name}'s gate gave no answer.")

    async def attempts(self, host: Host) -> tuple[Attempt, ...]:
        """What somebody with the agent's key would try beside the gate, tried."""
        return await attempts(await self._connections.connected(host))

    async def would_run(self, host: Host, calls: Sequence[ActionCall]) -> tuple[str, ...]:
        """Why the host's gate would not run each of these, "" where it would. Runs none."""
        request = gate_protocol.checks(self._digest, calls)
        done = await self._run_gate(host, request, CHECK_SECONDS)
        answers = {
            answer["id"]: _why_refused(answer)
            for answer in gate_protocol.lines(host, done.stdout, done.stderr)
            if isinstance(answer.get("id"), int)
        }
        return tuple(answers.get(number, "no answer") for number in range(len(calls)))

    async def close(self) -> None:
        """Close every connection."""
        await self._connections.close()

    def _why_not_read(self, host: Host, call: ActionCall) -> str:
        try:
            entry = self._catalog.check(call, host)
        except ActionRejected as refusal:
            return f"refused: {refusal}"
        return f"refused: {call.action} changes something" if entry.changes else ""

    # --- by the gate -----------------------------------------------------------------------------

    async def _ask_gate(
        self, host: Host, calls: dict[int, ActionCall], seconds: float
    ) -> dict[int, Observation]:
        indexes = list(calls)
        request = gate_protocol.reads(self._digest, list(calls.values()), seconds)
        try:
            done = await self._run_gate(host, request, seconds)
            answers = {
                answer["id"]: answer
                for answer in gate_protocol.lines(host, done.stdout, done.stderr)
                if isinstance(answer.get("id"), int)
            }
        except HostUnreachable as error:
            return self._all_failed(calls, f"{error.code}: {error}")
        silence = "timeout: the deadline passed" if done.timed_out else CONNECTION_LOST

        def read() -> dict[int, Observation]:
            return {
                index: self._observed(calls[index], answers.get(place), silence)
                for place, index in enumerate(indexes)
            }

        # apart from the loop: some outputs take a tenth of a second, and incidents wait meanwhile
        return await asyncio.to_thread(read)

    def _observed(
        self, call: ActionCall, answer: dict[str, object] | None, silence: str
    ) -> Observation:
        if answer is None:
            return self._observer.failed(call, silence, self._now())
        try:
            return self._observer.observed(call, gate_protocol.raw_result(answer), self._now())
        except gate_protocol.Refusal as refusal:
            return self._observer.failed(call, f"refused: {refusal}", self._now())

    async def _receipt(
        self,
        host: Host,
        request: bytes,
        intent_id: str,
        seconds: float,
        argv: tuple[str, ...],
        *,
        apart: bool = False,
    ) -> Receipt:
        try:
            done = await self._run_gate(host, request, seconds, apart=apart)
            answers = list(gate_protocol.lines(host, done.stdout, done.stderr))
        except HostUnreachable as error:
            return _no_change(intent_id, ReceiptState.UNREACHABLE, str(error))
        if not answers:
            reason = f"{host.name} gave no answer before the connection ended"
            return _no_change(intent_id, ReceiptState.UNREACHABLE, reason)
        found = gate_protocol.as_receipt(intent_id, answers[-1], argv)
        clean = {
            "output": self._observer.clean(found.output),
            "reason": self._observer.clean(found.reason),
        }
        return found.model_copy(update=clean)

    async def _run_gate(
        self, host: Host, request: bytes, seconds: float, *, apart: bool = False
    ) -> Completed:
        run = self._connections.run_apart if apart else self._connections.run
        return await run(host, GATE_COMMAND, stdin=request, seconds=seconds, max_bytes=BATCH_BYTES)

    # --- without a gate --------------------------------------------------------------------------

    async def _ask_plainly(
        self, host: Host, calls: dict[int, ActionCall], seconds: float
    ) -> dict[int, Observation]:
        asked = [self._ask_one(host, call, seconds) for call in calls.values()]
        return dict(zip(calls, await asyncio.gather(*asked), strict=True))

    async def _ask_one(self, host: Host, call: ActionCall, seconds: float) -> Observation:
        entry = self._catalog.entry(call.action)
        try:
            command = plain_command(self._catalog, call)
            begun = time.monotonic()
            done = await self._connections.run(
                host, command.line, seconds=seconds, max_bytes=entry.max_bytes
            )
        except (ActionRejected, HostUnreachable) as error:
            return self._observer.failed(call, f"{error.code}: {error}", self._now())
        raw = _plain_result(done, time.monotonic() - begun)
        return self._observer.observed(
            call, raw, self._now(), argv=command.argv, parser=command.parser
        )

    async def _change_plainly(
        self, host: Host, call: ActionCall, intent_id: str, seconds: float
    ) -> Receipt:
        """Without receipts a cut connection leaves a change undecided: that is said, not hidden."""
        command = plain_command(self._catalog, call)
        try:
            done = await self._connections.run(
                host, command.line, seconds=seconds, max_bytes=BATCH_BYTES
            )
        except HostUnreachable as error:
            return _no_change(intent_id, ReceiptState.UNREACHABLE, str(error))
        if done.exit_status is None:
            reason = f"the connection to {host.name} ended first, and it keeps no receipts"
            return _no_change(intent_id, ReceiptState.LOST, reason)
        output = done.stdout.decode("utf-8", "replace") + done.stderr
        return Receipt(
            intent_id=intent_id,
            state=ReceiptState.ENDED,
            exit_code=done.exit_status,
            output=self._observer.clean(output),
            argv=command.argv,
        )

    def _all_failed(self, calls: dict[int, ActionCall], reason: str) -> dict[int, Observation]:
        return {i: self._observer.failed(call, reason, self._now()) for i, call in calls.items()}


def _why_refused(answer: Mapping[str, object]) -> str:
    if answer.get("fits") is True:
        return ""
    return f"{answer.get('refused')}: {answer.get('reason', '')}"


def _plain_result(done: Completed, seconds: float) -> RawResult:
    late = done.timed_out or done.exit_status in (124, 137)  # what `timeout -k` answers with
    return RawResult(
        exit_code=None if late else done.exit_status,
        stdout=done.stdout.decode("utf-8", "replace"),
        stderr=done.stderr,
        truncated=done.truncated,
        timed_out=late,
        seconds=round(seconds, 4),
    )


def _no_change(intent_id: str, state: ReceiptState, reason: str) -> Receipt:
    return Receipt(intent_id=intent_id, state=state, reason=reason)
