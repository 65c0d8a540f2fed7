"""A folder or file that is gone and stands beside its place under another name."""

from __future__ import annotations

from typing import Any

import pytest

from app.host.drift import Change, changes
from app.host.facts import Manifest
from app.host.renames import with_renames
from tests.unit.reasoning.cases import file

LOST = "/srv/depot/plan"
SINCE, LATER = "2025-06-01T00:00:00+00:00", "2025-08-01T00:00:00+00:00"
OWNED = {"owner": "clerk", "group": "clerk"}
KEPT = file("/etc/hosts")


def folder(path: str, **more: Any) -> Manifest.File:
    return file(path, None, **{"kind": "directory", "mode": "0750", **OWNED} | more)


def page(path: str, sha: str = "b", **more: Any) -> Manifest.File:
    return file(path, sha * 64, **{"bytes": 12, **OWNED} | more)


def manifest(*files: Manifest.File) -> Manifest:
    return Manifest(host="alpha", taken_at=SINCE, files=(KEPT, *files))


THEN = manifest(
    folder(LOST), page(f"{LOST}/a.txt", "b"), folder(f"{LOST}/in"), page(f"{LOST}/in/b.txt", "c")
)


def moved(name: str, *extra: Manifest.File, **more: Any) -> Manifest:
    to = f"/srv/depot/{name}"
    return manifest(
        folder(to, **more.get("top", {})),
        page(f"{to}/a.txt", more.get("sha", "b"), **more.get("a", {})),
        folder(f"{to}/in"),
        page(f"{to}/in/b.txt", "c"),
        *extra,
    )


def found(then: Manifest, now: Manifest, *in_use: str) -> tuple[Change, ...]:
    return with_renames(changes(then, now), then, now, in_use)


@pytest.mark.parametrize("name", ["plan.unused-2024q3", "_plan", "archive"])
def test_a_folder_with_all_that_lay_in_it_was_renamed(name: str) -> None:
    (only,) = found(THEN, moved(name))
    assert (only.path, only.renamed_to) == (LOST, f"/srv/depot/{name}")


def test_what_was_put_into_it_since_goes_with_it() -> None:
    new = page("/srv/depot/plan.old/new.txt", "d", modified=LATER)
    (only,) = found(THEN, moved("plan.old", new))
    assert only.renamed_to == "/srv/depot/plan.old"


@pytest.mark.parametrize(
    "now",
    [
        moved("plan.old", sha="e"),  # an older copy, or another's
        moved("plan.old", top={"owner": "root"}),
        moved("plan.old", a={"mode": "0600"}),
        manifest(folder("/srv/depot/plan.old"), page("/srv/depot/plan.old/a.txt")),  # half of it
        moved("archive", sha="e", a={"modified": LATER}),  # neither its name nor all its content
        manifest(folder("/srv/depot/plan.old")),
    ],
)
def test_what_is_not_all_of_it_is_another(now: Manifest) -> None:
    assert all(not change.renamed_to for change in found(THEN, now))


def test_what_was_written_since_is_the_same_folder_by_its_name() -> None:
    (only,) = found(THEN, moved("plan.old", sha="e", a={"modified": LATER}))
    assert only.renamed_to


def test_two_copies_leave_open_which_it_is() -> None:
    one, other = moved("plan.old"), moved("plan.copy")
    both = manifest(*one.files[1:], *other.files[1:])
    assert all(not change.renamed_to for change in found(THEN, both))


def test_what_is_used_under_its_new_name_was_meant() -> None:
    now = moved("plan.2")
    assert all(not change.renamed_to for change in found(THEN, now, "/srv/depot/plan.2/in"))
    link = Manifest.File(
        path="/srv/depot/current", kind="symlink", target="plan.2", owner="root", group="root",
        mode="0777",
    )  # fmt: skip
    released = manifest(*now.files[1:], link)
    assert all(not change.renamed_to for change in found(THEN, released))


def test_a_file_of_which_only_the_name_changed() -> None:
    then, now = manifest(page("/etc/depot/a.conf")), manifest(page("/etc/depot/a.conf.off"))
    (only,) = found(then, now)
    assert only.renamed_to == "/etc/depot/a.conf.off"


@pytest.mark.parametrize(
    "now",
    [
        page("/etc/depot/a.conf.off", "e"),
        page("/etc/depot/a.conf.off", owner="root"),
        page("/etc/other/a.conf"),
        page("/etc/depot/a.conf.off", bytes=0),
    ],
)
def test_a_file_that_says_or_is_something_else_is_another(now: Manifest.File) -> None:
    then = manifest(page("/etc/depot/a.conf", bytes=now.bytes))
    assert all(not change.renamed_to for change in found(then, manifest(now)))
