"""Simulated hosts and probes: recordings of real ones, replayed, and every answer says so.

Nothing is contacted. A change moves a host to the state that the same change led to when it was
recorded; where that was never recorded nothing moves, and the receipt says that it was not run.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from pydantic import Field

from app.domain.action import ActionCall, Risk
from app.domain.evidence import Observation
from app.domain.host import Host
from app.domain.probe import Probe, ProbeResult
from app.domain.value import Value
from app.errors import ActionRejected
from app.execution.catalog import Catalog
from app.execution.ports import Receipt, ReceiptState
from app.execution.recording import SHIPPED, Recording, State, call_key, probe_key
from app.redaction.redactor import REDACTOR

NOT_RECORDED = "not recorded"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Episode(Value):
    """Where one simulated host stands, and what was done to it."""

    state: str | None = None  # None: the recording's initial state
    fence: int = 0
    receipts: dict[str, Receipt] = Field(default_factory=dict)


class Recordings:
    """The recordings of a folder, and where each simulated host stands in its own.

    With a folder for that, where they stand survives the service's own restart, and all processes
    of this machine see the same.
    """

    def __init__(self, recordings: Iterable[Recording], *, stage: Path | None = None) -> None:
        self.by_host = {recording.host: recording for recording in recordings}
        self._stage = stage
        self._episodes: dict[str, Episode] = {}  # where there is no folder

    @classmethod
    def load(cls, folder: Path | None = None, *, stage: Path | None = None) -> Recordings:
        """Every recording of a folder (default: the shipped ones); an absent folder holds none."""
        paths = sorted((folder or SHIPPED).glob("*.json"))
        return cls([Recording.load(path) for path in paths], stage=stage)

    def get(self, host: str) -> Recording | None:
        return self.by_host.get(host)

    def episode(self, host: str) -> Episode:
        """Where the host stands now."""
        if self._stage is None:
            return self._episodes.get(host, Episode())
        try:
            return Episode.model_validate_json(self._file(host).read_bytes())
        except FileNotFoundError:
            return Episode()

    def put(self, host: str, episode: Episode) -> None:
        """Keep an episode, durably where there is a folder."""
        if self._stage is None:
            self._episodes[host] = episode
            return
        new = self._file(host).with_suffix(f".{os.getpid()}.new")
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(episode.model_dump_json(), encoding="utf-8")
        new.replace(self._file(host))

    @contextmanager
    def alone(self, host: str) -> Iterator[None]:
        """While this lasts no other process moves the host. For moments: it waits for them."""
        if self._stage is None:
            yield
            return
        self._stage.mkdir(parents=True, exist_ok=True)
        with self._file(host).with_suffix(".lock").open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def reset(self, host: str) -> None:
        """Back to how the host was recorded first; its receipts stay."""
        with self.alone(host):
            self.put(host, self.episode(host).model_copy(update={"state": None}))

    def state_name(self, host: str) -> str | None:
        """The name of a host's state; None where it has no recording."""
        recording = self.get(host)
        if recording is None:
            return None
        return self.episode(host).state or recording.initial

    def state(self, host: str) -> State:
        """What a host answers now; nothing where it has no recording."""
        recording, name = self.get(host), self.state_name(host)
        return State() if recording is None or name is None else recording.states[name]

    def _file(self, host: str) -> Path:
        assert self._stage is not None
        return self._stage / f"{quote(host, safe='')}.json"


