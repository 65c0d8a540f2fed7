"""Put the files of an enrolment on this host, or take them away: all of it or nothing.

Runs as root, from Python 3.9 on, without anything but the standard library. The job comes as one
JSON object, the answer is one line of JSON. Files are written beside their places, checked there,
and renamed into place; what stood there before is kept under another name until `keep` is asked
for, and comes back by `undo`. A journal says what was begun, so that a run that was cut off can
be taken back later. No link is followed on the way to a file: the account's home is not root's.
"""

from __future__ import annotations

import base64
import fcntl
import grp
import hashlib
import json
import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

SUDOERS = "/etc/sudoers.d/"
SSHD_FOLDER = "/etc/ssh/sshd_config.d/"
SSHD_CONFIG = "/etc/ssh/sshd_config"
JOURNAL = "/var/lib/sre-agent-enrolment.json"
NEW, OLD = ".sre-agent-new", ".sre-agent-old"  # neither sudo nor sshd reads such names
SECONDS = 60
_SHOWN_BYTES = 65536
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_INCLUDES = re.compile(r"^\s*Include\s+.*sshd_config\.d/\*\.conf", re.IGNORECASE | re.MULTILINE)


class Failed(Exception):
    """Something that must hold does not. The text is for the administrator."""


class File(NamedTuple):
    """One file as it should be; `content` None: it should not be there."""

    path: str
    content: bytes | None
    mode: int = 0
    owner: str = ""
    group: str = ""


