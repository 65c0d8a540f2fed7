"""What an account may do with a path: asked of the kernel, as that account."""

from __future__ import annotations

import contextlib
import os
import pwd
import stat

from . import frozen
from .answers import Params, answer, group_name, kind_of, mode_text, user_name
from .child import drop_to
from .places import Places
from .refusal import Failed

_MOST_LINKS = 16


def path_access(params: Params, _: Places) -> int:
    """PathAccessFacts. Links are followed, each shown as a component; no content is opened."""
    path, user = str(params["path"]), str(params["user"])
    try:
        pwd.getpwnam(user)
    except KeyError:
        raise Failed(f"there is no account {user} on this host") from None
    components = _components(path)
    if os.geteuid() == 0:
        drop_to(user)  # for good: what follows is what the account itself is told
    for one in components:
        if one["kind"] != "missing":
            one |= _allowed(str(one["path"]), str(one["kind"]))
    blocked = next((one for one in components if _stops(one, components[-1])), None)
    last = components[-1]
    reached = blocked is None or blocked is last
    return answer(
        {
            "path": path,
            "user": user,
            "exists": last["kind"] != "missing",
            "readable": last.get("readable") if reached else None,
            "writable": last.get("writable") if reached else None,
            "blocked_at": blocked["path"] if blocked else None,
            "components": components,
        }
    )


def _components(path: str) -> list[dict[str, object]]:
    """Every component from / on, links resolved in their place; it ends at the first missing."""
    found: list[dict[str, object]] = [_described("/")]
    waiting = path.split("/")[1:]
    here = ""
    links = 0
    while waiting:
        part = waiting.pop(0)
        if part in ("", "."):
            continue
        if part == "..":
            here = os.path.dirname(here)
            continue
        reached = f"{here}/{part}"
        one = _described(reached)
        found.append(one)
        if one["kind"] == "missing" or links > _MOST_LINKS:
            break
        if one["kind"] == "symlink":
            links += 1
            target = str(one["target"])
            here = "" if target.startswith("/") else here
            waiting = target.split("/") + waiting
        else:
            here = reached
    return found


def _described(path: str) -> dict[str, object]:
    try:
        state = os.lstat(path)
    except OSError:
        return {"path": path, "kind": "missing"}
    kind = kind_of(state.st_mode)
    return {
        "path": path,
        "kind": kind,
        "owner": user_name(state.st_uid),
        "group": group_name(state.st_gid),
        "mode": mode_text(state.st_mode),
        "immutable": _is_immutable(path) if kind in ("file", "directory") else None,
        "target": os.readlink(path) if stat.S_ISLNK(state.st_mode) else None,
    }


def _is_immutable(path: str) -> bool | None:
    """Whether `chattr +i` holds it; None where the file system knows no such mark."""
    with contextlib.suppress(OSError):
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            return frozen.is_frozen(file)
        finally:
            os.close(file)
    return None


def _allowed(path: str, kind: str) -> dict[str, object]:
    if kind == "symlink":
        return {}
    return {
        "readable": os.access(path, os.R_OK),
        "writable": os.access(path, os.W_OK),
        "searchable": os.access(path, os.X_OK) if kind == "directory" else None,
    }


def _stops(one: dict[str, object], last: dict[str, object]) -> bool:
    """Whether the account gets no further than this component."""
    if one is last:
        return one["kind"] == "missing" or one.get("readable") is False
    return one["kind"] == "directory" and one.get("searchable") is False
