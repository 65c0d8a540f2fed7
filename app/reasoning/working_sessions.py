"""People at work on a database whose work keeps others waiting: told, and never ended."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from app.domain.hypothesis import Hypothesis, Support
from app.host.database_access import is_about
from app.host.database_facts import MariadbServer, PostgresCluster
from app.host.databases import Found, servers
from app.host.sessions_at_work import AtWork, at_work, held_up
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject

MODE = "database-worked-on"

_OF_A_CHANGE = re.compile(
    r"\b(?:chg|rfc|change|ticket|req|inc)[-_ #:]?[0-9]{2,}|maintenance|planned|approved"
    r"|do not (?:cancel|restart|stop|kill|touch)",
    re.IGNORECASE,
)
"""How people write down that something is meant, and by which change."""

_MOST_SAID = 300


def working_subjects(case: HostCase) -> Iterable[Subject]:
    """Each session at work on tables for which others wait."""
    for found, one in _all(case, waited_for=True):
        facts, sources = case.common()
        facts["session"] = one.model_dump(mode="json") | {"said": one.said, "note": _note(case)}
        yield Subject(
            kind="session",
            host=case.host.name,
            name=f"{found.subject}/{one.pid}",
            facts=facts,
            sources=sources | {"session": found.evidence_id},
            nearness=0,
        )


def told(cases: Iterable[HostCase]) -> tuple[str, tuple[Hypothesis, ...]]:
    """Who is at work, where nobody who can be asked suffers and the ticket may be about it."""
    for case in cases:
        meant = case.is_own and is_about(case.case.incident)
        for found, one in _all(case, waited_for=not meant):
            note = _note(case)
            why = f". A note on {case.host.name} says: {note}" if note else ""
            text = f"in {one.engine} on {case.host.name}:{one.port} {one.said}"
            return f"{text}{why}", (_hypothesis(case, found, text),)
    return "", ()


def _all(case: HostCase, *, waited_for: bool) -> Iterable[tuple[Found, AtWork]]:
    for found in servers(case.view):
        if isinstance(found.server, PostgresCluster | MariadbServer):
            for one in (held_up if waited_for else _keeping)(found.server):
                yield found, one


def _keeping(server: PostgresCluster | MariadbServer) -> tuple[AtWork, ...]:
    """Those for which somebody waits, or would: they keep writers away from a table."""
    return tuple(one for one in at_work(server) if one.waiting or one.tables)


def _hypothesis(case: HostCase, found: Found, text: str) -> Hypothesis:
    support = Support(
        evidence_id=found.evidence_id,
        weight=0.0,
        statement=text[:_MOST_SAID],
        rule="is at work on tables",
    )
    return Hypothesis(
        key=f"{MODE}@{case.host.name}:{found.subject}",
        text=text,
        mode=MODE,
        host=case.host.name,
        subject=found.subject,
        confidence=0.5,
        supports=(support,),
    )


def _note(case: HostCase) -> str:
    """What a note on the host says of a change; "" where none does."""
    persons: Any = case.view.persons
    notes = () if persons is None else persons[0].notes.values()
    lines = (line.strip() for note in notes for line in note.splitlines())
    return " ".join(line for line in lines if _OF_A_CHANGE.search(line))[:_MOST_SAID]