class Job:
    """What is asked, and where: `root` and `programs` are other ones in tests only."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.mode: str = asked["mode"]
        self.account: str = asked["account"]
        self.seen: dict[str, Any] = asked.get("seen", {})
        self.groups: list[str] = asked.get("groups", [])
        self.folders: list[str] = asked.get("folders", [])
        self.root: str = asked.get("root", "")
        self.programs: dict[str, list[str]] = asked.get("programs", {})
        self.files = [
            File(
                one["path"],
                None if one["content"] is None else base64.b64decode(one["content"]),
                one.get("mode", 0),
                one.get("owner", ""),
                one.get("group", ""),
            )
            for one in asked.get("files", [])
        ]

    def at(self, path: str) -> str:
        return self.root + path

    def program(self, name: str) -> list[str]:
        """The argument vector that begins a program; Failed where the host has none."""
        known = self.programs.get(name) or next(
            ([f"{folder}/{name}"] for folder in ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
             if os.access(f"{folder}/{name}", os.X_OK)), None,
        )  # fmt: skip
        if known is None:
            raise Failed(f"{name} is not installed here")
        return known

    def run(self, name: str, *words: str) -> None:
        """A program that must succeed."""
        done = self.done(name, *words)
        if done.returncode != 0:
            said = (done.stderr + done.stdout).decode("utf-8", "replace").strip()[-600:]
            raise Failed(f"`{' '.join([name, *words])}` failed: {said or done.returncode}")

    def holds(self, name: str, *words: str) -> bool:
        return self.done(name, *words).returncode == 0

    def done(self, name: str, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self.program(name), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
            check=False,
        )


def main(asked: dict[str, Any]) -> int:
    """Do what is asked and print the answer. 0: done; 1: it was not, and nothing of it is left."""
    job = Job(asked)
    does = {"look": look, "install": change, "remove": change, "undo": undo, "keep": keep}
    try:
        with alone(job):
            answer = does[job.mode](job)
    except (Failed, OSError, subprocess.TimeoutExpired) as problem:
        print(json.dumps({"failed": str(problem)}))
        return 1
    print(json.dumps(answer))
    return 0


@contextmanager
def alone(job: Job) -> Iterator[None]:
    """No second administrator does the same meanwhile."""
    folder = os.open(job.at("/etc"), _DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Failed("somebody else is changing the enrolment of this host") from None
    finally:
        os.close(folder)


def look(job: Job) -> dict[str, Any]:
    """What is there. Changes nothing."""
    needed = ["visudo", "sshd", "useradd", "userdel"]
    return {
        "files": {file.path: state_of(job, file.path) for file in job.files},
        "account": account_of(job),
        "missing": [name for name in needed if not there(job, name)],
        "reads_sshd_folder": bool(_INCLUDES.search(text_at(job.at(SSHD_CONFIG)))),
        "unfinished": os.path.exists(job.at(JOURNAL)),
    }


def there(job: Job, name: str) -> bool:
    try:
        return bool(job.program(name))
    except Failed:
        return False


def account_of(job: Job) -> dict[str, Any] | None:
    """The account as the host has it; None where there is none."""
    done = job.done("getent", "passwd", job.account)
    words = done.stdout.decode("utf-8", "replace").strip().split(":")
    if done.returncode != 0 or len(words) != 7:
        return None
    return {"uid": int(words[2]), "home": words[5], "shell": words[6]}


def state_of(job: Job, path: str) -> dict[str, Any]:
    """What stands at a path, without following a link; small texts as they are."""
    try:
        with folder_of(job, path) as (folder, name):
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return {"kind": "missing"}
    except OSError as error:
        return {"kind": "other", "why": str(error)}
    with os.fdopen(file, "rb") as source:
        state = os.fstat(source.fileno())
        if not stat.S_ISREG(state.st_mode):
            return {"kind": "other", "why": "it is no regular file"}
        content = source.read()
    return {
        "kind": "file",
        "sha256": hashlib.sha256(content).hexdigest(),
        "mode": stat.S_IMODE(state.st_mode),
        "owner": name_of(state.st_uid, lambda uid: pwd.getpwuid(uid).pw_name),
        "group": name_of(state.st_gid, lambda gid: grp.getgrgid(gid).gr_name),
        "text": content.decode("utf-8", "replace") if len(content) <= _SHOWN_BYTES else None,
    }


def name_of(number: int, find: Any) -> str:
    try:
        return str(find(number))
    except KeyError:
        return str(number)


def text_at(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.read()
    except OSError:
        return ""


# --- changing ------------------------------------------------------------------------------------


def change(job: Job) -> dict[str, Any]:
    """Every file as it should be, or everything as it was. What was is kept until `keep`."""
    if os.path.exists(job.at(JOURNAL)):
        raise Failed("an earlier run was cut off, and is to be taken back first")
    require_as_seen(job)
    begun: dict[str, Any] = {
        "files": [
            {"path": file.path, "had": state_of(job, file.path)["kind"] == "file"}
            for file in job.files
        ],
        "account_made": job.mode == "install" and account_of(job) is None,
        "folders_made": [],
        "account": job.account,
    }
    write_journal(job, begun)
    try:
        if begun["account_made"]:
            groups = ["--groups", ",".join(job.groups)] if job.groups else []
            job.run("useradd", "--create-home", "--shell", "/bin/sh", *groups, job.account)
        require_fitting_account(job)
        for file in job.files:
            stage(job, file, begun)
        check_staged(job)
        for file in job.files:
            swap(job, file)
        check_whole(job)
        reload_sshd(job)
    except BaseException as problem:
        try:
            take_back(job)
        except Failed as further:
            raise Failed(f"{problem}; {further}") from problem
        raise
    return {"done": [file.path for file in job.files], "account_made": begun["account_made"]}


def require_as_seen(job: Job) -> None:
    """What was agreed to was agreed to for what was shown."""
    for file in job.files:
        now, then = state_of(job, file.path), job.seen.get(file.path)
        if now["kind"] == "other":
            raise Failed(f"{file.path}: {now['why']}")
        if then != now:
            raise Failed(f"{file.path} is another one than was shown; look again")


def require_fitting_account(job: Job) -> None:
    if job.mode != "install":
        return
    found = account_of(job)
    if found is None or found["uid"] == 0:
        raise Failed(f"there is no account {job.account}, or it is root's")
    if found["home"] != f"/home/{job.account}":
        raise Failed(f"the home of {job.account} is {found['home']}, not /home/{job.account}")


def stage(job: Job, file: File, begun: dict[str, Any]) -> None:
    """Write a file beside its place, whole and with its owner and mode."""
    if file.content is None:
        return
    make_folders(job, os.path.dirname(file.path), begun)
    with folder_of(job, file.path) as (folder, name):
        remove_at(folder, name + NEW)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(name + NEW, flags, 0o600, dir_fd=folder), "wb") as target:
            target.write(file.content)
            target.flush()
            owner, group = pwd.getpwnam(file.owner).pw_uid, grp.getgrnam(file.group).gr_gid
            os.fchown(target.fileno(), owner, group)
            os.fchmod(target.fileno(), file.mode)
            os.fsync(target.fileno())


def make_folders(job: Job, path: str, begun: dict[str, Any]) -> None:
    """Missing folders are root's, open to be looked into; each is in the journal before it is."""
    parts = path.split("/")[1:]
    for count in range(1, len(parts) + 1):
        folder = "/" + "/".join(parts[:count])
        with folder_of(job, folder) as (parent, name):
            try:
                os.stat(name, dir_fd=parent, follow_symlinks=False)
            except FileNotFoundError:
                begun["folders_made"].append(folder)
                write_journal(job, begun)
                os.mkdir(name, 0o755, dir_fd=parent)
                made = os.open(name, _DIRECTORY, dir_fd=parent)
                os.fchmod(made, 0o755)  # whatever the umask
                os.close(made)


def check_staged(job: Job) -> None:
    """Nothing is live yet: what sudo or sshd would refuse never gets to be."""
    for file in job.files:
        staged = job.at(file.path) + NEW
        if file.content is not None and file.path.startswith(SUDOERS):
            job.run("visudo", "-c", "-f", staged)
        if file.content is not None and file.path.startswith(SSHD_FOLDER):
            job.run("sshd", "-t", "-f", staged)


