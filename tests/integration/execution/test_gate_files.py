"""What the gate reads of files and what it changes in them: whole, bound to paths, undoable."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import struct
from pathlib import Path

import pytest

from app.domain.value import JsonObject
from tests.integration.execution.gate_bench import Bench

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def etc(bench: Bench, tmp_path: Path) -> Path:
    """A folder that actions on files may touch."""
    folder = tmp_path / "etc"
    folder.mkdir()
    actions = (
        "file.restore", "file.restore_link", "file.remove", "file.remove_link", "file.set_mode",
        "file.restore_folder", "file.remove_folder",
        "file.set_owner", "file.state", "file.diff", "config.read", "environment.read", "log.tail",
        "log.truncate",
    )  # fmt: skip
    for action in actions:
        bench.allow_paths(action, folder)
    return folder


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def restore(bench: Bench, path: Path, digest: str, *, intent: str = "i-1") -> JsonObject:
    params = {"path": str(path), "sha256": digest, "owner": ME, "group": group(), "mode": "0640"}
    return bench.change(intent, "file.restore", params)


def group() -> str:
    import grp

    return grp.getgrgid(os.getegid()).gr_name


def keep(bench: Bench, text: str) -> str:
    """Put a content into the host's store, as a baseline does."""
    folder = bench.state / "baseline"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / sha256(text)).write_text(text)
    return sha256(text)


def test_a_stored_version_is_put_back_and_what_was_there_is_kept(bench: Bench, etc: Path) -> None:
    path = etc / "site.conf"
    path.write_text("broken")
    answer = restore(bench, path, keep(bench, "good"))
    assert (answer["state"], answer["exit_code"]) == ("ended", 0), answer
    assert path.read_text() == "good"
    assert path.stat().st_mode & 0o7777 == 0o640
    assert json.loads(answer["output"])["replaced"] == sha256("broken")
    undone = restore(bench, path, sha256("broken"), intent="i-2")
    assert undone["exit_code"] == 0
    assert path.read_text() == "broken"
    assert list(etc.iterdir()) == [path], "no temporary file is left"


def test_a_file_that_was_deleted_is_put_back(bench: Bench, etc: Path) -> None:
    answer = restore(bench, etc / "gone.conf", keep(bench, "good"))
    assert answer["exit_code"] == 0
    assert (etc / "gone.conf").read_text() == "good"


def test_a_folder_is_made_again_and_only_an_empty_one_is_removed(bench: Bench, etc: Path) -> None:
    path = etc / "app.d"
    params = {"path": str(path), "owner": ME, "group": group(), "mode": "2750"}
    assert bench.change("i-1", "file.restore_folder", params)["exit_code"] == 0
    assert path.stat().st_mode & 0o7777 == 0o2750
    again = bench.change("i-2", "file.restore_folder", params)
    assert again["exit_code"] == 1
    other = etc / "others.d"
    other.mkdir()
    there = bench.change("i-6", "file.restore_folder", params | {"path": str(other)})
    assert (there["exit_code"], "is there already" in there["output"]) == (1, True)
    told = bench.change("i-5", "file.remove_folder", {"path": str(other)})
    assert (told["exit_code"], "not made by the gate" in told["output"]) == (1, True)
    (path / "kept").touch()
    refused = bench.change("i-3", "file.remove_folder", {"path": str(path)})
    assert (refused["exit_code"], "is left alone" in refused["output"]) == (1, True)
    (path / "kept").unlink()
    assert bench.change("i-4", "file.remove_folder", {"path": str(path)})["exit_code"] == 0
    assert not path.exists()


@as_root
def test_a_frozen_file_is_thawed_and_frozen_again(bench: Bench, etc: Path) -> None:
    path = etc / "site.conf"
    path.write_text("kept")
    bench.allow_paths("file.set_frozen", etc)
    frozen = {"path": str(path), "frozen": "yes"}
    told = bench.change("i-1", "file.set_frozen", frozen)
    if told["exit_code"] != 0:  # a file system such as tmpfs: the gate says so and does nothing
        assert "knows no such mark" in told["output"]
        path.write_text("changed")
        return
    assert bench.facts("file.state", path=str(path))["frozen"] == "yes"
    with pytest.raises(PermissionError):
        path.write_text("changed")
    assert bench.change("i-2", "file.set_frozen", frozen | {"frozen": "no"})["exit_code"] == 0
    path.write_text("changed")


