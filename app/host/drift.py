"""What changed on a host since its baseline, and how near each change is to a unit.

A change is a difference of content, owner, mode, target or existence of one path. Nearness says
how directly a unit depends on it: its own definition, its environment, its configuration, a name
service that everything uses.
"""

from __future__ import annotations

import posixpath
import re
from enum import StrEnum

from app.domain.value import Value
from app.host.facts import Manifest, NginxFacts, UnitFacts
from app.host.view import beneath


class ChangeKind(StrEnum):
    CONTENT = "content"
    ADDED = "added"
    REMOVED = "removed"
    MODE = "mode"  # owner, group, mode or access list; content as before
    TARGET = "target"  # a symlink that points elsewhere


class Change(Value):
    """One path that is not as it was."""

    path: str
    kind: ChangeKind
    then: Manifest.File | None  # None: was not there
    now: Manifest.File | None  # None: is not there
    within: tuple[Manifest.File, ...] = ()  # what lay in a removed folder, the outermost first
    renamed_to: str = ""  # where all of it stands now, beside its place; "": nowhere

    @property
    def paths(self) -> tuple[str, ...]:
        """The path, and those of what went with it."""
        return (self.path, *(file.path for file in self.within))

    @property
    def is_folder_gone(self) -> bool:
        """Whether it is a folder that was removed."""
        was_folder = self.then is not None and self.then.kind == "directory"
        return was_folder and self.kind is ChangeKind.REMOVED


class Relation(StrEnum):
    """How a path belongs to a unit, the most direct first."""

    DEFINITION = "definition"  # unit file, drop-in
    ENVIRONMENT = "environment"
    CONFIGURATION = "configuration"
    PROGRAM = "program"  # what it executes, where it works
    CONTENT = "content"  # what it serves: pages below a site's root, and the folders above them
    STATE = "state"  # folders that it keeps data, logs and sockets in
    NAMED = "named"  # what its log complains of by its full path
    NAMING = "naming"  # hosts, resolv.conf, nsswitch.conf: everything resolves by them


_NAMING = frozenset({"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf"})

_CONFIG_FOLDERS = {
    "mariadb": ("/etc/mysql",),
    "mysql": ("/etc/mysql",),
    "redis-server": ("/etc/redis",),
    "postgresql": ("/etc/postgresql",),
    "named": ("/etc/bind", "/etc/named.conf", "/etc/named"),
    "docker": ("/etc/docker",),
    "ssh": ("/etc/ssh",),
    "cron": (
        "/etc/crontab",
        "/etc/cron.d",
        "/etc/cron.daily",
        "/etc/cron.hourly",
        "/var/spool/cron",
    ),
    "apache2": ("/etc/apache2",),
    "httpd": ("/etc/httpd",),
}
"""Where packages keep a service's configuration when the folder is not named after the unit."""


_AMONG_PAGES = {".htaccess": ("apache2", "httpd"), ".user.ini": ("php",)}
"""Settings that lie among the pages that they are for, and how the units that read them begin."""


_OF_LOGINS = "/run/user"

_SETTINGS = ("conf", "cfg", "ini", "env", "json", "toml", "yaml", "yml")
"""How the names of files end that configure something."""

_OF_AN_APPLICATION = re.compile(
    r"/(?:(?:opt|srv|usr/local/(?:lib|libexec|share))/(?P<folder>[^/]+)(?:/|$)"
    r"|usr/local/s?bin/(?P<program>[^/.]+))"
)
_OF_NOBODY = frozenset({"bin", "sbin", "lib", "app", "apps", "scripts", "tools", "www"})
"""Folders of many applications at once."""

_STATE_NAMES = {
    "mariadb": ("mysql", "mysqld"),
    "postgresql": ("postgresql",),
    "named": ("bind", "named"),
    "apache2": ("apache2", "httpd"),
}
"""Under which further names a service keeps its data, logs and sockets."""


