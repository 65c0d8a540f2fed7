"""History nudges rivals; it lifts nothing over the threshold and displaces nothing clear."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.domain.host import Host
from app.domain.lesson import Lesson
from app.knowledge.library import Library
from app.reasoning.builtin import BuiltinReasoner
from app.reasoning.learned import CAP, action_rate, cause_rate, nudge
from app.reasoning.odds import SURE_ENOUGH
from app.reasoning.port import Case
from tests.unit.reasoning.cases import HEALTHY_LISTENERS, case, facts_of, nginx, tickets

HOST = Host(name="alpha", address="192.0.2.7", groups=("web",))


def lesson(mode: str = "unit-stopped", **more: Any) -> Lesson:
    shape: dict[str, Any] = {
        "execution_id": 1, "host": "alpha", "groups": ("web",), "mode": mode,
        "subject": "tickets.service", "healed": True, "actions": ("service.start",),
        "learned_at": datetime(2026, 1, 1, tzinfo=UTC), "age_days": 0.0,
    }  # fmt: skip
    return Lesson.model_validate(shape | more)


def nudged(*lessons: Lesson, mode: str = "unit-stopped", subject: str = "tickets.service") -> float:
    return nudge(lessons, HOST, mode, subject, ())


def test_without_lessons_there_is_no_nudge() -> None:
    assert nudged() == 0.0


def test_what_was_so_here_rises_and_its_rivals_fall() -> None:
    assert 0 < nudged(lesson()) <= CAP
    assert nudged(lesson(), mode="port-taken") < 0


def test_a_repair_that_did_not_heal_speaks_against_its_cause_and_its_action() -> None:
    failed = lesson(healed=False)
    assert nudged(failed) < 0
    assert action_rate([(failed, 1.0)], "service.start").expected < 2 / 3
    assert action_rate([(lesson(), 1.0)], "service.start").expected > 2 / 3


def test_old_lessons_and_far_ones_count_less() -> None:
    assert cause_rate([(lesson(age_days=90), 1.0)], "unit-stopped").so == 0.5
    near = nudged(lesson(host="beta"))
    half = nudged(lesson(host="beta", groups=()))
    assert near > half > 0
    assert nudged(lesson(host="beta", groups=(), subject="other.service")) == 0.0


LESSONS = st.lists(
    st.builds(
        lesson,
        mode=st.sampled_from(["unit-stopped", "unit-crashed", "port-taken", "storage-full"]),
        healed=st.booleans(),
        age_days=st.floats(0, 400),
        host=st.sampled_from(["alpha", "beta"]),
        subject=st.sampled_from(["tickets.service", "nginx.service"]),
    ),
    max_size=60,
)


@given(LESSONS)
def test_no_history_moves_a_cause_by_more_than_the_cap(lessons: list[Lesson]) -> None:
    for mode in ("unit-stopped", "unit-crashed", "port-taken"):
        found = nudge(lessons, HOST, mode, "tickets.service", ("service.start",))
        assert -CAP <= found <= CAP
    assert math.log(SURE_ENOUGH / (1 - SURE_ENOUGH)) > 2 * CAP


def cases() -> list[Case]:
    """A clear cause, and two that leave rivals."""
    stopped = facts_of([nginx(), tickets("inactive", "dead")], HEALTHY_LISTENERS[:1])
    failed = facts_of([nginx(), tickets("failed", "failed", result="exit-code", n_restarts=3)], [])
    return [case(stopped, status=502), case(failed, error="refused"), case(facts_of([], []))]


async def test_history_changes_no_confidence_and_displaces_nothing_that_stands_out() -> None:
    reasoner = BuiltinReasoner(Library.load())
    histories = [
        [lesson(mode, healed=healed)] * count
        for mode in ("unit-stopped", "unit-crashed", "port-taken")
        for healed in (True, False)
        for count in (1, 50)
    ]
    reordered = 0
    for plain in cases():
        without = await reasoner.assess(plain)
        confidences = {h.key: h.confidence for h in without.hypotheses}
        sure = [key for key, share in confidences.items() if share >= SURE_ENOUGH]
        for lessons in histories:
            taught = plain.model_copy(update={"lessons": tuple(lessons)})
            judged = await reasoner.assess(taught)
            assert {h.key: h.confidence for h in judged.hypotheses} == confidences
            assert not sure or judged.hypotheses[0].key == without.hypotheses[0].key
            assert judged.advice is without.advice
            reordered += [h.key for h in judged.hypotheses] != list(confidences)
    assert reordered, "no history changed any order: the nudge reaches nothing"
