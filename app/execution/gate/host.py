"""Reads about the host itself: who it is, its file systems, the people on it."""

from __future__ import annotations

import os
import re
import time

from . import mounts
from .answers import Params, answer, iso, read_program, text_at
from .parameters import is_refused
from .places import Places

NOTE_FOLDERS = ("/etc", "/run", "/srv", "/opt", "/var/lib", "/home", "/var/www", "/root")
_NOTE = re.compile(
    r"\.note$|\.hold$|^do[-_. ]?not|^maintenance|maintenance\.(lock|txt|md|on)$|^nologin$|^motd$|"
    r"^notice|^readme\.(ops|oncall)|\.maintenance$",
    re.IGNORECASE,
)
_NOTE_BYTES = 600
_MOST_NOTES = 24


def identity(_: Params, __: Places) -> int:
    """HostIdentity."""
    release = dict(
        line.split("=", 1) for line in text_at("/etc/os-release").splitlines() if "=" in line
    )
    return answer(
        {
            "hostname": os.uname().nodename,
            "os": release.get("PRETTY_NAME", "").strip('"'),
            "kernel": os.uname().release,
            "boot_id": text_at("/proc/sys/kernel/random/boot_id").strip(),
            "uptime_seconds": float(text_at("/proc/uptime").split()[0]),
            "time": iso(time.time()),
        }
    )


def filesystems(_: Params, __: Places) -> int:
    """FilesystemsFacts: each mounted file system once, by its first mount point; the mounts that
    last; and those that /etc/fstab declares."""
    seen: dict[str, dict[str, object]] = {}
    every = list(mounts.every())
    served = {m.path for m in every if m.is_served and not is_refused(m.path, mounts.OF_CONTAINERS)}
    answers = mounts.answering(sorted(served))
    for mount in every:
        if mount.device in seen and mount.fstype != "overlay":
            continue
        seen[mount.device] = {
            "mount": mount.path,
            "source": mount.source,
            "fstype": mount.fstype,
            "read_only": mount.read_only,
            "answers": answers.get(mount.path),
            **({} if mount.is_served else _space(mount.path)),  # a dead server would hang ours
        }
    return answer(
        {
            "filesystems": list(seen.values()),
            "mounts": mounts.lasting(),
            "declared": mounts.declared(),
        }
    )


def local_mounts() -> list[str]:
    """Mount points of this host's own volumes: no other host serves them, so to look into them
    cannot hang, and no container lives in them."""
    every = mounts.every()
    own = (m.path for m in every if m.fstype not in mounts.NO_VOLUMES and not m.is_served)
    return sorted({path for path in own if not is_refused(path, mounts.OF_CONTAINERS)})


def persons(_: Params, __: Places) -> int:
    """PersonsFacts: who is logged in, and notes where people leave them."""
    _code, listed, _err = read_program(["/usr/bin/who"], 4)
    logged_in = [" ".join(line.split()) for line in listed.splitlines() if line.strip()]
    notes: dict[str, str] = {}
    for folder in NOTE_FOLDERS:
        for path in _notes_in(folder, 2):
            if len(notes) < _MOST_NOTES:
                notes[path] = text_at(path, _NOTE_BYTES).strip()
    return answer({"logged_in": logged_in, "notes": notes})


def _space(mount: str) -> dict[str, object]:
    """Sizes in bytes and shares in per cent, as df counts them."""
    try:
        state = os.statvfs(mount)
    except OSError:
        return {}
    size = state.f_blocks * state.f_frsize
    used = (state.f_blocks - state.f_bfree) * state.f_frsize
    available = state.f_bavail * state.f_frsize
    return {
        "size_bytes": size,
        "used_bytes": used,
        "available_bytes": available,
        "used_percent": _percent(used, used + available),
        "inodes_used_percent": _percent(state.f_files - state.f_ffree, state.f_files),
    }


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _notes_in(folder: str, depth: int) -> list[str]:
    """Paths of notes in a folder, and in its folders for so many levels."""
    found = []
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
    for entry in inside:
        if entry.is_dir(follow_symlinks=False):
            if depth > 1:
                found += _notes_in(entry.path, depth - 1)
        elif entry.is_file(follow_symlinks=False) and _NOTE.search(entry.name):
            found.append(entry.path)
    return found