def changes(then: Manifest, now: Manifest) -> tuple[Change, ...]:
    """Every path that differs, sorted by path.

    A new folder is none: what lies in it may be. A removed folder is one, with all that lay in it.
    What comes and goes with logins is none.
    """
    before = {f.path: f for f in then.files if not beneath(f.path, _OF_LOGINS)}
    after = {f.path: f for f in now.files if not beneath(f.path, _OF_LOGINS)}
    found: list[Change] = []
    for path in sorted(before.keys() | after.keys(), key=_parts):
        kind = _kind(before.get(path), after.get(path))
        if kind is None:
            continue
        change = Change(path=path, kind=kind, then=before.get(path), now=after.get(path))
        if found and _went_with(change, found[-1]):
            within = (*found[-1].within, before[path])
            found[-1] = found[-1].model_copy(update={"within": within})
        else:
            found.append(change)
    return tuple(sorted(found, key=lambda change: change.path))


def _parts(path: str) -> list[str]:
    """By folders: what lies in one comes right after it, whatever its name begins with."""
    return path.split("/")


def _went_with(change: Change, folder: Change) -> bool:
    """Whether a path is gone because the folder that it lay in is."""
    gone = change.kind is ChangeKind.REMOVED and folder.is_folder_gone
    return gone and beneath(change.path, folder.path)


def _kind(then: Manifest.File | None, now: Manifest.File | None) -> ChangeKind | None:
    if then is None or now is None:
        if now is not None:
            return None if now.kind == "directory" else ChangeKind.ADDED
        return ChangeKind.REMOVED
    if then.target != now.target:
        return ChangeKind.TARGET
    if then.sha256 != now.sha256 or then.kind != now.kind:
        return ChangeKind.CONTENT
    if (
        acl_differs(then, now)
        or then.mode != now.mode
        or _owners(then, like=now) != _owners(now, like=then)
    ):
        return ChangeKind.MODE
    return None


def how_changed(change: Change) -> str:
    """In which way it is not as it was, as a few words."""
    if change.renamed_to:
        return f"renamed to {change.renamed_to}"
    then, now = change.then, change.now
    if then is None or now is None or change.kind is ChangeKind.CONTENT:
        return change.kind.value
    if change.kind is ChangeKind.TARGET:
        return f"it leads to {now.target}, and led to {then.target}"
    parts = [
        f"{word} {getattr(now, word)}, was {getattr(then, word)}"
        for word in ("owner", "group", "mode")
        if getattr(now, word) != getattr(then, word)
    ]
    if acl_differs(then, now):
        parts.append("its access list (ACL) is another")
    return "; ".join(parts) or change.kind.value


def acl_differs(then: Manifest.File, now: Manifest.File) -> bool:
    """Whether the access list is another one, where both are known."""
    return None not in (then.acl, now.acl) and then.acl != now.acl


def _owners(
    file: Manifest.File, *, like: Manifest.File
) -> tuple[int | str | None, int | str | None]:
    """User and group; by number where that is known of both, for an account that is gone leaves
    its files to the number that it had."""
    known = None not in (file.uid, file.gid, like.uid, like.gid)
    return (file.uid, file.gid) if known else (file.owner, file.group)


def points_to(link: Manifest.File) -> str:
    """The absolute path that a symlink names."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(link.path), link.target or ""))


def relation(path: str, unit: UnitFacts, nginx: NginxFacts | None = None) -> Relation | None:
    """How a path belongs to a unit; None where nothing says that it does."""
    if path in _definition_files(unit) or any(beneath(path, d) for d in _drop_in_folders(unit)):
        return Relation.DEFINITION
    if path in unit.environment_files:
        return Relation.ENVIRONMENT
    if any(beneath(path, folder) for folder in _config_places(unit)):
        return Relation.CONFIGURATION
    if program(unit.name).startswith(_AMONG_PAGES.get(posixpath.basename(path), ())):
        return Relation.CONFIGURATION
    if nginx is not None and program(unit.name) == "nginx" and _in_nginx(path, nginx):
        return Relation.CONFIGURATION
    if nginx is not None and program(unit.name) == "nginx" and _in_content(path, nginx):
        return Relation.CONTENT
    if _in_program(path, unit):
        return Relation.PROGRAM
    if any(beneath(path, folder) for folder in _state_folders(unit)):
        return Relation.STATE
    return Relation.NAMING if path in _NAMING else None


def is_among_pages(path: str) -> bool:
    """Whether it is settings that lie among pages, which are read as pages are: all the time."""
    return posixpath.basename(path) in _AMONG_PAGES


def program(unit: str) -> str:
    """The name that a unit's files go by: "postgresql" for "postgresql@15-main.service"."""
    return unit.rsplit(".", 1)[0].split("@", 1)[0]