def test_a_version_that_is_not_stored_changes_nothing(bench: Bench, etc: Path) -> None:
    path = etc / "site.conf"
    path.write_text("broken")
    answer = restore(bench, path, sha256("never seen"))
    assert answer["exit_code"] == 1
    assert "no content" in answer["output"]
    assert path.read_text() == "broken"


def test_a_damaged_store_is_noticed(bench: Bench, etc: Path) -> None:
    path = etc / "site.conf"
    path.write_text("broken")
    digest = keep(bench, "good")
    (bench.state / "baseline" / digest).write_text("evil")
    answer = restore(bench, path, digest)
    assert answer["exit_code"] == 1
    assert "damaged" in answer["output"]
    assert path.read_text() == "broken"


def test_no_link_on_the_way_is_followed(bench: Bench, etc: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (etc / "link").symlink_to(outside)
    answer = restore(bench, etc / "link" / "planted", keep(bench, "good"))
    assert answer["exit_code"] == 1
    assert "is a link" in answer["output"]
    assert list(outside.iterdir()) == []


def test_a_link_at_the_path_is_replaced_not_followed(
    bench: Bench, etc: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("precious")
    (etc / "site.conf").symlink_to(outside)
    assert restore(bench, etc / "site.conf", keep(bench, "good"))["exit_code"] == 0
    assert outside.read_text() == "precious"
    assert not (etc / "site.conf").is_symlink()


@pytest.mark.parametrize("action", ["file.restore", "log.truncate", "file.set_mode"])
def test_a_second_name_for_a_file_is_refused(
    bench: Bench, etc: Path, tmp_path: Path, action: str
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    precious.chmod(0o600)
    path = etc / "x.log"
    path.hardlink_to(precious)
    more = {
        "file.restore": {"sha256": keep(bench, ""), "owner": ME, "group": group(), "mode": "0644"},
        "file.set_mode": {"mode": "0644"},
    }.get(action, {})
    answer = bench.change("i-1", action, {"path": str(path), **more})
    assert answer["exit_code"] == 1
    assert "hard links" in answer["output"]
    assert precious.read_text() == "precious"
    assert precious.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "path",
    ["/etc/shadow", "/etc/sudoers", "/etc/sudoers.d/x", "/etc/ssh/sshd_config", "/etc/pam.d/sshd",
     "/etc/sre-agent/gate.json", "/usr/local/libexec/sre-agent-gate", "/opt/x/.ssh/authorized_keys",
     "/etc/passwd", "/etc/group", "/etc/passwd-", "/etc/ld.so.preload", "/etc/../etc/shadow",
     "//etc/x", "/etc/x/", "/root/x", "/usr/bin/x", "etc/x", "/srv/canary/ledger.csv"],
)  # fmt: skip
def test_guarded_paths_are_refused_whatever_is_asked(bench: Bench, path: str) -> None:
    for action, more in (
        ("file.restore", {"sha256": "0" * 64, "owner": ME, "group": ME, "mode": "0644"}),
        ("file.remove", {"sha256": "0" * 64}),
        ("file.set_mode", {"mode": "0644"}),
        ("file.set_owner", {"owner": ME, "group": ME}),
        ("file.restore_link", {"target": "x"}),
    ):
        request = bench.change_request("i-1", action, {"path": path, **more})
        (answer,) = bench.ask(request, expect_exit=2)
        assert answer["refused"] == "unfit", action


def test_only_the_content_that_was_meant_is_removed(bench: Bench, etc: Path) -> None:
    path = etc / "stray.conf"
    path.write_text("stray")
    wrong = bench.change("i-1", "file.remove", {"path": str(path), "sha256": sha256("other")})
    assert wrong["exit_code"] == 1
    assert path.exists()
    right = bench.change("i-2", "file.remove", {"path": str(path), "sha256": sha256("stray")})
    assert right["exit_code"] == 0
    assert not path.exists()
    assert restore(bench, path, sha256("stray"), intent="i-3")["exit_code"] == 0
    assert path.read_text() == "stray"


def test_links_are_put_back_and_taken_away(bench: Bench, etc: Path) -> None:
    path, params = etc / "current", {"path": str(etc / "current"), "target": "releases/2"}
    path.symlink_to("releases/3")
    assert bench.change("i-1", "file.restore_link", params)["exit_code"] == 0
    assert path.readlink() == Path("releases/2")
    other = {**params, "target": "releases/9"}
    assert bench.change("i-2", "file.remove_link", other)["exit_code"] == 1
    assert bench.change("i-3", "file.remove_link", params)["exit_code"] == 0
    assert not path.is_symlink()


def test_modes_and_their_undo(bench: Bench, etc: Path) -> None:
    path = etc / "site.conf"
    path.write_text("x")
    path.chmod(0o600)
    before = bench.facts("file.state", path=str(path))
    assert (before["mode"], before["sha256"]) == ("0600", sha256("x"))
    bench.change("i-1", "file.set_mode", {"path": str(path), "mode": "0644"})
    assert path.stat().st_mode & 0o7777 == 0o644
    bench.change("i-2", "file.set_mode", {"path": str(path), "mode": before["mode"]})
    assert path.stat().st_mode & 0o7777 == 0o600


def access_list(user: int, perm: int, *, mask: int = 7) -> bytes:
    """An access list in the kernel's own form: the usual entries and one user of its own."""
    none = 0xFFFFFFFF
    entries = ((1, 6, none), (2, perm, user), (4, 4, none), (16, mask, none), (32, 4, none))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def test_an_access_list_is_seen_taken_away_and_put_back(bench: Bench, etc: Path) -> None:
    bench.allow_paths("file.set_acl", etc)
    path = etc / "uploads"
    path.mkdir(mode=0o755)
    try:
        os.setxattr(path, "system.posix_acl_default", access_list(65534, 0))
    except OSError:  # a file system without such lists: the gate says so and does nothing
        assert bench.facts("file.state", path=str(path))["acl"] is None
        told = bench.change("i-1", "file.set_acl", {"path": str(path), "acl": "none"})
        assert "keeps its access list" in told["output"]
        return
    before = bench.facts("file.state", path=str(path))
    assert before["acl"].startswith(":02000000")
    params = {"path": str(path), "acl": "none"}
    assert bench.change("i-1", "file.set_acl", params)["exit_code"] == 0
    assert bench.facts("file.state", path=str(path))["acl"] == "none"
    assert bench.change("i-2", "file.set_acl", params | {"acl": before["acl"]})["exit_code"] == 0
    assert bench.facts("file.state", path=str(path))["acl"] == before["acl"]


def test_what_is_no_access_list_changes_nothing(bench: Bench, etc: Path) -> None:
    bench.allow_paths("file.set_acl", etc)
    path = etc / "site.conf"
    path.write_text("x")
    told = bench.change("i-1", "file.set_acl", {"path": str(path), "acl": "00ff:"})
    assert told["exit_code"] != 0
    assert bench.facts("file.state", path=str(path))["acl"] in ("none", None)


@as_root
def test_owner_of_a_folder_keeps_its_setgid(bench: Bench, etc: Path) -> None:
    folder = etc / "logs"
    folder.mkdir()
    folder.chmod(0o2750)
    params = {"path": str(folder), "owner": "nobody", "group": "nogroup"}
    assert bench.change("i-1", "file.set_owner", params)["exit_code"] == 0
    assert folder.owner() == "nobody"
    assert folder.stat().st_mode & 0o7777 == 0o2750


def test_a_log_is_emptied_and_stays(bench: Bench, etc: Path) -> None:
    path = etc / "app.log"
    path.write_text("line\n" * 1000)
    inode = path.stat().st_ino
    answer = bench.change("i-1", "log.truncate", {"path": str(path)})
    assert answer["exit_code"] == 0
    assert (path.stat().st_size, path.stat().st_ino) == (0, inode)


def test_a_pipe_is_no_log(bench: Bench, etc: Path) -> None:
    path = etc / "pipe.log"
    os.mkfifo(path)
    (answer,) = bench.read(("log.tail", {"path": str(path), "lines": 5}))
    assert answer["exit_code"] == 1
    assert "no regular file" in answer["stderr"]


def test_the_last_lines_of_a_log(bench: Bench, etc: Path) -> None:
    path = etc / "app.log"
    path.write_text("".join(f"line {n}\n" for n in range(100_000)))
    (answer,) = bench.read(("log.tail", {"path": str(path), "lines": 2}))
    assert answer["stdout"] == "line 99998\nline 99999\n"


def test_values_of_environment_files_never_leave_the_host(bench: Bench, etc: Path) -> None:
    path = etc / "app.env"
    path.write_text(
        "# a comment\nDB_HOST=db01.example\nDB_PASSWORD=hunter2\nAPI=10.0.0.7\n"
        "export X=1\nnonsense\nTOKEN_HOST=abcdef\n"
    )
    (answer,) = bench.read(("environment.read", {"path": str(path)}))
    facts = json.loads(answer["stdout"])
    assert "hunter2" not in answer["stdout"]
    assert facts["keys"] == ["DB_HOST", "DB_PASSWORD", "API", "TOKEN_HOST"]
    assert facts["hosts"] == {"DB_HOST": "db01.example", "API": "10.0.0.7"}
    assert [problem.split(":")[0] for problem in facts["problems"]] == ["line 5", "line 6"]
    again = bench.facts("environment.read", path=str(path))
    assert again["value_hashes"] == facts["value_hashes"], "the key is kept"
    assert (bench.state / "baseline.key").stat().st_mode & 0o777 == 0o600


def test_a_diff_shows_keys_and_hosts_of_environment_files_but_no_values(
    bench: Bench, etc: Path
) -> None:
    path = etc / "app.env"
    digest = keep(bench, "DB_HOST=db01.example\nDB_PASSWORD=hunter2\n")
    path.write_text("# CHG0042 moved by ops\nDB_HOST=db99.example\nDB_PASSWORD=hunter3\n")
    facts = bench.facts("file.diff", path=str(path), sha256=digest)
    assert "hunter" not in facts["diff"]
    assert "+DB_HOST=db99.example" in facts["diff"]
    assert "-DB_PASSWORD=[value " in facts["diff"]
    assert facts["comments"] == ["# CHG0042 moved by ops"]


def test_a_private_key_is_never_diffed(bench: Bench, etc: Path) -> None:
    pem = "-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----\n"
    digest = keep(bench, pem.format(kind="", body="AAAA"))
    path = etc / "site.pem"
    path.write_text(pem.format(kind="", body="BBBB"))
    facts = bench.facts("file.diff", path=str(path), sha256=digest)
    assert "diff" not in facts
    assert facts["sha256_then"] != facts["sha256_now"]


def test_an_absent_path_is_missing(bench: Bench, etc: Path) -> None:
    assert bench.facts("file.state", path=str(etc / "a" / "b"))["kind"] == "missing"


def test_the_baseline_keeps_contents_for_root_alone(bench: Bench) -> None:
    facts = bench.facts("baseline.store")
    by_path = {file["path"]: file for file in facts["files"]}
    hosts = by_path["/etc/hosts"]
    assert (bench.state / "baseline" / hosts["sha256"]).read_bytes() == Path(
        "/etc/hosts"
    ).read_bytes()
    assert by_path["/etc/passwd"]["sha256"]
    assert not (bench.state / "baseline" / by_path["/etc/passwd"]["sha256"]).exists()
    assert "/etc/shadow" not in by_path or by_path["/etc/shadow"]["sha256"] is None
