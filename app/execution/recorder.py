"""Recording a real host while it is worked on, for simulated hosts to replay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from app.domain.action import ActionCall
from app.domain.evidence import Observation
from app.domain.host import Host
from app.domain.probe import Probe, ProbeResult
from app.execution.ports import Hosts, Prober, Receipt, ReceiptState
from app.execution.recording import (
    RecordedAnswer,
    RecordedProbe,
    Recording,
    State,
    Transition,
    call_key,
    probe_key,
    recorded_answer,
    recorded_probe,
)


class Tape:
    """One host's recording while it is made. `mark` begins a state by hand, a change by itself."""

    def __init__(self, host: str, state: str) -> None:
        self.host = host
        self.current = state
        self._answers: dict[str, dict[str, RecordedAnswer]] = {state: {}}
        self._probes: dict[str, dict[str, RecordedProbe]] = {state: {}}
        self._transitions: list[Transition] = []

    def mark(self, state: str) -> None:
        """From here on the host is in this state."""
        self.current = state
        self._answers.setdefault(state, {})
        self._probes.setdefault(state, {})

    def observed(self, observation: Observation) -> None:
        """The last answer in a state is the one that is kept."""
        kept = recorded_answer(observation)
        self._answers[self.current][call_key(observation.call)] = kept

    def probed(self, result: ProbeResult) -> None:
        self._probes[self.current][probe_key(result.probe)] = recorded_probe(result)

    def changed(self, call: ActionCall, receipt: Receipt) -> None:
        """A change that ran begins the state after it."""
        if receipt.state is not ReceiptState.ENDED or receipt.repeated:
            return
        before = self.current
        self.mark(f"{before}, then {call.action}")
        self._transitions.append(
            Transition.model_validate(
                {
                    "from": before,
                    "change": call_key(call),
                    "to": self.current,
                    "exit_code": receipt.exit_code,
                    "output": receipt.output,
                    "seconds": receipt.seconds,
                }
            )
        )

    def recording(self, *, initial: str, plays: str | None = None) -> Recording:
        """The recording, under the inventory name that it will play for."""
        states = {
            name: State(observations=self._answers[name], probes=self._probes[name])
            for name in self._answers
        }
        return Recording(
            host=plays or self.host,
            recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
            initial=initial,
            states=states,
            transitions=tuple(self._transitions),
        )


class RecordingHosts:
    """Real hosts, with everything that is asked of one of them taken down."""

    def __init__(self, real: Hosts, tapes: dict[str, Tape]) -> None:
        self._real = real
        self._tapes = tapes
        self.simulated = real.simulated

    async def observe(
        self, host: Host, calls: Sequence[ActionCall], *, deadline_seconds: float = 60.0
    ) -> tuple[Observation, ...]:
        """As the real hosts, and taken down."""
        found = await self._real.observe(host, calls, deadline_seconds=deadline_seconds)
        if host.name in self._tapes:
            for observation in found:
                self._tapes[host.name].observed(observation)
        return found

    async def change(
        self,
        host: Host,
        call: ActionCall,
        *,
        intent_id: str,
        fence: int,
        undo: Sequence[ActionCall] = (),
    ) -> Receipt:
        """As the real hosts, and taken down as the beginning of another state."""
        receipt = await self._real.change(host, call, intent_id=intent_id, fence=fence, undo=undo)
        if host.name in self._tapes:
            self._tapes[host.name].changed(call, receipt)
        return receipt

    async def confirm(self, host: Host, intent_id: str) -> Receipt:
        """As the real hosts."""
        return await self._real.confirm(host, intent_id)

    async def receipt(self, host: Host, intent_id: str, *, fence: int | None = None) -> Receipt:
        """As the real hosts."""
        return await self._real.receipt(host, intent_id, fence=fence)

    async def close(self) -> None:
        """Close the real ones."""
        await self._real.close()


class RecordingProber:
    """A real prober, with every result taken down."""

    def __init__(self, real: Prober, tapes: dict[str, Tape]) -> None:
        self._real = real
        self._tapes = tapes
        self.simulated = real.simulated

    async def probe(self, host: Host, probes: Sequence[Probe]) -> tuple[ProbeResult, ...]:
        """As the real prober, and taken down."""
        found = await self._real.probe(host, probes)
        if host.name in self._tapes:
            for result in found:
                self._tapes[host.name].probed(result)
        return found
