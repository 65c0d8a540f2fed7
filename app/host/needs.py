"""What a service needs beneath it: names that resolve, file systems that take its writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.host.addresses import is_address
from app.host.drift import program
from app.host.facts import Filesystem
from app.host.hops import Hop, Layer, Vantage
from app.host.serving import Serving

FULL_PERCENT = 99.0
"""From here on a file system counts as full: writes fail for all but root's reserve."""

CROWDED_PERCENT, GREW_POINTS = 90.0, 20.0
"""A file system that grew so much since it was healthy, up to here, is short of room: some programs
stop before the last block."""

SLOW_NAME_SECONDS = 2.0
"""A resolver that gives up on its first server answers after that server's time-out, not before."""

_WRITTEN_BY_ALL = frozenset(
    {"/", "/var", "/var/log", "/tmp", "/var/tmp", "/var/lib", "/run"}  # noqa: S108
)


class Needs:
    """The hops below a service: dependency and storage."""

    def __init__(self, serving: Serving, vantage: Vantage) -> None:
        self.view = serving.view
        self.then = serving.then
        self.claimed = serving.claimed
        self.vantage = vantage

    def names(self, unit: str) -> list[Hop]:
        """Names that the unit's environment points to, resolved on the host."""
        found = self.view.units.get(unit)
        hops: list[Hop] = []
        for path in found[0].environment_files if found is not None else ():
            item = self.view.evidence("environment.read", path=path)
            if item is None:
                ask = self.vantage.ask("environment.read", path=path)
                text = f"{path} has not been read"
                hops.append(self.vantage.hop(Layer.DEPENDENCY, path, None, text, asks=[ask]))
                continue
            hops.extend(self._named(item.facts.get("hosts") or {}, item.id))
        return hops

    def _named(self, hosts: Mapping[str, str], ident: int) -> list[Hop]:
        names = [n for n in dict.fromkeys(hosts.values()) if not is_address(n) and n != "localhost"]
        return [self._resolved(name, ident) for name in names]

    def _resolved(self, name: str, ident: int) -> Hop:
        item = self.view.evidence("name.resolve", name=name)
        if item is None:
            ask = self.vantage.ask("name.resolve", name=name)
            text = f"{name} not resolved yet"
            return self.vantage.hop(Layer.DEPENDENCY, name, None, text, [], [ask])
        good = bool(item.facts.get("ok"))
        slow = float(item.facts.get("seconds") or 0.0)
        text = f"{name} resolves in {slow:.1f} s" if good else f"{name} does not resolve"
        fine = good and slow < SLOW_NAME_SECONDS
        return self.vantage.hop(Layer.DEPENDENCY, name, fine, text, [ident, item.id])

    def storage(self, units: list[str]) -> list[Hop]:
        """File systems that are full and that the path's units may write to, and any that grew
        until little is left since the host was healthy."""
        if self.view.filesystems is None:
            ask = self.vantage.ask("filesystems.list")
            text = "File systems unknown"
            return [self.vantage.hop(Layer.STORAGE, "/", None, text, asks=[ask])]
        listed, ident = self.view.filesystems
        hops = []
        for entry in listed:
            full = _fullness(entry)
            if (full >= FULL_PERCENT and self.writes_to(entry.mount, units)) or self._grew(entry):
                text = f"{entry.mount} is {full:.0f} % full"
                hops.append(self.vantage.hop(Layer.STORAGE, entry.mount, False, text, [ident]))
        return hops

    def _grew(self, entry: Filesystem) -> bool:
        then = None if self.then is None else self.then.filesystems
        before = next((f for f in then[0] if f.mount == entry.mount), None) if then else None
        if before is None or entry.read_only:
            return False
        full = _fullness(entry)
        return full >= CROWDED_PERCENT and full - _fullness(before) >= GREW_POINTS

    def writes_to(self, mount: str, units: Iterable[str]) -> bool:
        """Whether a unit of the path is likely to write below a mount point."""
        if mount in _WRITTEN_BY_ALL:
            return True
        names = {program(unit) for unit in units} | {self.claimed or ""}
        return any(part in names for part in mount.strip("/").split("/"))


def _fullness(entry: Filesystem) -> float:
    """The worse of space and inodes, in per cent."""
    return max(entry.used_percent or 0.0, entry.inodes_used_percent or 0.0)
