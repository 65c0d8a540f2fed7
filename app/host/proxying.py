"""From a proxy to what it asks: the upstreams of an nginx site, each tried the way nginx does."""

from __future__ import annotations

from app.domain.evidence import Evidence
from app.domain.probe import ProbeResult
from app.host.addresses import is_loopback
from app.host.drift import program
from app.host.facts import NginxServer, NginxUpstream, UnixSocketFacts
from app.host.hops import Hop, Layer, Vantage
from app.host.serving import Serving


class Proxying:
    """The upstream hops of one host's proxy."""

    def __init__(self, serving: Serving, vantage: Vantage) -> None:
        self.view = serving.view
        self.then = serving.then
        self.serving = serving
        self.vantage = vantage

    def upstreams(self, unit: str, failing: ProbeResult) -> tuple[NginxUpstream, ...]:
        """What the unit asks in turn to answer this probe; nothing where it answers itself."""
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

    def hop(
        self, proxy: str, upstream: NginxUpstream, failing: ProbeResult
    ) -> tuple[Hop, str | None]:
        """The hop from a proxy to an upstream, and the unit of this host behind it, if any."""
        if upstream.port is None or upstream.host is None:
            return self._socket(upstream)
        where = f"{upstream.host}:{upstream.port}"
        if not self._is_local(upstream.host):
            return self._remote(upstream.host, upstream.port), None
        holders = self.view.listening_on(upstream.port)
        unit = self.serving.upstream_unit(upstream.port)
        if holders is None:
            ask = self.vantage.ask("sockets.listening")
            text = f"{where}: unknown"
            return self.vantage.hop(Layer.UPSTREAM, where, None, text, asks=[ask]), unit
        ids = [self.view.listeners[1]] if self.view.listeners else []
        if not holders:
            return self._unheard(proxy, where, unit, ids), unit
        return self._answering(upstream, unit, ids, failing), unit

    def _unheard(self, proxy: str, where: str, unit: str | None, ids: list[int]) -> Hop:
        """Nobody listens where the proxy asks: the service is gone, or the proxy asks amiss."""
        text = f"The proxy's upstream {where} has no listener"
        if unit is not None and (places := self._listens_as_ever(unit)):
            text += f", while {unit} listens at {', '.join(places)} as it should"
            return self.vantage.hop(Layer.UPSTREAM, proxy, False, text, ids)
        return self.vantage.hop(Layer.UPSTREAM, unit or where, False, text, ids)

    def _listens_as_ever(self, unit: str) -> list[str]:
        """Where a unit listens, if it runs well and nothing is missing of what it listened at."""
        if not self.view.steady(unit) or self.view.listeners is None:
            return []
        then = () if self.then is None or self.then.listeners is None else self.then.listeners[0]
        here = {e.port for e in self.view.listeners[0] if e.unit == unit}
        if not {e.port for e in then if e.unit == unit} <= here:
            return []
        return [f"{e.address}:{e.port}" for e in self.view.listeners[0] if e.unit == unit]

    def _answering(
        self, upstream: NginxUpstream, unit: str | None, ids: list[int], failing: ProbeResult
    ) -> Hop:
        """Whether the upstream answers when it is asked as the proxy asks it."""
        where = f"{upstream.host}:{upstream.port}"
        if not upstream.url.startswith("http://"):
            text = f"{where} is listened on"
            return self.vantage.hop(Layer.UPSTREAM, where, True, text, ids)
        found = self._asked(upstream, failing)
        if found is None:
            asked_as = failing.probe.host_header or self.view.host.name
            url = _url(upstream, failing)
            ask = self.vantage.ask("http.local", url=url, host_header=asked_as)
            text = f"{where} is listened on; not asked yet"
            return self.vantage.hop(Layer.UPSTREAM, where, None, text, ids, [ask])
        status, error = found.facts.get("status"), found.facts.get("error")
        good = status is not None and int(status) < 500
        text = f"Asked directly, {where} answers {status or error}"
        subject = where if good else unit or where
        return self.vantage.hop(Layer.UPSTREAM, subject, good, text, [*ids, found.id])

    def _asked(self, upstream: NginxUpstream, failing: ProbeResult) -> Evidence | None:
        """The upstream's own answer to the user's question, where it was asked."""
        url = _url(upstream, failing)
        asked = (i for i in self.view.every("http.local") if i.params.get("url") == url and i.ok)
        return next(asked, None)

    def answers_otherwise(self, unit: str, failing: ProbeResult) -> bool:
        """Whether what stands behind a proxy answers well what users are refused at its front."""
        answers = [self._asked(u, failing) for u in self.upstreams(unit, failing)]
        statuses = [a.facts.get("status") for a in answers if a is not None]
        return bool(statuses) and all(s is not None and s != failing.status for s in statuses)

    def _socket(self, upstream: NginxUpstream) -> tuple[Hop, str | None]:
        path = upstream.socket or upstream.url
        unit = self.serving.only_other_service()
        text = f"The proxy's upstream is the socket {path}"
        if not path.startswith("/"):
            return self.vantage.hop(Layer.UPSTREAM, path, None, text), unit
        found = self.view.facts(UnixSocketFacts, "socket.state", path=path)
        if found is None:
            asks = [] if self.view.asked("socket.state", path=path) else [
                self.vantage.ask("socket.state", path=path)
            ]  # fmt: skip
            return self.vantage.hop(Layer.UPSTREAM, path, None, text, asks=asks), unit
        told, ident = found
        unit = told.unit or unit
        if told.is_lost:
            text += f", whose file is gone while {told.unit or 'a process'} listens at it"
        elif told.kind == "missing" or told.error == "refused":
            text += ", at which nobody listens"
        else:
            return self.vantage.hop(Layer.UPSTREAM, path, None, text, [ident]), unit
        return self.vantage.hop(Layer.UPSTREAM, unit or path, False, text, [ident]), unit

    def _remote(self, host: str, port: int) -> Hop:
        where = f"{host}:{port}"
        found = self.view.evidence("tcp.connect", host=host, port=port)
        if found is None:
            ask = self.vantage.ask("tcp.connect", host=host, port=port)
            return self.vantage.hop(Layer.UPSTREAM, where, None, f"{where}: not tried", asks=[ask])
        good = bool(found.facts.get("ok"))
        text = f"From the host, {where} is {'reached' if good else found.facts.get('error')}"
        return self.vantage.hop(Layer.UPSTREAM, where, good, text, [found.id])

    def _is_local(self, host: str) -> bool:
        own = {self.view.host.address, *self.view.host.names, "localhost"}
        return host in own or is_loopback(host)


def _url(upstream: NginxUpstream, failing: ProbeResult) -> str:
    return f"http://{upstream.host}:{upstream.port}{failing.probe.path or '/'}"


def _serving(server: NginxServer, path: str) -> tuple[NginxUpstream, ...]:
    """The upstreams of the location with the longest prefix of the path."""
    fitting = [u for u in server.upstreams if path.startswith(_prefix(u.location))]
    longest = max((len(_prefix(u.location)) for u in fitting), default=0)
    return tuple(u for u in fitting if len(_prefix(u.location)) == longest)


def _prefix(location: str) -> str:
    return location.removeprefix("= ").removeprefix("^~ ").strip() or "/"
