"""The path of a user's request, hop by hop, and the first hop that fails.

Each hop is checked the way the next one would use it. What is not known yet is UNKNOWN and names
the diagnostics that would tell, so that the next round asks just those. The walk knows nothing of
causes: it says where, failure modes and drift say why.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from enum import StrEnum

from app.domain.action import ActionCall
from app.domain.probe import ProbeResult
from app.domain.value import Value
from app.host.baseline import Baseline
from app.host.drift import program
from app.host.facts import Listener, NginxServer, NginxUpstream, UnitFacts
from app.host.view import HostView, config_test_of


class Layer(StrEnum):
    """The layers of a path, from the user down to the disk."""

    NETWORK = "network"  # route, firewall
    LISTENER = "listener"
    SERVICE = "service"  # the unit that should listen, and its configuration
    UPSTREAM = "upstream"  # from a proxy to what it asks
    APPLICATION = "application"
    DEPENDENCY = "dependency"  # another host's service, a name
    STORAGE = "storage"


class HopState(StrEnum):
    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Hop(Value):
    """One step of the path and how it stands."""

    layer: Layer
    host: str
    subject: str  # a unit, "tcp:80", a mount, a name
    state: HopState
    statement: str  # what was seen, as a sentence
    evidence_ids: tuple[int, ...] = ()
    asks: tuple[ActionCall, ...] = ()  # what would tell, where unknown


class Walk(Value):
    """A failing probe's path as far as it is known."""

    probe: str
    hops: tuple[Hop, ...]
    units: tuple[str, ...]  # the target's units on the path, nearest to the user first

    @property
    def first_failed(self) -> Hop | None:
        return next((h for h in self.hops if h.state is HopState.FAILED), None)

    @property
    def failed(self) -> tuple[Hop, ...]:
        return tuple(h for h in self.hops if h.state is HopState.FAILED)

    @property
    def asks(self) -> tuple[ActionCall, ...]:
        """Every diagnostic that an unknown hop wants, each once."""
        wanted = [ask for hop in self.hops for ask in hop.asks]
        return tuple({ask.label(): ask for ask in wanted}.values())


FULL_PERCENT = 99.0
"""From here on a file system counts as full: writes fail for all but root's reserve."""

_PORTS_OF = {
    80: ("nginx", "apache2", "httpd", "haproxy", "caddy"),
    443: ("nginx", "apache2", "httpd", "haproxy", "caddy"),
    5432: ("postgresql",),
    3306: ("mariadb", "mysql"),
    6379: ("redis-server", "redis"),
}
"""Which programs usually serve a port: a last resort, used only for units the host really has."""


