"""Recordings of a real host: what it answered, state by state. What simulated hosts replay.

One JSON file a host, named as the inventory names it (`web01.json`):

    {"format": 1, "host": "web01", "recorded_at": "...", "initial": "broken",
     "states": {"broken": {"observations": {"unit.show|{\"unit\":\"nginx.service\"}": {...}},
                           "probes": {"http|80|shop.example.com|/|plain": {...}}}},
     "transitions": [{"from": "broken", "change": "service.start|{...}", "to": "started",
                      "exit_code": 0, "output": "", "seconds": 0.2}]}

A state `healthy`, where there is one, is what the host answered before the fault: its baseline.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from app.domain.action import ActionCall
from app.domain.evidence import Observation
from app.domain.probe import Probe, ProbeResult
from app.domain.value import JsonObject, Value, canonical_json
from app.errors import ConfigurationError

SHIPPED = Path(__file__).with_name("recordings")
FORMAT = 1
HEALTHY = "healthy"


class RecordedAnswer(Value):
    """One observation without what is told anew at each replay."""

    argv: tuple[str, ...]
    ok: bool
    exit_code: int | None = None
    error: str | None = None
    output: str = ""
    error_output: str = ""
    truncated: bool = False
    facts: JsonObject = Field(default_factory=dict)
    seconds: float = 0.0


class RecordedProbe(Value):
    """One probe's result, likewise."""

    ok: bool
    status: int | None = None
    error: str | None = None
    detail: str = ""
    body: str = ""
    seconds: float = 0.0


class State(Value):
    """Everything that was asked of the host while it was in one state."""

    observations: dict[str, RecordedAnswer] = Field(default_factory=dict)
    probes: dict[str, RecordedProbe] = Field(default_factory=dict)


class Transition(Value):
    """A change that was made, and the state that it led to."""

    before: str = Field(alias="from")
    change: str
    to: str
    exit_code: int | None = 0
    output: str = ""
    seconds: float = 0.0


class Recording(Value):
    """One host's recording."""

    format: int = FORMAT
    host: str
    recorded_at: str
    initial: str
    states: dict[str, State]
    transitions: tuple[Transition, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Recording:
        """A recording from its file; ConfigurationError where it is none of this format."""
        try:
            recording = cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise ConfigurationError(f"{path} is no recording: {error}") from error
        named = {recording.initial, *(t.to for t in recording.transitions)}
        unknown = sorted(named - set(recording.states))
        if unknown or recording.format != FORMAT:
            raise ConfigurationError(
                f"{path}: expected format {FORMAT} and a state for each of {sorted(named)}."
            )
        return recording

    def write(self, folder: Path) -> Path:
        """Write it where `Recordings` finds it."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.host}.json"
        path.write_text(self.model_dump_json(by_alias=True, indent=1) + "\n", encoding="utf-8")
        return path

    def transition(self, state: str, change: str) -> Transition | None:
        """What a change in a state led to, where that was recorded."""
        return next((t for t in self.transitions if (t.before, t.change) == (state, change)), None)


def call_key(call: ActionCall) -> str:
    """A call without its host: what answers are kept under."""
    return f"{call.action}|{canonical_json(call.params)}"


def probe_key(probe: Probe) -> str:
    """A probe without its address, so that a recording also plays for another address."""
    name = probe.host_header or ""
    way = "tls" if probe.tls else "plain"
    return f"{probe.kind}|{probe.port}|{name}|{probe.path}|{way}"


def recorded_answer(observation: Observation) -> RecordedAnswer:
    kept = observation.model_dump(include=set(RecordedAnswer.model_fields))
    return RecordedAnswer.model_validate(kept)


def recorded_probe(result: ProbeResult) -> RecordedProbe:
    kept = result.model_dump(include=set(RecordedProbe.model_fields))
    return RecordedProbe.model_validate(kept)