def swap(job: Job, file: File) -> None:
    """Put what was staged into its place at once; what stood there keeps another name."""
    with folder_of(job, file.path, missing_ok=file.content is None) as (folder, name):
        if folder < 0:
            return
        remove_at(folder, name + OLD)
        with suppress(FileNotFoundError):
            os.link(name, name + OLD, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        if file.content is None:
            remove_at(folder, name)
        else:
            os.rename(name + NEW, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)


def check_whole(job: Job) -> None:
    """sudo reads its rules at once; sshd only when it is told to."""
    if any(file.path.startswith(SUDOERS) for file in job.files):
        job.run("visudo", "-c")
    if any(file.path.startswith(SSHD_FOLDER) for file in job.files):
        job.run("sshd", "-t")


def reload_sshd(job: Job) -> None:
    """Have sshd read its configuration. One that is started for each connection always does."""
    if not any(file.path.startswith(SSHD_FOLDER) for file in job.files):
        return
    for unit in ("ssh.service", "sshd.service"):
        if job.holds("systemctl", "is-active", "--quiet", unit):
            job.run("systemctl", "reload", unit)
            return
    if not job.holds("systemctl", "is-active", "--quiet", "ssh.socket"):
        raise Failed("no sshd of systemd's runs here that could be told to read its configuration")


# --- taking back ---------------------------------------------------------------------------------


def undo(job: Job) -> dict[str, Any]:
    """Everything as it was before the last change."""
    if not os.path.exists(job.at(JOURNAL)):
        raise Failed("there is nothing to take back")
    return {"undone": take_back(job)}


def take_back(job: Job) -> list[str]:
    """What the journal says was begun, in reverse; whatever fails is told after all was tried."""
    begun = json.loads(text_at(job.at(JOURNAL)))
    files = [File(one["path"], b"" if one["had"] else None) for one in reversed(begun["files"])]
    problems = []
    for file in files:
        try:
            put_back(job, file)
        except OSError as problem:
            problems.append(f"{file.path}: {problem}")
    for folder in reversed(begun["folders_made"]):
        with suppress(OSError), folder_of(job, folder) as (parent, name):
            os.rmdir(name, dir_fd=parent)
    if begun["account_made"] and account_of(job) is not None:
        job.run("userdel", "--remove", begun["account"])
    job.files = files
    with suppress(Failed):  # where there is no sshd to tell, none was told of the change
        reload_sshd(job)
    if problems:
        raise Failed("not everything could be taken back: " + "; ".join(problems))
    os.unlink(job.at(JOURNAL))
    return [file.path for file in files]


def put_back(job: Job, file: File) -> None:
    """The old file under its own name again; one that was new is removed."""
    with folder_of(job, file.path, missing_ok=True) as (folder, name):
        if folder < 0:
            return
        remove_at(folder, name + NEW)
        if file.content is None:
            remove_at(folder, name)
        else:
            with suppress(FileNotFoundError):  # it had not been touched yet
                os.rename(name + OLD, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)


def keep(job: Job) -> dict[str, Any]:
    """Let go of what was before. After a removal the account and what it kept goes, too."""
    begun = json.loads(text_at(job.at(JOURNAL)) or "{}")
    for one in begun.get("files", []):
        with folder_of(job, one["path"], missing_ok=True) as (folder, name):
            if folder >= 0:
                remove_at(folder, name + OLD)
    for place in job.folders:
        if os.path.isdir(job.at(place)):
            shutil.rmtree(job.at(place))
    if job.folders and account_of(job) is not None:
        with suppress(Failed):  # where there is no pkill, userdel says what still runs
            job.holds("pkill", "-KILL", "-u", job.account)
        job.run("userdel", "--remove", job.account)
    with suppress(FileNotFoundError):
        os.unlink(job.at(JOURNAL))
    return {"kept": [one["path"] for one in begun.get("files", [])]}


# --- paths ---------------------------------------------------------------------------------------


@contextmanager
def folder_of(job: Job, path: str, *, missing_ok: bool = False) -> Iterator[tuple[int, str]]:
    """The folder that a path lies in, opened component by component, no link followed.

    The number is -1 where `missing_ok` and it is not there.
    """
    *parts, name = path.split("/")[1:]
    folder = os.open(job.root or "/", _DIRECTORY)
    try:
        for part in parts:
            try:
                inner = os.open(part, _DIRECTORY, dir_fd=folder)
            except FileNotFoundError:
                if not missing_ok:
                    raise
                os.close(folder)
                folder = -1
                break
            os.close(folder)
            folder = inner
        yield folder, name
    finally:
        if folder >= 0:
            os.close(folder)


def remove_at(folder: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def write_journal(job: Job, begun: dict[str, Any]) -> None:
    """Durable before what it speaks of."""
    path = job.at(JOURNAL)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as target:
        json.dump(begun, target)
        target.flush()
        os.fsync(target.fileno())
    os.rename(path + ".new", path)
