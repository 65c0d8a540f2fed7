"""Which questions users ask of a host, derived from the host itself where nobody declared them.

A probe that was learned while the host was healthy knows what a right answer looks like: status,
words that stand in every answer, and how long it takes. Without that it asks for any page that is
not an error and not a web server's "it works" page.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence

from app.domain.host import Host
from app.domain.probe import Probe, ProbeKind
from app.host.addresses import is_address
from app.host.facts import Listener, NginxServer
from app.host.view import FIRST_PROCESS, HostView

HTTP_PORTS = {80: False, 443: True, 8080: False, 8443: True}
"""Ports on which a web server is usually asked, and whether with TLS."""

HEALTH_PATHS = ("/healthz", "/health", "/-/healthy", "/status")
"""Where services commonly say how they are. Asked while healthy, kept only where answered."""

WEB_PROGRAMS = frozenset({"nginx", "apache2", "httpd", "haproxy", "caddy", "lighttpd", "traefik"})
_DEFAULT_PORTS = {
    "nginx": 80, "apache2": 80, "httpd": 80, "caddy": 80, "lighttpd": 80,
    "postgresql": 5432, "mariadb": 3306, "mysql": 3306, "redis": 6379, "redis-server": 6379,
    "memcached": 11211, "rabbitmq-server": 5672, "mongod": 27017,
}  # fmt: skip
DATABASES = {
    "postgres": ProbeKind.POSTGRESQL,
    "mariadbd": ProbeKind.MYSQL,
    "mysqld": ProbeKind.MYSQL,
    "redis-server": ProbeKind.REDIS,
}
"""Programs whose first words are known, by their process's name. They are never only connected to:
MySQL and MariaDB block an address that comes and goes without a word."""

_DATABASE_PORTS = {
    5432: ProbeKind.POSTGRESQL,
    3306: ProbeKind.MYSQL,
    6379: ProbeKind.REDIS,
}

_SPEAKS_HTTP = re.compile(
    r"(?:docker-proxy|rootlessport|gunicorn|uvicorn|hypercorn|uwsgi|node|java|python[0-9.]*|ruby|puma"
    r"|dotnet|php|deno|bun|httpd?|web|api).*"
)
"""Programs that as a rule serve HTTP, by their process's name: a container's published port too.
Only these, and web servers, are asked for a page; a stranger might take our request for a print
job."""

_NOT_FOR_USERS = frozenset({22, 111})
PACKAGED_PAGES = ("Welcome to nginx!", "Apache2 Debian Default Page", "Apache2 Default Page",
                  "<h1>It works!</h1>", "Test Page for the HTTP Server")  # fmt: skip
"""What a web server shows when it serves no site at all: 200, and nobody is served."""

_DNS_PORT, _MOST_NAMES = 53, 12
NAME_SERVERS = frozenset({"named", "bind9", "dnsmasq", "unbound", "pdns", "knot", "coredns", "nsd"})
"""Programs that answer for names, as their processes and units are called."""


def derive(view: HostView, *, service: str | None = None) -> tuple[Probe, ...]:
    """Probes from what the host has configured and what listens to the outside on it.

    `service` is what the ticket blames: its usual port is asked even if nothing listens there, for
    as long as the host has such a service at all. Many a ticket blames the database of another.
    """
    host = view.host
    if host.probes:
        return host.probes
    found = [*_of_sites(host, view), *_of_listeners(host, view)]
    asked = {p.port for p in found}
    blamed = [service] if service is not None and _has(view, service) else []
    for name in dict.fromkeys([*blamed, *host.services]):
        port = _DEFAULT_PORTS.get(_program(name))
        if port is not None and port not in asked:
            found.append(_of_port(host, port))
            asked.add(port)
    return unique(found)


def _has(view: HostView, service: str) -> bool:
    """Whether a unit of that name is there, an instance of it too; where units are unknown: yes."""
    program = _program(service)
    known = {_program(unit) for unit in (*view.units, *view.unit_files)}
    return not known or any(name == program or name.startswith(f"{program}-") for name in known)


def candidates(view: HostView, others: Sequence[Host] = ()) -> tuple[Probe, ...]:
    """What is tried while the host is healthy: the derived probes and the usual health pages.

    A name server is asked for the names of `others`, who depend on it, too.
    """
    derived = derive(view)
    programs = tuple(_pages_of_programs(view))
    pages = [
        probe.model_copy(update={"path": path, "name": name_of(probe, path)})
        for probe in (*derived, *programs)
        if probe.kind is ProbeKind.HTTP and probe.path == "/"
        for path in HEALTH_PATHS
    ]
    if view.host.probes:
        return derived
    names = (*_names_answered(view, others), *_names_passed_to(view, others))
    return unique([*derived, *pages, *certificates(derived), *names, *programs])


def _pages_of_programs(view: HostView) -> Iterable[Probe]:
    """Whether a page is served where only a port is known: an open port may be somebody else's, and
    a balancer's stays open while it has nobody to pass a request on to."""
    for entry in _listeners(view):
        program = entry.process or ""
        speaks = program in WEB_PROGRAMS or _SPEAKS_HTTP.fullmatch(program)
        usual = entry.port in HTTP_PORTS or entry.port in _DATABASE_PORTS
        if speaks and _outside(entry) and not usual:
            yield _http(view.host, entry.port, None, tls=False)


