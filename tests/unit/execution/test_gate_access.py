"""Files that say who may log in, and accounts: changed only so that it holds, and taken back."""

from __future__ import annotations

import grp
import hashlib
import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.execution.gate import access, accounts, answers, edits
from app.execution.gate.answers import Params
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.execution.gate.store import Store

GROUP = grp.getgrgid(os.getegid()).gr_name


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    config = SimpleNamespace(account="agent")
    for module in (access, accounts):
        monkeypatch.setattr(module, "load_config", lambda _path: config)
    # what is root's on a host belongs here to whoever runs the tests
    monkeypatch.setattr(edits, "ids_of", lambda _params: (os.geteuid(), os.getegid()))
    return Places(config=str(tmp_path / "gate.json"), state=str(tmp_path / "state"))


def program(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for /etc/ssh; its sshd refuses the word "Bad" in any file there."""
    etc = tmp_path / "ssh"
    etc.mkdir()
    complaint = f"! grep -rl Bad {etc} || {{ echo 'Bad configuration option' >&2; exit 1; }}"
    monkeypatch.setattr(access, "SSHD", program(tmp_path / "sshd", complaint))
    log = tmp_path / "systemctl.log"
    monkeypatch.setattr(access, "SYSTEMCTL", program(tmp_path / "systemctl", f'echo "$@" >> {log}'))
    monkeypatch.setattr(access, "_SSHD_FILES", f"{etc}/")
    return etc


def restoring(path: Path, content: str, places: Places) -> Params:
    sha256 = Store(places).put(content.encode())
    Store(places).bind(sha256, str(path))
    shape = {"owner": "root", "group": GROUP, "mode": "0644"}
    return {"path": str(path), "sha256": sha256, **shape}


def test_what_sshd_accepts_stands_and_is_read(folder: Path, places: Places) -> None:
    path = folder / "sshd_config"
    path.write_text("MaxStartups 2")
    assert access.access_restore(restoring(path, "MaxStartups 10", places), places) == 0
    assert path.read_text() == "MaxStartups 10"
    assert "reload -- ssh.service" in (folder.parent / "systemctl.log").read_text()


def test_a_daemon_of_another_name_reads_its_own_file(
    folder: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "sftp_config"
    told: list[tuple[int, int]] = []
    lines = {"/proc/77/cmdline": f"sshd: /usr/sbin/sshd -D -f {path} [listener] 0 of 10-100",
             "/proc/78/cmdline": "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100"}  # fmt: skip
    monkeypatch.setattr(access, "process_ids", lambda: ["77", "78"])
    monkeypatch.setattr(access, "text_at", lambda name, _most: lines[name])
    monkeypatch.setattr(os, "kill", lambda pid, number: told.append((pid, number)))
    monkeypatch.setattr(access, "_is_roots", lambda _pid: True)
    assert access.access_restore(restoring(path, "MaxStartups 10", places), places) == 0
    assert told == [(77, signal.SIGHUP)]
    assert not (folder.parent / "systemctl.log").exists(), "the host's own sshd is left alone"


@pytest.mark.parametrize("before", ["MaxStartups 2", None])
def test_what_sshd_refuses_is_taken_back_at_once(
    before: str | None, folder: Path, places: Places
) -> None:
    path = folder / "sshd_config"
    if before is not None:
        path.write_text(before)
    with pytest.raises(Failed, match="Bad configuration option"):
        access.access_restore(restoring(path, "Bad", places), places)
    assert (path.read_text() if path.exists() else None) == before
    assert not (folder.parent / "systemctl.log").exists()


@pytest.mark.parametrize(
    "wrong", [{"owner": "nobody"}, {"mode": "0664"}, {"sha256": "0" * 64}, {"path": "sshd_other"}]
)
def test_only_what_stood_there_goes_there_and_is_roots(
    wrong: Params, folder: Path, places: Places
) -> None:
    """Another file's content there would be another file's writer in charge of who logs in."""
    good = restoring(folder / "sshd_config", "MaxStartups 10", places)
    if "path" in wrong:
        wrong = {"path": str(folder / str(wrong["path"]))}
    with pytest.raises(Failed, match=r"never stood at|is root's"):
        access.access_restore({**good, **wrong}, places)
    assert list(folder.iterdir()) == []


def test_a_pam_file_that_would_keep_the_agent_out_is_taken_back(
    tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "common-account"
    path.write_text("good")
    refuses = f"grep -q good {path} || {{ echo 'account locked' >&2; exit 1; }}"
    monkeypatch.setattr(access, "RUNUSER", program(tmp_path / "runuser", refuses))
    with pytest.raises(Failed, match="account locked"):
        access.access_restore(restoring(path, "bad", places), places)
    assert path.read_text() == "good"
    seen = hashlib.sha256(b"good").hexdigest()
    with pytest.raises(Failed, match="keep the agent out"):
        access.access_remove({"path": str(path), "sha256": seen}, places)
    assert path.read_text() == "good"


@pytest.mark.parametrize(
    ("now", "wanted", "closed"),
    [(0o666, "0600", True), (0o664, "0644", True), (0o600, "0644", False), (0o700, "0600", False)],
)
def test_keys_are_closed_to_others_and_never_to_their_owner(
    now: int, wanted: str, closed: bool, tmp_path: Path, places: Places
) -> None:
    keys = tmp_path / "ann" / ".ssh" / "authorized_keys"
    keys.parent.mkdir(parents=True)
    keys.touch()
    keys.chmod(now)
    asked: Params = {"path": str(keys), "mode": wanted}
    if closed:
        access.access_set_mode(asked, places)
    else:
        with pytest.raises(Failed, match="would open it, or close it"):
            access.access_set_mode(asked, places)
    assert keys.stat().st_mode & 0o777 == (int(wanted, 8) if closed else now)


def test_the_agents_own_keys_are_left_alone(tmp_path: Path, places: Places) -> None:
    keys = tmp_path / "agent" / ".ssh"
    keys.mkdir(parents=True)
    with pytest.raises(Failed, match="the agent's own"):
        access.access_set_mode({"path": str(keys), "mode": "0700"}, places)


def test_what_is_removed_is_exactly_what_was_seen(folder: Path, places: Places) -> None:
    path = folder / "50-site.conf"
    path.write_text("DenyUsers x")
    with pytest.raises(Failed, match="left alone"):
        access.access_remove({"path": str(path), "sha256": "0" * 64}, places)
    seen = hashlib.sha256(b"DenyUsers x").hexdigest()
    assert access.access_remove({"path": str(path), "sha256": seen}, places) == 0
    assert not path.exists()
    assert Store(places).has(seen)


PASSWD = """root:x:0:0:root:/root:/bin/bash
app:x:901:901::/var/lib/app:/usr/sbin/nologin
ann:x:1000:1000::/home/ann:/opt/no/such/shell
"""
NEW: Params = {
    "account": "old", "uid": 902, "group": "old", "gid": 902, "home": "/var/lib/old",
    "shell": "/usr/sbin/nologin",
}  # fmt: skip


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host of three accounts; what would be run is written down."""
    kept = {
        "/etc/passwd": PASSWD,
        "/etc/group": "root:x:0:\napp:x:901:\nann:x:1000:\n",
        "/etc/shells": "# valid\n/bin/sh\n/bin/bash\n",
    }
    log = tmp_path / "commands.log"
    read = answers.text_at
    monkeypatch.setattr(
        accounts, "text_at", lambda path, *more: kept.get(path) or read(path, *more)
    )
    for name in ("USERADD", "USERDEL", "USERMOD", "GROUPADD", "GROUPDEL"):
        body = f'echo {name.lower()} "$@" >> {log}'
        monkeypatch.setattr(accounts, name, program(tmp_path / name, body))
    log.touch()
    return log


def test_accounts_are_told_without_their_passwords(
    commands: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    accounts.accounts_list({}, places)
    told = {one["name"]: one for one in json.loads(capsys.readouterr().out)["accounts"]}
    assert told["app"]["may_log_in"] == "no"
    assert (told["ann"]["may_log_in"], told["ann"]["shell_exists"]) == ("yes", "no")
    assert (told["app"]["uid"], told["app"]["group"]) == (901, "app")


def test_an_account_is_made_with_its_group_and_no_home(commands: Path, places: Places) -> None:
    assert accounts.account_create(NEW, places) == 0
    made = commands.read_text().splitlines()
    assert made[0] == "groupadd --gid 902 -- old"
    assert {"--no-create-home", "--uid", "902"} <= set(made[1].split())


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"uid": 901}, "is app's now"),
        ({"gid": 901}, "another one's now"),
        ({"account": "agent"}, "the agent's own"),
    ],
)
def test_ids_that_are_somebody_elses_now_are_not_given(
    other: Params, why: str, commands: Path, places: Places
) -> None:
    with pytest.raises(Failed, match=why):
        accounts.account_create({**NEW, **other}, places)
    assert commands.read_text() == ""


