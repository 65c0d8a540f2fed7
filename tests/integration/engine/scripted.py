"""A host that answers as it is told to: for what a real one does too rarely to wait for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from app.domain.action import ActionCall, Risk
from app.domain.evidence import Observation
from app.domain.host import Host
from app.domain.probe import Probe, ProbeResult
from app.execution.ports import Receipt, ReceiptState, Watch

OK = {"name": "edge.service", "load_state": "loaded", "active_state": "inactive"}


class ScriptedHosts:
    """Implements Hosts. Receipts are given out in order; the last one stays."""

    simulated = False

    def __init__(self, *receipts: Receipt, sent: Receipt | None = None) -> None:
        self.receipts = list(receipts)
        self.on_change = sent
        self.sent: list[str] = []
        self.asked = 0
        self.taken_back_by: tuple[ActionCall, ...] = ()
        self.confirmed = 0
        self.on_confirm: list[Receipt] = []
        self.facts: dict[str, Any] = OK
        self.cut_off: list[str] = []  # the error of each attempt that does not get through
        self.attempts: list[int] = []  # how many questions each attempt held

    async def observe(
        self, host: Host, calls: Sequence[ActionCall], *, deadline_seconds: float = 60.0
    ) -> tuple[Observation, ...]:
        self.attempts.append(len(calls))
        if self.cut_off:
            cut = self.cut_off.pop(0)
            return tuple(self._seen(call, cut, {}) for call in calls)
        error = None if self.facts else "timeout"
        return tuple(self._seen(call, error, self.facts) for call in calls)

    def _seen(self, call: ActionCall, error: str | None, facts: dict[str, Any]) -> Observation:
        return Observation(
            call=call,
            argv=("show",),
            risk=Risk.READ,
            ok=error is None,
            exit_code=0,
            error=error,
            facts=facts,
            taken_at=datetime.now(UTC),
            simulated=False,
        )

    async def change(
        self,
        host: Host,
        call: ActionCall,
        *,
        intent_id: str,
        fence: int,
        undo: Sequence[ActionCall] = (),
    ) -> Receipt:
        self.sent.append(intent_id)
        self.taken_back_by = tuple(undo)
        assert self.on_change is not None, "nothing was to be sent"
        return self.on_change

    async def confirm(self, host: Host, intent_id: str) -> Receipt:
        self.confirmed += 1
        return self.on_confirm.pop(0) if len(self.on_confirm) > 1 else self.on_confirm[0]

    async def receipt(self, host: Host, intent_id: str, *, fence: int | None = None) -> Receipt:
        self.asked += 1
        return self.receipts.pop(0) if len(self.receipts) > 1 else self.receipts[0]

    async def close(self) -> None:
        pass


class ScriptedProber:
    """Implements Prober: one answer after the other, the last one stays."""

    simulated = False

    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def probe(self, host: Host, probes: Sequence[Probe]) -> tuple[ProbeResult, ...]:
        self.asked += 1
        ok = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return tuple(
            ProbeResult(probe=probe, ok=ok, taken_at=datetime.now(UTC), simulated=False)
            for probe in probes
        )


def receipt(state: ReceiptState, exit_code: int | None = None, *, reason: str = "") -> Receipt:
    return Receipt(intent_id="", state=state, exit_code=exit_code, reason=reason)


RAN = receipt(ReceiptState.ENDED, 0)
FAILED = receipt(ReceiptState.ENDED, 1)
RUNS = receipt(ReceiptState.RUNNING)
NEVER_CAME = receipt(ReceiptState.NONE)
LOST = receipt(ReceiptState.LOST, reason="the host went down in its middle")
AWAY = receipt(ReceiptState.UNREACHABLE, reason="no route to host")
SAID_NO = receipt(ReceiptState.REFUSED, reason="edge.service is protected")
WAITS = RAN.model_copy(update={"watch": Watch.WAITING})
KEPT = RAN.model_copy(update={"watch": Watch.KEPT})
TOOK_BACK = RAN.model_copy(update={"watch": Watch.TAKEN_BACK})
