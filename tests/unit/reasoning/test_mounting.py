"""File systems that are not mounted as they were: mounted again, or left to a person."""

from __future__ import annotations

from typing import Any

import pytest

from app.host.facts import Manifest
from app.reasoning.port import Advice, Assessment, Case
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import HEALTHY_LISTENERS, case, facts_of, file, manifest_now
from tests.unit.reasoning.test_builtin import UP, asked, judge, steps

PLACE = "/srv/heap/tickets"
ANSWERS = "http.local url=http://127.0.0.1:9100/ host_header=tickets.example"
TABLE = file("/etc/fstab")
Shape = dict[str, Any]


def volume(**more: Any) -> Shape:
    shape = {"path": PLACE, "source": "/dev/vdc1", "fstype": "xfs", "read_only": False}
    return shape | {"only_here": True} | more


ROOT = volume(path="/", source="/dev/vda1")
DECLARED = volume(at_boot=True)


def filesystems(mounts: list[Shape], declared: list[Shape]) -> Shape:
    return {"filesystems": [], "mounts": [ROOT, *mounts], "declared": declared}


def given(
    mounts: list[Shape],
    declared: list[Shape],
    said: str = "",
    *,
    changed: tuple[Manifest.File, ...] = (),
    entries: int | None = 0,
    kernel: str = "",
    **more: Any,
) -> Case:
    """Users are answered 500; a volume was mounted, writable, while the host was healthy."""
    facts = facts_of(UP, HEALTHY_LISTENERS) | asked(*UP)
    facts[ANSWERS] = {"url": "http://127.0.0.1:9100/", "status": 500}
    facts["baseline.manifest"] = manifest_now(*changed)
    facts["filesystems.list"] = filesystems(mounts, declared)
    is_there = "yes" if mounts else "no"
    told = {"path": PLACE, "mounted": is_there, "declared": "yes", "entries": entries}
    facts[f"mount.state path={PLACE}"] = told
    facts["journal.errors"] = {"source": "journal", "lines": _lines(kernel)}
    facts["unit.logs unit=tickets.service"] = {"source": "tickets", "lines": _lines(said)}
    for one in changed:
        diff = {"path": one.path, "comments": more.pop("comments", [])}
        facts[f"file.diff path={one.path} sha256={'a' * 64}"] = diff
    found = case(facts | more, status=500)
    (known,) = found.baselines
    healthy = facts_of(UP, HEALTHY_LISTENERS)
    healthy["filesystems.list"] = filesystems([volume()], [DECLARED])
    files = (*known.manifest.files, TABLE)
    known = known.model_copy(
        update={
            "evidence": cases.evidence(healthy),
            "manifest": known.manifest.model_copy(update={"files": files}),
        }
    )
    return found.model_copy(update={"baselines": (known,)})


def _lines(said: str) -> list[Shape]:
    return [{"template": said, "example": said, "count": 1}] if said else []


def person(judged: Assessment) -> bool:
    assert judged.repair is not None, judged.statement
    return judged.repair.requires_person is not None


MISSES = f"FileNotFoundError: no such file or directory: '{PLACE}/state.db'"


@pytest.mark.parametrize(("entries", "asks"), [(0, False), (3, True)])
async def test_what_is_not_mounted_is_mounted_and_nothing_is_covered_unasked(
    entries: int, asks: bool
) -> None:
    judged = await judge(given([], [DECLARED], MISSES, entries=entries, **unchanged()))
    assert steps(judged) == [f"mount.attach path={PLACE}"]
    assert person(judged) is asks


def unchanged() -> dict[str, Any]:
    """The file of mounts as it was."""
    return {"baseline.manifest": manifest_now(TABLE)}


async def test_what_no_file_declares_is_a_persons() -> None:
    judged = await judge(given([], [], MISSES, **unchanged()))
    assert judged.advice is Advice.HAND_OVER
    assert PLACE in judged.statement


PAGES = "/srv/heap/pages"
COVER: Shape = {"path": PAGES, "source": "trial", "fstype": "tmpfs", "read_only": False,
                "only_here": True, "size_kb": 4096}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "holds", "taken"),
    [
        (f"cannot serve {PAGES}/: nothing in it", 0, True),
        (f"cannot serve {PAGES}/: nothing in it", 3, False),  # it would be lost
        ("no rate for EUR", 0, False),  # nobody misses what it covers
    ],
)
async def test_what_lies_empty_over_a_folder_that_is_missed_is_taken_away(
    said: str, holds: int, taken: bool
) -> None:
    state = {"path": PAGES, "mounted": "yes", "declared": "no", "in_memory": "yes", "holds": holds}
    more = {f"mount.state path={PAGES}": state} | unchanged()
    judged = await judge(given([volume(), COVER], [DECLARED], said, **more))
    if taken:
        assert steps(judged) == [f"mount.uncover path={PAGES}"]
        assert not person(judged)
    else:
        assert judged.repair is None


async def test_what_nobody_misses_is_not_mounted() -> None:
    judged = await judge(given([], [DECLARED], "ValueError: no rate for EUR", **unchanged()))
    assert judged.repair is None


