"""Every subject of a host: its units, what changed on it, and what lies beneath its services."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.host.drift import program
from app.host.facts import PROGRAM_IN_DATA, Filesystem, SecurityFacts
from app.host.hops import Hop, Layer
from app.host.probes import NAME_SERVERS
from app.reasoning.accounts import account_subjects
from app.reasoning.balanced import balanced_subjects
from app.reasoning.bans import ban_subjects
from app.reasoning.beside import beside_subjects
from app.reasoning.certificates import certificate_subjects
from app.reasoning.change_subjects import change_subjects, together_subjects
from app.reasoning.containers import container_subjects
from app.reasoning.database_insides import inside_subjects
from app.reasoning.databases import (
    database_subjects,
    index_subjects,
    table_subjects,
)
from app.reasoning.denied import denied_subjects
from app.reasoning.differences import difference_subjects
from app.reasoning.encrypted import encrypted
from app.reasoning.exposed import exposed_subjects
from app.reasoning.firewall_rules import rule_subjects
from app.reasoning.host_case import READ_AT_START, HostCase
from app.reasoning.job_scripts import lock_subjects, piling_subjects
from app.reasoning.kernel_settings import setting_subjects
from app.reasoning.libraries import library_subjects
from app.reasoning.lost_rules import lost_rule_subjects
from app.reasoning.mounting import covering_subjects, mounting_subjects
from app.reasoning.network_subjects import network_subjects
from app.reasoning.packages import package_subjects
from app.reasoning.processes import process_subjects
from app.reasoning.space import cleaners_off, filler, foreign, journal_changes
from app.reasoning.subjects import Subject
from app.reasoning.unit_facts import unit_facts
from app.reasoning.web_limits import limit_subjects
from app.reasoning.working_sessions import working_subjects

_NAMING_FILES = frozenset({"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"})


def subjects_of(case: HostCase) -> tuple[Subject, ...]:
    """Everything that may be at fault on this host."""
    units = (_unit(case, name) for name in case.units if name in case.view.units)
    beneath = (
        *_mounts(case),
        *mounting_subjects(case),
        *covering_subjects(case),
        *account_subjects(case),
        *package_subjects(case),
        *lock_subjects(case),
        *piling_subjects(case),
        *limit_subjects(case),
        *denied_subjects(case),
        *exposed_subjects(case),
        *certificate_subjects(case),
        *_names(case),
        *rule_subjects(case),
        *lost_rule_subjects(case),
        *container_subjects(case),
        *balanced_subjects(case),
        *ban_subjects(case),
        *library_subjects(case),
        *database_subjects(case),
        *working_subjects(case),
        *inside_subjects(case),
        *table_subjects(case),
        *index_subjects(case),
        *process_subjects(case),
        *difference_subjects(case),
    )
    network = (*network_subjects(case), *setting_subjects(case))
    changes = (*change_subjects(case), *together_subjects(case), *beside_subjects(case))
    return (host_subject(case), *units, *changes, *beneath, *network)


def host_subject(case: HostCase) -> Subject:
    """The host as a whole: signs on it that were not there while it was healthy."""
    facts, sources = case.common()
    found = case.view.facts(SecurityFacts, "security.signs")
    if found is not None:
        then = None if case.then is None else case.then.facts(SecurityFacts, "security.signs")
        known = () if then is None else then[0].signs
        # an application may well run from its own data folder: only one that did not counts
        told = (s for s in found[0].signs if then is not None or s.kind != PROGRAM_IN_DATA)
        new = [s.model_dump(mode="json") for s in told if s not in known]
        sources |= {"security": found[1], "host": found[1]}
        locked = None if case.drift is None else encrypted(case.drift[0])
        if locked is not None and case.drift is not None:
            new = [*new, locked.model_dump(mode="json")]
            sources |= {"security": case.drift[1], "host": case.drift[1]}
        facts["security"] = {"signs": new}
    return Subject(
        kind="host",
        host=case.host.name,
        name=case.host.name,
        facts=facts,
        sources=sources,
        nearness=0,
    )


def _unit(case: HostCase, name: str) -> Subject:
    facts, sources = case.common()
    facts["unit"], unit_sources = unit_facts(case, name)
    return Subject(
        kind="unit",
        host=case.host.name,
        name=name,
        facts=facts,
        sources=sources | unit_sources,
        nearness=case.nearness(name),
    )


def _failed(case: HostCase, layer: Layer) -> Iterable[Hop]:
    """Failing hops of a layer, each subject once: walks share what is the host's."""
    found = [h for walk in case.walks for h in walk.failed if h.layer is layer]
    return {hop.subject: hop for hop in reversed(found)}.values()


