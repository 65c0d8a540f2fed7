"""Accounts that were there and could be logged into while the host was healthy, the groups that
they were in, and whom services work as."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from app.host.drift import program
from app.host.facts import Account, AccountsFacts, ProcessesFacts
from app.host.kept import ABOUT_LOGINS
from app.host.view import HostView

ASKED, CHECK, BELONGS = "accounts.list", "account", "belongs"
ABOUT = re.compile(ABOUT_LOGINS)

WITH_POWER = frozenset({
    "root", "toor", "sudo", "wheel", "adm", "admin", "docker", "lxd", "lxc", "incus", "incus-admin",
    "libvirt", "libvirtd", "kvm", "shadow", "disk", "kmem", "tty", "staff", "users", "nobody",
    "nogroup", "ssh_keys", "systemd-journal", "crontab", "mail", "sre-agent",
})  # fmt: skip
"""Groups that let their members rule others, or read what is theirs: people put somebody there.
The catalog's type `plain_account` refuses the same names, whatever is proposed."""

Said = tuple[bool, str]


def known(view: HostView | None) -> dict[str, Account]:
    """Accounts by name; none where they were not asked for."""
    found = None if view is None else view.facts(AccountsFacts, ASKED)
    return {} if found is None else {one.name: one for one in found[0].accounts}


def learned(then: HostView) -> Iterable[tuple[str, str]]:
    """Pairs of the check and an account that could be logged into."""
    for one in known(then).values():
        usable = one.expired == "no" and one.must_renew == "no"
        if one.may_log_in == "yes" and one.shell_exists == "yes" and usable:
            yield CHECK, one.name


def account_of(view: HostView, unit: str) -> str | None:
    """Whom a service does its work as; None for root, or where that is not known.

    Some are started as root and hand their work to processes of another account.
    """
    found = view.units.get(unit)
    user = None if found is None else found[0].user
    if user and user != "root":
        return user
    if program(unit) == "nginx" and view.nginx is not None:
        return view.nginx[0].user
    listed = view.facts(ProcessesFacts, "processes.list")
    processes = () if listed is None else listed[0].processes
    workers = Counter(p.user for p in processes if p.unit == unit and p.user != "root")
    return workers.most_common(1)[0][0] if workers else None


def memberships(then: HostView) -> Iterable[tuple[str, str]]:
    """Pairs of the check and an account with its groups, but for those with power over others, of
    the accounts that could be logged into."""
    for one in known(then).values():
        plain = sorted({*(one.groups or "").split(",")} - WITH_POWER - {""})
        if one.may_log_in == "yes" and plain and one.name != "root":
            yield BELONGS, f"{one.name} {','.join(plain)}"


def left(now: Account, groups: str | None) -> tuple[str, ...]:
    """The groups, of those that are named, in which an account no longer is."""
    if now.groups is None or not groups:
        return ()
    return tuple(sorted({*groups.split(",")} - {now.group, *now.groups.split(",")}))


def name_of(subject: str) -> str:
    """The account that a check is about."""
    return subject.partition(" ")[0]


def belongs(view: HostView, subject: str) -> Said | None:
    """Whether an account is in all the groups in which it was."""
    name, _, groups = subject.partition(" ")
    accounts = known(view)
    one = accounts.get(name)
    if accounts and one is None:
        return True, ""  # it is gone altogether, which CHECK tells
    if one is None or one.groups is None:
        return None
    out = left(one, groups)
    return not out, f"the account {name} is no longer in {', '.join(out)}, as it was while healthy"


def can_log_in(view: HostView, name: str) -> Said | None:
    """Whether an account is there, with a shell that is: without one nobody gets in."""
    accounts = known(view)
    if not accounts:
        return None
    one = accounts.get(name)
    if one is None:
        return False, f"the account {name} is gone (no such user)"
    if one.expired == "yes":
        return False, f"the account {name} has expired ({one.until}): nobody gets in with it"
    if one.must_renew == "yes":
        return False, f"the password of {name} has expired: nobody gets in before it is changed"
    there = one.shell_exists == "yes"
    return there, f"the login shell {one.shell} of {name} does not exist"