class SimulatedHosts:
    """Replays what was recorded. `at` holds every host in one state, such as `healthy`."""

    simulated = True

    def __init__(
        self,
        recordings: Recordings,
        catalog: Catalog,
        *,
        at: str | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.recordings = recordings
        self._catalog = catalog
        self._at = at
        self._now = now

    async def observe(
        self, host: Host, calls: Sequence[ActionCall], *, deadline_seconds: float = 60.0
    ) -> tuple[Observation, ...]:
        """What the host answered when it was recorded; answers in the order of `calls`."""
        del deadline_seconds  # nothing here takes time
        return tuple(self._observed(host, call) for call in calls)

    async def change(
        self,
        host: Host,
        call: ActionCall,
        *,
        intent_id: str,
        fence: int,
        undo: Sequence[ActionCall] = (),
    ) -> Receipt:
        """Move the host to where this change led when it was recorded. Once for each intent."""
        del undo  # nobody can be cut off from a recording
        with self.recordings.alone(host.name):
            episode = self.recordings.episode(host.name)
            if intent_id in episode.receipts:
                return episode.receipts[intent_id].model_copy(update={"repeated": True})
            try:
                receipt, state = self._changed(host, call, intent_id, episode, fence)
            except ActionRejected as refusal:
                return _receipt(intent_id, ReceiptState.REFUSED, reason=str(refusal))
            receipts = {**episode.receipts, intent_id: receipt}
            self.recordings.put(
                host.name,
                Episode(state=state, fence=max(fence, episode.fence), receipts=receipts),
            )
        return receipt

    async def confirm(self, host: Host, intent_id: str) -> Receipt:
        """The receipt: no change waits for a word here."""
        return await self.receipt(host, intent_id)

    async def receipt(self, host: Host, intent_id: str, *, fence: int | None = None) -> Receipt:
        """What is known of an intent, without starting anything."""
        with self.recordings.alone(host.name):
            episode = self.recordings.episode(host.name)
            known = episode.receipts.get(intent_id)
            if known is None and fence is not None and fence > episode.fence:
                self.recordings.put(host.name, episode.model_copy(update={"fence": fence}))
        return known or _receipt(intent_id, ReceiptState.NONE)

    async def close(self) -> None:
        """Nothing is open."""

    def _changed(
        self, host: Host, call: ActionCall, intent_id: str, episode: Episode, fence: int
    ) -> tuple[Receipt, str | None]:
        if not self._catalog.check(call, host).changes:
            reason = f"{call.label()} changes nothing; observe it"
            return _receipt(intent_id, ReceiptState.REFUSED, reason=reason), episode.state
        argv = self._catalog.render(call)
        if fence < episode.fence:
            reason = f"fence {fence} is older than {episode.fence}"
            return _receipt(intent_id, ReceiptState.REFUSED, argv, reason), episode.state
        recording, state = self.recordings.get(host.name), self.recordings.state_name(host.name)
        found = recording.transition(state, call_key(call)) if recording and state else None
        if found is None:
            reason = f"{NOT_RECORDED}: simulated, this would have run: {' '.join(argv)}"
            return _receipt(intent_id, ReceiptState.REFUSED, argv, reason), episode.state
        receipt = Receipt(
            intent_id=intent_id,
            state=ReceiptState.ENDED,
            exit_code=found.exit_code,
            output=REDACTOR.text(found.output),
            reason="simulated: replayed from a recording",
            argv=argv,
            seconds=found.seconds,
        )
        return receipt, found.to

    def _observed(self, host: Host, call: ActionCall) -> Observation:
        try:
            entry = self._catalog.check(call, host)
        except ActionRejected as refusal:
            return self._silent(call, (), Risk.FORBIDDEN, f"refused: {refusal}")
        argv = self._catalog.render(call)
        if entry.changes:
            return self._silent(call, argv, entry.risk, f"refused: {call.action} changes something")
        answer = self._state(host).observations.get(call_key(call))
        if answer is None:
            return self._silent(call, argv, entry.risk, NOT_RECORDED)
        return Observation(
            call=call,
            risk=entry.risk,
            taken_at=self._now(),
            simulated=True,
            **REDACTOR.value(answer.model_dump()),
        )

    def _state(self, host: Host) -> State:
        recording = self.recordings.get(host.name)
        if self._at is not None and recording is not None:
            return recording.states.get(self._at, State())
        return self.recordings.state(host.name)

    def _silent(
        self, call: ActionCall, argv: tuple[str, ...], risk: Risk, error: str
    ) -> Observation:
        return Observation(
            call=call,
            argv=argv,
            risk=risk,
            ok=False,
            error=error,
            taken_at=self._now(),
            simulated=True,
        )


class SimulatedProber:
    """Replays probes of the same recordings, in the state that the host stands in."""

    simulated = True

    def __init__(
        self,
        recordings: Recordings,
        *,
        at: str | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.recordings = recordings
        self._at = at
        self._now = now

    async def probe(self, host: Host, probes: Sequence[Probe]) -> tuple[ProbeResult, ...]:
        """What users got when it was recorded; in the order given."""
        recording = self.recordings.get(host.name)
        state = self.recordings.state(host.name)
        if self._at is not None and recording is not None:
            state = recording.states.get(self._at, State())
        return tuple(self._result(state, probe) for probe in probes)

    def _result(self, state: State, probe: Probe) -> ProbeResult:
        found = state.probes.get(probe_key(probe))
        if found is None:
            return ProbeResult(
                probe=probe,
                ok=False,
                error=NOT_RECORDED,
                detail="the recording holds no answer to this probe",
                taken_at=self._now(),
                simulated=True,
            )
        clean = REDACTOR.value(found.model_dump())
        return ProbeResult(probe=probe, taken_at=self._now(), simulated=True, **clean)


def _receipt(
    intent_id: str, state: ReceiptState, argv: tuple[str, ...] = (), reason: str = ""
) -> Receipt:
    return Receipt(intent_id=intent_id, state=state, argv=argv, reason=reason)
