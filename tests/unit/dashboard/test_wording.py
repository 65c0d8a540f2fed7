"""The state in a sentence, the six steps, durations."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.audit.approvals import Approval
from app.audit.views import Cancellation
from app.dashboard import story, times, wording
from app.domain.approval import ApprovalState
from app.domain.event import EntryStatus
from app.domain.execution import ExecutionStatus, Outcome, Step
from tests.integration.audit.values import decision, plan
from tests.unit.dashboard.values import NOON, after, entry, execution


def question(needed: int = 1) -> Approval:
    return Approval(
        id=3,
        execution_id=7,
        host="alpha",
        plan=plan(7, action="service.restart"),
        proposal="p",
        plan_hash="h",
        decision=decision(needed=needed),
        requested_by="sre-agent",
        needed=needed,
        state=ApprovalState.PENDING,
        requested_at=NOON,
        expires_at=times.now() + timedelta(seconds=250),
        decided_at=None,
        granted_until=None,
        used_at=None,
        resumed_at=None,
        votes=(),
        simulated=False,
    )


def test_waiting_says_for_what_where_and_how_long() -> None:
    waiting = execution(status=ExecutionStatus.WAITING_APPROVAL)
    said = wording.sentence(waiting, question())
    assert said.startswith(
        "Waits for a person to approve: service.restart unit=ledger.service on alpha. 4 min "
    )
    assert "Waits for two people" in wording.sentence(waiting, question(needed=2))


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome.NO_FAULT, "Nothing is wrong after 1 min 40 s: users of alpha are served."),
        (Outcome.ESCALATED, "Handed over to people after 1 min 40 s: the disk is dying."),
        (Outcome.CANCELLED, "Stopped after 1 min 40 s by ann: maintenance."),
    ],
)
def test_the_end_in_a_sentence(outcome: Outcome, said: str) -> None:
    done = execution(
        outcome=outcome,
        ended_at=after(100),
        root_cause="the disk is dying",
        cancellation=Cancellation(cancelled=True, by="ann", reason="maintenance"),
    )
    assert wording.sentence(done, None) == said


def test_every_state_has_its_sign_and_words() -> None:
    for outcome in Outcome:
        assert wording.SIGNS[wording.state(execution(outcome=outcome))]
        assert wording.state_words(execution(outcome=outcome))
    for status in (ExecutionStatus.QUEUED, ExecutionStatus.RUNNING):
        assert wording.SIGNS[wording.state(execution(status=status))]


def test_the_track() -> None:
    shown = execution(
        timeline=(
            entry(Step.ANALYZE, 0, 1),
            entry(Step.HYPOTHESIZE, 1, 1),
            entry(Step.DIAGNOSE, 2, 1, status=EntryStatus.FAILED),
            entry(Step.HYPOTHESIZE, 3, 1, key="hypothesize-2"),
        ),
        current_step=Step.HYPOTHESIZE,
    )
    track = {stage.name: (stage.standing, stage.visits) for stage in story.stages(shown)}
    assert track == {
        "analyze": ("done", 1),
        "hypothesize": ("current", 2),
        "diagnose": ("failed", 1),
        "remediate": ("ahead", 0),
        "verify": ("ahead", 0),
        "finalize": ("ahead", 0),
    }


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (0.04, "0 s"),
        (0.31, "0.3 s"),
        (42.4, "42 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (4 * 86400 + 3 * 3600, "4 d 3 h"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert times.in_words(seconds) == words
