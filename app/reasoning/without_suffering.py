"""What is said where users who can be asked are served."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.domain.action import ActionCall, Params
from app.domain.hypothesis import Hypothesis
from app.host import load
from app.host.facts import SharedFilesFacts
from app.host.network_state import text_of
from app.reasoning import damage, since_healthy, working_sessions
from app.reasoning.host_case import HostCase
from app.reasoning.odds import unknown
from app.reasoning.port import Advice, Assessment, Case
from app.reasoning.questions import ASKS_A_ROUND, not_asked
from app.reasoning.unit_facts import unit_facts

_ASKS_FOR_DATA = re.compile(
    r"\b(?:restor\w+|recover\w*|undelet\w+|roll(?:ed|ing)? ?back|bring back|get back)\b"
    r"[^.!?\n]{0,100}(?:snapshots?|back-?ups?|dumps?|data|tables?|files?|folders?|rows?|deleted)\b"
)
"""How people ask for data that is gone. Putting old data over new is never the agent's to do."""


_ABOUT_DOING = re.compile(
    r"\b(?:upload\w*|attach\w*|submit\w*|check ?outs?|payments?|bookings?"
    r"|plac(?:es?|ed|ing) (?:an? |the |their |new )?orders?"
    r"|(?:cannot|can't|can not|could not|unable to|not able to|no longer) (?:be )?"
    r"(?:order|buy|pay|book|save|send|upload|store|register|sign up|check ?out|print|export|import"
    r"|create|add|change|edit|delete|search)\w*"
    r"|(?:ordering|paying|saving|sending|storing|registering|printing|exporting|importing|searching)"
    r" (?:fails?|does not|doesn't|is broken|gives?|ends?))\b"
)
"""How people speak of something that they do, and that no question from outside repeats."""


_PATH = re.compile(r"(?<![\w./:-])/[\w.@%+-]+(?:/[\w.@%+-]+)+")
_PLACES_ASKED = 2


def without_suffering(case: Case, hosts: tuple[HostCase, ...]) -> Assessment:
    """No fault, or what a person must judge: nothing is changed where users are served."""
    down = [u for h in hosts[:1] for u in h.units if _is_down(h, u)]
    if not case.probes:
        statement = "No question that a user would ask of this host is known, so nothing is proven"
        advice = Advice.HAND_OVER
    elif down:
        statement = f"Users are served, yet {', '.join(down)} is down"
        advice = Advice.HAND_OVER
    elif wanted := tuple(not_asked(case, what_is_asked(hosts[0])))[:ASKS_A_ROUND]:
        statement = "Users are served; looking at what changed since the host was healthy"
        hypotheses = (unknown(1.0),)
        return Assessment(
            advice=Advice.DIAGNOSE, statement=statement, hypotheses=hypotheses, wanted=wanted
        )
    elif damaged := damage.told(hosts[0]):
        statement = f"{damaged}. It is left as it is: those who answer for the data decide"
        advice = Advice.HAND_OVER
    elif _ASKS_FOR_DATA.search(text_of(case.incident)):
        statement = (
            "Users who can be asked are served; the ticket asks for data to be brought back, which "
            f"people decide and do: what lies there now would be written over{_shared(hosts[0])}"
        )
        if found := since_healthy.findings(hosts[0]):  # it may be there, and only not be seen
            statement += (
                f". Not as it was, and so to be looked at before: {since_healthy.told(found)}"
            )
        advice = Advice.HAND_OVER
    elif (working := working_sessions.told(hosts))[0]:
        return _worked_on(*working)
    elif changed := since_healthy.findings(hosts[0]):
        return _served_yet_changed(hosts[0], changed)
    elif (behind := since_healthy.behind(hosts[1:])) is not None:
        return _served_yet_changed(*behind)
    elif (doing := _ABOUT_DOING.search(text_of(case.incident))) is not None:
        statement = (
            "Users who can be asked are served; the ticket is about something that people do "
            f"({doing[0]!r}), which is not repeated from here: that it works is not proven"
        )
        advice = Advice.HAND_OVER
    else:
        asked = ", ".join(p.probe.name for p in case.probes[:4])
        why = _at_work(hosts[0]) or "a false or past alarm"
        statement = f"No fault: users are served and healthy ({asked}); {why}"
        advice = Advice.NO_FAULT
    return Assessment(
        advice=advice,
        statement=statement,
        hypotheses=(unknown(1.0),),
        recommended=("Declare probes for this host in the inventory.",) if not case.probes else (),
    )


