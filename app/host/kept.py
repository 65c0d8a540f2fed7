"""Files that no user would notice to be other than they were, and tickets that speak of them.

A host's time zone, the roots that it trusts, who may log in, what a job does: where one of these is
not as it was while the host was healthy, and a ticket is about just that, it is asked for like any
other question, and answered by the file itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from app.domain.host import Host, asked_of
from app.domain.incident import Incident
from app.domain.probe import Probe
from app.domain.value import Value
from app.host.drift import Change, ChangeKind
from app.host.facts import FileStateFacts, Manifest
from app.host.network_state import text_of
from app.host.view import HostView

CHECK, ASKED = "kept", "file.state"
ALONE = "alone"
"""The same check of the one path that changed, where no ticket speaks of it and nothing fails."""

CHECKS = frozenset({CHECK, ALONE})


class Theme(Value):
    """What files are for, and how people speak of it when it goes wrong."""

    name: str
    files: re.Pattern[str]
    words: re.Pattern[str]


def _theme(name: str, files: str, words: str) -> Theme:
    return Theme(name=name, files=re.compile(files), words=re.compile(words))


_ACCESS = (
    r"/etc/ssh/(?!ssh_config)[^/]+_config|/etc/ssh/sshd_config\.d/[^/]+\.conf"
    r"|/etc/pam\.d/[^/]+|/etc/security/.+"
)

_LOGIN_KEYS = r"(?:/root|/home/[^/]+)/\.ssh(?:/authorized_keys)?"

_STARTUP = (
    r"(?:/root|/home/[^/]+)/\.(?:bash_login|bash_profile|bashrc|cshrc|login|profile|tcshrc|zlogin"
    r"|zprofile|zshenv|zshrc)"
)

ABOUT_LOGINS = (
    r"\b(?:log(?:s|ged|ging)? ?(?:in|on|ins)|logins?|sshd?|sftp|scp|sign(?:s|ed|ing)? ?in"
    r"|connection closed|publickey|password)\b"
)

THEMES = (
    _theme(
        "time zone",
        r"/etc/(?:localtime|timezone)",
        r"\b(?:time ?zones?|clocks?|local time|wrong time|utc|gmt|dst|summer time"
        r"|hours? (?:ahead|behind|off|late|early|too (?:late|early))"
        r"|(?:ahead|behind|off) by (?:\w+ )?hours?)\b",
    ),
    _theme(
        "trusted roots",
        r"/usr/local/share/ca-certificates/.*|/etc/ca-certificates\.conf"
        r"|/etc/pki/ca-trust/source/.*",
        r"\b(?:certificates?|certs?|trust\w*|tls|ssl|issuer|verif\w*|self.signed|x509"
        r"|unknown authority|root ca)\b",
    ),
    _theme(
        "who may use a folder",
        rf"/|/tmp|/var/tmp|/dev/shm|/root|/home|/home/[^/]+|{_LOGIN_KEYS}",
        r"\b(?:permission\w*|denied|forbidden|publickey|temp(?:orary)?|(?:/var)?/tmp|uploads?"
        r"|(?:cannot|can't|can not|could not|not|unable to|fails? to)"
        r" (?:be )?(?:create|write|save|store|open|log ?in)\w*"
        r"|log(?:s|ged|ging)? ?in|logins?)\b",
    ),
    _theme(
        "logins",
        rf"/etc/nologin|/var/run/nologin|/run/nologin|{_ACCESS}|{_STARTUP}",
        ABOUT_LOGINS,
    ),
)

_TABLES = re.compile(r"/etc/cron(?:tab|\.d/.*)|/var/spool/cron/.*")
_TIMERS = re.compile(r"/etc/systemd/system/([^/]+)\.timer(?:\.d/[^/]+)?")
_JOBS = re.compile(r"/etc/systemd/system/([^/]+)\.service(?:\.d/[^/]+)?")
_COMMON = frozenset({"cron", "root", "crontab", "system", "service", "timer", "daily", "local"})
_LEAST = 4
"""Letters of a word by which a ticket names a job: shorter ones are in every text."""


def themes(
    changes: Iterable[Change],
    incident: Incident,
    jobs: frozenset[str],
    programs: Mapping[str, str] | None = None,
) -> dict[str, tuple[Change, ...]]:
    """What changed, by what the ticket may be about.

    `jobs`: units that timers start; `programs`: files that jobs run or read, each with its job.
    """
    text = text_of(incident)
    found: dict[str, list[Change]] = {}
    for change in changes:
        name = _theme_of(change, text, jobs, programs or {})
        if name is not None and is_told(change):
            found.setdefault(name, []).append(change)
    return {name: tuple(those) for name, those in found.items()}


def _theme_of(
    change: Change, text: str, jobs: frozenset[str], programs: Mapping[str, str]
) -> str | None:
    for theme in THEMES:
        if theme.files.fullmatch(change.path) and theme.words.search(text):
            return theme.name
    job = job_of(change.path, jobs) or programs.get(change.path)
    if job is not None and any(word in text for word in _words(job)):
        return f"job {job}"
    return None


def says_who_may_log_in(path: str) -> bool:
    """Whether sshd or PAM reads a file to decide that."""
    return re.fullmatch(_ACCESS, path) is not None


def is_startup_file(path: str) -> bool:
    """Whether a shell reads a file when its owner logs in."""
    return re.fullmatch(_STARTUP, path) is not None


def is_of_login_keys(path: str) -> bool:
    """Whether sshd lets nobody in with a key while others may write there."""
    return re.fullmatch(_LOGIN_KEYS, path) is not None


def job_of(path: str, jobs: frozenset[str]) -> str | None:
    """The job that a file tells when or how to run: a table's name, or a timer's."""
    if _TABLES.fullmatch(path):
        return path.rsplit("/", 1)[-1]
    timed = _TIMERS.fullmatch(path)
    if timed is not None:
        return timed[1]
    unit = _JOBS.fullmatch(path)
    return unit[1] if unit is not None and f"{unit[1]}.service" in jobs else None


def tells_a_job(path: str) -> bool:
    """Whether a file tells when or how some job runs."""
    return any(one.fullmatch(path) for one in (_TABLES, _TIMERS))


def timer_of(path: str) -> str | None:
    """The timer that a file defines, by its whole name."""
    found = _TIMERS.fullmatch(path)
    return None if found is None else f"{found[1]}.timer"


def _words(name: str) -> set[str]:
    parts = re.findall(rf"[a-z0-9]{{{_LEAST},}}", name.lower())
    return {part for part in parts if part not in _COMMON}


def is_told(change: Change) -> bool:
    """Whether what stood there is known well enough to tell whether it stands there again."""
    then = change.then
    if then is None:
        return change.kind is ChangeKind.ADDED
    return then.kind in ("symlink", "directory") or bool(then.sha256)


def expected(then: Manifest.File | None) -> str:
    """How a path looked, in a word that `said` gives again where it looks so."""
    if then is None:
        return "missing"
    if then.kind == "symlink":
        return f"symlink {then.target}"
    return f"{then.kind} {then.sha256} {then.owner}:{then.group} {then.mode}"


def said(state: FileStateFacts) -> str:
    """How a path looks now."""
    if state.kind == "missing":
        return "missing"
    if state.kind == "symlink":
        return f"symlink {state.target}"
    return f"{state.kind} {state.sha256} {state.owner}:{state.group} {state.mode}"


def is_as_it_was(view: HostView, path: str, was: str) -> tuple[bool, str] | None:
    """Whether a path looks as it did; None where it was not looked at."""
    found = view.facts(FileStateFacts, ASKED, path=path)
    if found is None:
        return None
    how = "was not there" if was == "missing" else "is gone or other than it was"
    now = "is there, and" if was == "missing" else ""
    return said(found[0]) == was, " ".join(f"{path} {now} {how} while healthy".split())


def probes_of(host: Host, changes: Iterable[Change], check: str = CHECK) -> tuple[Probe, ...]:
    """Whether changed paths look again as they did while the host was healthy."""
    was: dict[str, Manifest.File | None] = {}
    for change in changes:
        was |= {change.path: change.then, **{file.path: file for file in change.within}}
    return tuple(asked_of(host, check, path, expected(then)) for path, then in was.items())
