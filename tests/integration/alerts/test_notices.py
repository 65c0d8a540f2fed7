"""Notices reach a real receiver through Apprise, also one that fails at first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from app.alerts.destinations import Addresses, Destination, destinations_of, name_of
from app.alerts.watchdog import NOT_KNOWN_YET, WATCHDOG, Lookout, Watchdog
from app.alerts.wording import Message
from app.audit.alerts import Alerts
from app.audit.leases import Leases
from app.audit.workers import Workers
from app.domain.alert import AlertKind, Condition
from app.errors import ConfigurationError, DatabaseNotReady
from app.models.alert import AlertRow
from app.models.database import Database
from app.secrets.live import LiveSecret
from tests.receiver import Receiver, Request, receiving

STUCK = Condition(
    kind=AlertKind.EXECUTION_STUCK,
    subject="execution 7",
    statement="Execution 7 (incident INC7) on alpha makes no progress.",
    host="alpha",
)
KINDS = frozenset(AlertKind)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


class World:
    """What is the matter, as the watchdog's one lookout tells it."""

    def __init__(self) -> None:
        self.now: tuple[Condition, ...] = ()
        self.blind = False

    async def look(self) -> Sequence[Condition]:
        if self.blind:
            raise DatabaseNotReady("It is away.")
        return self.now


def watchdog(
    database: Database,
    world: World,
    to: Sequence[Destination] | Addresses,
    worker_id: str = "w-1",
    repeat_seconds: float = 3600,
) -> Watchdog:
    return Watchdog(
        worker_id,
        lookouts=[Lookout(kinds=KINDS, look=world.look)],
        receivers=to if callable(to) else lambda: to,
        alerts=Alerts(database),
        leases=Leases(database),
        workers=Workers(database),
        repeat_seconds=repeat_seconds,
    )


async def came(receiver: Receiver) -> Request:
    return await asyncio.to_thread(receiver.next)


async def no_pause(database: Database) -> None:
    """The pause after a failure is over."""
    async with database.transaction() as session:
        await session.execute(update(AlertRow).values(next_try_at=None))


async def test_from_the_beginning_to_the_end(database: Database, receiver: Receiver) -> None:
    world = World()
    dog = watchdog(database, world, destinations_of(receiver.apprise), repeat_seconds=0)
    world.now = (STUCK,)
    await dog.watch()
    told = (await came(receiver)).json()
    assert told["title"] == "SRE agent: an execution makes no progress"
    assert told["message"].startswith(STUCK.statement)
    assert "docs/reference/alerts.md, execution-stuck" in told["message"]
    assert told["type"] == "warning"
    await dog.watch()
    assert (await came(receiver)).json()["title"].startswith("SRE agent: Still: ")
    world.now = ()
    await dog.watch()
    over = (await came(receiver)).json()
    assert (over["title"][:16], over["type"]) == ("SRE agent: Over:", "success")
    await dog.watch()
    assert receiver.all() == []


async def test_one_that_fails_is_tried_again_and_the_other_is_not_told_twice(
    database: Database, receiver: Receiver
) -> None:
    with receiving() as failing:
        for status in (500, 401):
            failing.answers.put(status)
        world = World()
        world.now = (STUCK,)
        to = destinations_of(f"{receiver.apprise} {failing.apprise}")
        dog = watchdog(database, world, to)
        for _ in range(3):
            await dog.watch()
            await no_pause(database)
        assert len(receiver.all()) == 1
        assert len(failing.all()) == 3
        (alert,) = await Alerts(database).opened()
        assert (alert.notice, alert.undelivered, alert.attempts) == (None, (), 0)


async def test_nobody_listens_and_the_address_is_not_told(database: Database) -> None:
    with receiving() as gone:
        address = f"json://ann:hunter2@127.0.0.1:{gone.port}/token-4711"
    world = World()
    world.now = (STUCK,)
    dog = watchdog(database, world, destinations_of(address))
    await dog.watch()
    (alert,) = await Alerts(database).opened()
    assert alert.undelivered == (name_of(address),)
    assert alert.last_error == f"{name_of(address)} did not accept it"
    kept = alert.model_dump_json()
    assert not any(secret in kept for secret in ("hunter2", "4711", str(gone.port)))
    await dog.watch()  # within the pause: not tried
    assert (await Alerts(database).opened())[0].attempts == 1