def is_not_for_us(host: HostCase) -> bool:
    """Whether something is known that people decide, whatever else changed on the host."""
    asks_for_data = _ASKS_FOR_DATA.search(text_of(host.case.incident)) is not None
    return asks_for_data or bool(damage.told(host)) or bool(working_sessions.told((host,))[0])


def what_is_asked(host: HostCase) -> Iterable[ActionCall]:
    """What tells what is not as it was on a host whose users are served."""
    yield from since_healthy.asks(host)
    yield from damage.asks(host)
    if _ASKS_FOR_DATA.search(text_of(host.case.incident)):
        places = _places(host.case)
        if len(places) == _PLACES_ASKED:
            params: Params = dict(zip(("path", "other"), places, strict=True))
            yield ActionCall(action="files.shared", host=host.host.name, params=params)


def _places(case: Case) -> tuple[str, ...]:
    """What the ticket wants brought back, and where to: the first places that it names."""
    told = f"{case.incident.short_description}\n{case.incident.description}"
    found = (match.rstrip(".") for match in _PATH.findall(told))
    return tuple(dict.fromkeys(found))[:_PLACES_ASKED]


def _shared(host: HostCase) -> str:
    """That what should be brought back is the very file that was lost; "" where it is not."""
    places = _places(host.case)
    if len(places) < _PLACES_ASKED:
        return ""
    path, other = places
    found = host.view.facts(SharedFilesFacts, "files.shared", path=path, other=other)
    if found is None or not found[0].shared:
        return ""
    return (
        f". And {path} shares files with {other} (hard links: the same inode, {found[0].shared} of "
        f"them, such as {found[0].examples[0]}): what one of them lost, the other has lost too"
    )


def _at_work(host: HostCase) -> str:
    """The job that keeps a host busy, where the ticket is about that; "" where none does."""
    jobs = load.jobs(host.view) if load.ABOUT_LOAD.search(text_of(host.case.incident)) else ()
    if not jobs:
        return ""
    name, share = jobs[0]
    commands = ", ".join(sorted(load.commands_of(host.view, name)))
    share_told = f" ({commands}; {share:.0f} % of a processor)" if commands else ""
    return f"a job that runs as planned and ends by itself is at work: {name}{share_told}"


def _served_yet_changed(host: HostCase, found: tuple[since_healthy.Finding, ...]) -> Assessment:
    """Nobody who can be asked suffers, but the host is not as it was: that is not "no fault"."""
    said = since_healthy.told(found)
    return Assessment(
        advice=Advice.HAND_OVER,
        statement=f"Users who can be asked are served. Not as it was: {said}",
        hypotheses=(*since_healthy.hypotheses(host, found), unknown(0.5)),
        recommended=(f"Judge whether the ticket is about this: {found[0].text}.",),
    )


def _worked_on(said: str, hypotheses: tuple[Hypothesis, ...]) -> Assessment:
    """Somebody is at work, and whoever needs the same tables waits: that is for people to end."""
    return Assessment(
        advice=Advice.HAND_OVER,
        statement=f"Users who can be asked are served. Somebody is at work on a database: {said}",
        hypotheses=(*hypotheses, unknown(0.5)),
        recommended=("Ask whoever is at work how long it takes; end nothing, restart nothing.",),
    )


def _is_down(host: HostCase, unit: str) -> bool:
    """A unit that ran while the host was healthy, or is enabled, and does not run now."""
    if unit not in host.view.units:
        return False
    facts, _ = unit_facts(host, unit)
    expected = facts["active_then"] if facts["active_then"] is not None else facts["enabled"]
    oneshot = facts["type"] == "oneshot"
    return expected in (True, "enabled") and not facts["steady"] and not oneshot
