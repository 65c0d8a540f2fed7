"""A folder and all in it, given to the account that works with it, and given back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.integration.execution.gate_bench import Bench

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")

GIVEN = {"was": "root", "owner": "www-data", "group": "www-data"}


@pytest.fixture
def folder(bench: Bench, tmp_path: Path) -> Path:
    bench.allow_paths("folder.set_owners", tmp_path)
    bench.allow_paths("folder.owners_back", tmp_path)
    inner = tmp_path / "items" / "old"
    inner.mkdir(parents=True)
    inner.chmod(0o2750)
    for name, owner in (("one", 0), ("two", 0), ("other", 1)):
        path = inner / name
        path.write_text(name)
        path.chmod(0o640)
        os.chown(path, owner, 0)
    (inner / "link").symlink_to("/etc/hosts")
    return tmp_path / "items"


def seen(folder: Path) -> dict[str, tuple[int, int, int]]:
    found = (folder, *folder.rglob("*"))
    states = {path: path.lstat() for path in found}
    return {
        str(path.relative_to(folder)): (one.st_uid, one.st_gid, one.st_mode)
        for path, one in states.items()
    }


def give(bench: Bench, folder: Path, intent: str = "i-1") -> str:
    told = bench.change(intent, "folder.set_owners", {"path": str(folder), **GIVEN})
    return "" if told["exit_code"] == 0 else str(told["output"])


def test_all_that_belonged_to_one_account_is_given_and_comes_back(
    bench: Bench, folder: Path
) -> None:
    before = seen(folder)
    hosts = Path("/etc/hosts").stat().st_uid
    assert not give(bench, folder)
    after = seen(folder)
    www = after["."][0]
    assert www not in (0, 1)
    assert {name for name, one in after.items() if one[0] == www} == {
        ".", "old", "old/one", "old/two"
    }  # fmt: skip
    assert after["old/other"] == before["old/other"], "it was somebody else's"
    assert after["old/link"] == before["old/link"]
    assert Path("/etc/hosts").stat().st_uid == hosts, "no link is followed"
    assert {name: one[2] for name, one in after.items()} == {n: o[2] for n, o in before.items()}
    (folder / "old" / "since").write_text("made since")
    told = bench.change("i-2", "folder.owners_back", {"path": str(folder)})
    assert told["exit_code"] == 0
    back = seen(folder)
    assert back.pop("old/since")
    assert back == before


def test_what_has_a_second_name_or_works_as_its_owner_is_for_a_person(
    bench: Bench, folder: Path, tmp_path: Path
) -> None:
    os.link(folder / "old" / "one", tmp_path / "second")
    before = seen(folder)
    assert "second name" in give(bench, folder)
    assert seen(folder) == before
    (tmp_path / "second").unlink()
    (folder / "old" / "two").chmod(0o4755)
    before = seen(folder)
    assert "owner's rights" in give(bench, folder, "i-2")
    assert seen(folder) == before


def test_what_is_not_the_gates_is_not_given_back(bench: Bench, folder: Path) -> None:
    told = bench.change("i-1", "folder.owners_back", {"path": str(folder)})
    assert told["exit_code"] != 0
    assert "by the gate" in told["output"]


def test_what_was_given_away_since_is_left(bench: Bench, folder: Path) -> None:
    assert not give(bench, folder)
    os.chown(folder / "old" / "one", 2, 2)
    assert bench.change("i-2", "folder.owners_back", {"path": str(folder)})["exit_code"] == 0
    assert (folder / "old" / "one").stat().st_uid == 2
    assert (folder / "old" / "two").stat().st_uid == 0
