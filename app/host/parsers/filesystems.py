"""`findmnt -J -b` and GNU `df --output`: space, inodes, and what is mounted read-only.

findmnt knows the options but, before util-linux 2.39, no inodes; df knows inodes but no options.
Percentages are df's: used / (used + available), for blocks reserved to root are of no use to users.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator

from app.domain.value import JsonObject
from app.host.facts import Filesystem, FilesystemsFacts
from app.host.parsers.json_text import json_object
from app.host.parsers.raw import ParseError, RawOutput

#: What the kernel mounts for itself; single files of it are bound over /proc in containers.
_KERNEL_PLACES = ("/proc", "/sys")
_DF_NAMES = {
    "filesystem": "source",
    "type": "fstype",
    "used": "used",
    "avail": "avail",
    "available": "avail",
    "inodes": "inodes",
    "iused": "iused",
    "ifree": "ifree",
    "mounted on": "target",
}
_DF_HEAD_WORD = re.compile(r"Mounted on|\S+")


def parse_findmnt(raw: RawOutput) -> FilesystemsFacts:
    """File systems that hold something (a size above nothing), each mount point once.

    Expects TARGET, SOURCE, FSTYPE, SIZE, USED, AVAIL, OPTIONS in bytes; as a tree or a list.
    """
    rows = json_object(raw.stdout, "findmnt").get("filesystems")
    if not isinstance(rows, list):
        raise ParseError("findmnt: expected an object with the list `filesystems`")
    mounted = {}
    for row in _flat(rows):
        target, size = row.get("target"), _count(row.get("size"))
        if isinstance(target, str) and size and not _of_kernel(target):
            mounted[target] = _from_findmnt(target, size, row)  # the last mount covers the others
    if rows and not mounted:
        raise ParseError("findmnt: no row has a target and a size: was SIZE asked for with -b?")
    return FilesystemsFacts(filesystems=tuple(mounted.values()))


def parse_df(raw: RawOutput) -> FilesystemsFacts:
    """The table of `df -B1 --output=source,fstype,size,used,avail,itotal,iused,target`.

    `df -P -B1` and `df -iP` are understood too; what their columns lack is None.
    """
    lines = raw.whole_lines()
    head = next((at for at, line in enumerate(lines) if line.startswith("Filesystem ")), None)
    if head is None:
        raise ParseError(f"df: expected a table that begins with `Filesystem`: {raw.complaint()}")
    columns = [_df_column(word) for word in _DF_HEAD_WORD.findall(lines[head])]
    if columns[-1] != "target":
        raise ParseError("df: expected `Mounted on` as the last column")
    pattern = _df_pattern(columns)
    rows = [match.groupdict() for line in lines[head + 1 :] if (match := pattern.fullmatch(line))]
    return FilesystemsFacts(filesystems=tuple(_from_df(row) for row in rows))


def _flat(rows: Iterable[object]) -> Iterator[JsonObject]:
    waiting = deque(rows)
    while waiting:
        row = waiting.popleft()
        if isinstance(row, dict):
            yield row
            children = row.get("children")
            waiting.extendleft(reversed(children) if isinstance(children, list) else ())


def _of_kernel(target: str) -> bool:
    return any(target == place or target.startswith(place + "/") for place in _KERNEL_PLACES)


def _from_findmnt(target: str, size: int, row: JsonObject) -> Filesystem:
    used, available = _count(row.get("used")), _count(row.get("avail"))
    options = str(row.get("options") or "").split(",")
    return Filesystem(
        mount=target,
        source=str(row.get("source") or ""),
        fstype=str(row.get("fstype") or ""),
        size_bytes=size,
        used_bytes=used,
        available_bytes=available,
        used_percent=_percent(used, available),
        inodes_used_percent=_percent(_count(row.get("ino.used")), _count(row.get("ino.avail"))),
        read_only=True if "ro" in options else False if "rw" in options else None,
    )


def _df_column(word: str) -> str:
    return _DF_NAMES.get(word.lower(), "size" if word.endswith("-blocks") else "")


def _df_pattern(columns: list[str]) -> re.Pattern[str]:
    """Source and mount point may hold blanks; everything between them may not."""
    parts = [r"(?P<source>\S.*?)"]
    for name in columns[1:-1]:
        value = r"\S+" if name in ("fstype", "") else r"-|\d{1,19}"
        parts.append(f"(?P<{name}>{value})" if name else value)
    return re.compile(r"\s+".join([*parts, r"(?P<target>/.*)"]))


def _from_df(row: dict[str, str]) -> Filesystem:
    used, available = _count(row.get("used")), _count(row.get("avail"))
    return Filesystem(
        mount=row["target"],
        source=row["source"],
        fstype=row.get("fstype", ""),
        size_bytes=_count(row.get("size")),
        used_bytes=used,
        available_bytes=available,
        used_percent=_percent(used, available),
        inodes_used_percent=_percent(_count(row.get("iused")), _inodes_free(row)),
    )


def _inodes_free(row: dict[str, str]) -> int | None:
    total, used = _count(row.get("inodes")), _count(row.get("iused"))
    free = _count(row.get("ifree"))
    return free if total is None or used is None else max(total - used, 0)


def _count(value: object) -> int | None:
    """A number of bytes or inodes: findmnt before 2.37 quotes it, df prints `-` for none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 2**64 else None


def _percent(used: int | None, free: int | None) -> float | None:
    if used is None or free is None or used + free == 0:
        return None
    return round(100 * used / (used + free), 1)
