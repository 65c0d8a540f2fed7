"""What a host has mounted, and how that differs from what it had or from what its files declare."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

from app.domain.value import Value
from app.host.facts import DeclaredMount, Filesystem, FilesystemsFacts, Mount
from app.host.view import HostView

ASKED = "filesystems.list"
MOUNTED, SIZED, ANSWERS = "mounted", "sized", "answers"

WRITABLE = frozenset(["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs", "reiserfs"])
"""File systems that are made to be written; one of these may be read-only by mistake."""

LEAST_SHARED_KB = 65536
"""What engines of containers, the most frugal, give programs to share memory in."""

_SMALLER = 0.9
"""A file system in memory that may not become so large as it could: below this share of it."""

Said = tuple[bool, str]


class MountFault(StrEnum):
    """How a mount can be other than it was."""

    GONE = "gone"
    READ_ONLY = "read-only"
    HANGS = "hangs"  # served by another host or a program that does not answer
    SMALL = "small"  # in memory, and may not become so large as it could


class AmissMount(Value):
    """A place where something is not mounted as it was, or as it is declared."""

    path: str
    fault: MountFault
    then: Mount
    now: Mount | None
    declared: DeclaredMount | None  # in /etc/fstab, as that is now
    said: str  # as a sentence without its end
    evidence_id: int


def amiss(now: HostView, then: HostView | None) -> tuple[AmissMount, ...]:
    """What is not mounted as it was; where that is not known, as /etc/fstab declares it."""
    found = now.facts(FilesystemsFacts, ASKED)
    if found is None:
        return ()
    mounted = {mount.path: mount for mount in found[0].mounts}
    declared = {mount.path: mount for mount in found[0].declared}
    if not mounted:
        return ()  # the host was asked in a way that does not tell
    hanging = frozenset(one.mount for one in _served(now) if one.answers is False)
    judged = (
        (wanted, was, _fault(wanted, mounted.get(wanted.path), hanging))
        for wanted, was in _wanted(found[0], then)
    )
    return tuple(
        AmissMount(
            path=wanted.path,
            fault=fault,
            then=wanted,
            now=mounted.get(wanted.path),
            declared=declared.get(wanted.path),
            said=_said(wanted, fault, was),
            evidence_id=found[1],
        )
        for wanted, was, fault in judged
        if fault is not None
    )


class Covering(Value):
    """A file system that lies over a folder, was not there while the host was healthy, and that no
    file declares."""

    path: str
    source: str
    fstype: str
    in_memory: bool


def covering(now: HostView, then: HostView | None) -> tuple[Covering, ...]:
    """What covers folders since the host was healthy; nothing where that is not known."""
    found = now.facts(FilesystemsFacts, ASKED)
    before = () if then is None else _mounts(then)
    if found is None or not before:
        return ()
    known = {mount.path for mount in (*before, *found[0].declared)}
    return tuple(
        Covering(
            path=one.path, source=one.source, fstype=one.fstype, in_memory=one.fstype == "tmpfs"
        )
        for one in found[0].mounts
        if one.path not in known
    )


def learned(then: HostView) -> Iterable[tuple[str, str]]:
    """Pairs of a check and its subject that held while the host was healthy."""
    for mount in _mounts(then):
        yield MOUNTED, mount.path
        if mount.size_kb:
            yield SIZED, f"{mount.path} {mount.size_kb}"
    yield from ((ANSWERS, one.mount) for one in _served(then) if one.answers)


def declared(now: HostView) -> Iterable[tuple[str, str]]:
    """The same of what /etc/fstab declares, where the host was never seen healthy."""
    found = now.facts(FilesystemsFacts, ASKED)
    for mount in found[0].declared if found is not None else ():
        if mount.at_boot:
            yield MOUNTED, mount.path


def shares_memory(mount: Mount) -> bool:
    """Whether it is where programs share memory: a file system in memory among the devices."""
    return mount.fstype == "tmpfs" and mount.path.startswith("/dev/")


def path_of(subject: str) -> str:
    """The place that a check is about."""
    return subject.rpartition(" ")[0] or subject


def _is_mounted(view: HostView, path: str) -> Said | None:
    if not _mounts(view):
        return None
    there = any(mount.path == path for mount in _mounts(view))
    return there, f"nothing is mounted at {path}, where a file system should be"


def _is_sized(view: HostView, subject: str) -> Said | None:
    path, _, size = subject.rpartition(" ")
    now = next((mount for mount in _mounts(view) if mount.path == path), None)
    if now is None or now.size_kb is None:
        return None
    enough = now.size_kb >= _SMALLER * int(size)
    return enough, f"{path} may hold {now.size_kb} kB, and could hold {size} kB while healthy"


def _does_answer(view: HostView, path: str) -> Said | None:
    one = next((one for one in _served(view) if one.mount == path), None)
    if one is None:
        return None
    said = f"{path} ({one.source}, {one.fstype}) does not answer: whoever asks it hangs"
    return one.answers is True, said


JUDGED_BY: dict[str, Callable[[HostView, str], Said | None]] = {
    MOUNTED: _is_mounted,
    SIZED: _is_sized,
    ANSWERS: _does_answer,
}


def _mounts(view: HostView) -> tuple[Mount, ...]:
    found = view.facts(FilesystemsFacts, ASKED)
    return () if found is None else found[0].mounts


def _served(view: HostView) -> tuple[Filesystem, ...]:
    """File systems for which another host or a program answers."""
    found = view.facts(FilesystemsFacts, ASKED)
    listed = () if found is None else found[0].filesystems
    return tuple(one for one in listed if one.answers is not None)


def _wanted(facts: FilesystemsFacts, then: HostView | None) -> Iterable[tuple[Mount, str]]:
    """What should be mounted, and who says so."""
    before = () if then is None else _mounts(then)
    if before:
        yield from ((mount, "as while the host was healthy") for mount in before)
        return
    for mount in facts.declared:
        if mount.at_boot:
            yield mount, "as /etc/fstab declares it"
            if mount.read_only and mount.fstype in WRITABLE:
                wanted = mount.model_copy(update={"read_only": False})
                yield wanted, "if its users are right: /etc/fstab says ro"
    for shared in facts.mounts:
        if shares_memory(shared):
            least = shared.model_copy(update={"size_kb": LEAST_SHARED_KB})
            yield least, "as much as is given where least is"


def _fault(wanted: Mount, now: Mount | None, hanging: frozenset[str]) -> MountFault | None:
    if now is None:
        return MountFault.GONE
    if wanted.path in hanging:
        return MountFault.HANGS
    if now.read_only and not wanted.read_only:
        return MountFault.READ_ONLY
    if now.size_kb and wanted.size_kb and now.size_kb < _SMALLER * wanted.size_kb:
        return MountFault.SMALL
    return None


def _said(wanted: Mount, fault: MountFault, was: str) -> str:
    match fault:
        case MountFault.GONE:
            what = f"{wanted.source} ({wanted.fstype})"
            return f"{what} is not mounted at {wanted.path}; it should be, {was}"
        case MountFault.READ_ONLY:
            return f"{wanted.path} is mounted read-only; it should be writable, {was}"
        case MountFault.HANGS:
            return f"{wanted.path} ({wanted.source}, {wanted.fstype}) does not answer"
        case MountFault.SMALL:
            return f"{wanted.path} may hold less than {wanted.size_kb} kB, {was}"
