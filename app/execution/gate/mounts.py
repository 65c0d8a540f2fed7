"""Mounts: what is mounted how, what /etc/fstab declares, and what is done about it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from typing import NamedTuple

from . import disk, made
from .answers import Params, answer, text_at
from .parameters import is_refused
from .places import Places
from .refusal import Failed
from .security import TEMPORARY

PSEUDO = frozenset(
    ["proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "debugfs", "tracefs", "securityfs",
     "pstore", "bpf", "configfs", "fusectl", "hugetlbfs", "autofs", "nsfs", "binfmt_misc",
     "rpc_pipefs", "efivarfs", "selinuxfs", "ramfs"]
)  # fmt: skip
_REMOTE = frozenset(["nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "fuse"])
NO_VOLUMES = frozenset(["overlay", "aufs", "squashfs", "devtmpfs"])
OF_CONTAINERS = (
    "/var/lib/docker", "/var/lib/containers", "/var/lib/containerd", "/var/lib/kubelet",
    "/var/lib/lxc*", "/var/lib/snapd", "/run",
)  # fmt: skip
"""Below these, mounts come and go by themselves."""

_OF_THE_KERNEL = ("/proc", "/sys", "/dev/*", *OF_CONTAINERS)
_MOST = 200
_PATIENCE = 1.5
"""Seconds within which a file system that another program or host serves must answer."""

_SECONDS = 25
_OCTAL = re.compile(r"\\([0-7]{3})")
_SIZE = re.compile(r"size=([0-9]+)([kKmMgG%]?)")
_KEPT = re.compile(
    r"(?:size=[0-9]+k|mode=[0-7]+|uid=[0-9]+|gid=[0-9]+|nr_inodes=[0-9]+k?|ro|nosuid|nodev|noexec"
    r"|noatime)"
)
"""What makes a file system in memory the same again."""

_UNITS = {"": 1 / 1024, "k": 1, "m": 1024, "g": 1024 * 1024}


class Mount(NamedTuple):
    """One line of mountinfo."""

    device: str
    path: str
    options: frozenset[str]  # of this mount
    fstype: str
    source: str
    super_options: frozenset[str]  # of the file system, whatever mount shows it

    @property
    def read_only(self) -> bool:
        return "ro" in self.options or "ro" in self.super_options

    @property
    def is_served(self) -> bool:
        """Whether another host or a program answers for it: where that does not, who asks hangs."""
        return self.fstype.partition(".")[0] in _REMOTE

    @property
    def write(self) -> str:
        """rw, ro, or ro-here: read-only at this place alone."""
        if not self.read_only:
            return "rw"
        return "ro" if "ro" in self.super_options else "ro-here"

    @property
    def size_kb(self) -> int | None:
        """How large a file system in memory may become; None for every other."""
        if self.fstype != "tmpfs":
            return None
        state = os.statvfs(self.path)
        return state.f_blocks * state.f_frsize // 1024


def every() -> Iterator[Mount]:
    """What is mounted, in the order it was; of mounts over one another the last one shows."""
    for line in text_at("/proc/self/mountinfo", 1 << 20).splitlines():
        before, _dash, after = line.partition(" - ")
        fstype, source, super_options = after.split(" ")[:3]
        words = before.split(" ")
        if fstype not in PSEUDO:
            yield Mount(
                device=words[2],
                path=unescaped(words[4]),
                options=frozenset(words[5].split(",")),
                fstype=fstype,
                source=unescaped(source),
                super_options=frozenset(super_options.split(",")),
            )


def answering(paths: list[str]) -> dict[str, bool]:
    """Which served file systems answer; each is asked by a process of its own, which may hang."""
    asked = {path: _ask(path) for path in paths}
    until = time.monotonic() + _PATIENCE  # of all together: one dead server may have many mounts
    return {path: _answered(*child, until) for path, child in asked.items()}


def _ask(path: str) -> tuple[int, int]:
    """A process that asks for the space of a file system, and where it tells that it was told."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            os.statvfs(path)
        os.write(tell, b".")
        os._exit(0)
    os.close(tell)
    return child, told


def _answered(child: int, told: int, until: float) -> bool:
    ready, _, _ = select.select([told], [], [], max(until - time.monotonic(), 0))
    os.close(told)
    if ready:
        os.waitpid(child, 0)
    else:
        os.kill(child, signal.SIGKILL)  # it ends when, and if, it is answered
    return bool(ready)


def lasting() -> list[dict[str, object]]:
    """Mounts that do not come and go with containers and logins, as facts."""
    shown = {
        m.path: m
        for m in every()
        if f"{m.path}/" in TEMPORARY or not is_refused(m.path, _OF_THE_KERNEL)
    }
    return [_facts(mount) for mount in list(shown.values())[:_MOST]]


def declared() -> list[dict[str, object]]:
    """What /etc/fstab wants mounted, as facts."""
    found = []
    for line in text_at("/etc/fstab", 1 << 18).splitlines():
        words = line.split()
        if len(words) < 4 or words[0].startswith("#") or not words[1].startswith("/"):
            continue
        options = words[3].split(",")
        found.append(
            {
                "path": unescaped(words[1]).rstrip("/") or "/",
                "source": unescaped(words[0]),
                "fstype": words[2],
                "read_only": "ro" in options,
                "at_boot": not {"noauto", "x-systemd.automount"} & {*options},
                "size_kb": _size_of(options),
            }
        )
    return found


