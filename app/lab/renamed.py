"""A scenario, and what happens beside it, under other names.

All that is drawn for a scenario is drawn by its plain names; the new ones come last. Its id, family
and source stay: rows are compared by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.lab.disturbance import Disturbance, Note
from app.lab.naming import Naming
from app.lab.scenario import Scenario, Scripts, Ticket


def renamed(scenario: Scenario, naming: Naming) -> Scenario:
    """The same fault, told and checked by the names of this naming."""
    expect = scenario.expect
    return scenario.model_copy(
        update={
            "title": naming.text(scenario.title),
            "target": naming.text(scenario.target),
            "hosts": naming.texts(scenario.hosts),
            "ticket": _ticket(scenario.ticket, naming),
            "setup": _scripts(scenario.setup, naming),
            "inject": _scripts(scenario.inject, naming),
            "healthy": naming.text(scenario.healthy),
            "fix": None if scenario.fix is None else _scripts(scenario.fix, naming),
            "guard": _scripts(scenario.guard, naming),
            "expect": expect.model_copy(
                update={
                    "cause": naming.text(expect.cause),
                    "may_change": naming.texts(expect.may_change),
                }
            ),
        }
    )


def renamed_disturbance(disturbance: Disturbance, naming: Naming) -> Disturbance:
    """The same things beside the fault, on the hosts of this naming."""
    aside = disturbance.aside
    return replace(
        disturbance,
        standing=_scripts(disturbance.standing, naming),
        earlier=_scripts(disturbance.earlier, naming),
        meanwhile=_scripts(disturbance.meanwhile, naming),
        aside=aside
        and replace(aside, host=naming.text(aside.host), ticket=_ticket(aside.ticket, naming)),
        ends_by_itself=frozenset(map(naming.text, disturbance.ends_by_itself)),
        notes=tuple(
            Note(*naming.texts((note.host, note.place, note.text))) for note in disturbance.notes
        ),
    )


def _scripts(scripts: Scripts, naming: Naming) -> Scripts:
    return {naming.text(host): naming.text(text) for host, text in scripts.items()}


def _ticket(ticket: Ticket, naming: Naming) -> Ticket:
    told: Mapping[str, object] = ticket.model_dump()
    return Ticket.model_validate(
        {key: naming.text(said) if isinstance(said, str) else said for key, said in told.items()}
    )
