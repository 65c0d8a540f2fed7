"""Another ticket for the same fault, so that no result hangs on a ticket's words.

The words come from the tickets of lookalikes on the same host, or from what a monitoring tool
would file; what they claim about the service may be left out or wrong. Host, fault and checks stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from app import strict_yaml
from app.lab.draw import drawn, number
from app.lab.errors import BadScenario
from app.lab.estate import HOSTS
from app.lab.scenario import Scenario, Ticket, load

FORMS = Path(__file__).with_name("tickets.yaml")
PRIORITIES = ("1 - Critical", "2 - High", "3 - Moderate", "4 - Low")


@dataclass(frozen=True)
class _Words:
    """What a ticket says, apart from its numbers."""

    short_description: str
    description: str
    category: str


def redrawn(scenario: Scenario, seed: int, others: Iterable[Scenario]) -> Scenario:
    """The scenario with a ticket drawn anew: the same for the same seed and id."""
    key = f"redraw {seed} {scenario.id}"
    ticket = scenario.ticket
    words = drawn(key, {*_borrowed(scenario, others), *_generic(scenario)} - {_words(ticket)})
    changed = {
        "short_description": words.short_description,
        "description": words.description,
        "category": words.category,
        "priority": drawn(key, [name for name in PRIORITIES if name != ticket.priority]),
        "service": _claim(key, ticket.service),
        "incident_number": f"INC{number(key, 10**7):07d}",
    }
    return scenario.model_copy(update={"ticket": Ticket(**ticket.model_dump() | changed)})


def lookalikes(folder: Path, family: str) -> list[Scenario]:
    """The scenarios of a family, as the folder was when it was first read."""
    return [scenario for scenario in _valid(folder) if scenario.family == family]


@cache
def _valid(folder: Path) -> tuple[Scenario, ...]:
    """A file that is not valid is complained about where it is run."""
    found = []
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        try:
            found.append(load(path))
        except BadScenario:
            continue
    return tuple(found)


def _words(ticket: Ticket) -> _Words:
    return _Words(ticket.short_description, ticket.description, ticket.category)


def _borrowed(scenario: Scenario, others: Iterable[Scenario]) -> Iterable[_Words]:
    """Words of lookalikes on the same host, unless they name another one."""
    foreign = [name for name in HOSTS if name != scenario.target]
    for other in others:
        words = _words(other.ticket)
        told = f"{words.short_description} {words.description}"
        named = re.search(rf"\b({'|'.join(foreign)})\b", told, re.IGNORECASE)
        if other.family == scenario.family and other.target == scenario.target and not named:
            yield words


def _generic(scenario: Scenario) -> Iterable[_Words]:
    """Forms that fit what users miss, filled in."""
    shipped = _shipped()
    symptom = next(s for s in shipped["symptoms"] if re.search(s["seen"], scenario.healthy))
    spec = HOSTS[scenario.target]
    known = {"host": spec.name, "name": spec.names[1]} | symptom
    for form in (*shipped["forms"]["any"], *shipped["forms"][symptom["kind"]]):
        yield _Words(**{name: text.format(**known) for name, text in form.items()})


def _claim(key: str, claimed: str | None) -> str | None:
    """The service that the ticket names: as it was, none, or another one of the estate."""
    estate = sorted({name for spec in HOSTS.values() for name in spec.services} - {claimed or ""})
    return (claimed, None, drawn(key, estate))[number(f"claim {key}", 3)]


@cache
def _shipped() -> dict[str, Any]:
    shipped: dict[str, Any] = strict_yaml.read(FORMS.read_text(encoding="utf-8"))
    return shipped
