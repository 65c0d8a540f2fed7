"""Writing so that a crash leaves the old or the new, and walking paths so that no link misleads."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from .refusal import Failed

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def make_folder(path: str) -> None:
    """The folder and its parents; those that are made are the owner's alone."""
    os.makedirs(path, mode=0o700, exist_ok=True)


def write_whole(path: str, content: bytes, mode: int = 0o600) -> None:
    """Replace a file of the gate's own by rename; durable when this returns."""
    temporary = f"{path}.{os.getpid()}.new"
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    try:
        write_all(file, content)
        os.fsync(file)
    finally:
        os.close(file)
    os.rename(temporary, path)
    sync_folder(os.path.dirname(path))


def write_all(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def sync_folder(path: str) -> None:
    """Make a rename or a removal in a folder durable."""
    folder = os.open(path, _FOLDER)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def parent_of(path: str) -> Iterator[tuple[int, str]]:
    """The folder that a path lies in, opened component by component, and the last name.

    Failed where a component is a link: the path that was checked is then not the one reached.
    """
    *folders, name = path.split("/")[1:]
    folder = os.open("/", _FOLDER)
    try:
        walked = ""
        for part in folders:
            walked += "/" + part
            inner = _enter(folder, part, walked)
            os.close(folder)
            folder = inner
        yield folder, name
    finally:
        os.close(folder)


def open_regular(
    folder: int, name: str, path: str, flags: int = os.O_RDONLY, *, links_allowed: bool = False
) -> int:
    """A regular file in an opened folder. Failed for links, pipes, devices, second hard links."""
    try:
        file = os.open(name, flags | _FILE, dir_fd=folder)
    except OSError as error:
        raise Failed(_why(path, error)) from None
    state = os.fstat(file)
    if not stat.S_ISREG(state.st_mode):
        os.close(file)
        raise Failed(f"{path} is no regular file")
    if state.st_nlink != 1 and not links_allowed:
        os.close(file)
        raise Failed(f"{path} has {state.st_nlink} hard links; expected one")
    return file


def create_new(folder: int, name: str, path: str) -> int:
    """A new file in an opened folder, closed to others. Failed where something stands there."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, 0o600, dir_fd=folder)
    except OSError as error:
        raise Failed(f"{path} could not be made: {error.strerror}") from None


def state_of(folder: int, name: str) -> os.stat_result | None:
    """What stands under a name, links not followed; None where nothing does."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def owner_of(file: int) -> int:
    """The user id that an opened file belongs to."""
    return os.fstat(file).st_uid


def tail_of(path: str, most: int) -> str:
    """The last whole lines of a file, of up to `most` bytes. Raises Failed and OSError."""
    with parent_of(path) as (folder, name):
        file = open_regular(folder, name, path)
    try:
        start = max(os.fstat(file).st_size - most, 0)
        os.lseek(file, start, os.SEEK_SET)
        text = read_up_to(file, most).decode("utf-8", "replace")
    finally:
        os.close(file)
    return text.partition("\n")[2] if start else text


def head_of(path: str, most: int) -> str:
    """The first whole lines of a file, of up to `most` bytes. Raises Failed and OSError."""
    with parent_of(path) as (folder, name):
        file = open_regular(folder, name, path)
    try:
        text = read_up_to(file, most).decode("utf-8", "replace")
        whole = os.fstat(file).st_size <= most
    finally:
        os.close(file)
    return text if whole else text.rpartition("\n")[0] + "\n"


def read_up_to(file: int, most: int) -> bytes:
    """At most `most` bytes from the start of a file."""
    chunks = []
    while most > 0:
        chunk = os.read(file, min(most, 1 << 20))
        if not chunk:
            break
        chunks.append(chunk)
        most -= len(chunk)
    return b"".join(chunks)


def _enter(folder: int, part: str, walked: str) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise Failed(f"{walked} is a link or no folder; give the real path") from None
        raise Failed(_why(walked, error)) from None


def _why(path: str, error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return f"{path} is a symbolic link; give the real path"
    return f"{path}: {error.strerror}"


def open_folder(path: str) -> int:
    """A folder, no link on the way to it."""
    with parent_of(path) as (folder, name):
        return _enter(folder, name, path)


def open_any(folder: int, name: str, path: str) -> int:
    """A folder or a regular file with one name, opened without following a link."""
    state = state_of(folder, name)
    if state is not None and stat.S_ISDIR(state.st_mode):
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    return open_regular(folder, name, path)
