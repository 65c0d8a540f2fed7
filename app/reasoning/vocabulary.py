"""Everything that conditions may read: for each subject its names, made from the models of facts.

What gathering adds to a model (app/reasoning/*_subjects.py and their like) is written down here
beside it. The recorded cases hold this against what was really gathered: a fact that is not here
is a failing test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.domain.probe import ProbeResult
from app.host.database_access import LostAccess
from app.host.database_crowds import Crowd
from app.host.database_defaults import ChangedDefault
from app.host.database_facts import (
    DatabaseIndex,
    Folder,
    MariadbServer,
    PostgresCluster,
    PostgresSession,
    RedisServer,
    ReplicationSlot,
    SequenceBehind,
    TableWithoutVacuum,
)
from app.host.database_rights import MissingRight
from app.host.database_sequences import LateSequence
from app.host.database_settings import ChangedSetting
from app.host.database_shapes import ReshapedTable
from app.host.database_tables import LostTable
from app.host.drift import Change, ChangeKind, Relation
from app.host.facts import (
    Account,
    BalancedServer,
    Ban,
    BigFile,
    CertificatesFacts,
    ConfigTestFacts,
    ContainerFacts,
    DeletedFile,
    Filesystem,
    FirewallRule,
    JobProgressFacts,
    Listener,
    LogLine,
    LostRule,
    MisspeltFacts,
    NeighbourFacts,
    PathComponent,
    PolicyRule,
    Process,
    Qdisc,
    ResolveFacts,
    RouteFacts,
    SecuritySign,
    UnitFacts,
)
from app.host.job_scripts import JobLock, JobScript
from app.host.mariadb_access import LostLogin
from app.host.mounts import AmissMount, Covering
from app.host.process_facts import BusyProcess
from app.host.sessions_at_work import AtWork
from app.host.web_limits import LowLimit
from app.knowledge.schema import ANY, NUMBER, TEXT, TRUTH, Listing, Record, Scope, Type, one_of
from app.reasoning.fact_types import annotated, each, extended, made, misfits, type_of_model

TEXTS: Final = Listing(of=TEXT)

# what systemd tells; its words are the same in every version that is supported
_LOAD_STATES = one_of("stub", "loaded", "not-found", "bad-setting", "error", "merged", "masked")
_ACTIVE_STATES = one_of("active", "reloading", "refreshing", "inactive", "failed", "activating",
                        "deactivating", "maintenance")  # fmt: skip
_RESULTS = one_of("success", "resources", "protocol", "timeout", "exit-code", "signal", "core-dump",
                  "watchdog", "exec-condition", "start-limit-hit", "oom-kill",
                  "trigger-limit-hit", "service-start-limit-hit")  # fmt: skip
_RESTARTS = one_of("no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort",
                   "always")  # fmt: skip


_HOLDER = extended(
    Listener,
    {
        "protocol": one_of("tcp", "udp"),
        "serves_site": TRUTH, "stray": TRUTH, "command": TEXT, "start_time": NUMBER, "user": TEXT,
        "declared": TRUTH, "enabled": TEXT, "new_site": TRUTH,
        "active_then": TRUTH, "enabled_then": TEXT, "restart_then": _RESTARTS,
    },
)  # fmt: skip

_UNIT = extended(
    UnitFacts,
    {
        "load_state": _LOAD_STATES, "active_state": _ACTIVE_STATES, "result": _RESULTS,
        "restart": _RESTARTS, "restart_then": _RESTARTS, "active_then": TRUTH, "enabled_then": TEXT,
        "program": TEXT, "host": TEXT, "on_path": TRUTH, "failing": TRUTH, "suspected": TRUTH,
        "declared": TRUTH, "enabled": TEXT, "lost_socket": TEXT,
        "progress": extended(JobProgressFacts, {"hangs": TRUTH, "doing": TEXT}),
        "set_while_running": TEXT, "set_by_hand": TEXT,
        "borrower": TEXT, "borrowed_port": NUMBER, "borrower_peer": TEXT,
        "steady": TRUTH, "flapping": TRUTH,
        "moved": TRUTH, "ports": Listing(of=NUMBER), "held": each(_HOLDER), "listening": TRUTH,
        "missing_ports": Listing(of=NUMBER), "config": type_of_model(ConfigTestFacts),
        "misspelt": type_of_model(MisspeltFacts), "log": each(LogLine), "log_text": TEXT,
        "stoppers": each(made("a unit that stops it", name=TEXT, changed=TRUTH)),
        "damage": TEXT, "stopped": each(Process), "full_mounts": TEXTS, "unread": TEXTS,
        "changes": each(made("a change of the unit", path=TEXT, kind=annotated(ChangeKind),
                               relation=annotated(Relation))),
        "others_changed": NUMBER,
    },
)  # fmt: skip

_CHANGE = extended(Change, {"comments": TEXT})

_OF_A_UNIT = extended(
    _CHANGE,
    {
        "relation": annotated(Relation), "how": TEXT, "blamed": TRUTH, "alone": TRUTH,
        "is_code": TRUTH,
        "is_settings": TRUTH,
        "stray_code": TRUTH, "still_readable": TRUTH,
        "reload_refuted": TRUTH, "unread": TRUTH, "points_to": TEXT, "points_nowhere": TRUTH,
        "dangling": TRUTH, "sets": TEXT, "lines": TEXT, "named": TRUTH, "names_page": TEXT,
        "others_refuted": TRUTH, "diff": TEXT, "quoted": TEXT, "named_in_log": TRUTH,
        "access_differs": TRUTH, "settings": TEXTS,
        "lost_setgid": TRUTH, "shares_group": TRUTH,
        "left_behind": each(made("a file", path=TEXT, owner=TEXT, group=TEXT)),
        "changed_hands": TRUTH, "taken_within": TRUTH,
    },
)  # fmt: skip

_FILLER = made(
    "what takes most of it",
    kind=one_of("deleted", "journal", "packages", "unfinished", "log", "container-log", "file"),
    path=TEXT,
    container=TEXT, id=TEXT,
    bytes=NUMBER, said=TEXT, keep=NUMBER, inode=NUMBER, pid=NUMBER,
    start_time=NUMBER, unit=TEXT, is_log=TRUTH, like_log=TRUTH,
    has_writer=TRUTH, writer=annotated(BigFile.model_fields["writer"].annotation),
)  # fmt: skip

_MOUNT = extended(
    Filesystem,
    {
        "path": TEXT, "files": each(BigFile), "deleted_open": each(DeletedFile),
        "filler": _FILLER, "foreign": each(BigFile), "journal_changes": each(Change),
        "cleaners_off": each(made("a timer", timer=TEXT, service=TEXT, named_like_it=TRUTH)),
        "grew_percent": NUMBER,
    },
)  # fmt: skip

_DATABASE = Record(
    "a database's server",
    {
        **{name: kind for model in (PostgresCluster, MariadbServer, RedisServer)
           for name, kind in (type_of_model(model).fields or {}).items()},
        "engine": one_of("postgres", "mariadb", "redis"), "troubles": TEXTS, "free": NUMBER,
        "limit": NUMBER, "limit_then": NUMBER, "folder_then": type_of_model(Folder),
        "pinning": each(ReplicationSlot), "full": TRUTH, "refuses": TEXT, "lacks_replicas": TRUTH,
        "replicas_there": NUMBER, "replicas_wanted": NUMBER, "replicas_wanted_then": NUMBER,
        "role_then": TEXT, "master_is_known": TRUTH, "file": TEXT, "comments": TEXT,
        "unread": TEXT, "unread_then": TEXT, "refused": ANY, "settings": ANY, "version": ANY,
    },
)  # fmt: skip

_MEANT: Final[dict[str, Type]] = {"persistent": TRUTH, "files": TEXT, "comments": TEXT}
"""What all of the network carries: whether its files were changed too."""

_CHECKED: Final[dict[str, Type]] = {"checked": TRUTH, "unreached": TRUTH}
_INSIDE: Final[dict[str, Type]] = {"complaint": TEXT, "is_checked": TRUTH}

_ANSWER: Final[dict[str, Type]] = {
    name: kind
    for name, kind in (type_of_model(ProbeResult).fields or {}).items()
    if name != "probe"
} | {"late": TRUTH}

COMMON: Final[Scope] = {
    "host": made("the host", name=TEXT, address=TEXT),
    "has_baseline": TRUTH,
    "suffering": TRUTH,
    "probe": made("an answer to a user's question", **_ANSWER),
    "persons": made("who is there", logged_in=TEXTS,
                     notes=each(made("a note", path=TEXT, text=TEXT))),
}  # fmt: skip
"""What every condition may read."""

_OWN: Final[dict[str, Scope]] = {
    "unit": {"unit": _UNIT},
    "change": {"unit": _UNIT, "change": _OF_A_UNIT, "starving": TEXT},
    "beside": {"reader": _UNIT, "victim": _UNIT, "has_reader": TRUTH,
               "timers": each(made("a timer", unit=TEXT)), "change": extended(_CHANGE, {
                   "alone": TRUTH, "is_code": TRUTH, "shared": NUMBER, "looked_at": TRUTH,
                   "diff": TEXT, "written": TEXT, "quoted": TEXT, "with_secrets": TRUTH,
                   "serves_names": TRUTH, "relation": annotated(Relation)})},
    "changes": {"unit": _UNIT, "changes": each(Change),
                "together": made("all that changed", paths=TEXT, comments=TEXT)},
    "mount": {"mount": _MOUNT, "units": each(_UNIT)},
    "name": {"name": extended(ResolveFacts, {
        "asked": TEXT, "changed_files": TEXTS, "server_changed": TEXT})},
    "rule": {"rule": extended(FirewallRule, {
        "new": TRUTH, "for_ports": TRUTH, "doubted": TRUTH, "sha256": TEXT, "texts": TEXT,
        "persistent": TRUTH, "also": each(made("a rule", family=TEXT, table=TEXT, chain=TEXT,
                                                 handle=NUMBER, sha256=TEXT))})},
    "container": {"container": extended(ContainerFacts, {
        "on_path": TRUTH, "then": type_of_model(ContainerFacts), "engine_steady": TRUTH,
        "page_here": made("a page", url=TEXT, name=TEXT), "answers_here": TRUTH,
        "engine_changed": TRUTH, "lost_networks": TEXTS,
        "held": each(_HOLDER)})},
    "library": {"unit": _UNIT, "library": made(
        "a library", name=TEXT, place=TEXT, said=TEXT, named=TRUTH,
        tops=each(made("a folder or file", path=TEXT)))},
    "ban": {"ban": extended(Ban, {"whose": TEXT})},
    "balanced": {"balanced": extended(BalancedServer, {
        "starved": TRUTH, "others_left": NUMBER, "refused": TRUTH})},
    "host": {"security": made("signs of others", signs=each(SecuritySign))},
    "route": {"route": extended(RouteFacts, {
        "state": one_of("gone", "changed", "new"), "spoken": TEXT, "was": TEXT,
        "now": type_of_model(RouteFacts), "instead": TEXT, "refused": TRUTH, "in_reach": TRUTH,
        "rules": TEXTS, "covers": TEXT, **_CHECKED, **_MEANT})},
    "link": {"change": _CHANGE, "victim": _UNIT, "nothing_else": TRUTH, "link": made(
        "a device", device=TEXT, state=one_of("down", "address-lost", "mtu"), switched_off=TRUTH,
        mtu=NUMBER, mtu_then=NUMBER,
        how=one_of("gone", "without carrier", "switched off"), lost=TEXTS, lost_text=TEXT,
        lost_routes=each(RouteFacts), declared_in=TEXT, unread=TEXT, alone=TEXT, claimed_by=TEXT,
        **_CHECKED, **_MEANT)},
    "shaper": {"shaper": extended(Qdisc, {
        "new": TRUTH, "explains": TRUTH, "sha256": TEXT, "restorable": TRUTH, "on_purpose": TEXT,
        **_MEANT})},
    "setting": {"change": _CHANGE, "victim": _UNIT, "nothing_else": TRUTH, "setting": made(
        "a setting of the kernel", name=TEXT, then=TEXT, now=TEXT, why=TEXT, explains=TRUTH,
        all=each(made("a setting", name=TEXT, then=TEXT, now=TEXT, why=TEXT, explains=TRUTH)),
        **_MEANT)},
    "policy": {"policy": extended(PolicyRule, {"new": TRUTH, "covers": TEXT, **_MEANT})},
    "neighbour": {"neighbour": extended(NeighbourFacts, {"new": TRUTH, "covers": TEXT, **_MEANT})},
    "database": {"database": _DATABASE, "change": _CHANGE},
    "session": {"session": Record("a session", {
        **(type_of_model(PostgresSession).fields or {}),
        **(type_of_model(AtWork).fields or {}), "said": TEXT, "note": TEXT, "prepared": TEXT})},
    "process": {"process": extended(BusyProcess, {"busy_then": TRUTH})},
    "difference": {"changes": each(Change), "difference": made(
        "what the ticket is about", theme=TEXT, paths=TEXT, how=TEXT, alone=TRUTH, meant=TRUTH,
        refused=TRUTH, looked_at=TRUTH, words_unread=TRUTH, comments=TEXT,
        timers=each(made("a timer", unit=TEXT)), jobs=each(made("a job", unit=TEXT)),
        of_a_unit=TRUTH,
        running=each(made("a service", unit=TEXT)), reloaded=each(made("a service", unit=TEXT)),
        restarted=each(made("a service", unit=TEXT)))},
    "mounting": {"change": _CHANGE, "units": each(_UNIT), "mounting": extended(AmissMount, {
        "is_checked": TRUTH, "using": TEXT, "complaint": TEXT, "entries": NUMBER, "damage": TEXT})},
    "covering": {"covering": extended(Covering, {"named": TEXT, "holds": NUMBER})},
    "account": {"units": each(_UNIT), "account": made(
        "an account", name=TEXT,
        fault=one_of("missing", "no-shell", "expired", "password-due", "out-of-group"), left=TEXT,
        days=TEXT, days_then=TEXT,
        may_join=each(made("a group", group=TEXT)),
        then=type_of_model(Account), now=type_of_model(Account), used_by=TEXT, jobs=TEXT,
        is_checked=TRUTH)},
    "table": {"table": extended(TableWithoutVacuum, {"name": TEXT, "port": NUMBER})},
    "index": {"index": extended(DatabaseIndex, {
        "port": NUMBER, "place": TEXT, "is_there": TRUTH, "columns": TEXT,
        "is_unique": one_of("yes", "no")})},
    "lock": {"lock": extended(JobLock, {
        "whose": TEXT, "says_whose": TRUTH, "service": TEXT})},
    "limit": {"limit": extended(LowLimit, {
        "real_file": TEXT, "stands": TEXT, "others_served": TRUTH})},
    "script": {"change": _CHANGE, "script": extended(JobScript, {
        "changed": TEXT, "looked_at": TRUTH, "timers": each(made("a timer", unit=TEXT))})},
    "package": {"unit": _UNIT, "package": made(
        "a package", name=TEXT, version=TEXT, missing=TEXT, complaint=TEXT, named=TRUTH,
        alone=TRUTH, is_cached=TRUTH)},
    "certificate": {"certificate": extended(CertificatesFacts, {"unit": TEXT})},
    "chain": {"chain": made(
        "a chain of rules", family=TEXT, table=TEXT, name=TEXT, file=TEXT, lost=each(LostRule),
        texts=TEXT, ran=TRUTH, for_ports=TRUTH)},
    "access": {"access": extended(LostAccess, _INSIDE)},
    "right": {"right": extended(MissingRight, {
        **_INSIDE, "given": each(made("a role", role=TEXT))})},
    "crowd": {"crowd": extended(Crowd, {**_INSIDE, "holders": TEXT, "lowered": TRUTH})},
    "default": {"default": extended(ChangedDefault, _INSIDE)},
    "login": {"login": extended(LostLogin, _INSIDE)},
    "loss": {"loss": extended(LostTable, {**_INSIDE, "is_missed": TRUTH, "is_named": TRUTH})},
    "parameter": {"change": _CHANGE, "parameter": extended(ChangedSetting, {
        **_INSIDE, "number": NUMBER, "in_a_file": TRUTH, "file": TEXT, "comments": TEXT,
        "explains": TEXT, "unread": TEXT, "unread_then": TEXT, "says_more": TEXT, "unit": TEXT,
        "numbers": each(made("a setting", name=TEXT, was=NUMBER)),
        "words": each(made("a setting", name=TEXT, was=TEXT))})},
    "shape": {"shape": extended(ReshapedTable, {
        **_INSIDE, "said": TEXT, "refuses": TRUTH, "is_named": TRUTH})},
    "sequence": {"sequence": extended(LateSequence, {
        **_INSIDE, **(type_of_model(SequenceBehind).fields or {}), "name": TEXT})},
    "denied": {"change": _CHANGE, "denied": made(
        "a path that was denied", path=TEXT, unit=TEXT, user=TEXT, line=TEXT,
        at=type_of_model(PathComponent), folder=type_of_model(PathComponent), is_its_own=TRUTH,
        socket=TEXT, listener=TEXT, listener_changed=TRUTH)},
    "exposed": {"unit": _UNIT, "exposed": made(
        "a file that is refused for what others may do with it", path=TEXT, unit=TEXT, line=TEXT,
        mode=TEXT, wanted=TEXT)},
}  # fmt: skip

VOCABULARY: Final[dict[str, Scope]] = {
    subject: {**COMMON, **names} for subject, names in _OWN.items()
}
"""By subject, every name that a condition may read and its type."""


def undeclared(subject: str, facts: Mapping[str, object]) -> list[str]:
    """Paths of facts that the vocabulary does not have, or not with such a value."""
    return misfits(facts, VOCABULARY.get(subject, {}))