def test_only_an_account_that_the_gate_made_is_removed(commands: Path, places: Places) -> None:
    with pytest.raises(Failed, match="left alone"):
        accounts.account_remove({"account": "app"}, places)
    assert commands.read_text() == ""


@pytest.mark.parametrize(
    ("account", "shell", "why"),
    [
        ("app", "/bin/bash", "not meant to log in"),
        ("ann", "/tmp/sh", "none of /etc/shells"),
        ("root", "/bin/sh", "has a shell"),
        ("agent", "/bin/sh", "the agent's own"),
    ],
)
def test_no_account_gets_a_shell_that_it_should_not_have(
    account: str, shell: str, why: str, commands: Path, places: Places
) -> None:
    with pytest.raises(Failed, match=why):
        accounts.account_set_shell({"account": account, "shell": shell}, places)
    assert commands.read_text() == ""


def test_a_shell_that_is_there_is_given_and_the_one_before_may_come_back(
    commands: Path, places: Places
) -> None:
    accounts.account_set_shell({"account": "ann", "shell": "/bin/bash"}, places)
    accounts.account_set_shell({"account": "ann", "shell": "/opt/no/such/shell"}, places)
    assert commands.read_text().splitlines() == [
        "usermod --shell /bin/bash -- ann",
        "usermod --shell /opt/no/such/shell -- ann",
    ]
