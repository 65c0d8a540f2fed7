"""Which unit of a host ought to serve what: by baseline, configuration, inventory and custom."""

from __future__ import annotations

from app.host.drift import program
from app.host.view import HostView

_PORTS_OF = {
    80: ("nginx", "apache2", "httpd", "haproxy", "caddy"),
    443: ("nginx", "apache2", "httpd", "haproxy", "caddy"),
    5432: ("postgresql",),
    3306: ("mariadb", "mysql"),
    6379: ("redis-server", "redis"),
}
"""Which programs usually serve a port: a last resort, used only for units the host really has."""


class Serving:
    """Who serves which port on one host, now and when it was healthy."""

    def __init__(self, view: HostView, then: HostView | None, claimed: str | None = None) -> None:
        self.view = view
        self.then = then
        self.claimed = claimed  # the service that the ticket blames

    def expected_unit(self, port: int) -> str | None:
        """The unit that ought to serve a port: by baseline, configuration, inventory, custom."""
        if self.then is not None and self.then.listening_on(port):
            return next((e.unit for e in self.then.listening_on(port) or () if e.unit), None)
        if self._nginx_serves(port):
            return "nginx.service"
        declared = self._declared_units()
        customary = [u for u in declared if program(u) in _PORTS_OF.get(port, ())]
        return next(iter(customary), None) or self.holder_unit(port) or self._missing(declared)

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
        if f"{wanted.removesuffix('.socket')}.socket" in known:
            return f"{wanted.removesuffix('.socket')}.socket"
        instances = [n for n in self.view.units if n.startswith(f"{wanted}@")]
        return instances[0] if instances else None

    def stands_for(self, holder: str, expected: str) -> bool:
        """Whether who listens is who should: a socket and what it starts are one."""
        if holder == expected:
            return True
        ties = {
            tied
            for view in (self.view, self.then)
            for name in (holder, expected)
            if view is not None and name in view.units
            for tied in (*view.units[name][0].triggers, *view.units[name][0].triggered_by)
        }
        return holder in ties or expected in ties

    def started_by(self, unit: str) -> tuple[str, ...]:
        """Services behind a .socket that were started. One that waits to be is well, and of one
        that is made for each connection nothing stays to be looked at."""
        found = self.view.units.get(unit)
        if found is None or not unit.endswith(".socket"):
            return ()
        known = (n for n in found[0].triggers if n in self.view.units and "@" not in n)
        return tuple(n for n in known if self.view.units[n][0].active_state != "inactive")

    def _nginx_serves(self, port: int) -> bool:
        for view in (self.view, self.then):
            if view is not None and view.nginx is not None:
                return any(port in s.ports for s in view.nginx[0].servers)
        return False

    def holder_unit(self, port: int) -> str | None:
        return next((e.unit for e in self.view.listening_on(port) or () if e.unit), None)

    def upstream_unit(self, port: int) -> str | None:
        """The unit of this host behind a proxy's upstream, by who listens there, now or then."""
        for view in (self.view, self.then):
            for entry in (view.listening_on(port) if view is not None else None) or ():
                if entry.unit is not None:
                    return entry.unit
        return self.only_other_service()

    def only_other_service(self) -> str | None:
        """Where neither now nor then anybody listens: the declared service that is no proxy."""
        units = [self.unit_named(s) for s in self.view.host.services]
        others = [u for u in units if u is not None and program(u) != "nginx"]
        return others[0] if len(others) == 1 else None