ABOUT_CERTIFICATES = re.compile(
    r"\b(?:certificates?|certs?|tls|ssl|x509|expired?|not (?:private|secure|trusted)|untrusted"
    r"|insecure|padlock|self.signed|unknown authority|issuer|verif\w*|handshake)\b"
)
"""How people speak of a certificate that is not taken."""


def certificates(derived: Iterable[Probe]) -> Iterable[Probe]:
    """Whether a browser would take the certificate. Asked only where it did while healthy, or where
    the ticket is about it: an inside service with a certificate that nobody checks is no fault."""
    for probe in derived:
        if probe.kind is ProbeKind.HTTP and probe.tls:
            name = f"tls {probe.host_header or probe.address}:{probe.port}"
            shape = {"name": name, "kind": ProbeKind.TLS, "tls": False}
            yield probe.model_copy(update=shape)


def _names_answered(view: HostView, others: Sequence[Host]) -> Iterable[Probe]:
    """Whether a name server knows the host's own name: an open port alone resolves nothing.

    And whether those who depend on it are found under their names, at the same addresses later.
    """
    if not any(e.port == _DNS_PORT and _outside(e) for e in _listeners(view)):
        return
    own = _web_name(view.host)
    names = [name for host in others for name in host.names if "." in name and _askable(name)]
    for name in list(dict.fromkeys([*([own] if own else []), *names]))[:_MOST_NAMES]:
        yield _of_name(view.host, name)


def _names_passed_to(view: HostView, others: Sequence[Host]) -> Iterable[Probe]:
    """Whether the name servers that the host depends on know the names to which it passes requests.

    A web server looks them up when it starts, and does not start without them.
    """
    servers = () if view.nginx is None else view.nginx[0].servers
    passed = (upstream.host or "" for server in servers for upstream in server.upstreams)
    names = [name for name in dict.fromkeys(passed) if "." in name and _is_name(name)]
    for host in others:
        answers = {_program(service) for service in host.services} & NAME_SERVERS
        if answers and host.name in view.host.depends_on:
            yield from (_of_name(host, name) for name in names[:_MOST_NAMES])


def _is_name(name: str) -> bool:
    return _askable(name) and not is_address(name)


def _of_name(server: Host, name: str) -> Probe:
    return Probe(
        name=f"dns {name} @{server.address}",
        kind=ProbeKind.DNS,
        address=server.address,
        port=_DNS_PORT,
        host_header=name,
    )