def _definition_files(unit: UnitFacts) -> tuple[str, ...]:
    own = (unit.fragment_path,) if unit.fragment_path else ()
    started = (f"/etc/systemd/system/{name}" for name in _bound_up(unit))
    return (*own, *unit.drop_in_paths, *started)


def _bound_up(unit: UnitFacts) -> tuple[str, ...]:
    """A unit and what only stands for it: a timer is no better than what it starts, and a service
    is started as its timer or socket says. A socket may start one of a template for each call."""
    each = (f"{program(unit.name)}@.service",) if unit.name.endswith(".socket") else ()
    return (unit.name, *unit.triggers, *unit.triggered_by, *each)


_UNIT_PLACES = tuple(
    f"{base}/systemd/system{kind}" for base in ("/etc", "/run") for kind in ("", ".control")
)
"""Where a unit is overridden: by hand and by `systemctl set-property`, for good and until boot."""


def _drop_in_folders(unit: UnitFacts) -> tuple[str, ...]:
    names = set(_bound_up(unit))
    if "@" in unit.name:
        names.add(f"{program(unit.name)}@.service")
    return tuple(f"{place}/{name}.d" for place in _UNIT_PLACES for name in sorted(names))


def _config_places(unit: UnitFacts) -> tuple[str, ...]:
    name = program(unit.name)
    usual = tuple(
        place
        for one in (name, *_applications(unit))
        for place in (
            f"/etc/{one}",
            *(f"/etc/{one}.{ending}" for ending in _SETTINGS),
            f"/etc/default/{one}",
            f"/etc/sysconfig/{one}",
        )
    )
    named = tuple(a for a in unit.exec_start[1:] if a.startswith("/etc/"))
    packaged = ("/etc/php",) if name.startswith("php") else _CONFIG_FOLDERS.get(name, ())
    return (*usual, *packaged, *named)


def _applications(unit: UnitFacts) -> tuple[str, ...]:
    """What the applications are called whose programs a unit runs: /opt/NAME/..., .../bin/NAME."""
    places = (a for a in (*unit.exec_start, unit.working_directory or "") if a.startswith("/"))
    found = (_OF_AN_APPLICATION.match(place) for place in places if not _shared(place))
    names = (match["folder"] or match["program"] for match in found if match is not None)
    return tuple(dict.fromkeys(name for name in names if name not in _OF_NOBODY))


def _in_nginx(path: str, nginx: NginxFacts) -> bool:
    secrets = {s.certificate for s in nginx.servers} | {s.certificate_key for s in nginx.servers}
    return path in nginx.files or path in secrets


def _in_content(path: str, nginx: NginxFacts) -> bool:
    """Pages, and the folders that lead to them: one that is closed closes all below it."""
    roots = [s.root for s in nginx.servers if s.root and s.root.strip("/")]
    return path != "/" and any(beneath(path, root) or beneath(root, path) for root in roots)


def _state_folders(unit: UnitFacts) -> tuple[str, ...]:
    name = program(unit.name)
    names = {name, name.removesuffix("-server"), *_STATE_NAMES.get(name, ())}
    bases = ("/var/lib", "/var/log", "/var/spool", "/var/cache", "/run")
    return tuple(f"{base}/{one}" for base in bases for one in sorted(names))


def _in_program(path: str, unit: UnitFacts) -> bool:
    places = [a for a in unit.exec_start if a.startswith("/") and not _shared(a)]
    if unit.working_directory and unit.working_directory.strip("/"):
        places.append(unit.working_directory.lstrip("!-"))
    return any(beneath(path, place) or beneath(place, path) for place in places if place != "/")


def _shared(path: str) -> bool:
    """Programs and folders that many units use: a change there belongs to no single one."""
    return path.startswith(("/usr/bin/", "/bin/", "/etc/"))
