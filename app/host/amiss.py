"""What is still amiss on a host whose users are served again."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.probe import Probe
from app.domain.value import Value
from app.host.view import HostView

FULL_WITHIN_SECONDS = 3600.0
"""A file system that would be full again so soon was relieved, and not mended."""

_LISTED = "filesystems.list"


class Amiss(Value):
    """One thing that will end what was won, or that makes it less than it was."""

    key: str
    text: str
    evidence_id: int
    check: Probe | None = None  # that tells whether it is mended; None: nobody can be asked


def filling_up(before: HostView, after: HostView, mounts: Iterable[str]) -> tuple[Amiss, ...]:
    """Mounts that fill so quickly between two looks that room made on them will not last."""
    first, last = before.evidence(_LISTED), after.evidence(_LISTED)
    if first is None or last is None or before.filesystems is None or after.filesystems is None:
        return ()
    seconds = (last.taken_at - first.taken_at).total_seconds()
    used = {one.mount: one.used_bytes for one in before.filesystems[0]}
    found = []
    for one in after.filesystems[0]:
        was = used.get(one.mount)
        if one.mount not in mounts or was is None or one.used_bytes is None or seconds <= 0:
            continue
        pace = (one.used_bytes - was) / seconds
        if pace <= 0 or (one.available_bytes or 0) / pace > FULL_WITHIN_SECONDS:
            continue
        soon = (one.available_bytes or 0) / pace / 60
        text = (
            f"{one.mount} fills again by {pace * 60 / 2**20:.1f} MiB a minute and will be full in "
            f"about {soon:.0f} minutes"
        )
        found.append(Amiss(key=f"filling {one.mount}", text=text, evidence_id=last.id))
    return tuple(found)
