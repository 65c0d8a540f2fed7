"""What is not as it was on a host whose users are served: told to a person.

A ticket may be about something that nobody asks us about: one sender who is turned away, one
account that is closed, a job that runs at night. Where configuration changed since the host was
healthy, "no fault" would be a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

from app.domain.action import ActionCall
from app.domain.hypothesis import Hypothesis, Support
from app.domain.value import Value
from app.host import database_settings, databases, mariadb_access, network_state, web_limits
from app.host.database_access import GainedPower, LostAccess, gained, lost
from app.host.database_defaults import ChangedDefault, changed
from app.host.database_losses import losses
from app.host.database_rights import MissingRight
from app.host.database_rights import lost as rights_lost
from app.host.database_sequences import LateSequence, late
from app.host.database_settings import ChangedSetting
from app.host.database_shapes import reshaped
from app.host.database_tables import is_named_in
from app.host.database_tables import lost as tables_lost
from app.host.drift import Change, ChangeKind, how_changed
from app.host.kept import is_startup_file
from app.host.mariadb_access import LostLogin
from app.host.network_state import text_of
from app.host.ticket_pages import failing_requests
from app.host.view import HostView, beneath
from app.reasoning.change_subjects import is_code
from app.reasoning.database_files import edits
from app.reasoning.host_case import HostCase
from app.reasoning.written import comments_of, diff_ask

CONFIGURATION = (
    "/etc", "/usr/local", "/usr/lib/systemd/system", "/run/systemd", "/var/spool/cron"
)  # fmt: skip
"""Below these every difference counts; elsewhere only what a shell reads in a home, that a path may
not be used as before, or that a link leads to something else: another release runs."""

_WRITTEN_BY_THE_SYSTEM = re.compile(
    r"/etc/(?:mtab|ld\.so\.cache|\.pwd\.lock|adjtime|mailcap|subuid-?|subgid-?|[a-z]*-|.*~"
    r"|ssl/certs/.*|rc[0-9S]\.d/.*|sre-agent(?:/.*)?|motd|machine-id|.*/\.[^/]*)"
)
_LETS_IN = re.compile(
    r"/etc/(?:.*/)?(?:pg_hba\.conf|sudoers(?:\.d/.*)?|sshd_config(?:\.d/.*)?|pam\.d/.*|passwd|shadow"
    r"|group|users\.acl)"
    r"|.*/\.ssh/authorized_keys"
)
"""What says who gets in and what they may do there."""

_OFTEN, _LATELY = 2, 600.0
_MOST = 6
_SHOWN = 3


_Inside: TypeAlias = (
    LostAccess
    | ChangedDefault
    | LateSequence
    | LostLogin
    | ChangedSetting
    | MissingRight
    | GainedPower
)


class Finding(Value):
    """One thing that is not as it was."""

    key: str
    text: str  # what changed, with its writer's own words where there are any
    evidence_id: int
    shared: int  # words that it has in common with the ticket
    lets_in: bool = False  # it says who gets in, or who may do everything


def findings(case: HostCase) -> tuple[Finding, ...]:
    """What changed since the host was healthy, the likeliest to be meant first."""
    found = [
        *_changed(case),
        *_new_rules(case),
        *_network(case),
        *_databases(case),
        *_access(case),
        *_refused(case),
    ]
    return tuple(sorted(found, key=lambda f: -f.shared))


def behind(hosts: Iterable[HostCase]) -> tuple[HostCase, tuple[Finding, ...]] | None:
    """The same of the first host that the incident's depends on where it matters from there: what
    the ticket has words of, and who may come in there and do what it tells of."""
    for case in hosts:
        found = tuple(one for one in findings(case) if one.shared or one.lets_in)
        if found:
            return case, found
    return None


def asks(case: HostCase) -> Iterable[ActionCall]:
    """What tells more of it: the words that were written, the rules of the firewall."""
    if case.then is None:
        return
    yield ActionCall(action="firewall.show", host=case.host.name)
    for action in ("network.show", "qdisc.list"):
        if case.then.asked(action):  # what was not known then cannot be compared
            yield ActionCall(action=action, host=case.host.name)
    for engine in sorted({found.engine for found in databases.servers(case.then)}):
        yield ActionCall(action=databases.ACTIONS[engine], host=case.host.name)
    for change in telling(case)[:_MOST]:
        shown = change.model_dump(mode="json")
        ask = diff_ask(case, shown)
        if ask is not None:
            yield ask


def told(found: tuple[Finding, ...]) -> str:
    """The findings as one sentence."""
    shown = "; ".join(f.text for f in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"{shown}{more}"


def hypotheses(case: HostCase, found: tuple[Finding, ...]) -> tuple[Hypothesis, ...]:
    """Each finding as a cause that may be: nothing fails that could prove one."""
    return tuple(
        Hypothesis(
            key=f"changed@{case.host.name}:{one.key}",
            text=one.text,
            mode="changed-unnoticed",
            host=case.host.name,
            subject=one.key,
            confidence=round(0.5 / max(2, len(found)), 4),
            supports=(
                Support(
                    evidence_id=one.evidence_id,
                    weight=0.0,
                    statement=one.text[:300],
                    rule="differs from the baseline",
                ),
            ),
        )
        for one in found[:_SHOWN]
    )


def telling(case: HostCase) -> list[Change]:
    """Changes of configuration, paths that are closed to whom they were open, other releases."""
    return [c for c in (case.drift or ((), 0))[0] if _counts(c)]


def _counts(change: Change) -> bool:
    if _WRITTEN_BY_THE_SYSTEM.fullmatch(change.path):
        return False
    if any(beneath(change.path, root) for root in CONFIGURATION):
        folder = change.now if change.now is not None else change.then
        return not (change.kind is ChangeKind.ADDED and folder and folder.kind == "directory")
    if is_startup_file(change.path):
        return change.kind is not ChangeKind.MODE
    return change.kind in (ChangeKind.MODE, ChangeKind.TARGET)


def _programs(case: HostCase) -> list[Change]:
    """Programs of applications that came or are others now: a release, or somebody's back door."""
    known = telling(case)
    written = (ChangeKind.ADDED, ChangeKind.CONTENT)
    found = (c for c in (case.drift or ((), 0))[0] if c.kind in written and is_code(c))
    return [c for c in found if c not in known]


