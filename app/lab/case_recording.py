"""From a trace to a recorded case: the facts of its subjects, and what came of them.

What is expected is what this version concludes. Whoever keeps a case looks whether that is right:
`sre-agent knowledge record` shows it, and the file is there to be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from app.domain.value import canonical_json
from app.knowledge.case_file import Ending, Expectation, RecordedCase, SubjectFacts
from app.knowledge.failure_mode import FailureMode
from app.lab.errors import LabError
from app.reasoning.case_run import CaseVerdict, judged
from app.reasoning.gathering import subjects_of
from app.reasoning.host_case import host_cases
from app.reasoning.port import Case
from app.reasoning.subjects import Subject
from app.redaction.redactor import Redactor

UNLIKELY = 0.05
"""A rival that fits and has less than this is kept as one that must stay unlikely."""

WORTH_SHARING = 120
"""Characters from which what stands in a case twice is written once."""

LOG_LINES = 40
"""Of a unit's log, the newest: as many as conditions read as one text."""


def recorded(case: Case, modes: Iterable[FailureMode], about: str = "") -> RecordedCase:
    """A case as a file keeps it; `about`: a line for people, by default what was concluded."""
    modes = tuple(modes)
    redactor = Redactor()
    facts = tuple(
        _facts(subject, redactor) for host in host_cases(case) for subject in subjects_of(host)
    )
    draft = RecordedCase(about="draft", expect=Expectation(ends=Ending.NO_FAULT), facts=facts)
    verdict = judged(draft, modes)
    expect = Expectation(
        cause=verdict.cause,
        subject=verdict.subject,
        ends=verdict.ends,
        absent=tuple(_absent(verdict)),
    )
    return draft.model_copy(update={"about": about or _about(verdict), "expect": expect})


def name_of(case: RecordedCase) -> str:
    """A file's name for a case: its cause and what it is about."""
    expect = case.expect
    host = case.facts[0].host
    told = f"{expect.cause} {expect.subject}" if expect.cause else f"{expect.ends.value} {host}"
    return re.sub(r"[^a-z0-9]+", "-", told.lower()).strip("-")[:60].rstrip("-")


def write(case: RecordedCase, folder: Path, name: str) -> Path:
    """Write a case into a folder, beside others of its name; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    numbered = (folder / f"{name}{n}.yaml" for n in ("", *(f"-{i}" for i in range(2, 100))))
    place = next((one for one in numbered if not one.exists()), None)
    if place is None:
        raise LabError(f"{folder} has a hundred cases named {name}")
    place.write_text(text_of(case), encoding="utf-8")
    return place


def text_of(case: RecordedCase) -> str:
    """The file's text: what is in it twice stands there once, with a reference to it."""
    told = case.model_dump(mode="json", exclude_defaults=True)
    told["facts"] = _shared(told["facts"], {})
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100)


def _facts(subject: Subject, redactor: Redactor) -> SubjectFacts:
    reads = _known(redactor.value(subject.facts))
    return SubjectFacts.model_validate(
        {
            "subject": subject.kind,
            "host": subject.host,
            "name": redactor.text(subject.name),
            "nearness": subject.nearness,
            "reads": reads,
        }
    )


def _known(value: Any) -> Any:
    """Without what is not known: a condition reads None like what is not there at all."""
    if isinstance(value, dict):
        kept = {key: _known(one) for key, one in value.items() if one is not None}
        if isinstance(kept.get("log"), list):
            kept["log"] = kept["log"][-LOG_LINES:]
        return kept
    return [_known(one) for one in value] if isinstance(value, list | tuple) else value


def _shared(value: Any, seen: dict[str, Any]) -> Any:
    """The same values made the same objects: YAML then writes them once."""
    if isinstance(value, dict):
        value = {key: _shared(one, seen) for key, one in value.items()}
    elif isinstance(value, list):
        value = [_shared(one, seen) for one in value]
    else:
        return value
    text = canonical_json(value)
    return seen.setdefault(text, value) if len(text) > WORTH_SHARING else value


def _absent(verdict: CaseVerdict) -> Iterable[str]:
    """Rivals that fit and that their signs tell apart; each mode once."""
    likely = {h.mode for h in verdict.hypotheses if h.confidence >= UNLIKELY}
    fits = (h.mode for h in verdict.hypotheses if h.mode not in {*likely, "unknown"})
    return dict.fromkeys(fits)


def _about(verdict: CaseVerdict) -> str:
    if verdict.cause is None:
        served = verdict.ends is Ending.NO_FAULT
        return "Users are served" if served else "No cause stands out"
    return next(h.text for h in verdict.hypotheses if h.mode == verdict.cause)
