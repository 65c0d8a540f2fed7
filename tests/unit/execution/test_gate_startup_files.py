"""What a shell reads in a home: put back only to where it stood, and as its owner's."""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.domain.action import ActionCall
from app.domain.host import Host
from app.execution.catalog import Catalog
from app.execution.gate import baseline, edits, startup_files
from app.execution.gate.answers import Params
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.execution.gate.store import Store
from app.host.kept import is_startup_file

ME, GROUP = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    config = SimpleNamespace(account="agent")
    monkeypatch.setattr(startup_files, "load_config", lambda _path: config)
    monkeypatch.setattr(edits, "ids_of", lambda _params: (os.geteuid(), os.getegid()))
    return Places(config=str(tmp_path / "gate.json"), state=str(tmp_path / "state"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    home = tmp_path / "home" / "ann"
    home.mkdir(parents=True)
    (home / ".bashrc").write_text("umask 027\n")
    return home / ".bashrc"


def params(file: Path, content: str, **more: str) -> Params:
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    shape = {"path": str(file), "sha256": sha256, "owner": ME, "group": GROUP, "mode": "0644"}
    return {**shape, **more}


def kept(file: Path, places: Places) -> Params:
    """What the baseline keeps of a file."""
    content = file.read_text()
    sha256 = Store(places).put(content.encode())
    Store(places).bind(sha256, str(file))
    return params(file, content)


def test_it_goes_back_and_what_it_replaces_does_as_well(
    file: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    before = kept(file, places)
    file.write_text("echo hello\n")
    assert startup_files.startup_restore(before, places) == 0
    assert file.read_text() == "umask 027\n"
    replaced = json.loads(capsys.readouterr().out)["replaced"]
    startup_files.startup_restore(before | {"sha256": replaced}, places)
    assert file.read_text() == "echo hello\n"


def test_one_that_was_removed_can_be_put_back(file: Path, places: Places) -> None:
    before = params(file, file.read_text())
    with pytest.raises(Failed, match="left alone"):
        startup_files.startup_remove(params(file, "something else"), places)
    startup_files.startup_remove(before, places)
    assert not file.exists()
    startup_files.startup_restore(before, places)
    assert file.read_text() == "umask 027\n"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"sha256": "0" * 64}, "never stood"),
        ({"owner": "daemon"}, "nobody else may write"),
        ({"mode": "0666"}, "nobody else may write"),
    ],
)
def test_what_never_stood_there_or_opens_it_is_refused(
    file: Path, places: Places, more: dict[str, str], why: str
) -> None:
    before = kept(file, places)
    with pytest.raises(Failed, match=why):
        startup_files.startup_restore({**before, **more}, places)
    assert file.read_text() == "umask 027\n"


def test_another_home_does_not_get_it(file: Path, places: Places) -> None:
    before = kept(file, places)
    other = file.parent.parent / "kim"
    other.mkdir()
    with pytest.raises(Failed, match="never stood"):
        startup_files.startup_restore(before | {"path": str(other / ".bashrc")}, places)


def test_the_agents_own_is_never_touched(file: Path, places: Places) -> None:
    own = file.parent.parent / "agent" / ".bashrc"
    own.parent.mkdir()
    own.write_text("umask 027\n")
    with pytest.raises(Failed, match="the agent's own"):
        startup_files.startup_restore(kept(own, places), places)
    with pytest.raises(Failed, match="the agent's own"):
        startup_files.startup_remove(params(own, "umask 027\n"), places)


def test_the_catalog_knows_the_files_that_the_baseline_notes() -> None:
    host = Host(name="alpha", address="192.0.2.7")
    for name in baseline.STARTUP_FILES:
        asked = params(Path(f"/home/ann/{name}"), "umask 027\n", owner="ann", group="ann")
        call = ActionCall(action="startup.restore", host="alpha", params=asked)
        assert Catalog.load().accepts(call, host), name
        assert is_startup_file(f"/home/ann/{name}"), name
