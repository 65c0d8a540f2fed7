"""The baseline: every configuration file of the host by hash, its content kept for root alone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from typing import Any

from . import disk, frozen
from .acls import acl_of
from .answers import Params, answer, group_name, iso, kind_of, mode_text, read_program, user_name
from .host import local_mounts
from .network import listening
from .parameters import Unfit, check, is_refused
from .places import Places
from .refusal import Failed
from .request import load_config
from .security import CRONTABS, TEMPORARY
from .store import Store, read_file

CONTENT_ROOTS = (
    "/etc", "/usr/local", "/opt", "/srv", "/var/www", "/usr/lib/systemd/system",
    "/run/systemd/system", "/run/systemd/system.control",
)  # fmt: skip
"""Whose files are hashed. The last two have what was set until the next boot only."""

# beside these the tables of cron that users have
FOLDER_ROOTS = ("/var/log", "/var/lib", "/var/spool", "/var/cache", "/run")
"""Whose folders are noted with owner and mode, two levels deep; their files are data."""

SHARED_FOLDERS = ("/", "/root", *(folder.rstrip("/") for folder in TEMPORARY))
"""Noted with owner and mode, and nothing below them."""

HOMES = "/home"
"""Noted one level deep, likewise."""

LOGIN_KEYS = (".ssh", ".ssh/authorized_keys")
"""Of a home: noted with owner and mode, which sshd looks at; what stands there is nobody's."""

STARTUP_FILES = (
    ".bash_login", ".bash_profile", ".bashrc", ".cshrc", ".login", ".profile", ".tcshrc", ".zlogin",
    ".zprofile", ".zshenv", ".zshrc",
)  # fmt: skip
"""Of a home: what a shell reads when its owner logs in, or something does as him."""

_VOLUME_DEPTH = 2
"""Levels of folders that are noted on a volume that is mounted below the roots."""

_SKIPPED = frozenset({"__pycache__", "node_modules", ".git", ".cache", "lost+found", ".svn"})
_SKIPPED_ENDS = (".pyc", ".pyo", "~", ".swp", ".tmp", ".lock", ".pid", ".sock", ".dpkg-new")
_FILE_BYTES = 1024 * 1024
_MOST_FILES = 20_000
_MOST_STORED = 256 * 1024 * 1024
_SECONDS = 35.0
_RESTORING = ("file.restore", "access.restore", "startup.restore")
_BOUND = slice(1, None)
"""Of these: contents that go back only to where they came from."""
_NEVER_HASHED = (
    "/etc/shadow*", "/etc/gshadow*", "/etc/ssh/*_key", "/etc/ssl/private", "/home/*/.ssh",
    "/root/.ssh",
)  # fmt: skip


def baseline_manifest(_: Params, places: Places) -> int:
    """Manifest of now."""
    return answer(_manifest(places, store=False))


def baseline_store(_: Params, places: Places) -> int:
    """Manifest of now; the content of every file that a change may put back is kept."""
    return answer(_manifest(places, store=True))


def _manifest(places: Places, *, store: bool) -> dict[str, object]:
    config = load_config(places.config)
    restorable = [config.actions[name]["params"]["path"] for name in _RESTORING]
    survey = Survey(Store(places) if store else None, restorable)
    _, listed, _ = read_program(["/usr/bin/ss", "-H", "-l", "-t", "-u", "-n", "-p"])
    return {
        "host": config.host,
        "taken_at": iso(time.time()),
        "files": survey.files(),
        "unit_files": _unit_files(),
        "listeners": listening(listed),
        "active_units": _active_units(),
    }


