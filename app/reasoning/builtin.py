"""The built-in reasoner: path walk, drift and failure modes joined by odds. Deterministic.

Its order of questions is an expert's: do users suffer now? where on their path? what there is not
as it was? which known way of failing fits? If two causes are still rivals, ask what separates them;
if one stands out, say its repair; if nothing does, say what was seen and hand over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from app.domain.action import ActionCall
from app.domain.hypothesis import Hypothesis, HypothesisStatus
from app.domain.probe import ProbeKind
from app.host import accounts, database_checks, job_scripts, kept, web_limits
from app.host.hops import Hop
from app.host.view import config_test_of
from app.knowledge.library import Library
from app.reasoning.accounts import account_asks
from app.reasoning.certificates import certificate_asks
from app.reasoning.change_subjects import diff_ask
from app.reasoning.denied import denied_asks
from app.reasoning.differences import difference_asks
from app.reasoning.first_look import first_look
from app.reasoning.gathering import host_subject, subjects_of
from app.reasoning.host_case import HostCase, host_cases
from app.reasoning.job_scripts import piling_asks
from app.reasoning.learned import with_history
from app.reasoning.lost_rules import lost_rule_asks
from app.reasoning.matching import Candidate, candidates
from app.reasoning.missing import what_was_missing
from app.reasoning.network_subjects import network_asks
from app.reasoning.odds import confidences, unknown
from app.reasoning.packages import package_asks
from app.reasoning.port import Advice, Assessment, Case
from app.reasoning.questions import ASKS_A_ROUND, not_asked
from app.reasoning.reaching import cuts, reach_asks
from app.reasoning.rivals import LOOKED_AT, brought_forward, tie_broken, tied, triable
from app.reasoning.web_limits import limit_asks
from app.reasoning.without_suffering import without_suffering

SURE_ENOUGH = 0.75
"""Confidence from which the leading cause counts as separated from its rivals."""

WORTH_A_TRIAL = 0.2
"""Confidence from which a repair that can be taken back is tried beside a likelier cause."""

FURTHER_ASKS = 4
"""Asked beside those where advice brings causes forward."""

JOURNAL_LINES = 200

MOST_SAID = 300
"""Characters of a log's line in a statement."""

_OF_NO_UNIT = frozenset({
    kept.CHECK, job_scripts.CHECK, job_scripts.PILES, web_limits.CHECK, accounts.CHECK,
    *database_checks.OF_NO_UNIT,
})  # fmt: skip
"""Checks that say all there is to say: where only they fail, no unit need be looked at closely."""

_CLOSED = re.compile(
    r"[^\n<>]{0,80}(?:(?:closed|down|offline|unavailable) (?:for|during) (?:\w+ ){0,2}maintenance"
    r"|(?:planned|scheduled) (?:maintenance|downtime|outage)|under maintenance"
    r"|maintenance (?:window|mode|until|in progress))[^\n<>]{0,80}",
    re.IGNORECASE,
)
"""How a page tells its users that it is closed on purpose."""

_COMPLAINS = re.compile(
    r"error|fatal|panic|exception|cannot|can't|denied|refused|invalid|no such|not found|failed"
    r"|unrecognized|timed? ?out|recovery|terminated|killed|too (?:many|quickly)",
    re.IGNORECASE,
)


