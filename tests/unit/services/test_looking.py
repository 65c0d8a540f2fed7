"""Which questions are asked of a host before anything is believed."""

from __future__ import annotations

import pytest

from app.domain.probe import ProbeKind
from app.services.looking import user_probes
from tests.unit.reasoning.cases import (
    HEALTHY_LISTENERS,
    PROBE,
    case,
    facts_of,
    listener,
    nginx,
    tickets,
)


def test_what_was_learned_while_healthy_is_asked() -> None:
    given = case(facts_of([nginx(), tickets()], HEALTHY_LISTENERS), status=200)
    assert user_probes(given) == (PROBE,)


def test_what_was_refused_while_healthy_too_is_nobodys_loss() -> None:
    given = case(facts_of([nginx(), tickets()], HEALTHY_LISTENERS), status=503)
    (known,) = given.baselines
    mute = known.model_copy(update={"probes": ()})
    assert user_probes(given.model_copy(update={"baselines": (mute,)})) == ()


def test_without_a_baseline_they_are_derived() -> None:
    given = case(facts_of([nginx(), tickets()], HEALTHY_LISTENERS), status=503, with_baseline=False)
    assert PROBE.name in {p.name for p in user_probes(given)}


@pytest.mark.parametrize(
    ("told", "asked"),
    [("browsers say that it is not private", True), ("the page is slow", False)],
)
def test_a_certificate_is_asked_for_where_the_ticket_is_about_it(told: str, asked: bool) -> None:
    sites = {"servers": [{"file": "/etc/nginx/x.conf", "line": 1, "names": ["own.example"],
                          "listens": ["443 ssl"], "ports": [443], "tls_ports": [443]}]}  # fmt: skip
    facts = facts_of([nginx()], [listener(443, "nginx.service", "nginx")], nginx__dump=sites)
    given = case(facts, status=200, with_baseline=False)
    incident = given.incident.model_copy(update={"short_description": told})
    probes = user_probes(given.model_copy(update={"incident": incident}))
    assert any(p.kind is ProbeKind.TLS for p in probes) is asked
