"""The mark that keeps everybody, root too, from changing a file (`chattr +i`)."""

from __future__ import annotations

import fcntl
import os
import struct

from . import disk
from .answers import Params, answer
from .places import Places
from .refusal import Failed

_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602  # FS_IOC_GETFLAGS, _SETFLAGS on 64-bit Linux
_IMMUTABLE = 0x00000010


def is_frozen(file: int) -> bool | None:
    """Whether an opened file has the mark; None where its file system knows none."""
    flags = _flags(file)
    return None if flags is None else bool(flags & _IMMUTABLE)


def file_set_frozen(params: Params, _: Places) -> int:
    """Set or take away the mark of one regular file, and no other of its marks."""
    path, wanted = str(params["path"]), params["frozen"] == "yes"
    with disk.parent_of(path) as (folder, name):
        file = disk.open_regular(folder, name, path)
    try:
        flags = _flags(file)
        if flags is None:
            raise Failed(f"the file system of {path} knows no such mark")
        marked = flags | _IMMUTABLE if wanted else flags & ~_IMMUTABLE
        fcntl.ioctl(file, _SET_FLAGS, struct.pack("=Q", marked))
    except OSError as error:
        raise Failed(f"{path} keeps its marks: {error.strerror}") from None
    finally:
        os.close(file)
    return answer({"path": path, "frozen": params["frozen"]})


def _flags(file: int) -> int | None:
    try:
        told = fcntl.ioctl(file, _GET_FLAGS, b"\0" * 8)
    except OSError:
        return None
    found: int = struct.unpack("=Q", told)[0]
    return found
