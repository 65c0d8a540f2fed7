"""The path of a user's request, hop by hop, and the first hop that fails.

Each hop is checked the way the next one would use it. What is not known yet is UNKNOWN and names
the diagnostics that would tell, so that the next round asks just those. The walk knows nothing of
causes: it says where, failure modes and drift say why.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.action import ActionCall
from app.domain.probe import ProbeKind, ProbeResult
from app.host import (
    accounts,
    checks,
    database_checks,
    job_scripts,
    kept,
    load,
    may_write,
    mounts,
    network_state,
    web_limits,
)
from app.host.addresses import reaches
from app.host.baseline import Baseline
from app.host.facts import FirewallFacts, Listener, UnitFacts
from app.host.hops import Hop, HopState, Layer, Vantage, Walk
from app.host.needs import Needs
from app.host.proxying import Proxying
from app.host.serving import Serving
from app.host.view import FIRST_PROCESS, HostView, config_test_of

_TOLD_BY_THEMSELVES = (
    "database", *database_checks.OF_NO_UNIT, load.CHECK, job_scripts.CHECK, job_scripts.PILES,
    *kept.CHECKS, web_limits.CHECK, accounts.CHECK, accounts.BELONGS, may_write.CHECK,
)  # fmt: skip
"""Checks that say all there is to say: nothing is walked from them."""


class PathWalker:
    """Walks paths on one host of the inventory, from its view and its baseline."""

    def __init__(
        self,
        view: HostView,
        baseline: Baseline | None,
        claimed_service: str | None = None,
        answered: frozenset[int] = frozenset(),
    ) -> None:
        self.answered = answered  # ports that answer users something, whatever it is
        self.view = view
        then = baseline.view(view.host) if baseline is not None else None
        self.then = then
        self.serving = Serving(view, then, claimed_service)
        self.vantage = Vantage(view.host)
        self.proxying = Proxying(self.serving, self.vantage)
        self.needs = Needs(self.serving, self.vantage)

    def walk(self, failing: ProbeResult) -> Walk:
        """The path behind a probe that failed."""
        if failing.probe.kind is ProbeKind.HOST:
            return self._checked(failing)
        port = failing.probe.port
        unit = self.serving.expected_unit(port)
        hops = [self._listener(failing, port, unit), *self._pace(failing)]
        units: list[str] = []
        self._follow(unit or self.serving.holder_unit(port), failing, hops, units)
        hops.extend(self.needs.storage(units))
        if units and all(hop.state is HopState.OK for hop in hops):
            hops.append(self._itself(units, failing))
        return Walk(probe=failing.probe.name, hops=tuple(hops), units=tuple(dict.fromkeys(units)))

    def _checked(self, failing: ProbeResult) -> Walk:
        """What a check on the host leads to: the unit or the file system that it is about."""
        probe, ids = failing.probe, [i for i in [failing.evidence_id] if i is not None]
        if probe.check in ("room", "writable", *mounts.JUDGED_BY):
            listed = self.view.filesystems
            seen = [listed[1]] if listed is not None else ids
            place = mounts.path_of(probe.subject)
            hop = self.vantage.hop(Layer.STORAGE, place, False, failing.detail, seen)
            return Walk(probe=probe.name, hops=(hop,), units=())
        if probe.check in network_state.ASKED_BY:
            ask = self.vantage.ask(network_state.ASKED_BY[probe.check])
            asks = [] if self.view.asked(ask.action) else [ask]
            hop = self.vantage.hop(Layer.NETWORK, probe.subject, False, failing.detail, ids, asks)
            return Walk(probe=probe.name, hops=(hop,), units=())
        if probe.check in _TOLD_BY_THEMSELVES:
            hop = self.vantage.hop(Layer.SERVICE, probe.subject, False, failing.detail, ids)
            return Walk(probe=probe.name, hops=(hop,), units=())
        unit = checks.unit_of(probe)
        hops = self._service(unit, Layer.SERVICE)
        if all(hop.state is HopState.OK for hop in hops):
            hops.append(self.vantage.hop(Layer.SERVICE, unit, False, failing.detail, ids))
        return Walk(probe=probe.name, hops=(*hops, *self.needs.storage([unit])), units=(unit,))

    # --- the listener ----------------------------------------------------------------------------

    def _listener(self, failing: ProbeResult, port: int, unit: str | None) -> Hop:
        holders = self.view.listening_on(port)
        hop = self.vantage.hop
        if holders is None:
            ask = self.vantage.ask("sockets.listening")
            return hop(Layer.LISTENER, f"tcp:{port}", None, "Listeners unknown", asks=[ask])
        ids = [self.view.listeners[1]] if self.view.listeners else []
        stands_for = self.serving.stands_for
        foreign = [e for e in holders if unit and e.unit and not stands_for(e.unit, unit)]
        if not holders:
            who = f"; {unit} should" if unit else ""
            text = f"Nothing listens on port {port}{who}"
            return hop(Layer.LISTENER, unit or f"tcp:{port}", False, text, ids)
        if foreign:
            text = f"Port {port} is held by {foreign[0].unit}, not by {unit}"
            return hop(Layer.LISTENER, unit or f"tcp:{port}", False, text, ids)
        cut_off = failing.error in ("refused", "timeout", "unreachable")
        silent = failing.error == "timeout" and (failing.reached or port in self.answered)
        if cut_off and not silent:
            return self._cut_off(failing, port, holders, ids)
        # a connection is made by the kernel: what comes after it may still be lost on the way
        asks = self._of_the_way() if failing.reached else []
        if any(entry.pid == FIRST_PROCESS and entry.unit is None for entry in holders):
            asks.append(self.vantage.ask("units.show", pattern="*.socket"))
        return hop(Layer.LISTENER, f"tcp:{port}", True, f"Port {port} is listened on", ids, asks)

    def _cut_off(
        self, failing: ProbeResult, port: int, holders: Iterable[Listener], ids: list[int]
    ) -> Hop:
        """Someone listens, yet users do not get through: address, firewall or a stuck process."""
        listeners = list(holders)
        if not any(reaches(e.address, failing.probe.address) for e in listeners):
            places = ", ".join(dict.fromkeys(e.address for e in listeners))
            text = f"Port {port} is listened on only at {places}, not at {failing.probe.address}"
            subject = next((e.unit for e in listeners if e.unit), None) or f"tcp:{port}"
            return self.vantage.hop(Layer.LISTENER, subject, False, text, ids)
        text = f"Port {port} is listened on, yet from outside it is {failing.error}"
        asks = self._of_the_way()
        return self.vantage.hop(Layer.NETWORK, f"tcp:{port}", False, text, ids, asks)

    def _of_the_way(self) -> list[ActionCall]:
        asks = [self.vantage.ask("firewall.show"), self.vantage.ask("network.show")]
        return [ask for ask in asks if not self.view.asked(ask.action)]

    def _pace(self, failing: ProbeResult) -> Iterable[Hop]:
        """Where an answer comes late: whether the host's own traffic is slowed on its way out."""
        if not failing.late:
            return
        listed = self.view.evidence("qdisc.list")
        if listed is None:
            asks = [self.vantage.ask("qdisc.list")]
            text = "Whether traffic is shaped is unknown"
            yield self.vantage.hop(Layer.NETWORK, "traffic", None, text, asks=asks)
        elif listed.ok:
            then = network_state.shapers(self.then)
            shaped = {d: q for d, q in network_state.shapers(self.view).items() if d not in then}
            text = "; ".join(f"traffic on {d} is shaped: {q.text}" for d, q in shaped.items())
            subject = next(iter(shaped), "traffic")
            said = text or "no traffic is shaped"
            yield self.vantage.hop(Layer.NETWORK, subject, not shaped, said, [listed.id])
        yield from self._thinned(failing.probe.port)

    def _thinned(self, port: int) -> Iterable[Hop]:
        """Whether a rule that was not there drops some of it: what is lost is sent again, late."""
        then = None if self.then is None else self.then.facts(FirewallFacts, "firewall.show")
        if then is None:
            return
        now = self.view.facts(FirewallFacts, "firewall.show")
        if now is None:
            if not self.view.asked("firewall.show"):
                asks = [self.vantage.ask("firewall.show")]
                yield self.vantage.hop(
                    Layer.NETWORK, f"tcp:{port}", None, "Rules unknown", asks=asks
                )
            return
        dropping = [
            rule.text
            for rule in now[0].rules
            if rule.verdict in ("drop", "reject")
            and not then[0].has(rule)
            and (not rule.ports or port in rule.ports)
        ]
        said = f"a new rule drops packets: {dropping[0]}" if dropping else "no new rule drops any"
        yield self.vantage.hop(Layer.NETWORK, f"tcp:{port}", not dropping, said, [now[1]])

    # --- the services ----------------------------------------------------------------------------

    def _follow(
        self, unit: str | None, failing: ProbeResult, hops: list[Hop], units: list[str]
    ) -> None:
        """From the unit that answers users to what it asks in turn."""
        if unit is None or unit in units:
            return
        units.append(unit)
        hops.extend(self._service(unit, Layer.APPLICATION if len(units) > 1 else Layer.SERVICE))
        if (failing.error or "").startswith("tls"):
            return  # refused before anything was passed on
        for started in self.serving.started_by(unit):
            self._follow(started, failing, hops, units)
        upstreams = self.proxying.upstreams(unit, failing)
        for upstream in upstreams:
            hop, behind = self.proxying.hop(unit, upstream, failing)
            hops.append(hop)
            self._follow(behind, failing, hops, units)
        if not upstreams:
            hops.extend(self.needs.names(unit))

    def _service(self, unit: str, layer: Layer) -> list[Hop]:
        found = self.view.units.get(unit)
        asks = []
        if not self.view.asked("unit.show", unit=unit):
            asks.append(self.vantage.ask("unit.show", unit=unit))
        test = config_test_of(unit)
        if test is not None and not self.view.asked(test):
            asks.append(self.vantage.ask(test))
        if found is None:
            text = f"{unit} has not been looked at"
            return [self.vantage.hop(layer, unit, None, text, asks=asks)]
        hops = [self._unit_state(layer, found[0], found[1], asks)]
        checked = self.view.config_test(unit)
        if checked is not None and not checked[0].ok:
            said = checked[0].problems[0].message if checked[0].problems else "it fails"
            text = f"{unit}'s configuration test fails: {said}"
            hops.append(self.vantage.hop(layer, unit, False, text, [checked[1]]))
        return hops

    def _unit_state(self, layer: Layer, unit: UnitFacts, ident: int, asks: list[ActionCall]) -> Hop:
        steady = self.view.steady(unit.name)
        if steady is None:
            return self.vantage.hop(
                layer, unit.name, None, f"{unit.name}: state unknown", asks=asks
            )
        text = f"{unit.name} is {unit.active_state} ({unit.sub_state}, {unit.result})"
        if self.view.flapping(unit.name):
            text = f"{unit.name} dies and is started again ({unit.n_restarts} restarts so far)"
        if unit.load_state not in (None, "loaded"):
            text = f"{unit.name} is {unit.load_state}"
            steady = False
        return self.vantage.hop(layer, unit.name, steady, text, [ident], asks)

    def _itself(self, units: list[str], failing: ProbeResult) -> Hop:
        """Every hop holds, and yet users are refused: the last one that can refuse them does."""
        blamed = units[-1]
        if self.proxying.answers_otherwise(units[0], failing):
            blamed = units[0]
        said = failing.detail or failing.error or f"status {failing.status}"
        page = failing.probe.path if failing.probe.kind is ProbeKind.HTTP else ""
        what = f" {page}" if page not in ("", "/") else ""
        text = f"Nothing beneath {blamed} fails, yet it does not serve{what}: {said}"
        ids = [failing.evidence_id] if failing.evidence_id is not None else []
        return self.vantage.hop(Layer.APPLICATION, blamed, False, text, ids)
