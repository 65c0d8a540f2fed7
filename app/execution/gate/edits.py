"""Changes to files: each leaves the old or the new, never a half, and stores what was there."""

from __future__ import annotations

import grp
import os
import pwd
import stat

from . import disk, made
from .answers import Params, answer
from .places import Places
from .refusal import Failed
from .security import CRONTABS
from .store import Store, read_file

_USERS_TABLES = "/var/spool/cron/"
_COPIED = ("security.selinux", "system.posix_acl_access", "user.")


def file_restore(params: Params, places: Places) -> int:
    """Put a stored content at a path, with its owner and mode."""
    replaced = put_back(params, places)
    return answer({"path": params["path"], "sha256": params["sha256"], "replaced": replaced})


def put_back(params: Params, places: Places) -> str | None:
    """The same; the sha256 of what stood there before and is kept."""
    path, sha256 = str(params["path"]), str(params["sha256"])
    content = Store(places).get(sha256)
    uid, gid = ids_of(params)
    _require_its_place(path, sha256, str(params["owner"]), places)
    with disk.parent_of(path) as (folder, name):
        replaced = _keep(folder, name, path, places)
        temporary = f".{name}.sre-agent-{os.getpid()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(temporary, flags, 0o600, dir_fd=folder)
        try:
            disk.write_all(file, content)
            _copy_marks(folder, name, file)
            os.fchown(file, uid, gid)
            os.fchmod(file, int(str(params["mode"]), 8))
            os.fsync(file)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError as error:
            os.unlink(temporary, dir_fd=folder)
            raise Failed(f"{path} could not be replaced: {error.strerror}") from None
        finally:
            os.close(file)
        os.fsync(folder)
    return replaced


def _require_its_place(path: str, sha256: str, owner: str, places: Places) -> None:
    """Failed where somebody could have what he wrote himself put to where root reads it."""
    if not Store(places).is_for(sha256, path):
        raise Failed(f"the content {sha256[:12]} never stood at {path}")
    folder, name = os.path.split(path)
    if path.startswith(_USERS_TABLES) and (folder not in CRONTABS or name != owner):
        raise Failed(f"{path} is no table of cron that {owner} has")


def file_restore_link(params: Params, places: Places) -> int:
    """Put a symbolic link at a path."""
    path, target = str(params["path"]), str(params["target"])
    with disk.parent_of(path) as (folder, name):
        replaced = _keep(folder, name, path, places)
        temporary = f".{name}.sre-agent-{os.getpid()}"
        os.symlink(target, temporary, dir_fd=folder)
        try:
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError as error:
            os.unlink(temporary, dir_fd=folder)
            raise Failed(f"{path} could not be replaced: {error.strerror}") from None
        os.fsync(folder)
    return answer({"path": path, "target": target, "replaced": replaced})


def file_restore_folder(params: Params, places: Places) -> int:
    """Make a folder again that is gone, empty, with its owner and mode."""
    path = str(params["path"])
    uid, gid = ids_of(params)
    with disk.parent_of(path) as (folder, name):
        if disk.state_of(folder, name) is not None:
            raise Failed(f"{path} is there already; it is left alone")
        made.note(f"folder {path}", places)
        try:
            os.mkdir(name, 0o700, dir_fd=folder)
        except OSError as error:
            made.forget(f"folder {path}", places)  # whoever was quicker made it, not the gate
            raise Failed(f"{path} could not be made: {error.strerror}") from None
        opened = disk.open_any(folder, name, path)
        try:
            os.fchown(opened, uid, gid)
            os.fchmod(opened, int(str(params["mode"]), 8))
            os.fsync(opened)
        except OSError as error:
            os.rmdir(name, dir_fd=folder)
            made.forget(f"folder {path}", places)
            raise Failed(f"{path} could not be made: {error.strerror}") from None
        finally:
            os.close(opened)
        os.fsync(folder)
    return answer({"path": path, "owner": params["owner"], "group": params["group"]})


def file_remove_folder(params: Params, places: Places) -> int:
    """Remove a folder that this gate has made and in which nothing lies."""
    path = str(params["path"])
    if made.noted(f"folder {path}", places) is None:
        raise Failed(f"{path} was not made by the gate; it is left alone")
    with disk.parent_of(path) as (folder, name):
        try:
            os.rmdir(name, dir_fd=folder)
        except OSError as error:
            raise Failed(f"{path} is left alone: {error.strerror}") from None
        os.fsync(folder)
    made.forget(f"folder {path}", places)
    return answer({"path": path, "removed": True})


