"""Facts about what lies in a folder."""

from __future__ import annotations

from app.domain.value import Value


class FolderEntry(Value):
    """One name in a folder, and what it is: links are not followed."""

    name: str
    kind: str  # file, directory, symlink, socket or other
    owner: str
    group: str
    mode: str
    bytes: int
    modified: str  # ISO 8601, UTC


class FolderListFacts(Value):
    """What lies in a folder, the newest first."""

    path: str
    count: int  # all that lies there; `entries` has an end
    entries: tuple[FolderEntry, ...] = ()
