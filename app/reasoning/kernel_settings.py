"""Settings of the running kernel that are not as they were while the host was healthy.

They stand in no file that a service reads, and a restart changes nothing about them. Each limits or
refuses something in its own way, and programs complain of that in words that are always the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from app.domain.action import ActionCall
from app.host import network_state as net
from app.reasoning.host_case import HostCase
from app.reasoning.network_subjects import UNREACHED, meant, subject_of, unreached, with_file
from app.reasoning.reaching import cuts_of
from app.reasoning.subjects import Subject

ASKED = "kernel.settings"

_FILES = ("/etc/sysctl.conf", "/etc/sysctl.d")
_LOWER_IS_SLOWER = frozenset(
    {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.tcp_window_scaling", "net.ipv4.tcp_sack"}
)

_LOWER, _HIGHER, _OTHER = "lower", "higher", "other"

_NO_ADDRESS = r"cannot assign requested address|eaddrnotavail"
_NO_SPACE = r"no space left on device|enospc"
_NO_MEMORY = r"cannot allocate memory|enomem|mmap"
_AGAIN = r"resource temporarily unavailable|eagain"
_FILES_USED_UP = r"too many open files|e[nm]file"

_REFUSALS: tuple[tuple[str, str, str], ...] = (
    # a setting, how it must differ to hurt, and what programs then say
    (r"net\.ipv4\.ip_local_port_range", _LOWER, _NO_ADDRESS),
    (r"net\.ipv4\.ip_unprivileged_port_start", _HIGHER, "permission denied|eacces|not permitted"),
    (r"net\.ipv4\.ip_nonlocal_bind", _LOWER, f"{_NO_ADDRESS}|cannot bind"),
    (r"net\.ipv6\.conf\..*disable_ipv6", _HIGHER, f"{_NO_ADDRESS}|address family|eafnosupport"),
    (r"net\.(?:core\.somaxconn|unix\.max_dgram_qlen)", _LOWER, f"{_AGAIN}|backlog|enobufs"),
    (r"net\.netfilter\.nf_conntrack_max", _LOWER, "table full|operation not permitted"),
    (r"fs\.(?:file-max|nr_open)", _LOWER, f"{_FILES_USED_UP}|file-max"),
    (r"fs\.inotify\..*", _LOWER, f"inotify|{_FILES_USED_UP}|{_NO_SPACE}|watch(?:es)? limit"),
    (r"fs\.aio-max-nr", _LOWER, f"io_setup|aio|{_AGAIN}"),
    (
        r"kernel\.(?:pid_max|threads-max)",
        _LOWER,
        f"{_AGAIN}|{_NO_MEMORY}|cannot fork|fork:|start new thread|create .*thread",
    ),
    (r"kernel\.(?:shm\w+|sem)", _LOWER, f"shared memory|semaphore|shm\\w+|semget|{_NO_SPACE}"),
    (r"kernel\.msg\w+", _LOWER, f"message queue|msgget|{_NO_SPACE}"),
    (r"user\.max_user_namespaces", _LOWER, f"namespace|unshare|{_NO_SPACE}"),
    (r"vm\.max_map_count", _LOWER, f"max_map_count|virtual memory areas|{_NO_MEMORY}"),
    (
        r"vm\.(?:overcommit\w+|nr_hugepages)",
        _OTHER,
        f"{_NO_MEMORY}|memoryerror|huge ?page|bad_alloc",
    ),
)

_COMPLAINTS = re.compile("|".join(words for _, _, words in _REFUSALS), re.IGNORECASE)


def kernel_asks(case: HostCase) -> Iterable[ActionCall]:
    """What shows the settings: where something does not arrive or comes late, and where a service
    of a failing path complains as those do that the kernel refuses something."""
    late = any(p.late for p in case.red)
    if cuts_of(case) or unreached(case) or late or _logged(case, _COMPLAINTS):
        yield ActionCall(action=ASKED, host=case.host.name)


def setting_subjects(case: HostCase) -> Iterable[Subject]:
    """Each setting that explains what users see; what explains nothing by itself, all at once."""
    listed = case.view.evidence(ASKED)
    if listed is None or not case.case.red:
        return
    then, now = net.settings(case.then), net.settings(case.view)
    changed = [
        {"name": name, "then": then[name], "now": value, "why": why, "explains": bool(why)}
        for name, value in now.items()
        if then.get(name, value) != value
        for why in (_why_it_matters(case, name, then[name], value),)
    ]
    unexplained = [one for one in changed if not one["explains"]]
    told: list[dict[str, Any]] = [one | {"all": [one]} for one in changed if one["explains"]]
    if unexplained:
        joined = {
            key: ", ".join(str(one[key]) for one in unexplained) for key in ("name", "then", "now")
        }
        told.append({**joined, "why": "", "explains": False, "all": unexplained})
    for one in told:
        subject = subject_of(case, "setting", str(one["name"]), one | meant(case), listed.id)
        yield with_file(case, subject, _FILES)


def _why_it_matters(case: HostCase, name: str, then: str, now: str) -> str:
    """How a changed setting explains what users see; "" where nothing says that it does."""
    if name == "net.ipv4.ip_forward" and (then, now) == ("1", "0") and _behind_it(case):
        return "what is passed on to containers no longer arrives"
    refused = _refused(case, name, then, now)
    if refused is not None:
        return f"a service complains as those do that it refuses ({refused})"
    slowed = name in _LOWER_IS_SLOWER and _numbers(now) < _numbers(then)
    late = any(p.late for p in case.red)
    return "answers come late since it is lower" if slowed and late else ""


def _refused(case: HostCase, name: str, then: str, now: str) -> str | None:
    """What a log of a failing path says that this setting, so changed, makes programs say."""
    for setting, how, words in _REFUSALS:
        if re.fullmatch(setting, name) and how in (_OTHER, _how(name, then, now)):
            return _logged(case, re.compile(words, re.IGNORECASE))
    return None


def _how(name: str, then: str, now: str) -> str:
    if name.endswith("port_range"):
        return _LOWER if _ports(now) < _ports(then) else _HIGHER
    lower = any(
        after < before for before, after in zip(_numbers(then), _numbers(now), strict=False)
    )
    return _LOWER if lower else _HIGHER


def _behind_it(case: HostCase) -> bool:
    """Whether users do not reach a port that a container publishes."""
    known = case.view.containers or (case.then and case.then.containers)
    published = {p.port for c in (known[0] if known else ()) for p in c.ports}
    return any(p.error in UNREACHED and p.probe.port in published for p in case.red)


def _logged(case: HostCase, words: re.Pattern[str]) -> str | None:
    """The first such complaint of a service on a failing path, in its own words."""
    for name in dict.fromkeys((*case.failing, *case.units)):
        log = case.view.log(name)
        for line in () if log is None else log[0].lines:
            said = words.search(line.example)
            if said is not None:
                return said[0]
    return None


def _ports(text: str) -> int:
    first, last = [*_numbers(text), 0, 0][:2]
    return max(0, last - first)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(":") if part.isdigit()]