def _mounts(case: HostCase) -> Iterable[Subject]:
    mounted = {e.mount: e for e in (case.view.filesystems or ((), 0))[0]}
    for hop in _failed(case, Layer.STORAGE):
        if hop.subject in mounted:
            yield _mount(case, mounted[hop.subject], hop.evidence_ids[0])


def _mount(case: HostCase, entry: Filesystem, ident: int) -> Subject:
    facts, sources = case.common()
    mount = entry.mount
    facts["mount"] = entry.model_dump(mode="json") | {"path": mount}
    sources |= {"mount": ident}
    usage = case.view.disk_usage(mount)
    if usage is not None:
        for part in ("files", "deleted_open"):
            facts["mount"][part] = [f.model_dump(mode="json") for f in getattr(usage[0], part)]
        found = filler(case, entry, usage[0])
        facts["mount"]["filler"] = found
        kind = "" if found is None else str(found["kind"])
        facts["mount"]["foreign"] = foreign(case, entry, usage[0], kind)
        sources |= {f"mount.{part}": usage[1] for part in ("files", "filler", "foreign")}
    facts["mount"]["journal_changes"] = journal_changes(case)
    facts["mount"]["cleaners_off"] = cleaners_off(case, mount)
    facts["mount"]["grew_percent"] = _grown(case, entry)
    facts["units"] = [unit_facts(case, u)[0] for u in case.units if u in case.view.units]
    return Subject(
        kind="mount", host=case.host.name, name=mount, facts=facts, sources=sources, nearness=0
    )


def _grown(case: HostCase, entry: Filesystem) -> float | None:
    """By how many points a file system is fuller than it was; None where that is not known."""
    then = None if case.then is None else case.then.filesystems
    before = next((f for f in then[0] if f.mount == entry.mount), None) if then else None
    if before is None or before.used_percent is None or entry.used_percent is None:
        return None
    return entry.used_percent - before.used_percent


def _names(case: HostCase) -> Iterable[Subject]:
    for hop in _failed(case, Layer.DEPENDENCY):
        if case.view.asked("name.resolve", name=hop.subject):
            yield _name(case, hop.subject, hop.evidence_ids)


def _name(case: HostCase, name: str, idents: tuple[int, ...]) -> Subject:
    facts, sources = case.common()
    item = case.view.evidence("name.resolve", name=name)
    facts["name"] = {"asked": name, **(item.facts if item is not None else {})}
    changed = [c.path for c in (case.drift or ((), 0))[0] if c.path in _NAMING_FILES]
    facts["name"]["changed_files"] = changed
    facts["name"]["server_changed"] = next(_changed_for_names(case), "")
    sources |= {"name": idents[-1]}
    return Subject(
        kind="name", host=case.host.name, name=name, facts=facts, sources=sources, nearness=3
    )


def _changed_for_names(case: HostCase) -> Iterator[str]:
    """What is not as it was of files by which a name server answers, on any host looked at."""
    for host in case.case.hosts:
        own = HostCase(case.case, host.name)
        servers = [u for name, (u, _) in own.view.units.items() if program(name) in NAME_SERVERS]
        for change in (own.drift or ((), 0))[0]:
            if any(own.relation_of(change.path, unit) in READ_AT_START for unit in servers):
                yield f"{change.path} on {host.name}"