CANNOT = f"OSError: [Errno 30] Read-only file system: '{PLACE}/7.bin'"


@pytest.mark.parametrize(("answers", "hangs"), [(False, True), (True, False)])
async def test_what_another_host_serves_and_does_not_answer_is_told(
    answers: bool, hangs: bool
) -> None:
    given_ = given([volume()], [DECLARED], "nfs: server heap not responding", **unchanged())
    served = {"mount": PLACE, "source": "heap:/x", "fstype": "nfs4", "answers": answers}
    told = filesystems([volume()], [DECLARED]) | {"filesystems": [served]}
    evidence = tuple(
        e.model_copy(update={"facts": told}) if e.action == "filesystems.list" else e
        for e in given_.evidence
    )
    judged = await judge(given_.model_copy(update={"evidence": evidence}))
    assert judged.repair is None
    assert ("does not answer" in judged.statement) is hangs


async def test_one_place_that_was_closed_is_opened() -> None:
    judged = await judge(given([volume(read_only=True)], [DECLARED], CANNOT, **unchanged()))
    assert steps(judged) == [f"mount.set_write path={PLACE} write=rw"]
    assert not person(judged)


async def test_a_person_agrees_before_a_whole_file_system_is_written_again() -> None:
    closed = volume(read_only=True, only_here=False)
    judged = await judge(given([closed], [DECLARED], CANNOT, **unchanged()))
    assert steps(judged) == [f"mount.set_write path={PLACE} write=rw"]
    assert person(judged)


async def test_a_damaged_file_system_is_left_as_the_kernel_left_it() -> None:
    closed = volume(read_only=True, only_here=False)
    kernel = "XFS (vdc1): metadata I/O error in xfs_trans_read_buf: error 5"
    judged = await judge(given([closed], [DECLARED], CANNOT, kernel=kernel, **unchanged()))
    assert judged.advice is Advice.HAND_OVER
    assert "damaged" in judged.statement


@pytest.mark.parametrize(
    ("comment", "left"), [("# moved with the array", False), ("# CHG00412: frozen", True)]
)
async def test_the_file_of_mounts_is_put_back_too_unless_it_gives_a_reason(
    comment: str, left: bool
) -> None:
    closed, other = volume(read_only=True, only_here=False), file("/etc/fstab", "b" * 64)
    told = given(
        [closed], [DECLARED | {"read_only": True}], CANNOT, changed=(other,), comments=[comment]
    )
    judged = await judge(told)
    if left:
        assert judged.advice is Advice.HAND_OVER
        return
    assert steps(judged) == [
        f"file.restore group=root mode=0644 owner=root path=/etc/fstab sha256={'a' * 64}",
        "daemon.reload",
        f"mount.set_write path={PLACE} write=rw",
    ]
    assert person(judged)


def never_seen_healthy(found: Case) -> Case:
    return found.model_copy(update={"baselines": ()})


CANNOT_WRITE = "OSError: [Errno 30] Read-only file system: '" + PLACE + "/1.bin'"


async def test_a_table_that_was_never_seen_otherwise_is_changed_only_if_a_person_agrees() -> None:
    closed = {"read_only": True, "only_here": False}
    mounts, table = [volume(**closed)], [volume(at_boot=True, read_only=True)]
    judged = await judge(never_seen_healthy(given(mounts, table, CANNOT_WRITE)))
    assert steps(judged)[:3] == [
        f"mount.drop_option option=ro path={PLACE}",
        "daemon.reload",
        f"mount.set_write path={PLACE} write=rw",
    ], judged.statement
    assert person(judged)
    unmissed = await judge(never_seen_healthy(given(mounts, table)))
    assert unmissed.repair is None


async def test_an_image_that_cannot_be_written_is_no_fault_of_its_table() -> None:
    image = {"read_only": True, "only_here": False, "fstype": "squashfs"}
    table = [volume(at_boot=True, read_only=True, fstype="squashfs")]
    judged = await judge(never_seen_healthy(given([volume(**image)], table, CANNOT_WRITE)))
    assert judged.repair is None


async def test_shared_memory_below_what_is_given_where_least_is() -> None:
    small = volume(path="/dev/shm", source="tmpfs", fstype="tmpfs", size_kb=2048)
    said = 'ERROR:  could not resize shared memory segment "/Seg.17": No space left on device'
    declared = DECLARED | small | {"at_boot": True}
    judged = await judge(never_seen_healthy(given([small], [declared], said)))
    assert steps(judged) == [
        "mount.drop_option option=size path=/dev/shm",
        "daemon.reload",
        "mount.resize path=/dev/shm size_kb=65536",
    ], judged.statement
    assert person(judged)
    judged = await judge(never_seen_healthy(given([small], [], said)))
    assert steps(judged) == ["mount.resize path=/dev/shm size_kb=65536"]
    assert person(judged)
    enough = small | {"size_kb": 65536}
    assert (await judge(never_seen_healthy(given([enough], [], said)))).repair is None
