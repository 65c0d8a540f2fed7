"""Accounts that a service or a login needs and that are not as they were, as subjects."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.domain.action import ActionCall
from app.host import accounts
from app.host.facts import Account
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject
from app.reasoning.unit_facts import unit_facts

_GROUPS = "/etc/group"

_NO_SUCH_USER, _NO_SUCH_GROUP = 217, 216
"""Exit codes of systemd where it cannot become the unit's user or group."""


def account_subjects(case: HostCase) -> Iterable[Subject]:
    """Each account that is gone, or whose shell is, where somebody misses it."""
    now = accounts.known(case.view)
    if not case.case.red or not now:
        return
    for name, then in accounts.known(case.then).items():
        fault = _fault(then, now.get(name))
        users = [unit for unit in case.units if _runs_as(case, unit, name, fault)]
        checked = any(
            p.probe.check in (accounts.CHECK, accounts.BELONGS)
            and accounts.name_of(p.probe.subject or "") == name
            for p in case.red
        )
        jobs = [table for table in _tables_of(case, name) if fault == "expired"]
        if fault and (users or checked or jobs):
            yield _subject(case, fault, then, now.get(name), users, jobs=jobs, checked=checked)


def account_asks(case: HostCase) -> Iterable[ActionCall]:
    """What tells the accounts, where a unit could not become its user, or cron may not."""
    if any(p.probe.check == "cron" and "has expired" in p.detail for p in case.red):
        yield ActionCall(action=accounts.ASKED, host=case.host.name)
        return
    if case.red and any(change.path == _GROUPS for change in (case.drift or ((), 0))[0]):
        yield ActionCall(action=accounts.ASKED, host=case.host.name)
        return
    for name in case.units:
        found = case.view.units.get(name)
        codes = (_NO_SUCH_USER, _NO_SUCH_GROUP)
        if found is not None and found[0].exec_main_status in codes:
            yield ActionCall(action=accounts.ASKED, host=case.host.name)
            return


def _tables_of(case: HostCase, name: str) -> list[str]:
    """Tables of cron that fail, and say that it is for this account."""
    said = re.compile(rf"account {re.escape(name)} has expired")
    failing = (p for p in case.red if p.probe.check == "cron" and said.search(p.detail))
    return [p.probe.subject for p in failing]


def _fault(then: Account, now: Account | None) -> str | None:
    if now is None:
        return "missing"
    if then.expired == "no" and now.expired == "yes":
        return "expired"
    if then.must_renew == "no" and now.must_renew == "yes":
        return "password-due"
    if then.shell_exists == "yes" and now.shell_exists == "no":
        return "no-shell"
    return "out-of-group" if accounts.left(now, then.groups) else None


def _in_days(account: Account) -> str:
    """How long a password may stay, in words."""
    days = account.renew_days
    return "an unknown time" if days is None else "ever" if days < 0 else f"{days} days"


def _runs_as(case: HostCase, unit: str, account: str, fault: str | None) -> bool:
    """Whether a unit that does not run well is to run as that account; out of a group it may well
    run, and be denied what it needs."""
    if accounts.account_of(case.view, unit) != account:
        return False
    return not case.view.steady(unit) or (fault == "out-of-group" and unit in case.failing)


def _subject(
    case: HostCase,
    fault: str,
    then: Account,
    now: Account | None,
    users: list[str],
    *,
    jobs: list[str],
    checked: bool,
) -> Subject:
    facts, sources = case.common()
    out = () if now is None else accounts.left(now, then.groups)
    facts["account"] = {
        "name": then.name,
        "fault": fault,
        "then": then.model_dump(mode="json"),
        "now": None if now is None else now.model_dump(mode="json"),
        "days": "" if now is None else _in_days(now),
        "days_then": _in_days(then),
        "used_by": ", ".join(users),
        "jobs": ", ".join(jobs),
        "is_checked": checked,
        "left": ", ".join(out),
        "may_join": [{"group": group} for group in out if group not in accounts.WITH_POWER],
    }
    facts["units"] = [unit_facts(case, name)[0] for name in users]
    asked = case.view.evidence(accounts.ASKED)
    assert asked is not None
    return Subject(
        kind="account",
        host=case.host.name,
        name=then.name,
        facts=facts,
        sources=sources | {"account": asked.id},
        nearness=min((case.nearness(name) for name in users), default=0),
    )
