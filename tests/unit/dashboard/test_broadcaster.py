"""One look for all, rendered once, nothing missed, nobody waited for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from app.audit.looking import Look
from app.dashboard import broadcaster
from app.dashboard.broadcaster import RESYNC, Broadcaster, Change, Piece
from app.errors import DatabaseNotReady
from tests.unit.dashboard.values import NOON


class Scene:
    """A database of which the test says what it shows, and a count of what was done for it."""

    def __init__(self) -> None:
        self.stamps: dict[int, tuple[str, ...]] = {1: ("queued",)}
        self.looks = self.renderings = 0
        self.broken = False
        self.refused = asyncio.Event()

    async def look(self, before: Look | None) -> Look:
        self.looks += 1
        if self.broken:
            self.refused.set()
            raise DatabaseNotReady("gone")
        at = NOON + timedelta(seconds=self.looks)
        return Look(at=at, newest=1, executions=dict(self.stamps), questions={})

    async def render(self, change: Change) -> list[Piece]:
        self.renderings += 1
        return [Piece(f"row-{n}", f"<tr>{self.stamps[n][0]}</tr>") for n in change.executions]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(broadcaster, "LOOK_SECONDS", 0.001)
    return Scene()


@pytest.fixture
async def live(scene: Scene) -> AsyncIterator[Broadcaster]:
    made = Broadcaster(scene.look, scene.render)
    yield made
    await made.close()


class Viewer:
    """Reads a stream."""

    def __init__(self, live: Broadcaster, last: str) -> None:
        self._frames = live.frames(last)

    async def next(self) -> bytes:
        """The next frame that is news."""
        async with asyncio.timeout(5):
            async for frame in self._frames:
                if frame.startswith((b"id:", b"event: resync")):
                    return frame
        raise EOFError


def told(frame: bytes) -> list[str]:
    data = frame.split(b"data: ")[1]
    return [piece["html"] for piece in json.loads(data)]


def id_of(frame: bytes) -> str:
    return frame.split(b"\n")[0].removeprefix(b"id: ").decode()


async def test_a_change_is_rendered_once_and_the_same_bytes_go_to_all(
    live: Broadcaster, scene: Scene
) -> None:
    since = await live.position()
    viewers = [Viewer(live, since) for _ in range(20)]
    reading = [asyncio.create_task(viewer.next()) for viewer in viewers]
    await asyncio.sleep(0)
    scene.stamps[1] = ("running",)
    frames = await asyncio.gather(*reading)
    assert told(frames[0]) == ["<tr>running</tr>"]
    assert {id(frame) for frame in frames} == {id(frames[0])}
    assert scene.renderings == 1


async def test_who_comes_back_gets_what_was_missed_and_nothing_twice(
    live: Broadcaster, scene: Scene
) -> None:
    watcher = Viewer(live, await live.position())
    ids = []
    for stamp in ("running", "waiting", "done"):
        scene.stamps[1] = (stamp,)
        ids.append(id_of(await watcher.next()))
    back = Viewer(live, ids[0])
    assert [told(await back.next()) for _ in range(2)] == [
        ["<tr>waiting</tr>"],
        ["<tr>done</tr>"],
    ]


async def test_between_rendering_a_page_and_joining_nothing_falls(
    live: Broadcaster, scene: Scene
) -> None:
    since = await live.position()
    scene.stamps[1] = ("running",)
    watcher = Viewer(live, since)
    first = await watcher.next()
    late = Viewer(live, since)
    assert await late.next() == first


@pytest.mark.parametrize("last", ["", "0badcafe-3", "nonsense", "x-1-2"])
async def test_who_names_another_run_reads_the_page_again(live: Broadcaster, last: str) -> None:
    assert await Viewer(live, last).next() == RESYNC


async def test_who_was_away_too_long_reads_the_page_again(
    live: Broadcaster, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = await live.position()
    watcher = Viewer(live, since)
    for number in range(broadcaster.KEPT + 1):
        scene.stamps[1] = (str(number),)
        await watcher.next()
    assert await Viewer(live, since).next() == RESYNC


async def test_a_slow_viewer_is_let_go_and_the_others_are_not(
    live: Broadcaster, scene: Scene
) -> None:
    since = await live.position()
    slow = live.frames(since)
    assert (await anext(slow)).startswith(b"retry")  # it has joined, and now stops reading
    quick = Viewer(live, since)
    for number in range(broadcaster.BEHIND + 2):
        scene.stamps[1] = (str(number),)
        await quick.next()
    assert [frame async for frame in slow] == []  # its stream has ended; it comes back by itself
    assert live.viewers == 1


async def test_what_looks_the_same_is_not_sent_again(live: Broadcaster, scene: Scene) -> None:
    watcher = Viewer(live, await live.position())
    scene.stamps[1] = ("running", "a")
    await watcher.next()
    scene.stamps[1] = ("running", "b")  # something changed that this piece does not show
    scene.stamps[2] = ("queued",)
    assert told(await watcher.next()) == ["<tr>queued</tr>"]


async def test_a_database_that_was_away_costs_nothing_but_time(
    live: Broadcaster, scene: Scene
) -> None:
    watcher = Viewer(live, await live.position())
    scene.broken = True
    scene.stamps[1] = ("running",)
    await scene.refused.wait()
    scene.broken = False
    assert told(await watcher.next()) == ["<tr>running</tr>"]


async def test_nobody_looking_costs_nothing(
    live: Broadcaster, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcaster, "IDLE_SECONDS", 0.0)
    since = await live.position()
    task = live._task
    assert task is not None
    await asyncio.wait_for(task, 5)
    scene.stamps[1] = ("running",)  # meanwhile
    assert told(await Viewer(live, since).next()) == ["<tr>running</tr>"]


async def test_a_stream_ends_after_a_while_so_that_its_viewer_is_asked_again_who_it_is(
    live: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcaster, "STREAM_SECONDS", 0.0)
    async with asyncio.timeout(5):
        frames = [frame async for frame in live.frames(await live.position())]
    assert frames == [b"retry: 2000\n\n"]
    assert live.viewers == 0
