"""Files that were renamed with one ending, as those do who encrypt them."""

from __future__ import annotations

import re
from collections import defaultdict

from app.host.drift import Change, ChangeKind
from app.host.facts import SecuritySign

_MOST_HARMLESS = re.compile(
    r"[.](?:bak|backup|old|orig|save|off|disabled|dist|tmp|new|gz|xz|zst|bz2|zip|br|map|min|part"
    r"|swp|dpkg-\w+|ucf-\w+|rpm\w+|[\d._-]+)(?:[.~].*)?",
    re.IGNORECASE,
)
"""Endings that people and programs give to files of their own."""

_NOTE = re.compile(
    r".*(?:read.?me|recover|decrypt|restore|ransom|how.?to|unlock|instruction)[^/]*"
    r"[.](?:txt|html?|hta|md)",
    re.IGNORECASE,
)
_CONFIGURATION = "/etc/"
_ENOUGH = 3
"""So many files of one ending tell it without a note."""


def encrypted(changes: tuple[Change, ...]) -> SecuritySign | None:
    """What tells that somebody encrypted files, where it does."""
    gone = {c.path for c in changes if c.kind is ChangeKind.REMOVED}
    came = [c.path for c in changes if c.kind is ChangeKind.ADDED]
    came += [c.renamed_to for c in changes if c.renamed_to]
    renamed: dict[str, list[str]] = defaultdict(list)
    for path in came:
        before = next((old for old in gone if path.startswith(f"{old}.")), None)
        if before is None or path.startswith(_CONFIGURATION):
            continue
        ending = path[len(before) :]
        if not _MOST_HARMLESS.fullmatch(ending):
            renamed[ending].append(path)
    note = next((path for path in came if _NOTE.fullmatch(path)), None)
    for ending, files in renamed.items():
        if len(files) >= _ENOUGH or note is not None:
            beside = f", and {note} was left beside them" if note else ""
            told = f"{len(files)} files were renamed to *{ending}, such as {files[0]}{beside}"
            return SecuritySign(kind="files-encrypted", subject=told)
    return None
