"""What to ask next: of the leading causes, of the path, and more closely of what is in question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from app.domain.action import ActionCall
from app.domain.probe import ProbeKind
from app.host import accounts, database_checks, job_scripts, kept, web_limits
from app.host.view import config_test_of
from app.reasoning.accounts import account_asks
from app.reasoning.bans import ban_asks
from app.reasoning.certificates import certificate_asks
from app.reasoning.denied import denied_asks
from app.reasoning.differences import difference_asks
from app.reasoning.exposed import exposed_asks
from app.reasoning.firewall_rules import rule_asks
from app.reasoning.first_look import first_look
from app.reasoning.gathering import subjects_of
from app.reasoning.host_case import HostCase
from app.reasoning.job_scripts import piling_asks
from app.reasoning.kernel_settings import kernel_asks
from app.reasoning.lost_rules import lost_rule_asks
from app.reasoning.matching import Candidate
from app.reasoning.network_subjects import network_asks
from app.reasoning.packages import package_asks
from app.reasoning.port import Case
from app.reasoning.questions import ASKS_A_ROUND, not_asked
from app.reasoning.reaching import cuts, reach_asks
from app.reasoning.rivals import LOOKED_AT
from app.reasoning.web_limits import limit_asks
from app.reasoning.written import diff_ask

FURTHER_ASKS = 4
"""Asked beside those where advice brings causes forward."""

JOURNAL_LINES = 200
LOCAL_PAGE = "http.local"
PAGES_ASKED = 2
"""Pages that one service of a host is asked for directly, over the whole diagnosis."""

_OF_NO_UNIT = frozenset({
    job_scripts.CHECK, job_scripts.PILES, web_limits.CHECK, accounts.CHECK, accounts.BELONGS,
    *kept.CHECKS, *database_checks.OF_NO_UNIT,
})  # fmt: skip
"""Checks that say all there is to say: where only they fail, no unit need be looked at closely."""


def outstanding(
    case: Case, leader: Candidate, found: Sequence[Candidate]
) -> tuple[ActionCall, ...]:
    """What must be asked before a cause is acted on: of one that is not the likeliest, all that
    its rivals want to know too."""
    asks = leader.asks if leader is found[0] else [a for c in found[:LOOKED_AT] for a in c.asks]
    return tuple(not_asked(case, asks))


def next_questions(
    case: Case,
    hosts: tuple[HostCase, ...],
    found: list[Candidate],
    further: tuple[ActionCall, ...],
    *,
    behind: bool,
) -> tuple[ActionCall, ...]:
    """The next questions: of the leading causes first, then of the path, then a closer look.

    Other hosts are looked at (`behind`) only while no cause stands out here.
    """
    calls: list[ActionCall] = []
    for candidate in found[:LOOKED_AT]:
        calls.extend(candidate.asks)
    for host in hosts:
        calls.extend(ask for walk in host.walks for ask in walk.asks)
        calls.extend(_closer_look(host))
    if behind:
        calls.extend(_look_behind(case, hosts))
    calls = list(_worth_asking(case, hosts, calls))
    own = tuple(not_asked(case, calls))[:ASKS_A_ROUND]
    return (*own, *[call for call in not_asked(case, further) if call not in own][:FURTHER_ASKS])


def _worth_asking(
    case: Case, hosts: tuple[HostCase, ...], calls: Iterable[ActionCall]
) -> Iterator[ActionCall]:
    """Without questions whose answer is known: a file that is not there has no environment, and a
    service that was asked for two pages answers the third, or another name's, alike."""
    known = {host.host.name: host for host in hosts}
    pages = Counter(_server(e.host, e.params) for e in case.evidence if e.action == LOCAL_PAGE)
    urls = {(e.host, e.params.get("url")) for e in case.evidence if e.action == LOCAL_PAGE}
    for call in calls:
        if call.action == "environment.read":
            host = known.get(call.host)
            if host is not None and host.is_gone(str(call.params["path"])):
                continue
        if call.action == LOCAL_PAGE:
            server, url = _server(call.host, call.params), (call.host, call.params.get("url"))
            if url in urls or pages[server] >= PAGES_ASKED:
                continue
            pages[server] += 1
            urls.add(url)
        yield call


