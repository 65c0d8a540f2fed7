"""Access lists of files and folders (POSIX ACLs), as the kernel keeps them beside the mode."""

from __future__ import annotations

import errno
import os
import re

from . import disk
from .answers import Params, answer
from .places import Places
from .refusal import Failed

NONE = "none"
_ACCESS, _DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
_KEPT = re.compile(r"(?:[0-9a-f]{2})*:(?:[0-9a-f]{2})*")


def acl_of(place: int | str) -> str | None:
    """Who may use it, and what new files in it are given, as "hex:hex"; "none": neither.

    None where its file system knows no such lists. A link is never followed.
    """
    try:
        kept = [_kept(place, name) for name in (_ACCESS, _DEFAULT)]
    except OSError:
        return None
    return ":".join(value.hex() for value in kept) if any(kept) else NONE


def file_set_acl(params: Params, _: Places) -> int:
    """Give one file or folder the lists that it had, or none; what its mode says comes after it."""
    path, wanted = str(params["path"]), str(params["acl"])
    access, default = _parts(wanted)
    with disk.parent_of(path) as (folder, name):
        file = disk.open_any(folder, name, path)
        try:
            for attribute, value in ((_ACCESS, access), (_DEFAULT, default)):
                _set(file, attribute, value)
            now = acl_of(file)
            os.fsync(file)
        except OSError as problem:
            raise Failed(f"{path} keeps its access list: {problem.strerror}") from None
        finally:
            os.close(file)
    if now != wanted:
        raise Failed(f"the kernel did not take the access list of {path}; it has {now}")
    return answer({"path": path, "acl": wanted})


def _parts(text: str) -> tuple[bytes, bytes]:
    if text == NONE:
        return b"", b""
    if not _KEPT.fullmatch(text):
        raise Failed(f"{text!r} is no access list; expected 'none' or two numbers in hex")
    access, default = (bytes.fromhex(part) for part in text.split(":"))
    return access, default


def _kept(place: int | str, name: str) -> bytes:
    try:
        if isinstance(place, int):
            return os.getxattr(place, name)
        return os.getxattr(place, name, follow_symlinks=False)
    except OSError as problem:
        if problem.errno == errno.ENODATA:
            return b""
        raise


def _set(file: int, name: str, value: bytes) -> None:
    if value:
        os.setxattr(file, name, value)
    elif _kept(file, name):
        os.removexattr(file, name)