def mount_state(params: Params, _: Places) -> int:
    """MountStateFacts."""
    path = str(params["path"])
    told = next((one for one in declared() if one["path"] == path), None)
    facts: dict[str, object] = {"path": path, "declared": "no" if told is None else "yes"}
    found = _at(path)
    if found is None:
        return answer(facts | {"mounted": "no", "entries": _entries(path)})
    size = found.size_kb
    return answer(
        facts
        | _facts(found)
        | {
            "mounted": "yes",
            "holds": None if found.is_served else _entries(path),
            "write": found.write,
            "in_memory": "no" if size is None else "yes",
        }
    )


def mount_attach(params: Params, _: Places) -> int:
    """Mount what /etc/fstab declares for a place where nothing is mounted."""
    path = str(params["path"])
    if not any(one["path"] == path for one in declared()):
        raise Failed(f"/etc/fstab declares nothing for {path}")
    if _at(path) is not None:
        raise Failed(f"something is mounted at {path} already")
    _require_folder(path)
    _run("/usr/bin/mount", "--", path)
    return answer({"path": path, "source": _require(path).source})


def mount_detach(params: Params, _: Places) -> int:
    """Unmount what /etc/fstab declares and nothing uses; what lies in memory alone stays."""
    path = str(params["path"])
    found = _require(path)
    if not any((one["path"], one["fstype"]) == (path, found.fstype) for one in declared()):
        raise Failed(f"what is mounted at {path} is not what /etc/fstab declares")
    if found.fstype == "tmpfs" and os.listdir(path):
        raise Failed(f"what lies in {path} is in memory alone and would be lost")
    _run("/usr/bin/umount", "--", path)
    return answer({"path": path})


def mount_uncover(params: Params, places: Places) -> int:
    """Unmount an empty file system in memory that no file declares: what it covers shows again."""
    path = str(params["path"])
    found = _require(path)
    if found.fstype != "tmpfs" or any(one["path"] == path for one in declared()):
        raise Failed(f"what is mounted at {path} is declared, or is no file system in memory")
    if os.listdir(path):
        raise Failed(f"what lies in {path} is in memory alone and would be lost")
    kept = sorted(o for o in found.options | found.super_options if _KEPT.fullmatch(o))
    made.note(f"cover {path}", places, json.dumps({"source": found.source, "options": kept}))
    _run("/usr/bin/umount", "--", path)
    return answer({"path": path, "source": found.source})


def mount_cover(params: Params, places: Places) -> int:
    """Mount again, empty as it was, what this gate has taken away."""
    path = str(params["path"])
    noted = made.noted(f"cover {path}", places)
    if noted is None or _at(path) is not None:
        raise Failed(f"the gate has taken nothing away from {path}, or something is mounted there")
    _require_folder(path)
    told = json.loads(noted)
    options = ["-o", ",".join(told["options"])] if told["options"] else []
    _run("/usr/bin/mount", "-t", "tmpfs", *options, "--", str(told["source"]), path)
    made.forget(f"cover {path}", places)
    return answer({"path": path, "source": _require(path).source})


def mount_set_write(params: Params, _: Places) -> int:
    """Make a mount writable; or, to undo that, read-only: wholly (ro), or here alone (ro-here)."""
    path, wanted = str(params["path"]), str(params["write"])
    found = _require(path)
    if wanted == "rw":
        _remount(path, "rw" if "ro" in found.super_options else "bind,rw")
    else:
        _remount(path, "ro" if wanted == "ro" else "bind,ro")
    if _require(path).write != wanted:
        raise Failed(f"{path} was mounted anew and is {_require(path).write}, not {wanted}")
    return answer({"path": path, "write": wanted})


def mount_resize(params: Params, _: Places) -> int:
    """Let a file system in memory become so large, and no larger."""
    path, wanted = str(params["path"]), int(str(params["size_kb"]))
    before = _require(path).size_kb
    if before is None:
        raise Failed(f"{path} is no file system in memory")
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024
    if wanted > whole:
        raise Failed(f"{wanted} kB are more than this host's memory, {whole} kB")
    _remount(path, f"size={wanted}k")
    return answer({"path": path, "size_kb": _require(path).size_kb, "before": before})


def _at(path: str) -> Mount | None:
    return next((m for m in reversed([*every()]) if m.path == path), None)


def _require(path: str) -> Mount:
    found = _at(path)
    if found is None:
        raise Failed(f"nothing is mounted at {path}")
    return found


def _require_folder(path: str) -> None:
    """Failed for a link: what is mounted there would cover something else."""
    with disk.parent_of(path) as (folder, name):
        state = disk.state_of(folder, name)
        if state is None or not stat.S_ISDIR(state.st_mode):
            raise Failed(f"{path} is no folder")


def _remount(path: str, options: str) -> None:
    """Mount anew with what it has now, and not with what a file has for it, but for `options`."""
    _run("/usr/bin/mount", "--options-source=mtab", "-o", f"remount,{options}", "--", path)


def _run(*words: str) -> None:
    done = subprocess.run(
        words,
        capture_output=True, text=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        raise Failed(done.stderr.strip()[:300] or f"{words[0]} ended with {done.returncode}")


def _facts(mount: Mount) -> dict[str, object]:
    return {
        "path": mount.path,
        "source": mount.source,
        "fstype": mount.fstype,
        "read_only": mount.read_only,
        "only_here": "ro" not in mount.super_options,
        "size_kb": mount.size_kb,
    }


def _entries(path: str) -> int | None:
    """How much lies in the folder that a mount would cover; None where there is none."""
    try:
        return len(os.listdir(path))
    except OSError:
        return None


def _size_of(options: list[str]) -> int | None:
    """In kilobytes; None where it is a share, or not said."""
    found = next((m for m in map(_SIZE.fullmatch, options) if m), None)
    if found is None or found[2] == "%":
        return None
    return int(int(found[1]) * _UNITS[found[2].lower()])


def unescaped(text: str) -> str:
    """A field of mountinfo or fstab as it was meant."""
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)
