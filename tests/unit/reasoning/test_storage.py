"""What fills a file system decides what may be done: each kind of it, and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from app.host.facts import Manifest
from app.reasoning.port import Advice, Assessment
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import (
    HEALTHY_LISTENERS,
    NOW,
    case,
    facts_of,
    file,
    manifest_now,
    nginx,
    tickets,
)
from tests.unit.reasoning.test_builtin import UP, asked, judge, steps

MB = 1024 * 1024
PLACE = "/var/cache/tickets"
LATER = "2026-01-01T00:00:00+00:00"


def mounted(mount: str, **more: Any) -> dict[str, Any]:
    shape = {
        "mount": mount, "source": "/dev/vdb1", "fstype": "ext4", "size_bytes": 1000 * MB,
        "used_bytes": 1000 * MB, "used_percent": 100.0, "read_only": False,
    }  # fmt: skip
    return shape | more


def big(path: str, size: int = 900 * MB, **more: Any) -> dict[str, Any]:
    return {"path": path, "bytes": size, "modified": LATER} | more


def ghost(path: str, unit: str) -> dict[str, Any]:
    """A deleted file that one process holds."""
    held: dict[str, Any] = {
        "inode": 77,
        "pid": 4321,
        "start_time": 999,
        "unit": unit,
        "open_by": ["collector"],
    }
    return big(path, **held)


async def assessed(
    mount: dict[str, Any], usage: dict[str, Any], *changed: Manifest.File, **more: Any
) -> Assessment:
    facts = facts_of(UP, HEALTHY_LISTENERS, mounts=[mount]) | asked(*UP)
    facts[f"disk.usage path={mount['mount']}"] = {"path": mount["mount"]} | usage
    local = {"url": "http://127.0.0.1:9100/", "status": 500}
    facts["http.local url=http://127.0.0.1:9100/ host_header=tickets.example"] = local
    facts["baseline.manifest"] = manifest_now(*changed) | more
    return await judge(case(facts, status=500))


async def test_packages_that_can_be_fetched_again() -> None:
    folder = {"path": "/var/cache/apt/archives", "bytes": 700 * MB, "files": 90}
    judged = await assessed(mounted("/var"), {"folders": [folder], "files": [big("/var/x", MB)]})
    assert steps(judged) == ["packages.clean_cache"]


async def test_a_deleted_log_is_emptied_where_it_is_still_written_to() -> None:
    log = "/var/log/tickets/audit.log"
    held = {"deleted_open": [ghost(log, "tickets-audit.service")]}
    judged = await assessed(mounted("/var/log/tickets"), held)
    assert steps(judged) == [f"log.truncate_deleted inode=77 path={log} pid=4321 start_time=999"]
    assert judged.repair is not None
    assert judged.repair.requires_person is None


async def test_whoever_holds_another_deleted_file_is_restarted_only_if_a_person_says_so() -> None:
    held = {"deleted_open": [ghost(f"{PLACE}/sort.tmp", "sorter.service")]}
    judged = await assessed(mounted(PLACE), held)
    assert steps(judged) == ["service.restart unit=sorter.service"]
    assert judged.repair is not None
    assert judged.repair.requires_person is not None


async def test_a_deleted_file_of_a_process_without_a_service_is_left_alone() -> None:
    held = {"deleted_open": [ghost(f"{PLACE}/sort.tmp", "session-9.scope")]}
    judged = await assessed(mounted(PLACE), held)
    assert judged.advice is Advice.HAND_OVER


async def test_a_journal_without_its_limit_is_given_it_back_and_shrunk() -> None:
    parts = [big(f"/var/log/journal/ab/system@{n}.journal", 90 * MB) for n in range(9)]
    added = file("/etc/systemd/journald.conf.d/more.conf", "b" * 64)
    judged = await assessed(mounted("/var/log"), {"files": parts}, added)
    assert steps(judged) == [
        f"file.remove path={added.path} sha256={'b' * 64}",
        "journal.reconfigure",
        "journal.vacuum megabytes=100",
    ]


@pytest.mark.parametrize(("writer", "ended"), [(True, True), (False, False)])
async def test_what_a_login_left_behind_and_fills_a_log_is_ended_first(
    *, writer: bool, ended: bool
) -> None:
    one = {"pid": 66, "start_time": 12, "command": "tracer", "user": "ann"} if writer else None
    log = {"files": [big("/var/log/tickets/trace.log", writer=one, open_by=["tracer"])]}
    judged = await assessed(mounted("/var/log/tickets"), log)
    end = ["process.terminate_stray command=tracer pid=66 start_time=12"] if ended else []
    assert steps(judged) == [*end, "log.truncate path=/var/log/tickets/trace.log"]
    assert ("tracer" in judged.hypotheses[0].text) is ended


async def test_a_file_system_that_cannot_be_written_is_not_made_room_of() -> None:
    log = {"files": [big("/var/log/tickets/trace.log")]}
    judged = await assessed(mounted("/var/log/tickets", read_only=True), log)
    assert judged.advice is Advice.HAND_OVER
    assert "read-only" in judged.statement


CLEANER = "tickets-cache-clean.timer"


@pytest.fixture
def cleaned_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host on which timers ran while it was healthy."""
    healthy = cases.baseline()
    ran = healthy.manifest.model_copy(update={"active_units": (CLEANER, "nightly.timer")})
    monkeypatch.setattr(cases, "baseline", lambda: healthy.model_copy(update={"manifest": ran}))


