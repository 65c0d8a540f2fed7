"""One row for a condition of a subject, and each notice to each destination once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import update

from app.audit.alerts import Alert, Alerts, pause_after
from app.domain.alert import AlertKind, Condition, Notice
from app.models.alert import AlertRow
from app.models.database import Database
from tests.integration.audit.values import NOON

STUCK = Condition(
    kind=AlertKind.EXECUTION_STUCK, subject="execution 7", statement="It makes no progress."
)
LOST = Condition(kind=AlertKind.WORKER_LOST, subject="worker w-1", statement="It is gone.")
BOTH = ("mail-1", "chat-2")


@pytest.fixture
def alerts(database: Database) -> Alerts:
    return Alerts(database)


async def note(
    alerts: Alerts,
    *found: Condition,
    to: Sequence[str] = BOTH,
    repeat_seconds: float = 3600.0,
) -> None:
    await alerts.note(
        found, looked_for=set(AlertKind), destinations=to, repeat_seconds=repeat_seconds
    )


async def only(found: Sequence[Alert]) -> Alert:
    (alert,) = found
    return alert


async def test_the_same_condition_is_one_row_however_often_it_is_found(
    alerts: Alerts, other_database: Database
) -> None:
    other = Alerts(other_database)
    await asyncio.gather(*(note(each, STUCK, LOST) for each in (alerts, other) * 3))
    assert [alert.subject for alert in await alerts.opened()] == ["execution 7", "worker w-1"]


async def test_a_notice_goes_to_each_destination_once(alerts: Alerts) -> None:
    await note(alerts, STUCK)
    alert = await only(await alerts.due(9))
    assert (alert.notice, alert.undelivered) == (Notice.OPENED, BOTH)
    await alerts.told(alert.id, Notice.OPENED, lacking=["chat-2"], error="chat-2 is away")
    assert await alerts.due(9) == ()  # not before the pause is over
    waiting = await only(await alerts.opened())
    assert (waiting.undelivered, waiting.attempts) == (("chat-2",), 1)
    assert waiting.last_error == "chat-2 is away"
    await alerts.told(alert.id, Notice.OPENED, lacking=(), error="")
    done = await only(await alerts.opened())
    assert (done.notice, done.attempts, done.last_error) == (None, 0, "")
    assert done.told_at is not None
    await note(alerts, STUCK)
    assert await alerts.due(9) == ()


async def test_what_goes_on_is_told_again_once_the_last_notice_is_old(alerts: Alerts) -> None:
    await note(alerts, STUCK)
    alert = await only(await alerts.due(9))
    await alerts.told(alert.id, Notice.OPENED, lacking=(), error="")
    await note(alerts, STUCK, repeat_seconds=0)
    again = await only(await alerts.due(9))
    assert (again.id, again.notice, again.undelivered) == (alert.id, Notice.REPEATED, BOTH)


async def test_who_was_told_of_the_beginning_is_told_of_the_end(alerts: Alerts) -> None:
    await note(alerts, STUCK)
    alert = await only(await alerts.due(9))
    await alerts.told(alert.id, Notice.OPENED, lacking=["chat-2"], error="away")
    await note(alerts)
    assert await alerts.opened() == ()
    over = await only(await alerts.due(9))
    assert (over.notice, over.undelivered) == (Notice.ENDED, ("mail-1",))
    await alerts.told(over.id, Notice.ENDED, lacking=(), error="")
    assert await alerts.due(9) == ()
    await note(alerts, STUCK)
    assert (await only(await alerts.opened())).id != alert.id


async def test_what_is_over_before_anybody_heard_of_it_is_not_told(alerts: Alerts) -> None:
    await note(alerts, STUCK)
    await note(alerts)
    assert await alerts.due(9) == ()
    assert (await only(await alerts.ended())).notice is None


async def test_what_happened_is_told_once_and_does_not_end(alerts: Alerts) -> None:
    await note(alerts, LOST)
    await note(alerts)  # nobody finds it any more; it is to be told all the same
    alert = await only(await alerts.due(9))
    await alerts.told(alert.id, Notice.OPENED, lacking=(), error="")
    for _ in range(2):
        await note(alerts, LOST, repeat_seconds=0)
    assert await alerts.due(9) == ()
    assert (await only(await alerts.ended())).id == alert.id


async def test_without_destinations_alerts_are_kept_and_nobody_waits(alerts: Alerts) -> None:
    await note(alerts, STUCK, LOST, to=())
    assert [alert.kind for alert in await alerts.opened()] == [AlertKind.EXECUTION_STUCK]
    assert [alert.kind for alert in await alerts.ended()] == [AlertKind.WORKER_LOST]
    assert await alerts.due(9) == ()


async def test_only_what_was_looked_for_ends(alerts: Alerts) -> None:
    await note(alerts, STUCK)
    await alerts.note(
        (), looked_for={AlertKind.OUTBOX_BLOCKED}, destinations=BOTH, repeat_seconds=60
    )
    assert len(await alerts.opened()) == 1


async def test_a_late_answer_to_an_older_notice_changes_nothing(alerts: Alerts) -> None:
    await note(alerts, STUCK)
    alert = await only(await alerts.due(9))
    await alerts.told(alert.id, Notice.OPENED, lacking=(), error="")
    await note(alerts)
    await alerts.told(alert.id, Notice.OPENED, lacking=(), error="")
    assert (await only(await alerts.due(9))).notice is Notice.ENDED


async def test_old_news_are_not_tried_for_ever(alerts: Alerts, database: Database) -> None:
    await note(alerts, LOST)
    async with database.transaction() as session:
        await session.execute(update(AlertRow).values(opened_at=NOON))
    await note(alerts)
    assert await alerts.due(9) == ()
    assert (await only(await alerts.ended())).told_at is None


def test_pauses_double_up_to_an_hour() -> None:
    assert [pause_after(n) for n in (1, 2, 3, 4)] == [10, 20, 40, 80]
    assert pause_after(500) == 3600