def _server(host: str, params: Mapping[str, object]) -> tuple[str, str]:
    """Who answers a local page."""
    return host, urlsplit(str(params.get("url"))).netloc


def _ends_by_itself(host: HostCase, unit: str) -> bool:
    """Whether a service ends with an error of its own: a lock may keep it from starting."""
    found = host.view.units.get(unit)
    if found is None or found[0].type == "oneshot":
        return False
    return found[0].result in ("exit-code", "start-limit-hit")


def _closer_look(host: HostCase) -> Iterable[ActionCall]:
    """What an expert looks at once a unit is in question."""
    name = host.host.name
    for unit in _in_question(host):
        yield ActionCall(action="unit.show", host=name, params={"unit": unit})
        params: dict[str, str | int] = {"unit": unit, "lines": JOURNAL_LINES}
        yield ActionCall(action="journal.unit", host=name, params=params)
        yield ActionCall(action="unit.logs", host=name, params=params)
        test = config_test_of(unit)
        if test is not None:
            yield ActionCall(action=test, host=name)
        found = host.view.units.get(unit)
        for path in found[0].environment_files if found is not None else ():
            yield ActionCall(action="environment.read", host=name, params={"path": path})
    if any(_ends_by_itself(host, unit) for unit in host.failing):
        yield ActionCall(action=job_scripts.ASKED, host=name)
    for unit in host.unseen:
        yield ActionCall(action="unit.show", host=name, params={"unit": unit})
    yield from network_asks(host)
    yield from kernel_asks(host)
    yield from rule_asks(host)
    yield from reach_asks(host)
    yield from difference_asks(host)
    yield from account_asks(host)
    yield from package_asks(host)
    yield from limit_asks(host)
    yield from denied_asks(host)
    yield from exposed_asks(host)
    yield from lost_rule_asks(host)
    yield from certificate_asks(host)
    yield from piling_asks(host)
    yield from ban_asks(host)
    for subject in subjects_of(host):
        if subject.kind in ("change", "beside") and (
            ask := diff_ask(host, subject.facts["change"])
        ):
            yield ask
        if subject.kind == "mount":
            yield ActionCall(action="disk.usage", host=name, params={"path": subject.name})


def _look_behind(case: Case, hosts: tuple[HostCase, ...]) -> Iterable[ActionCall]:
    """A first look at what the host depends on, where a service fails for no reason of its own."""
    served_by_itself = all(p.probe.kind is ProbeKind.TLS for p in hosts[0].red)
    if not hosts[0].breaks_at_a_service or served_by_itself:
        return
    if cuts(case) or any(not_asked(case, reach_asks(hosts[0]))):
        return  # what is not reached is not looked into for it: the way to it is
    seen = {h.host.name for h in hosts}
    for host in case.needed:
        if host.name not in seen:
            yield from first_look(case, host)


def others_that_suffer(case: Case, hosts: tuple[HostCase, ...]) -> Iterable[ActionCall]:
    """A first look at hosts that suffer too and were left for last."""
    seen = {h.host.name for h in hosts}
    for host in case.suffering:
        if host.name not in seen:
            yield from first_look(case, host)


def _in_question(host: HostCase) -> tuple[str, ...]:
    """Units of the failing paths; those that the host is there for only where no path names one.

    Where a person has agreed to a repair it is enough to look at what fails.
    """
    if host.case.agreed and host.failing:
        return host.failing
    if host.red and all(p.probe.check in _OF_NO_UNIT for p in host.red):
        return host.failing
    if not host.is_own and any(p.probe.address == host.case.host.address for p in host.case.red):
        return _out_of_the_ordinary(host)  # it may well suffer through the incident's own host
    on_paths = tuple(unit for walk in host.walks for unit in walk.units)
    others = host.units if host.red or host.is_own else _out_of_the_ordinary(host)
    return tuple(dict.fromkeys([*host.failing, *(on_paths or others)]))


def _out_of_the_ordinary(host: HostCase) -> tuple[str, ...]:
    """Units of a host behind that suffers nothing itself: those that changed or do not run well."""
    known = [name for name in host.units if name in host.view.units]
    return tuple(
        name
        for name in known
        if not host.view.steady(name) or host.related(host.view.units[name][0])
    )
