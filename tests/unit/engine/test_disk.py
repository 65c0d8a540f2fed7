"""Room on the disk: a new incident is turned away before there is none, and no longer than that."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.engine.disk import MEGABYTE, Disk, free_bytes
from app.errors import DiskNearlyFull
from app.settings import Settings


class Reading:
    """A disk with so many megabytes free; where it was asked for."""

    def __init__(self, megabytes: float) -> None:
        self.megabytes = megabytes
        self.asked: list[Path] = []

    def __call__(self, path: Path) -> int:
        self.asked.append(path)
        return int(self.megabytes * MEGABYTE)


def settings(url: str = "sqlite:////srv/agent/agent.sqlite", least: int = 256) -> Settings:
    return Settings(database_url=url, min_free_mb=least, _env_file=None)


@pytest.mark.parametrize(("megabytes", "short"), [(255.9, True), (256, False), (0, True)])
def test_below_the_limit_it_is_short(megabytes: float, *, short: bool) -> None:
    said = Disk(settings(), Reading(megabytes)).shortage()
    assert bool(said) is short
    assert not said or said == (
        f"{int(megabytes)} MB are free in /srv/agent, and MIN_FREE_MB is 256."
    )


async def test_an_incident_is_taken_on_again_once_there_is_room() -> None:
    reading = Reading(1)
    disk = Disk(settings(), reading)
    with pytest.raises(DiskNearlyFull, match="what is at work goes on"):
        await disk.require_room()
    reading.megabytes = 300
    await disk.require_room()


def test_with_no_limit_nobody_asks() -> None:
    reading = Reading(0)
    assert Disk(settings(least=0), reading).shortage() == ""
    assert reading.asked == []


def test_on_postgresql_it_is_the_disk_of_the_checkpoints() -> None:
    reading = Reading(0)
    at = settings("postgresql://db.example.com/sre").model_copy(
        update={"audit_checkpoint_file": Path("/srv/audit/checkpoints.jsonl")}
    )
    assert "in /srv/audit" in Disk(at, reading).shortage()
    assert reading.asked == [Path("/srv/audit")]


def test_a_disk_that_does_not_tell_is_short() -> None:
    def broken(_path: Path) -> int:
        raise OSError(5, "Input/output error")

    assert "does not say how much is free: Input/output" in Disk(settings(), broken).shortage()


def test_a_folder_that_is_not_there_yet_is_on_the_disk_of_the_one_above(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") > 0
