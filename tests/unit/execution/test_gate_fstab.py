"""An option taken out of one line of /etc/fstab: nothing else of it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.execution.gate import fstab
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed

TABLE = """# <what> <where> <type> <options> <dump> <pass>
UUID=1234 / ext4 errors=remount-ro 0 1
#UUID=77 /srv/files ext4 ro 0 2
/dev/vdb1\t/srv/files  ext4  noatime,ro,nofail  0 2
/dev/vdc1 /srv/old\\040files ext4 ro 0 2
tmpfs /dev/shm tmpfs size=2m,nodev 0 0
tmpfs /srv/twice tmpfs size=2m 0 0
tmpfs /srv/twice tmpfs size=3m 0 0
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "fstab"
    path.write_text(TABLE, encoding="utf-8")
    monkeypatch.setattr(fstab, "FSTAB", str(path))
    return path


def drop(tmp_path: Path, path: str, option: str) -> None:
    places = Places(state=str(tmp_path / "state"))
    assert fstab.mount_drop_option({"path": path, "option": option}, places) == 0


@pytest.mark.parametrize(
    ("path", "option", "was", "is_now"),
    [
        ("/srv/files", "ro", "noatime,ro,nofail", "noatime,nofail"),
        ("/srv/old files", "ro", "ext4 ro 0 2\ntmpfs", "ext4 defaults 0 2\ntmpfs"),
        ("/dev/shm", "size", "size=2m,nodev", "nodev"),
    ],
)
def test_one_option_of_one_line_goes(
    tmp_path: Path, table: Path, path: str, option: str, was: str, is_now: str
) -> None:
    drop(tmp_path, path, option)
    assert TABLE.count(was) == 1
    assert table.read_text() == TABLE.replace(was, is_now)


@pytest.mark.parametrize(
    ("path", "option", "says"),
    [
        ("/", "ro", "has no ro"),  # errors=remount-ro is another option
        ("/srv/files", "size", "has no size"),
        ("/srv/none", "ro", "0 lines"),
        ("/srv/twice", "size", "2 lines"),
    ],
)
def test_what_is_not_so_is_left_alone(
    tmp_path: Path, table: Path, path: str, option: str, says: str
) -> None:
    with pytest.raises(Failed, match=says):
        drop(tmp_path, path, option)
    assert table.read_text() == TABLE
