"""Reads about the host itself: who it is, its file systems, the people on it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator

from .answers import Params, answer, iso, read_program, text_at
from .places import Places

_PSEUDO = frozenset(
    ["proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "debugfs", "tracefs", "securityfs",
     "pstore", "bpf", "configfs", "fusectl", "hugetlbfs", "autofs", "nsfs", "binfmt_misc",
     "rpc_pipefs", "efivarfs", "selinuxfs", "ramfs"]
)  # fmt: skip
_REMOTE = frozenset(["nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "fuse.sshfs"])
_NO_VOLUMES = _REMOTE | {"overlay", "aufs", "squashfs", "devtmpfs"}
_OCTAL = re.compile(r"\\([0-7]{3})")

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
    """FilesystemsFacts: each mounted file system once, by its first mount point."""
    seen: dict[str, dict[str, object]] = {}
    for (device, mount, options), (kind, source, super_options) in _mounts():
        if device in seen and kind != "overlay":
            continue
        read_only = "ro" in options or "ro" in super_options.split(",")
        seen[device] = {
            "mount": mount,
            "source": _unescaped(source),
            "fstype": kind,
            "read_only": read_only,
            **({} if kind in _REMOTE else _space(mount)),  # a dead server would hang the answer
        }
    return answer({"filesystems": list(seen.values())})


def local_mounts() -> list[str]:
    """Mount points of this host's own volumes: no other host serves them, so to look into them
    cannot hang, and no container lives in them."""
    return sorted({place[1] for place, (kind, *_) in _mounts() if kind not in _NO_VOLUMES})


def _mounts() -> Iterator[tuple[tuple[str, str, list[str]], list[str]]]:
    """Device, mount point and options; kind, source and options of what is mounted there."""
    for line in text_at("/proc/self/mountinfo", 1 << 20).splitlines():
        before, _dash, after = line.partition(" - ")
        words = after.split(" ")[:3]
        if words[0] not in _PSEUDO:
            yield _fields(before), words


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


def _fields(before: str) -> tuple[str, str, list[str]]:
    """Device, mount point and options of a mountinfo line's first part."""
    words = before.split(" ")
    return words[2], _unescaped(words[4]), words[5].split(",")


def _unescaped(text: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)


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