class BuiltinReasoner:
    """Implements the port `Reasoner` with nothing but the case and the library."""

    def __init__(self, library: Library) -> None:
        self.library = library

    async def assess(self, case: Case, nudges: Mapping[str, float] | None = None) -> Assessment:
        """Judge a case; see the module's docstring. `nudges`: advice (app/reasoning/rivals.py)."""
        hosts = host_cases(case)
        stops = self._halting(hosts)
        if stops is not None:
            return _on_leader(stops, _hypotheses(case, [stops]))
        if not case.red:
            return without_suffering(case, hosts)
        nudges = nudges or {}
        found = tie_broken(case, self._candidates(case, hosts), nudges)
        hypotheses = _hypotheses(case, found)
        leader = _leader(found, hypotheses)
        further = brought_forward(found, nudges)
        wanted = _wanted(case, hosts, found, further, behind=leader is None)
        if leader is not None and not _outstanding(case, leader, found):
            first = sorted(hypotheses, key=lambda h: h.key != leader.key)  # what is acted on leads
            return _on_leader(leader, tuple(first), tied=tied(case, found))
        wanted = wanted or tuple(_others_that_suffer(case, hosts))
        if wanted:
            return Assessment(
                advice=Advice.DIAGNOSE,
                statement=_where(hosts) or "Nothing stands out yet; looking further",
                hypotheses=hypotheses,
                wanted=wanted,
            )
        return _unseparated(hosts, found, hypotheses)

    def _halting(self, hosts: tuple[HostCase, ...]) -> Candidate | None:
        """What forbids any change, whether users suffer or not."""
        halting = [mode for mode in self.library.modes if mode.halts]
        found = candidates(halting, [host_subject(h) for h in hosts])
        return found[0] if found else None

    def _candidates(self, case: Case, hosts: tuple[HostCase, ...]) -> list[Candidate]:
        subjects = [s for h in hosts for s in subjects_of(h)]
        found = candidates(self.library.modes, subjects)
        standing = [with_history(case, c) for c in found if c.key not in case.refuted]
        return sorted(standing, key=lambda candidate: -candidate.rank)


# --- ranking -------------------------------------------------------------------------------------


def _hypotheses(case: Case, found: list[Candidate]) -> tuple[Hypothesis, ...]:
    shares = confidences({c.key: c.score for c in found})
    named = [
        Hypothesis(
            key=c.key,
            text=c.text,
            mode=c.mode,
            host=c.host,
            subject=c.subject,
            confidence=round(shares[c.key], 4),
            supports=c.supports,
        )
        for c in found
    ]
    return (*named, unknown(round(shares[""], 4)), *_refuted(case))


def _refuted(case: Case) -> Iterable[Hypothesis]:
    for key in case.refuted:
        mode, _, rest = key.partition("@")
        host, _, subject = rest.partition(":")
        yield Hypothesis(
            key=key,
            text=f"{mode} of {subject}: its repair did not heal",
            mode=mode,
            host=host,
            subject=subject,
            confidence=0.0,
            status=HypothesisStatus.REFUTED,
        )


def _leader(found: list[Candidate], hypotheses: tuple[Hypothesis, ...]) -> Candidate | None:
    """The cause to act on: one that stands out, or the first of rivals that can be tried.

    Where several things changed and each can be put back and taken back, the surest way to tell
    them apart is to try the likeliest and prove it; what does not heal is undone and refuted.
    """
    if not found:
        return None
    if hypotheses[0].confidence >= SURE_ENOUGH:
        return found[0]
    shares = {h.key: h.confidence for h in hypotheses}
    if not triable(max(found, key=lambda candidate: candidate.score)):
        # history may order what evidence lets be tried, and open no trial itself
        return _beside_what_needs_a_person(found, shares)
    if hypotheses[0].key != found[0].key or not triable(found[0]):
        return None
    together = sum(shares[c.key] for c in found if triable(c))
    return found[0] if together >= SURE_ENOUGH else None


def _beside_what_needs_a_person(
    found: list[Candidate], shares: Mapping[str, float]
) -> Candidate | None:
    """Of several that are likely only together, the first that can be tried without asking.

    Both may be so: what can be put back and proven is done before a person is asked about the rest.
    """
    mendable = [c for c in found if c.repair is not None and not c.handovers]
    if found[0] not in mendable or sum(shares[c.key] for c in mendable) < SURE_ENOUGH:
        return None
    return next((c for c in mendable if triable(c) and shares[c.key] >= WORTH_A_TRIAL), None)


# --- what to ask ---------------------------------------------------------------------------------


def _outstanding(
    case: Case, leader: Candidate, found: Sequence[Candidate]
) -> tuple[ActionCall, ...]:
    """What must be asked before a cause is acted on: of one that is not the likeliest, all that
    its rivals want to know too."""
    asks = leader.asks if leader is found[0] else [a for c in found[:LOOKED_AT] for a in c.asks]
    return tuple(not_asked(case, asks))


