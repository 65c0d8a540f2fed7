"""What users wrote goes back only to where it stood: never to where root reads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from app.execution.gate import baseline, disk, edits
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.execution.gate.store import Store

SOMEBODY = 60_123


class Tree:
    """A host's folders, as far as the survey looks at them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.places = Places(state=str(root / "state"))
        self.owners: dict[int, int] = {}
        for name in ("etc", "srv", "crontabs"):
            (root / name).mkdir()

    def write(self, name: str, text: str, uid: int = 0) -> str:
        path = self.root / name
        path.write_text(text, encoding="utf-8")
        self.owners[path.stat().st_ino] = uid
        return str(path)

    def owner_of(self, file: int) -> int:
        """As the host tells it; only root could give files to others."""
        return self.owners.get(os.fstat(file).st_ino, 0)

    def surveyed(self) -> dict[str, str]:
        """Hashes by path."""
        kind: dict[str, Any] = {"kind": "path", "beneath": [str(self.root)], "refuse": []}
        nowhere, homes = (
            {**kind, "beneath": [place]} for place in ("/nowhere", f"{self.root}/home")
        )
        survey = baseline.Survey(Store(self.places), [kind, nowhere, homes])
        return {str(file["path"]): str(file.get("sha256")) for file in survey.files()}

    def restore(self, path: str, sha256: str) -> None:
        owner, group = str(os.geteuid()), str(os.getegid())
        params: dict[str, str | int] = {
            "path": path, "sha256": sha256, "owner": owner, "group": group, "mode": "0644",
        }  # fmt: skip
        edits.put_back(params, self.places)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.setattr(baseline, "CONTENT_ROOTS", (str(tmp_path / "etc"), str(tmp_path / "srv")))
    for name in ("FOLDER_ROOTS", "SHARED_FOLDERS"):
        monkeypatch.setattr(baseline, name, ())
    monkeypatch.setattr(baseline, "HOMES", str(tmp_path / "home"))
    monkeypatch.setattr(baseline, "local_mounts", list)
    monkeypatch.setattr(baseline, "CRONTABS", (str(tmp_path / "crontabs"),))
    found = Tree(tmp_path)
    monkeypatch.setattr(disk, "owner_of", found.owner_of)
    return found


def test_a_users_table_becomes_nobody_elses(tree: Tree) -> None:
    own = tree.write("crontabs/ann", "* * * * * /home/ann/x\n", SOMEBODY)
    sha256 = tree.surveyed()[own]
    with pytest.raises(Failed, match="never stood"):
        tree.restore(str(tree.root / "crontabs/root"), sha256)
    with pytest.raises(Failed, match="never stood"):
        tree.restore(str(tree.root / "etc/cron"), sha256)
    Path(own).unlink()
    tree.restore(own, sha256)
    assert Path(own).exists()


def test_who_copies_a_file_of_roots_keeps_nobody_from_putting_it_back(tree: Tree) -> None:
    of_root = tree.write("etc/conf", "listen 80\n")
    tree.write("srv/copy", "listen 80\n", SOMEBODY)
    sha256 = tree.surveyed()[of_root]
    tree.write("etc/conf", "listen 81\n")
    tree.restore(of_root, sha256)
    assert Path(of_root).read_text(encoding="utf-8") == "listen 80\n"


def test_what_a_change_replaced_is_bound_too(tree: Tree) -> None:
    good = tree.write("etc/conf", "good\n")
    of_ann = tree.write("srv/conf", "good\n")
    sha256 = tree.surveyed()[good]
    tree.write("srv/conf", "* * * * * root /home/ann/x\n", SOMEBODY)
    tree.restore(of_ann, sha256)
    (replaced,) = (
        kept.name for kept in Path(tree.places.contents).iterdir()
        if kept.read_text(encoding="utf-8").endswith("/x\n")
    )  # fmt: skip
    with pytest.raises(Failed, match="never stood"):
        tree.restore(good, replaced)
    tree.restore(of_ann, replaced)


def test_what_a_shell_reads_in_a_home_is_kept_for_that_home(tree: Tree) -> None:
    (tree.root / "home/ann").mkdir(parents=True)
    skeleton = tree.write("etc/bashrc", "umask 027\n")
    own = tree.write("home/ann/.bashrc", "umask 027\n", SOMEBODY)
    tree.write("home/ann/notes", "of no interest\n", SOMEBODY)
    found = tree.surveyed()
    assert f"{tree.root}/home/ann/notes" not in found
    for path in (own, skeleton):
        assert Store(tree.places).is_bound(found[own], path)
        tree.restore(path, found[own])
    with pytest.raises(Failed, match="never stood"):
        tree.restore(f"{tree.root}/etc/profile", found[own])


def test_a_table_of_cron_is_its_accounts(tree: Tree) -> None:
    path = tree.write("etc/conf", "x\n")
    sha256 = tree.surveyed()[path]
    for wrong in ("/var/spool/cron/crontabs/ann", "/var/spool/cron/atjobs/root"):
        with pytest.raises(Failed, match="no table of cron"):
            tree.restore(wrong, sha256)