class Survey:
    """One look at all files, bounded in number, bytes and time."""

    def __init__(self, store: Store | None, restorable: list[dict[str, Any]]) -> None:
        self._store = store
        self._restorable = restorable  # types of paths
        self._stored = 0
        self._kept_at: dict[str, list[str]] = {}  # contents by hash, where each stands
        self._bound: set[str] = set()  # contents that go back only to where they stood
        self._until = time.monotonic() + _SECONDS

    def files(self) -> list[dict[str, object]]:
        """Every file, link and folder of the roots, as the manifest has it."""
        found = []
        for path, state in self._below():
            found.append(self._described(path, state))
            if len(found) >= _MOST_FILES or time.monotonic() > self._until:
                break
        self._bind()
        return found

    def _bind(self) -> None:
        """What users wrote goes back only to where it stood: not to where root reads; likewise what
        says who may log in, and what runs then."""
        for sha256 in self._bound:
            for path in self._kept_at[sha256]:
                if self._store is not None:
                    self._store.bind(sha256, path)

    def _below(self) -> Iterator[tuple[str, os.stat_result]]:
        for root in CONTENT_ROOTS:
            yield from _walk(root, depth=64, folders_only=False)
        for root in FOLDER_ROOTS:
            yield from _walk(root, depth=2, folders_only=True)
        for root in SHARED_FOLDERS:
            yield from _walk(root, depth=0, folders_only=True)
        for folder in CRONTABS:
            for path, state in _entries(folder):
                if stat.S_ISREG(state.st_mode):
                    yield path, state
        for home, state in (*_walk(HOMES, depth=1, folders_only=True), *_alone("/root")):
            if home != "/root":
                yield home, state
            for place in (*LOGIN_KEYS, *STARTUP_FILES):
                yield from _alone(f"{home}/{place}")
        for mount in local_mounts():
            if any(mount.startswith(f"{root}/") for root in (*CONTENT_ROOTS, *FOLDER_ROOTS)):
                yield from _walk(mount, depth=_VOLUME_DEPTH, folders_only=True)

    def _described(self, path: str, state: os.stat_result) -> dict[str, object]:
        shown: dict[str, object] = {
            "path": path,
            "kind": kind_of(state.st_mode),
            "owner": user_name(state.st_uid),
            "group": group_name(state.st_gid),
            "uid": state.st_uid,
            "gid": state.st_gid,
            "mode": mode_text(state.st_mode),
            "modified": iso(state.st_mtime),
        }
        if stat.S_ISLNK(state.st_mode):
            shown["target"] = os.readlink(path)
            return shown
        shown["acl"] = acl_of(path)
        if stat.S_ISREG(state.st_mode):
            shown["bytes"] = state.st_size
            shown |= self._content(path, state)
        return shown

    def _content(self, path: str, state: os.stat_result) -> dict[str, object]:
        """A file's hash, its content stored where it may ever be put back, and its mark."""
        if state.st_size > _FILE_BYTES or is_refused(path, _NEVER_HASHED):
            return {"sha256": None}
        try:
            with disk.parent_of(path) as (folder, name):
                file = disk.open_regular(folder, name, path, links_allowed=True)
        except (Failed, OSError):
            return {"sha256": None}  # gone or replaced in the meantime
        try:
            content, mark = read_file(file, path), frozen.is_frozen(file)
            owner = disk.owner_of(file)
        finally:
            os.close(file)
        sha256 = self._kept(path, content)
        if sha256 in self._kept_at and owner != 0 and content:
            self._bound.add(sha256)
        return {"sha256": sha256, **({"frozen": True} if mark else {})}

    def _kept(self, path: str, content: bytes) -> str:
        kept = any(_fits(path, kind) for kind in self._restorable)
        if self._store is None or not kept or self._stored > _MOST_STORED:
            return hashlib.sha256(content).hexdigest()
        self._stored += len(content)
        sha256 = self._store.put(content)
        self._kept_at.setdefault(sha256, []).append(path)
        if any(_fits(path, kind) for kind in self._restorable[_BOUND]):
            self._bound.add(sha256)
        return sha256


def _alone(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """One path, where it is a file or a folder."""
    with contextlib.suppress(OSError):
        state = os.lstat(path)
        if stat.S_IFMT(state.st_mode) in (stat.S_IFREG, stat.S_IFDIR):
            yield path, state


def _fits(path: str, kind: dict[str, Any]) -> bool:
    try:
        check("path", path, kind)
    except Unfit:
        return False
    return True


def _walk(root: str, *, depth: int, folders_only: bool) -> Iterator[tuple[str, os.stat_result]]:
    """A folder and everything below it, on its own file system."""
    try:
        top = os.lstat(root)
    except FileNotFoundError:
        return
    yield root, top
    waiting = [(root, depth)] if depth else []
    while waiting:
        folder, left = waiting.pop()
        for path, state in _entries(folder):
            is_folder = stat.S_ISDIR(state.st_mode)
            if is_folder and left > 1 and state.st_dev == top.st_dev:
                waiting.append((path, left - 1))
            if is_folder or not folders_only:
                yield path, state


def _entries(folder: str) -> list[tuple[str, os.stat_result]]:
    try:
        with os.scandir(folder) as entries:
            found = [
                (entry.path, entry.stat(follow_symlinks=False))
                for entry in entries
                if entry.name not in _SKIPPED and not entry.name.endswith(_SKIPPED_ENDS)
            ]
    except OSError:
        return []  # gone in the meantime
    kept = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)
    return sorted(one for one in found if stat.S_IFMT(one[1].st_mode) in kept)


def _unit_files() -> list[dict[str, str]]:
    _, listed, _ = read_program(
        ["/usr/bin/systemctl", "list-unit-files", "--no-pager", "--no-legend", "--plain", "--full"]
    )
    lines = [line.split() for line in listed.splitlines()]
    return [{"name": words[0], "state": words[1]} for words in lines if len(words) > 1]


def _active_units() -> list[str]:
    _, listed, _ = read_program(
        ["/usr/bin/systemctl", "list-units", "--no-pager", "--no-legend", "--plain", "--full",
         "--state=active", "--type=service,socket,timer,mount"]
    )  # fmt: skip
    return [line.split()[0] for line in listed.splitlines() if line.split()]
