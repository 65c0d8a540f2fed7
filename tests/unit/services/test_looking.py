"""Which questions are asked of a host before anything is believed."""

from __future__ import annotations

from app.services.looking import user_probes
from tests.unit.reasoning.cases import HEALTHY_LISTENERS, PROBE, case, facts_of, nginx, tickets


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
