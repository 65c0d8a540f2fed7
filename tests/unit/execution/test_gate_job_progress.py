"""The gate and jobs that are at work: whether they get anywhere, how often a timer runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any

import pytest

from app.execution.gate import job_progress, window
from app.execution.gate.places import Places
from app.host.facts import JobProgressFacts

TIMERS = {
    "often.timer": ["TimersMonotonic={ OnUnitActiveUSec=1min 30s ; next_elapse=infinity }"],
    "clock.timer": ["TimersCalendar={ OnCalendar=*-*-* *:00/5:00 ; next_elapse=n/a }"],
    "boot.timer": ["TimersMonotonic={ OnBootUSec=15min ; next_elapse=15min 3s }"],
}
CALENDAR = """\
Normalized form: *-*-* *:00/5:00
    Next elapse: Sat 2026-11-28 00:40:00 UTC
       From now: 4min 19s left
       Iter. #2: Sat 2026-11-28 00:45:00 UTC
       From now: 9min left
"""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("1min 30s", 90), ("1h", 3600), ("500ms", 0.5), ("1d 2h", 93600), ("n/a", 0)],
)
def test_spans_are_read_as_systemd_writes_them(text: str, seconds: float) -> None:
    assert job_progress.span(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("told", "gap"), [(CALENDAR, 300), ("Next elapse: never", None)])
def test_the_time_between_two_runs_of_a_calendar(told: str, gap: float | None) -> None:
    assert job_progress.between(told) == gap


class Systemd:
    """Knows one job, at work, and its timers; its processes are those of the test."""

    def __init__(self, *timers: str) -> None:
        self.timers = timers

    def __call__(self, argv: list[str], **_: Any) -> tuple[int, str, str]:
        if argv[0].endswith("systemctl"):
            triggers = f"ActiveState=activating\nTriggeredBy={' '.join(self.timers)}"
            return 0, "\n".join(TIMERS.get(argv[-1], [triggers])), ""
        return (0, CALENDAR, "") if "calendar" in argv else (0, "", "")


def progress(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pid: int, *timers: str
) -> JobProgressFacts:
    monkeypatch.setattr(job_progress, "read_program", Systemd(*timers))
    monkeypatch.setattr(job_progress, "_ANALYZE", "/bin/sh")
    monkeypatch.setattr(
        job_progress, "unit_of", lambda found: "pull.service" if int(found) == pid else None
    )
    monkeypatch.setattr(window, "SECONDS", 0.05)
    assert job_progress.job_progress({"unit": "pull.service"}, Places()) == 0
    return JobProgressFacts.model_validate(json.loads(capsys.readouterr().out))


def test_who_does_nothing_is_told_from_who_works(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as still:
        still.send_signal(signal.SIGSTOP)
        os.waitpid(still.pid, os.WUNTRACED)  # from here on it moves no more
        waits = progress(capsys, monkeypatch, still.pid, "often.timer", "clock.timer")
        still.kill()
    assert (waits.at_work, waits.idle, waits.commands) == (True, True, ("sleep",))
    assert (waits.timer, waits.period_seconds) == ("often.timer", 90.0)
    with subprocess.Popen(["/bin/cat", "/dev/zero"], stdout=subprocess.DEVNULL) as busy:
        works = progress(capsys, monkeypatch, busy.pid)
        busy.kill()
    assert works.idle is False


def test_a_timer_that_runs_a_job_once_says_nothing_of_the_next_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = progress(capsys, monkeypatch, os.getpid(), "boot.timer")
    assert (told.timer, told.period_seconds) == (None, None)


@pytest.mark.parametrize(
    ("more", "hangs"),
    [
        ({}, True),
        ({"seconds": 100.0}, False),  # its timer is not due a second time
        ({"idle": False}, False),
        ({"at_work": False}, False),
        ({"period_seconds": None, "timer": None}, False),
        ({"period_seconds": None, "timer": None, "seconds": 7200.0}, True),
        ({"period_seconds": 1.0, "seconds": 10.0}, False),  # so short nothing hangs
    ],
)
def test_what_hangs(more: dict[str, Any], *, hangs: bool) -> None:
    shape = {"unit": "pull.service", "at_work": True, "idle": True, "seconds": 200.0}
    period = {"timer": "pull.timer", "period_seconds": 60.0}
    assert JobProgressFacts.model_validate(shape | period | more).hangs is hangs