FULL_OF_FILES = {"used_percent": 8.0, "used_bytes": 80 * MB, "inodes_used_percent": 100.0}


@pytest.mark.usefixtures("cleaned_before")
async def test_what_clears_a_folder_is_switched_on_again() -> None:
    units = [CLEANER, CLEANER.replace("timer", "service")]
    facts_for = {f"unit.show unit={u}": {"name": u, "active_state": "inactive"} for u in units}
    facts = facts_of(UP, HEALTHY_LISTENERS, mounts=[mounted(PLACE, **FULL_OF_FILES)])
    facts |= asked(*UP) | facts_for | {f"disk.usage path={PLACE}": {"path": PLACE}}
    local = {"url": "http://127.0.0.1:9100/", "status": 500}
    facts["http.local url=http://127.0.0.1:9100/ host_header=tickets.example"] = local
    facts["baseline.manifest"] = manifest_now() | {"active_units": ["nightly.timer"]}
    judged = await judge(case(facts, status=500))
    assert steps(judged) == [
        f"service.enable unit={CLEANER}",
        f"service.start unit={CLEANER}",
        "service.start unit=tickets-cache-clean.service",
    ]


@pytest.mark.usefixtures("cleaned_before")
async def test_a_timer_that_has_nothing_to_do_with_it_is_not_switched_on() -> None:
    judged = await assessed(
        mounted(PLACE, **FULL_OF_FILES), {}, active_units=[CLEANER, "other.timer"]
    )
    assert judged.advice in (Advice.HAND_OVER, Advice.DIAGNOSE)
    assert judged.repair is None


@pytest.mark.parametrize(("then", "advice"), [(40.0, Advice.REMEDIATE), (88.0, Advice.HAND_OVER)])
async def test_crowded_counts_where_it_was_roomy(
    then: float, advice: Advice, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cases.baseline()
    healthy = facts_of(
        [nginx(), tickets()], HEALTHY_LISTENERS, mounts=[mounted("/data", used_percent=then)]
    )
    kept = before.model_copy(
        update={"evidence": cases.evidence(healthy), "taken_at": NOW.isoformat()}
    )
    monkeypatch.setattr(cases, "baseline", lambda: kept)
    parts = [big(f"/data/journal/ab/system@{n}.journal", 90 * MB) for n in range(9)]
    crowded = mounted("/data", used_percent=92.0, used_bytes=920 * MB)
    assert (await assessed(crowded, {"files": parts})).advice is advice


async def test_a_file_that_somebody_left_is_moved_away_once_a_person_agrees() -> None:
    left = big(f"{PLACE}/old.dump", owner="root", open_by=[])
    judged = await assessed(mounted(PLACE), {"files": [left, big(f"{PLACE}/small", MB)]})
    assert steps(judged) == [f"file.move_aside path={PLACE}/old.dump"]
    assert judged.repair is not None
    assert judged.repair.requires_person


async def test_a_file_that_a_program_has_open_stays_where_it_is() -> None:
    held = big(f"{PLACE}/state.db", owner="tickets", open_by=["tickets"])
    judged = await assessed(mounted(PLACE), {"files": [held]})
    assert judged.advice is Advice.HAND_OVER


async def test_files_that_were_never_finished_are_moved_away_and_finished_ones_stay() -> None:
    parts = [big(f"{PLACE}/dump-{n}.zst.part", 90 * MB, open_by=[]) for n in range(7)]
    at_work = big(f"{PLACE}/dump-8.zst.part", 80 * MB, open_by=["dump"])
    whole = big(f"{PLACE}/dump-9.zst", 95 * MB, open_by=[])
    judged = await assessed(mounted(PLACE), {"files": [whole, *parts, at_work]})
    assert steps(judged) == [f"file.move_aside path={PLACE}/dump-{n}.zst.part" for n in range(5)]
    assert judged.repair is not None
    assert judged.repair.requires_person
    assert "7 files that were never finished" in judged.hypotheses[0].text


ENGINE = "/var/lib/tickets"  # where this engine keeps its data
SAID = f"{ENGINE}/containers/{'ab' * 32}/{'ab' * 32}-json.log"


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        (SAID, Advice.REMEDIATE),
        (SAID.replace("ab", "cd"), Advice.HAND_OVER),  # of a container that nobody knows
    ],
)
async def test_what_a_container_has_said_is_emptied(path: str, advice: Advice) -> None:
    overlay = mounted(f"{ENGINE}/overlay2/{'e' * 64}/merged", source="overlay", fstype="overlay")
    known = {"name": "pages", "id": "ab" * 32, "state": "running"}
    facts = facts_of(UP, HEALTHY_LISTENERS, mounts=[mounted(ENGINE), overlay]) | asked(*UP)
    facts["containers.list"] = {"containers": [known]}
    held = big(path, open_by=["dockerd"])
    facts[f"disk.usage path={ENGINE}"] = {"path": ENGINE, "files": [held]}
    facts["http.local url=http://127.0.0.1:9100/ host_header=tickets.example"] = {
        "url": "http://127.0.0.1:9100/",
        "status": 500,
    }
    facts["baseline.manifest"] = manifest_now()
    facts["unit.logs lines=100 unit=tickets.service"] = {
        "source": "log",
        "lines": [
            {
                "count": 1,
                "template": "no space left on device",
                "example": "no space left on device",
            }
        ],
    }
    judged = await judge(case(facts, status=500))
    assert judged.advice is advice
    if advice is Advice.REMEDIATE:
        assert steps(judged) == [f"container.truncate_log container=pages id={'ab' * 32}"]