class PathWalker:
    """Walks paths on one host of the inventory, from its view and its baseline."""

    def __init__(
        self, view: HostView, baseline: Baseline | None, claimed_service: str | None = None
    ) -> None:
        self.view = view
        self.then = baseline.view(view.host) if baseline is not None else None
        self.claimed = claimed_service

    def walk(self, failing: ProbeResult) -> Walk:
        """The path behind a probe that failed."""
        port = failing.probe.port
        unit = self.expected_unit(port)
        hops = [self._listener(failing, port, unit)]
        units: list[str] = []
        self._follow(unit or self._holder_unit(port), failing, hops, units)
        hops.extend(self._storage(units))
        return Walk(probe=failing.probe.name, hops=tuple(hops), units=tuple(dict.fromkeys(units)))

    # --- who should listen -----------------------------------------------------------------------

    def expected_unit(self, port: int) -> str | None:
        """The unit that ought to serve a port: by baseline, configuration, inventory, custom."""
        if self.then is not None and self.then.listening_on(port):
            return next((e.unit for e in self.then.listening_on(port) or () if e.unit), None)
        if self._nginx_serves(port):
            return "nginx.service"
        declared = self._declared_units()
        customary = [u for u in declared if program(u) in _PORTS_OF.get(port, ())]
        return next(iter(customary), None) or self._holder_unit(port) or self._missing(declared)

    def _declared_units(self) -> list[str]:
        """Units of the services that the ticket and the inventory name, the ticket's first."""
        named = [*(s for s in [self.claimed] if s), *self.view.host.services]
        return [u for u in map(self.unit_named, named) if u is not None]

    def _missing(self, declared: list[str]) -> str | None:
        """Where nothing tells whose port it is: the first declared service that is not up."""
        states = ((u, self.view.units.get(u)) for u in declared)
        return next((u for u, f in states if f is not None and f[0].active_state != "active"), None)

    def unit_named(self, service: str) -> str | None:
        """The host's unit that a person means by a service's name."""
        wanted = service.strip().lower().removesuffix(".service")
        known = [*self.view.units, *self.view.unit_files]
        exact = f"{wanted}.service"
        if exact in known:
            return exact
        instances = [n for n in self.view.units if n.startswith(f"{wanted}@")]
        return instances[0] if instances else None

    def _nginx_serves(self, port: int) -> bool:
        for view in (self.view, self.then):
            if view is not None and view.nginx is not None:
                return any(port in s.ports for s in view.nginx[0].servers)
        return False

    def _holder_unit(self, port: int) -> str | None:
        return next((e.unit for e in self.view.listening_on(port) or () if e.unit), None)

    # --- the hops --------------------------------------------------------------------------------

    def _listener(self, failing: ProbeResult, port: int, unit: str | None) -> Hop:
        holders = self.view.listening_on(port)
        if holders is None:
            ask = self._ask("sockets.listening")
            return self._hop(Layer.LISTENER, f"tcp:{port}", None, "Listeners unknown", asks=[ask])
        ids = [self.view.listeners[1]] if self.view.listeners else []
        foreign = [e for e in holders if unit is not None and e.unit not in (unit, None)]
        if not holders:
            who = f"; {unit} should" if unit else ""
            text = f"Nothing listens on port {port}{who}"
            return self._hop(Layer.LISTENER, unit or f"tcp:{port}", False, text, ids)
        if foreign:
            text = f"Port {port} is held by {foreign[0].unit}, not by {unit}"
            return self._hop(Layer.LISTENER, unit or f"tcp:{port}", False, text, ids)
        if failing.error in ("refused", "timeout", "unreachable"):
            return self._cut_off(failing, port, holders, ids)
        return self._hop(Layer.LISTENER, f"tcp:{port}", True, f"Port {port} is listened on", ids)

    def _cut_off(
        self, failing: ProbeResult, port: int, holders: Iterable[Listener], ids: list[int]
    ) -> Hop:
        """Someone listens, yet users do not get through: address, firewall or a stuck process."""
        if all(_loopback(e.address) for e in holders):
            text = f"Port {port} is only listened on at the loopback address"
            return self._hop(Layer.LISTENER, f"tcp:{port}", False, text, ids)
        text = f"Port {port} is listened on, yet from outside it is {failing.error}"
        asks = [self._ask("firewall.show"), self._ask("network.show")]
        asks = [ask for ask in asks if not self.view.asked(ask.action)]
        return self._hop(Layer.NETWORK, f"tcp:{port}", False, text, ids, asks)

    def _follow(
        self, unit: str | None, failing: ProbeResult, hops: list[Hop], units: list[str]
    ) -> None:
        """From the unit that answers users to what it asks in turn."""
        if unit is None or unit in units:
            return
        units.append(unit)
        hops.extend(self._service(unit, Layer.APPLICATION if len(units) > 1 else Layer.SERVICE))
        upstreams = self._upstreams(unit, failing)
        for upstream in upstreams:
            hop, behind = self._upstream(upstream, failing)
            hops.append(hop)
            self._follow(behind, failing, hops, units)
        if not upstreams:
            hops.extend(self._dependencies(unit))

    def _service(self, unit: str, layer: Layer) -> list[Hop]:
        found = self.view.units.get(unit)
        asks = []
        if not self.view.asked("unit.show", unit=unit):
            asks.append(self._ask("unit.show", unit=unit))
        test = config_test_of(unit)
        if test is not None and not self.view.asked(test):
            asks.append(self._ask(test))
        if found is None:
            return [self._hop(layer, unit, None, f"{unit} has not been looked at", asks=asks)]
        hops = [self._unit_state(layer, found[0], found[1], asks)]
        checked = self.view.config_test(unit)
        if checked is not None and not checked[0].ok:
            said = checked[0].problems[0].message if checked[0].problems else "it fails"
            text = f"{unit}'s configuration test fails: {said}"
            hops.append(self._hop(layer, unit, False, text, [checked[1]]))
        return hops

    def _unit_state(self, layer: Layer, unit: UnitFacts, ident: int, asks: list[ActionCall]) -> Hop:
        steady = self.view.steady(unit.name)
        if steady is None:
            return self._hop(layer, unit.name, None, f"{unit.name}: state unknown", asks=asks)
        text = f"{unit.name} is {unit.active_state} ({unit.sub_state}, {unit.result})"
        if self.view.flapping(unit.name):
            text = f"{unit.name} dies and is started again ({unit.n_restarts} restarts so far)"
        if unit.load_state not in (None, "loaded"):
            text = f"{unit.name} is {unit.load_state}"
            steady = False
        return self._hop(layer, unit.name, steady, text, [ident], asks)

    # --- upstreams -------------------------------------------------------------------------------

    def _upstreams(self, unit: str, failing: ProbeResult) -> tuple[NginxUpstream, ...]:
        if program(unit) != "nginx":
            return ()
        server = self._site(failing)
        return () if server is None else _serving(server, failing.probe.path)

    def _site(self, failing: ProbeResult) -> NginxServer | None:
        """The server block that answers a probe; from the baseline where it cannot be read now."""
        for view in (self.view, self.then):
            if view is None or view.nginx is None:
                continue
            on_port = [s for s in view.nginx[0].servers if failing.probe.port in s.ports]
            named = [s for s in on_port if failing.probe.host_header in s.names]
            if named or on_port:
                return (named or on_port)[0]
        return None

    def _upstream(self, upstream: NginxUpstream, failing: ProbeResult) -> tuple[Hop, str | None]:
        """The hop to an upstream, and the unit of this host behind it if it is here."""
        if upstream.port is None or upstream.host is None:
            return self._socket_upstream(upstream)
        where = f"{upstream.host}:{upstream.port}"
        if not self._is_local(upstream.host):
            return self._remote_upstream(upstream.host, upstream.port), None
        holders = self.view.listening_on(upstream.port)
        unit = self._upstream_unit(upstream.port)
        if holders is None:
            ask = self._ask("sockets.listening")
            return self._hop(Layer.UPSTREAM, where, None, f"{where}: unknown", asks=[ask]), unit
        ids = [self.view.listeners[1]] if self.view.listeners else []
        if not holders:
            text = f"The proxy's upstream {where} has no listener"
            return self._hop(Layer.UPSTREAM, unit or where, False, text, ids), unit
        return self._answering(upstream, where, ids, failing), unit

    def _upstream_unit(self, port: int) -> str | None:
        for view in (self.view, self.then):
            for entry in (view.listening_on(port) if view is not None else None) or ():
                if entry.unit is not None:
                    return entry.unit
        return self._only_other_service()

    def _only_other_service(self) -> str | None:
        """Where neither now nor then anybody listens: the declared service that is no proxy."""
        units = [self.unit_named(s) for s in self.view.host.services]
        others = [u for u in units if u is not None and program(u) != "nginx"]
        return others[0] if len(others) == 1 else None

    def _answering(
        self, upstream: NginxUpstream, where: str, ids: list[int], failing: ProbeResult
    ) -> Hop:
        url = f"http://{upstream.host}:{upstream.port}/"
        if upstream.url.startswith("http://"):
            for item in self.view.every("http.local"):
                if item.params.get("url") == url and item.ok:
                    status, error = item.facts.get("status"), item.facts.get("error")
                    good = status is not None and int(status) < 500
                    text = f"Asked directly, {where} answers {status or error}"
                    return self._hop(Layer.UPSTREAM, where, good, text, [*ids, item.id])
            asked_as = failing.probe.host_header or self.view.host.name
            ask = self._ask("http.local", url=url, host_header=asked_as)
            text = f"{where} is listened on; not asked yet"
            return self._hop(Layer.UPSTREAM, where, None, text, ids, [ask])
        return self._hop(Layer.UPSTREAM, where, True, f"{where} is listened on", ids)

    def _socket_upstream(self, upstream: NginxUpstream) -> tuple[Hop, str | None]:
        text = f"The proxy's upstream is the socket {upstream.socket or upstream.url}"
        hop = self._hop(Layer.UPSTREAM, upstream.socket or upstream.url, None, text)
        return hop, self._only_other_service()

    def _remote_upstream(self, host: str, port: int) -> Hop:
        where = f"{host}:{port}"
        found = self.view.evidence("tcp.connect", host=host, port=port)
        if found is None:
            ask = self._ask("tcp.connect", host=host, port=port)
            return self._hop(Layer.UPSTREAM, where, None, f"{where}: not tried", asks=[ask])
        good = bool(found.facts.get("ok"))
        text = f"From the host, {where} is {'reached' if good else found.facts.get('error')}"
        return self._hop(Layer.UPSTREAM, where, good, text, [found.id])

    def _is_local(self, host: str) -> bool:
        own = {self.view.host.address, *self.view.host.names, "localhost"}
        return host in own or _loopback(host)

    # --- what the application needs --------------------------------------------------------------

    def _dependencies(self, unit: str) -> list[Hop]:
        """Names that the unit's environment points to, resolved on the host."""
        found = self.view.units.get(unit)
        hops: list[Hop] = []
        for path in found[0].environment_files if found is not None else ():
            item = self.view.evidence("environment.read", path=path)
            if item is None:
                ask = self._ask("environment.read", path=path)
                text = f"{path} has not been read"
                hops.append(self._hop(Layer.DEPENDENCY, path, None, text, asks=[ask]))
                continue
            hops.extend(self._named(item.facts.get("hosts") or {}, item.id))
        return hops

    def _named(self, hosts: Mapping[str, str], ident: int) -> list[Hop]:
        names = [n for n in dict.fromkeys(hosts.values()) if not _address(n) and n != "localhost"]
        return [self._resolved(name, ident) for name in names]

    def _resolved(self, name: str, ident: int) -> Hop:
        item = self.view.evidence("name.resolve", name=name)
        if item is None:
            ask = self._ask("name.resolve", name=name)
            return self._hop(Layer.DEPENDENCY, name, None, f"{name} not resolved yet", [], [ask])
        good = bool(item.facts.get("ok"))
        slow = float(item.facts.get("seconds") or 0.0)
        text = f"{name} resolves in {slow:.1f} s" if good else f"{name} does not resolve"
        return self._hop(Layer.DEPENDENCY, name, good and slow < 2.0, text, [ident, item.id])

    # --- storage ---------------------------------------------------------------------------------

    def _storage(self, units: list[str]) -> list[Hop]:
        """File systems that are full or read-only and that the path's units may write to."""
        if self.view.filesystems is None:
            ask = self._ask("filesystems.list")
            return [self._hop(Layer.STORAGE, "/", None, "File systems unknown", asks=[ask])]
        listed, ident = self.view.filesystems
        hops = []
        for entry in listed:
            full = max(entry.used_percent or 0.0, entry.inodes_used_percent or 0.0)
            if full >= FULL_PERCENT and self.writes_to(entry.mount, units):
                text = f"{entry.mount} is {full:.0f} % full"
                hops.append(self._hop(Layer.STORAGE, entry.mount, False, text, [ident]))
        return hops

    def writes_to(self, mount: str, units: Iterable[str]) -> bool:
        """Whether a unit of the path is likely to write below a mount point."""
        if mount in ("/", "/var", "/var/log", "/tmp", "/var/tmp", "/var/lib", "/run"):  # noqa: S108
            return True  # everything writes there
        names = {program(unit) for unit in units} | {self.claimed or ""}
        return any(part in names for part in mount.strip("/").split("/"))

    # --- small parts -----------------------------------------------------------------------------

    def _ask(self, action: str, **params: str | int) -> ActionCall:
        return ActionCall(action=action, host=self.view.host.name, params=params)

    def _hop(
        self,
        layer: Layer,
        subject: str,
        good: bool | None,
        statement: str,
        evidence: Iterable[int] = (),
        asks: Iterable[ActionCall] = (),
    ) -> Hop:
        states = {True: HopState.OK, False: HopState.FAILED, None: HopState.UNKNOWN}
        return Hop(
            layer=layer,
            host=self.view.host.name,
            subject=subject,
            state=states[good],
            statement=statement,
            evidence_ids=tuple(evidence),
            asks=tuple(asks),
        )


def _serving(server: NginxServer, path: str) -> tuple[NginxUpstream, ...]:
    """The upstreams of the location with the longest prefix of the path."""
    fitting = [u for u in server.upstreams if path.startswith(_prefix(u.location))]
    longest = max((len(_prefix(u.location)) for u in fitting), default=0)
    return tuple(u for u in fitting if len(_prefix(u.location)) == longest)


def _prefix(location: str) -> str:
    return location.removeprefix("= ").removeprefix("^~ ").strip() or "/"


def _loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]").split("%")[0]).is_loopback
    except ValueError:
        return False


def _address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
