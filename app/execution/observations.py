"""From what a host printed to an observation: parsed, redacted, cut. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from app.domain.action import ActionCall, Risk
from app.domain.evidence import Observation
from app.domain.value import JsonObject, Value
from app.execution.catalog import Catalog
from app.execution.entry import CatalogEntry
from app.host.parsers import PARSERS, ParseError, RawOutput
from app.redaction.redactor import Redactor

SHOWN_CHARACTERS = 64 * 1024
"""How much of an output is kept for people; facts are made from all of it."""

_FED_CHARACTERS = 2 * SHOWN_CHARACTERS  # a secret that the cut would halve is seen whole
_ABSENT = 127  # what the gate answers for a program that is not there


class RawResult(Value):
    """One diagnostic as the host answered it; nothing in it is redacted yet."""

    exit_code: int | None = None
    stdout: str = ""
    stderr: str = ""
    truncated: bool = False
    timed_out: bool = False
    seconds: float = 0.0


class Observer:
    """Makes observations for one catalog."""

    def __init__(self, catalog: Catalog, redactor: Redactor) -> None:
        self._catalog = catalog
        self._redactor = redactor

    def observed(
        self,
        call: ActionCall,
        raw: RawResult,
        taken_at: datetime,
        *,
        argv: tuple[str, ...] | None = None,
        parser: str | None = None,
    ) -> Observation:
        """What a host's answer means. `argv` and `parser` where not the entry's own were used."""
        entry = self._catalog.entry(call.action)
        argv = argv or self._catalog.render(call)
        facts, problem = self._facts(call, raw, parser or entry.parser or "")
        error = _absence(argv, raw) or _lateness(entry, raw) or problem
        return Observation(
            call=call,
            argv=argv,
            risk=entry.risk,
            ok=error is None,
            exit_code=raw.exit_code,
            error=None if error is None else self._redactor.text(error),
            output=self._shown(entry, raw, facts),
            error_output=self.clean(raw.stderr),
            truncated=raw.truncated,
            facts=facts if error is None else {},
            seconds=raw.seconds,
            taken_at=taken_at,
            simulated=False,
        )

    def failed(self, call: ActionCall, reason: str, taken_at: datetime) -> Observation:
        """An observation of a diagnostic that was never answered."""
        known = call.action in self._catalog.actions
        return Observation(
            call=call,
            argv=self._catalog.render(call) if known else (),
            risk=self._catalog.risk(call) if known else Risk.FORBIDDEN,
            ok=False,
            error=self._redactor.text(reason),
            taken_at=taken_at,
            simulated=False,
        )

    def clean(self, text: str) -> str:
        """A text for people: redacted and cut."""
        return self._redactor.text(text[:_FED_CHARACTERS])[:SHOWN_CHARACTERS]

    def _facts(
        self, call: ActionCall, raw: RawResult, parser: str
    ) -> tuple[JsonObject, str | None]:
        output = RawOutput(
            params=call.params,
            exit_code=raw.exit_code,
            stdout=raw.stdout,
            stderr=raw.stderr,
            seconds=raw.seconds,
        )
        try:
            facts: JsonObject = self._redactor.value(PARSERS[parser](output))
        except ParseError as problem:
            said = raw.stderr.strip().splitlines()
            return {}, said[-1] if said and not raw.stdout.strip() else f"not understood: {problem}"
        return facts, None

    def _shown(self, entry: CatalogEntry, raw: RawResult, facts: Mapping[str, object]) -> str:
        """The output for people. A builtin's JSON is shown from its facts: those are redacted."""
        if entry.facts_model and facts:
            return json.dumps(facts, indent=1, ensure_ascii=False)[:SHOWN_CHARACTERS]
        return self.clean(raw.stdout)


def _absence(argv: tuple[str, ...], raw: RawResult) -> str | None:
    """The host lacks the program, or the builtin said that it lacks what it needs."""
    if raw.exit_code == _ABSENT and not raw.stdout:
        return f"absent: {argv[0]}" if argv[0] != "gate" else f"absent: {raw.stderr.strip()}"
    return None


def _lateness(entry: CatalogEntry, raw: RawResult) -> str | None:
    return f"timeout: no end within {entry.timeout} s" if raw.timed_out else None
