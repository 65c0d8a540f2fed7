"""What a workflow may spend, counted from the answers of its steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.engine.limits import Spending

START = datetime(2026, 1, 1, tzinfo=UTC)


def spending() -> Spending:
    return Spending(max_commands=3, max_seconds=60, started_at=START)


def test_commands_are_counted_by_what_ran_on_hosts() -> None:
    spent = spending()
    spent.note("observe", ("one", "two"))
    spent.note("probe", ("asked from our side",))
    spent.note("record", None)
    assert (spent.commands, spent.room()) == (2, 1)
    assert spent.exhausted(START) is None
    spent.note("change", "a result")
    assert spent.room() == 0
    assert "EXECUTION_MAX_COMMANDS" in (spent.exhausted(START) or "")


def test_time_is_told_with_its_setting() -> None:
    assert spending().exhausted(START + timedelta(seconds=59)) is None
    assert "EXECUTION_MAX_SECONDS" in (spending().exhausted(START + timedelta(seconds=60)) or "")
