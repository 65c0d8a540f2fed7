"""A case as a model gets to see it: short, quoted, and each part with where it came from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from app.domain.evidence import Evidence
from app.domain.hypothesis import Hypothesis
from app.domain.value import fingerprint
from app.reasoning.language.untrusted import clean
from app.reasoning.port import Assessment, Case

Redact = Callable[[str], str]
"""Takes secrets out of a text: the application gives it; reasoning knows no secret's shape."""

CASE_CAP = 12_000
"""Characters of a whole case: three to four thousand tokens."""

EVIDENCE_CAP = 1_100
DEPTH = 4
ITEMS = 6
KEYS = 20
WORDS = 220
CAUSES = 8


def shown_evidence(case: Case, judged: Assessment) -> tuple[Evidence, ...]:
    """Evidence in the order of its use: cited, then failed, then the newest. What fits is shown."""
    cited = [i for h in judged.hypotheses for i in h.evidence_ids]
    place = {ident: at for at, ident in enumerate(dict.fromkeys(cited))}
    ordered = sorted(case.evidence, key=lambda e: (place.get(e.id, len(place)), e.ok, -e.id))
    kept, room = [], CASE_CAP
    for item in ordered:
        room -= len(_evidence_line(item, ()))
        if room < 0:
            break
        kept.append(item)
    return tuple(kept)


def digest(case: Case, judged: Assessment, redact: Redact) -> str:
    """The case as text. Everything that came from outside stands between marks."""
    words = _of_interest(case, judged)
    ticket = {
        "title": clean(case.incident.short_description),
        "text": clean(case.incident.description, 800),
        "said_to_be_broken": clean(case.incident.claimed_service or "", 80),
    }
    users = [_probe_line(p.probe.name, p.ok, p.status, p.detail or p.error or "", p.evidence_id)
             for p in case.probes[:6]]  # fmt: skip
    parts = [
        ("ticket", [json.dumps(ticket, ensure_ascii=False)]),
        ("probes of the service", users),
        ("diagnostics", [_evidence_line(e, words) for e in shown_evidence(case, judged)]),
        ("causes computed by the program", [_cause_line(h) for h in named(judged)]),
    ]
    return redact(_between_marks(parts))


def named(judged: Assessment) -> tuple[Hypothesis, ...]:
    """The causes that a model may speak of: those that the program has, not the unknown one."""
    open_ones = [h for h in judged.hypotheses if h.mode not in ("unknown", "model")]
    return tuple(h for h in open_ones if h.confidence > 0)[:CAUSES]


def citable(case: Case, judged: Assessment) -> tuple[int, ...]:
    """Ids of the evidence that is shown, probes included."""
    probes = (p.evidence_id for p in case.probes[:6] if p.evidence_id is not None)
    return tuple(dict.fromkeys((*probes, *(e.id for e in shown_evidence(case, judged)))))


def _between_marks(parts: Sequence[tuple[str, list[str]]]) -> str:
    """Each part between marks that no text inside can know: they hash all of it."""
    mark = fingerprint([lines for _, lines in parts])[:16]
    shown = [
        f"<<<data {mark} from: {source}>>>\n" + "\n".join(lines) + f"\n<<<end {mark}>>>"
        for source, lines in parts
    ]
    return "\n".join(shown)


def _probe_line(name: str, ok: bool, status: int | None, said: str, ident: int | None) -> str:
    told = {"id": ident, "asks": clean(name, 120), "served": ok, "status": status}
    return json.dumps(told | {"said": clean(said, WORDS)}, ensure_ascii=False)


def _cause_line(hypothesis: Hypothesis) -> str:
    told = {
        "cause": hypothesis.key,
        "says": clean(hypothesis.text),
        "sure": f"{hypothesis.confidence:.0%}",
        "for": [clean(s.statement, 160) for s in hypothesis.supports if s.weight >= 0][:5],
        "against": [clean(s.statement, 160) for s in hypothesis.supports if s.weight < 0][:5],
        "evidence": list(hypothesis.evidence_ids),
    }
    return json.dumps(told, ensure_ascii=False)


def _evidence_line(item: Evidence, words: Iterable[str]) -> str:
    told: dict[str, Any] = {
        "id": item.id,
        "host": clean(item.host, 80),
        "diagnostic": item.action,
        "of": {name: clean(str(value), 160) for name, value in item.params.items()},
    }
    if not item.ok:
        told["failed"] = clean(item.error or "", WORDS)
    facts = json.dumps(_short(item.facts, tuple(words)), ensure_ascii=False)
    head = json.dumps(told, ensure_ascii=False)
    return f"{head} facts: {facts[:EVIDENCE_CAP]}"


def _of_interest(case: Case, judged: Assessment) -> tuple[str, ...]:
    subjects = [h.subject for h in named(judged) if h.subject]
    return tuple(dict.fromkeys((*subjects, *case.host.services)))


def _short(value: Any, words: tuple[str, ...], depth: int = DEPTH) -> Any:
    """Facts without what is empty; of long lists the items that speak of what is in question."""
    if isinstance(value, str):
        return clean(value, WORDS)
    if depth == 0 and isinstance(value, list | dict):
        return "…"
    if isinstance(value, list):
        ranked = sorted(value, key=lambda item: not _mentions(item, words))
        short = [_short(item, words, depth - 1) for item in ranked[:ITEMS]]
        return [*short, f"… {len(value) - ITEMS} more"] if len(value) > ITEMS else short
    if isinstance(value, dict):
        kept = [(k, v) for k, v in value.items() if v not in (None, "", [], {})]
        return {clean(str(k), 80): _short(v, words, depth - 1) for k, v in kept[:KEYS]}
    return value


def _mentions(item: Any, words: tuple[str, ...]) -> bool:
    text = str(item)
    return any(word in text for word in words)
