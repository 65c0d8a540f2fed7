"""What past, real, verified repairs say of rival causes: a nudge, never a verdict.

Counts with a cautious start: a cause is taken to be so once in ten before anything was learned
(Beta 1 to 9), an action to heal twice in three (Beta 2 to 1). A lesson counts for half after ninety
days, fully on the same host or for the same service in a group that they share, half where only one
of the two is so, and not at all elsewhere.

The nudge moves the order of rivals by at most CAP in log odds either way, and enters no confidence.
Confidence is what the evidence of this incident says, and it alone lifts a cause over the threshold
from which it may be acted on: history repeating itself is what attackers and unlucky months look
like, too. A cause that stands out by evidence leads its next rival by more than 2 * CAP, so history
cannot displace it either; what is left to it is which of those that are not separated is asked
about, or tried, first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from app.domain.host import Host
from app.domain.lesson import Lesson
from app.domain.value import Value
from app.reasoning.matching import Candidate
from app.reasoning.port import Case

CAP = 0.5
HALF_LIFE_DAYS = 90.0
CAUSE_SO, CAUSE_NOT = 1.0, 9.0
HELPED, DID_NOT = 2.0, 1.0


class Rate(Value):
    """How often something was so, decayed by age; `expected`: the mean with the cautious start."""

    so: float
    not_so: float
    expected: float


def with_history(case: Case, candidate: Candidate) -> Candidate:
    """The candidate with what past repairs near it add to its rank."""
    if not case.lessons:
        return candidate
    steps = candidate.repair.steps if candidate.repair is not None else ()
    actions = dict.fromkeys(step.action for step in steps)
    host = case.host_named(candidate.host)
    learned = nudge(case.lessons, host, candidate.mode, candidate.subject, actions)
    return candidate.model_copy(update={"learned": learned})


def nudge(
    lessons: Sequence[Lesson], host: Host, mode: str, subject: str, actions: Iterable[str]
) -> float:
    """Log odds to be added to a cause's rank: -CAP..CAP, 0.0 where nothing near was learned."""
    near = [(lesson, _nearness(lesson, host, subject)) for lesson in lessons]
    cause = cause_rate(near, mode)
    moved = math.log(cause.expected / (CAUSE_SO / (CAUSE_SO + CAUSE_NOT)))
    for action in actions:
        helped = action_rate(near, action)
        moved += math.log(helped.expected / (HELPED / (HELPED + DID_NOT)))
    return max(-CAP, min(CAP, moved))


def cause_rate(lessons: Iterable[tuple[Lesson, float]], mode: str) -> Rate:
    """How often this mode was the cause, among lessons with their nearness."""
    so = not_so = 0.0
    for lesson, nearness in lessons:
        weight = nearness * _freshness(lesson)
        if lesson.mode == mode and lesson.healed:
            so += weight
        elif lesson.mode == mode or lesson.healed:
            not_so += weight  # its repair did not heal, or another cause was proven
    return _rate(so, not_so, CAUSE_SO, CAUSE_NOT)


def action_rate(lessons: Iterable[tuple[Lesson, float]], action: str) -> Rate:
    """How often this action healed, among the lessons in which it was done."""
    so = not_so = 0.0
    for lesson, nearness in lessons:
        if action in lesson.actions:
            weight = nearness * _freshness(lesson)
            so, not_so = (so + weight, not_so) if lesson.healed else (so, not_so + weight)
    return _rate(so, not_so, HELPED, DID_NOT)


def _rate(so: float, not_so: float, start_so: float, start_not: float) -> Rate:
    expected = (so + start_so) / (so + not_so + start_so + start_not)
    return Rate(so=so, not_so=not_so, expected=expected)


def _nearness(lesson: Lesson, host: Host, subject: str) -> float:
    """1 on this host, or for this service in a shared group; 0.5 for one of the two; else 0."""
    if lesson.host == host.name:
        return 1.0
    same_service = bool(subject) and lesson.subject == subject
    same_group = bool(set(lesson.groups) & set(host.groups))
    return (same_service + same_group) / 2


def _freshness(lesson: Lesson) -> float:
    return math.exp2(-max(0.0, lesson.age_days) / HALF_LIFE_DAYS)
