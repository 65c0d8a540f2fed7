"""What notices say, and that the manual says of each alert what to do."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.alerts.wording import TITLES, message
from app.audit.alerts import Alert
from app.domain.alert import AlertKind, Notice

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "alerts.md"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def alert(**fields: Any) -> Alert:
    told: dict[str, Any] = {
        "id": 1,
        "kind": AlertKind.APPROVAL_WAITING,
        "subject": "approval 3",
        "statement": "Execution 12 waits.",
        "execution_id": 12,
        "host": "alpha",
        "simulated": False,
        "opened_at": NOON,
        "ended_at": None,
        "notice": Notice.OPENED,
        "undelivered": (),
        "told_at": None,
        "attempts": 0,
        "last_error": "",
    }
    return Alert(**(told | fields))


def test_a_notice_says_what_since_when_and_what_to_do() -> None:
    said = message(alert(), Notice.OPENED)
    assert said.title == "SRE agent: a question waits for a person"
    assert said.body.splitlines() == [
        "Execution 12 waits.",
        "Since 2026-03-01 12:00 UTC.",
        "Look at it: sre-agent show 12",
        "What to do: docs/reference/alerts.md, approval-waiting",
    ]
    assert not said.over


def test_where_people_can_reach_the_pages_a_notice_leads_there() -> None:
    said = message(alert(), Notice.OPENED, "https://sre.example.com")
    led = "Look at it: https://sre.example.com/ui/executions/12, or sre-agent show 12"
    assert led in said.body.splitlines()


def test_simulated_ones_say_so_first() -> None:
    assert message(alert(simulated=True), Notice.OPENED).title.startswith("SIMULATED ")


def test_the_end_is_good_news() -> None:
    said = message(alert(ended_at=NOON, execution_id=None), Notice.ENDED)
    assert said.over
    assert said.title == "SRE agent: Over: a question waits for a person"
    assert said.body.splitlines()[1:] == [
        "Since 2026-03-01 12:00 UTC.",
        "Over since 2026-03-01 12:00 UTC.",
    ]


def test_every_kind_has_its_title_and_its_section() -> None:
    assert set(TITLES) == set(AlertKind)
    sections = re.findall(r"^## `([a-z-]+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sections == [kind.value for kind in AlertKind]