def file_remove(params: Params, places: Places) -> int:
    """Remove a regular file that has exactly that content; a copy is kept."""
    return answer({"path": params["path"], "removed": take_away(params, places)})


def take_away(params: Params, places: Places) -> str:
    """The same; the sha256 of what is kept."""
    path = str(params["path"])
    with disk.parent_of(path) as (folder, name):
        kept = _keep(folder, name, path, places)
        if kept != params["sha256"]:
            raise Failed(f"{path} has the content {(kept or 'none')[:12]}; it is left alone")
        os.unlink(name, dir_fd=folder)
        os.fsync(folder)
    return kept


def file_remove_link(params: Params, _: Places) -> int:
    """Remove a symbolic link that points exactly there."""
    path, target = str(params["path"]), str(params["target"])
    with disk.parent_of(path) as (folder, name):
        state = disk.state_of(folder, name)
        if state is None or not stat.S_ISLNK(state.st_mode):
            raise Failed(f"{path} is no symbolic link")
        if os.readlink(name, dir_fd=folder) != target:
            raise Failed(f"{path} points elsewhere; it is left alone")
        os.unlink(name, dir_fd=folder)
        os.fsync(folder)
    return answer({"path": path, "removed": target})


def file_set_mode(params: Params, _: Places) -> int:
    """Set the mode of one file or folder."""
    path, mode = str(params["path"]), int(str(params["mode"]), 8)
    with disk.parent_of(path) as (folder, name):
        file = disk.open_any(folder, name, path)
        try:
            if mode & stat.S_ISGID and not stat.S_ISDIR(os.fstat(file).st_mode):
                raise Failed(f"{path} is no folder; setgid is for folders")
            os.fchmod(file, mode)
            os.fsync(file)
        finally:
            os.close(file)
    return answer({"path": path, "mode": params["mode"]})


def file_set_owner(params: Params, _: Places) -> int:
    """Set owner and group of one file or folder."""
    path = str(params["path"])
    uid, gid = ids_of(params)
    with disk.parent_of(path) as (folder, name):
        file = disk.open_any(folder, name, path)
        try:
            mode = stat.S_IMODE(os.fstat(file).st_mode)
            os.fchown(file, uid, gid)
            os.fchmod(file, mode & ~stat.S_ISUID)  # chown clears setgid of folders: put it back
            os.fsync(file)
        finally:
            os.close(file)
    return answer({"path": path, "owner": params["owner"], "group": params["group"]})


def log_truncate(params: Params, _: Places) -> int:
    """Empty a log file; whoever holds it open goes on writing to it."""
    path = str(params["path"])
    with disk.parent_of(path) as (folder, name):
        file = disk.open_regular(folder, name, path, os.O_WRONLY)
        try:
            freed = os.fstat(file).st_blocks * 512
            os.ftruncate(file, 0)
        finally:
            os.close(file)
    return answer({"path": path, "freed_bytes": freed})


def _keep(folder: int, name: str, path: str, places: Places) -> str | None:
    """Store what stands at a path; its sha256, None where nothing or only a link does."""
    state = disk.state_of(folder, name)
    if state is None or stat.S_ISLNK(state.st_mode):
        return None
    file = disk.open_regular(folder, name, path)
    try:
        content, owner = read_file(file, path), disk.owner_of(file)
    finally:
        os.close(file)
    store = Store(places)
    sha256 = store.put(content)
    if (owner != 0 and content) or not store.is_for(sha256, path):
        store.bind(sha256, path)
    return sha256


def ids_of(params: Params) -> tuple[int, int]:
    """User and group; a number is what stands for an account that is gone."""
    owner, group = str(params["owner"]), str(params["group"])
    try:
        uid = int(owner) if owner.isdigit() else pwd.getpwnam(owner).pw_uid
        gid = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError as missing:
        raise Failed(f"this host has no such account or group: {missing}") from None
    return uid, gid


def _copy_marks(folder: int, name: str, file: int) -> None:
    """Give the new file the labels and access lists of the one that it replaces."""
    try:
        old = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return  # nothing stood there, or a link
    try:
        copy_marks(old, file)
    finally:
        os.close(old)


def copy_marks(old: int, file: int) -> None:
    """Give an opened file the labels and access lists of another; Failed where that is not had."""
    try:
        for mark in os.listxattr(old):
            if mark.startswith(_COPIED):
                os.setxattr(file, mark, os.getxattr(old, mark))
    except OSError as error:
        raise Failed(f"labels could not be carried over: {error.strerror}") from None