def serves_nothing(body: str) -> bool:
    """Whether a page is a web server's own welcome and not a site."""
    return any(mark in body for mark in PACKAGED_PAGES)


def _of_sites(host: Host, view: HostView) -> Iterable[Probe]:
    for site in view.apache[0].sites if view.apache is not None else ():
        if not site.address.startswith(("127.", "[::1]")):
            name = next((n for n in site.names if _askable(n) and "." in n), None)
            yield _http(host, site.port, name, tls=HTTP_PORTS.get(site.port, False))
    for server in view.nginx[0].servers if view.nginx is not None else ():
        for port in server.ports or (80,):
            if not _listens_outside(server, port):
                continue
            name = next((n for n in server.names if _askable(n)), None)
            yield _http(host, port, name, tls=_tls_on(server, port))


def _listens_outside(server: NginxServer, port: int) -> bool:
    return not any(
        listen.startswith(("127.", "[::1]", "localhost", "unix:")) and str(port) in listen
        for listen in server.listens
    )


def _tls_on(server: NginxServer, port: int) -> bool:
    return any("ssl" in listen.split() and str(port) in listen for listen in server.listens)


def _askable(name: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", name)) and name != "_"


def _of_listeners(host: Host, view: HostView) -> Iterable[Probe]:
    sites = {p.port for p in _of_sites(host, view)}
    for entry in _listeners(view):
        if entry.port in sites or entry.port in _NOT_FOR_USERS or not _outside(entry):
            continue
        yield _of_listener(host, entry)


def _listeners(view: HostView) -> tuple[Listener, ...]:
    return view.listeners[0] if view.listeners is not None else ()


def _outside(entry: Listener) -> bool:
    """Whether others can reach it; sockets of no service (a client's own) are left out."""
    by_systemd = entry.pid == FIRST_PROCESS  # for some .socket, whichever it is
    if entry.protocol != "tcp" or (entry.unit is None and not by_systemd):
        return False
    try:
        return not ipaddress.ip_address(entry.address.split("%")[0]).is_loopback
    except ValueError:  # "*"
        return True


def _of_listener(host: Host, entry: Listener) -> Probe:
    if (entry.process or "") in WEB_PROGRAMS and entry.port in HTTP_PORTS:
        return _http(host, entry.port, None, tls=HTTP_PORTS[entry.port])
    return _of_port(host, entry.port, DATABASES.get(entry.process or "", ProbeKind.TCP))


def _of_port(host: Host, port: int, kind: ProbeKind | None = None) -> Probe:
    if port in HTTP_PORTS:
        return _http(host, port, None, tls=HTTP_PORTS[port])
    kind = kind or _DATABASE_PORTS.get(port, ProbeKind.TCP)
    name = f"{kind.value} {host.address}:{port}"
    return Probe(name=name, kind=kind, address=host.address, port=port)


def _http(host: Host, port: int, name: str | None, *, tls: bool) -> Probe:
    probe = Probe(
        name="",
        kind=ProbeKind.HTTP,
        address=host.address,
        port=port,
        host_header=name or _web_name(host),
        tls=tls,
    )
    return probe.model_copy(update={"name": name_of(probe, "/")})


def _web_name(host: Host) -> str | None:
    """A name that users may type, from the inventory: the first that is not the host's own."""
    return next((n for n in host.names if "." in n), None)


def name_of(probe: Probe, path: str) -> str:
    """What a probe of a page is called."""
    scheme = "https" if probe.tls else "http"
    return f"{scheme} {probe.host_header or probe.address}:{probe.port}{path}"


def _program(service: str) -> str:
    return service.removesuffix(".service").split("@", 1)[0].lower()


def unique(probes: Iterable[Probe]) -> tuple[Probe, ...]:
    """Each name once; the last one wins."""
    return tuple({probe.name: probe for probe in probes}.values())
