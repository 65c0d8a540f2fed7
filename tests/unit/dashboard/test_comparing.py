"""Two executions side by side."""

from __future__ import annotations

from app.dashboard.comparing import compared
from app.domain.event import LogStatus
from tests.unit.dashboard.values import line


def kinds(*pairs: object) -> list[str]:
    return [pair.kind for pair in compared(*pairs)]  # type: ignore[arg-type]


def test_the_same_twice() -> None:
    assert kinds([line(1)], [line(1)]) == ["same"]


def test_another_answer_is_named() -> None:
    left = [line(1), line(2), line(3, action="nginx.test")]
    right = [
        line(1, exit_code=3),
        line(2, command_output="ActiveState=active\n"),
        line(3, action="nginx.test", status=LogStatus.FAILED),
    ]
    said = [pair.difference for pair in compared(left, right)]
    assert said == ["exit code 0, then 3", "other output", "completed, then failed"]


def test_what_only_one_did_stands_alone() -> None:
    more = line(2, action="nginx.test", params={})
    assert kinds([line(1), more, line(3)], [line(1), line(3)]) == ["same", "left", "same"]
    assert kinds([line(1)], [line(1), more]) == ["same", "right"]