async def test_notices_wait_for_addresses_that_are_not_known_yet(
    database: Database, receiver: Receiver
) -> None:
    urls = LiveSecret("vault:kv/alerts#urls")
    world = World()
    world.now = (STUCK,)
    dog = watchdog(database, world, Addresses(urls))
    await dog.watch()
    (alert,) = await Alerts(database).opened()
    assert alert.undelivered == (NOT_KNOWN_YET,)
    assert "not fetched yet" in alert.last_error
    for useless, why in (("nonsense://token-4711", "number 1"), (" ", "no address")):
        urls.replace(SecretStr(useless))
        await no_pause(database)
        await dog.watch()
        (alert,) = await Alerts(database).opened()
        assert why in alert.last_error
        assert "4711" not in alert.last_error
    urls.replace(SecretStr(receiver.apprise))
    await no_pause(database)
    await dog.watch()
    assert len(receiver.all()) == 1
    assert (await Alerts(database).opened())[0].undelivered == ()


async def test_an_earlier_process_knew_no_address(database: Database, receiver: Receiver) -> None:
    world = World()
    world.now = (STUCK,)
    await watchdog(database, world, Addresses(LiveSecret("env:NOT_THERE"))).watch()
    await no_pause(database)
    await watchdog(database, world, destinations_of(receiver.apprise)).watch()
    assert len(receiver.all()) == 1


async def test_what_a_rotated_address_lacked_goes_to_the_one_in_its_place_alone(
    database: Database, receiver: Receiver
) -> None:
    with receiving() as stays, receiving() as refuses:
        refuses.answers.put(401)
        urls = LiveSecret("env:URLS")
        urls.replace(SecretStr(f"{stays.apprise} {refuses.apprise}"))
        world = World()
        world.now = (STUCK,)
        dog = watchdog(database, world, Addresses(urls))
        await dog.watch()
        for newer in ("nonsense://x", f"{stays.apprise} {receiver.apprise}"):
            urls.replace(SecretStr(newer))
            await dog.watch()  # within the pause: nothing is sent
        await no_pause(database)
        await dog.watch()
        told = [len(one.all()) for one in (stays, refuses, receiver)]
    assert told == [1, 1, 1]
    assert (await Alerts(database).opened())[0].undelivered == ()


async def test_one_process_watches_until_it_is_gone(
    database: Database, other_database: Database, receiver: Receiver
) -> None:
    world = World()
    world.now = (STUCK,)
    to = destinations_of(receiver.apprise)
    for name in ("w-1", "w-2"):
        await Workers(database).beat(name, hostname="here", pid=1)
    first = watchdog(database, world, to, "w-1", repeat_seconds=0)
    second = watchdog(other_database, world, to, "w-2", repeat_seconds=0)
    await first.watch()
    await second.watch()
    assert len(receiver.all()) == 1
    await Workers(database).give_up("w-1")
    await second.watch()
    assert len(receiver.all()) == 1
    holder = await Leases(database).holder(WATCHDOG)
    assert holder is not None
    assert holder.owner == "w-2"


async def test_a_lookout_that_fails_ends_nothing(database: Database, receiver: Receiver) -> None:
    world = World()
    world.now = (STUCK,)
    dog = watchdog(database, world, destinations_of(receiver.apprise))
    await dog.watch()
    world.blind = True
    await dog.watch()
    assert len(await Alerts(database).opened()) == 1


async def test_it_starts_and_stops_and_gives_the_watch_back(database: Database) -> None:
    looked = asyncio.Event()

    async def look() -> Sequence[Condition]:
        looked.set()
        return ()

    dog = Watchdog(
        "w-1",
        lookouts=[Lookout(kinds=KINDS, look=look)],
        receivers=tuple,
        alerts=Alerts(database),
        leases=Leases(database),
        workers=Workers(database),
        repeat_seconds=60,
    )
    dog.start()
    async with asyncio.timeout(60):
        await looked.wait()
    await dog.stop()
    assert await Leases(database).holder(WATCHDOG) is None


async def test_a_destination_that_breaks_is_a_sentence_without_its_address(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    (destination,) = destinations_of(receiver.apprise)

    async def broken(**_: object) -> bool:
        raise RuntimeError(receiver.apprise)

    monkeypatch.setattr(destination.service, "async_notify", broken)
    why = await destination.send(Message(title="t", body="b", over=False))
    assert why == f"{destination.name} failed: RuntimeError"


def test_a_wrong_address_is_named_by_its_place_alone() -> None:
    with pytest.raises(ConfigurationError) as wrong:
        destinations_of("json://127.0.0.1/ nonsense://secret-token")
    assert "number 2" in str(wrong.value)
    assert "secret-token" not in str(wrong.value)


def test_the_same_address_twice_is_one_destination() -> None:
    assert len(destinations_of("json://127.0.0.1/a json://127.0.0.1/a json://127.0.0.1/b")) == 2