def _changed(case: HostCase) -> Iterable[Finding]:
    set_by = _set_by_files(case)
    for change in (*telling(case), *_programs(case)):
        assert case.drift is not None
        said = comments_of(case, change)
        words = f" ({said[0].strip()[:200]})" if said and said[0].strip() else ""
        text = (
            f"{change.path} was changed since {case.host.name} was healthy: {how_changed(change)}"
        )
        effects = "; ".join(one.said for one in set_by.get(change.path, ()))
        text += f", and by it {effects}" if effects else ""
        ident = said[1] if said else case.drift[1]
        yield Finding(
            key=change.path,
            text=text + words,
            evidence_id=ident,
            shared=shared_words(case, text + words),
            lets_in=_LETS_IN.fullmatch(change.path) is not None,
        )


def _set_by_files(case: HostCase) -> dict[str, tuple[ChangedSetting, ...]]:
    """Settings of running servers, by the changed file that gave them: the two are one change."""
    told = {change.path for change in telling(case)}
    return {c.path: settings for c, settings in edits(case) if c is not None and c.path in told}


def _new_rules(case: HostCase) -> Iterable[Finding]:
    found = network_state.new_rules(case.view, case.then)
    if found is None:
        return
    for rule in found[0]:
        where = f"{case.host.name} is new since it was healthy"
        text = f"a firewall rule (nft) on {where}: {rule.text}"
        key = f"{rule.table}/{rule.chain}/{rule.handle}"
        yield Finding(key=key, text=text, evidence_id=found[1], shared=shared_words(case, text))


def _network(case: HostCase) -> Iterable[Finding]:
    """Routes, devices and shapers that are not as they were."""
    if case.then is None:
        return
    for check, subject in network_state.learned(case.then):
        asked = case.view.evidence(network_state.ASKED_BY[check])
        said = network_state.JUDGED_BY[check](case.view, subject)
        if asked is not None and said is not None and not said[0]:
            text = f"on {case.host.name} {said[1]}"
            yield Finding(
                key=f"{check} {subject}",
                text=text,
                evidence_id=asked.id,
                shared=shared_words(case, text),
            )


def _databases(case: HostCase) -> Iterable[Finding]:
    """What is missing inside databases."""
    missing = [(m.key, m.text, m.evidence_id) for m in losses(case.view, case.then)]
    for table in tables_lost(case.view, case.then):
        # many a table is emptied by those who work through it
        if table.is_gone or is_named_in(case.case.incident, table.own_name):
            missing.append((table.subject, table.said, table.evidence_id))
    missing += [(o.subject, o.said, o.evidence_id) for o in reshaped(case.view, case.then)]
    for key, said, ident in missing:
        text = f"on {case.host.name} {said}"
        yield Finding(key=key, text=text, evidence_id=ident, shared=shared_words(case, text))


def _access(case: HostCase) -> Iterable[Finding]:
    """What roles of databases may no longer do, or since, begin otherwise with, or are refused."""
    by_files = {one.subject for ones in _set_by_files(case).values() for one in ones}
    found: tuple[_Inside, ...] = (
        *lost(case.view, case.then),
        *rights_lost(case.view, case.then),
        *changed(case.view, case.then),
        *late(case.view, case.then),
        *mariadb_access.lost(case.view, case.then),
        *(s for s in database_settings.changed(case.view, case.then) if s.subject not in by_files),
        *gained(case.view, case.then),
    )
    for one in found:
        text = f"on {case.host.name} {one.said}"
        yield Finding(
            key=f"inside {one.subject}",
            text=text,
            evidence_id=one.evidence_id,
            shared=shared_words(case, text),
            lets_in=isinstance(one, GainedPower),
        )


def _refused(case: HostCase) -> Iterable[Finding]:
    """What users asked for lately and were refused again and again, though nobody can ask it so:
    of this host, and of those that depend on it."""
    for host in case.case.hosts:
        view = case.view if host.name == case.host.name else HostView(host, case.case.evidence)
        asked = view.evidence("web.errors")
        for one in failing_requests(view) if asked is not None else ():
            if one.method == "GET" or one.failed < _OFTEN or one.last_ago > _LATELY:
                continue
            if one.too_large and not web_limits.ABOUT_SENDING.search(text_of(case.case.incident)):
                continue  # what is too large for good reasons is refused every day
            text = (
                f"{one.method} {one.path} on {host.name} was answered {one.last_status} the last "
                f"time, {one.failed} times lately"
            )
            if one.too_large:
                text += (
                    ": larger than the web server's limit (client_max_body_size, LimitRequestBody)"
                )
            assert asked is not None
            key = f"{one.method} {one.path}"
            yield Finding(key=key, text=text, evidence_id=asked.id, shared=shared_words(case, text))


def shared_words(case: HostCase, text: str) -> int:
    """How many words a finding has in common with the ticket."""
    incident = case.case.incident
    ticket = _words(f"{incident.short_description} {incident.description}")
    return len(ticket & _words(text.replace("/", " ")))


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9.]{4,}", text.lower()))