def _wanted(
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
    own = tuple(not_asked(case, calls))[:ASKS_A_ROUND]
    return (*own, *[call for call in not_asked(case, further) if call not in own][:FURTHER_ASKS])


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
            if host.is_gone(path):
                continue  # a unit may name files that only other distributions have
            yield ActionCall(action="environment.read", host=name, params={"path": path})
    for unit in host.unseen:
        yield ActionCall(action="unit.show", host=name, params={"unit": unit})
    yield from network_asks(host)
    yield from reach_asks(host)
    yield from difference_asks(host)
    yield from account_asks(host)
    yield from package_asks(host)
    yield from limit_asks(host)
    yield from denied_asks(host)
    yield from lost_rule_asks(host)
    yield from certificate_asks(host)
    yield from piling_asks(host)
    for subject in subjects_of(host):
        if subject.kind == "change" and (ask := diff_ask(host, subject.facts["change"])):
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


def _others_that_suffer(case: Case, hosts: tuple[HostCase, ...]) -> Iterable[ActionCall]:
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


# --- verdicts ------------------------------------------------------------------------------------


def _on_leader(
    leader: Candidate, hypotheses: tuple[Hypothesis, ...], *, tied: bool = False
) -> Assessment:
    if leader.handovers or leader.repair is None:
        reasons = leader.handovers or ("there is no safe automatic repair for it",)
        return Assessment(
            advice=Advice.HAND_OVER,
            statement=f"{leader.text}. Left alone: {'; '.join(reasons)}",
            hypotheses=hypotheses,
            recommended=_recommended(leader),
        )
    return Assessment(
        advice=Advice.REMEDIATE,
        statement=f"{leader.text} ({hypotheses[0].confidence:.0%})",
        hypotheses=hypotheses,
        repair=leader.repair,
        tied=tied,
        recommended=_recommended(leader),
    )


def _recommended(candidate: Candidate) -> tuple[str, ...]:
    lines = [candidate.recommend] if candidate.recommend else []
    if candidate.repair is not None:
        steps = ", then ".join(step.label() for step in candidate.repair.steps)
        lines.append(f"{candidate.repair.title}: {steps}")
    return tuple(lines)


def _unseparated(
    hosts: tuple[HostCase, ...], found: list[Candidate], hypotheses: tuple[Hypothesis, ...]
) -> Assessment:
    """Everything was asked and no cause stands out: say where the path breaks, hand over."""
    where = _where(hosts) or "Users are not served, and the path shows no failing hop"
    likely = f". Most likely, but not proven: {found[0].text}" if found else ""
    return Assessment(
        advice=Advice.HAND_OVER,
        settled=False,
        statement=f"{where}{likely}{_said_of_itself(hosts)}",
        hypotheses=hypotheses,
        missing=what_was_missing(hosts, hypotheses, SURE_ENOUGH),
        recommended=tuple(line for c in found[:2] for line in _recommended(c)),
    )


def _said_of_itself(hosts: tuple[HostCase, ...]) -> str:
    """That a failing page tells users of maintenance, for who takes over; it decides nothing."""
    for host in hosts:
        for failing in host.red:
            if found := _CLOSED.search(failing.body):
                return (
                    f". {failing.probe.name} itself tells users of maintenance: {found[0].strip()}"
                )
    return ""


def _where(hosts: tuple[HostCase, ...]) -> str:
    hop = first_failed(hosts)
    if hop is None:
        return ""
    return f"The path breaks at the {hop.layer.value}: {hop.statement}{_complaint(hosts, hop)}"


def _complaint(hosts: tuple[HostCase, ...], hop: Hop) -> str:
    """What the failing hop's own log says last of a failure: a person starts reading there."""
    for host in hosts:
        said = host.view.log(hop.subject) if hop.subject in host.view.units else None
        lines = [x.example for x in said[0].lines if _COMPLAINS.search(x.example)] if said else []
        if lines:
            return f". {hop.subject} says: {lines[-1][:MOST_SAID]}"
    return ""


def first_failed(hosts: tuple[HostCase, ...]) -> Hop | None:
    """The first failing hop over all hosts, the incident's own host first."""
    hops = (walk.first_failed for host in hosts for walk in host.walks)
    return next((hop for hop in hops if hop is not None), None)
