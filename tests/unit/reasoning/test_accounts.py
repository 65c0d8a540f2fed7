"""Accounts that are gone or cannot be logged into: made whole where that is right."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.action import ActionCall, Params
from app.domain.host import asked_of
from app.domain.probe import ProbeResult
from app.errors import ActionRejected
from app.execution.catalog import Catalog
from app.host import accounts, checks
from app.host.view import HostView
from app.reasoning.port import Advice, Case
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import (
    HEALTHY_LISTENERS,
    HOST,
    NOW,
    case,
    facts_of,
    manifest_now,
    nginx,
    tickets,
)
from tests.unit.reasoning.test_builtin import UP, asked, judge, steps


def account(name: str, **more: Any) -> dict[str, Any]:
    shape = {"uid": 912, "gid": 912, "group": name, "home": f"/var/lib/{name}",
             "shell": "/usr/sbin/nologin", "shell_exists": "yes", "may_log_in": "no"}  # fmt: skip
    return {"name": name} | shape | more


ROOT = account("root", uid=0, gid=0, shell="/bin/bash", may_log_in="yes")
OWN = account("heap")
PERSON = account("robot", uid=1004, gid=1004, shell="/bin/bash", may_log_in="yes")


def was(given: Case, *healthy: dict[str, Any]) -> Case:
    """The same case, with accounts of a healthy host."""
    (known,) = given.baselines
    facts = facts_of(UP, HEALTHY_LISTENERS) | {"accounts.list": {"accounts": list(healthy)}}
    known = known.model_copy(update={"evidence": cases.evidence(facts)})
    return given.model_copy(update={"baselines": (known,)})


def broken(*now: dict[str, Any], **more: Any) -> Case:
    """A service that systemd cannot start as its user."""
    down = tickets("failed", "failed", result="exit-code", exec_main_status=217, user="heap")
    facts = facts_of([nginx(), down], HEALTHY_LISTENERS[:1]) | asked(nginx(), down)
    facts["baseline.manifest"] = manifest_now()
    if now:
        facts["accounts.list"] = {"accounts": list(now)}
    return was(case(facts | more, status=502), ROOT, OWN)


async def test_the_accounts_are_asked_for_where_a_service_cannot_become_its_user() -> None:
    judged = await judge(broken())
    assert judged.advice is Advice.DIAGNOSE
    assert "accounts.list" in {call.action for call in judged.wanted}


async def test_an_account_that_is_gone_is_made_again_once_a_person_agrees() -> None:
    judged = await judge(broken(ROOT))
    assert steps(judged) == [
        (
            "account.create account=heap gid=912 group=heap home=/var/lib/heap"
            " shell=/usr/sbin/nologin uid=912"
        ),
        "service.reset_failed unit=tickets.service",
        "service.start unit=tickets.service",
    ]
    assert judged.repair is not None
    assert judged.repair.requires_person is not None


async def test_files_of_an_account_that_is_gone_are_nobody_elses() -> None:
    """Their owner is told as a number then; it is the number that it was."""
    kept = cases.FILES[0]
    theirs = kept.model_copy(update={"owner": "912", "group": "912"})
    given = broken(ROOT, **{"baseline.manifest": manifest_now(theirs)})
    judged = await judge(given)
    assert steps(judged)[0].startswith("account.create")


def login(*now: dict[str, Any]) -> Case:
    """Users are served; a check of an account fails."""
    facts = facts_of(UP, HEALTHY_LISTENERS) | asked(*UP)
    facts["baseline.manifest"] = manifest_now()
    facts["accounts.list"] = {"accounts": list(now)}
    given = was(case(facts, status=200), ROOT, PERSON)
    (red,) = failing(given, accounts.CHECK, "robot", "").probes
    return given.model_copy(update={"probes": (*given.probes, red)})


async def test_a_shell_that_is_not_installed_is_the_one_that_it_was() -> None:
    judged = await judge(login(ROOT, PERSON | {"shell": "/bin/zsh", "shell_exists": "no"}))
    assert steps(judged) == ["account.set_shell account=robot shell=/bin/bash"]
    assert judged.repair is not None
    assert judged.repair.requires_person is None


async def test_an_account_that_may_not_log_in_any_more_is_no_fault_of_its_shell() -> None:
    closed = PERSON | {"shell": "/usr/sbin/nologin", "may_log_in": "no"}
    judged = await judge(login(ROOT, closed))
    assert judged.repair is None


@pytest.mark.parametrize(("shell_exists", "doubted"), [("yes", False), ("no", True)])
def test_a_ticket_about_logins_doubts_accounts_without_a_shell(
    shell_exists: str, doubted: bool
) -> None:
    given = login(ROOT, PERSON | {"shell_exists": shell_exists})
    told = given.incident.model_copy(update={"short_description": "robot cannot log in"})
    (known,) = given.baselines
    view = HostView(HOST, given.evidence)
    found = checks.doubted(checks.learned(known.view(HOST)), view, told)
    assert ("robot" in {c.subject for c in found}) is doubted


MEMBER = PERSON | {"groups": "adm,render"}


@pytest.mark.parametrize(("now", "doubted"), [("adm,render", False), ("adm", True), ("", True)])
def test_a_ticket_about_logins_doubts_accounts_that_are_out_of_a_group(
    now: str, doubted: bool
) -> None:
    given = was(login(ROOT, PERSON | {"groups": now}), ROOT, MEMBER)
    told = given.incident.model_copy(update={"short_description": "robot cannot log in"})
    (known,) = given.baselines
    view = HostView(HOST, given.evidence)
    found = checks.doubted(checks.learned(known.view(HOST)), view, told)
    assert (accounts.BELONGS in {c.check for c in found}) is doubted


async def test_who_fell_out_of_a_group_is_put_back_if_a_person_agrees() -> None:
    given = was(login(ROOT, PERSON | {"groups": ""}), ROOT, MEMBER)
    said = "the account robot is no longer in adm, render"
    judged = await judge(failing(given, accounts.BELONGS, "robot adm,render", said))
    assert steps(judged) == ["account.join_group account=robot group=render"]
    assert judged.repair is not None
    assert judged.repair.requires_person
    assert "adm, render" in judged.statement


def test_the_catalog_puts_nobody_into_a_group_with_power_over_others() -> None:
    """Two lists, of what is proposed and of what may run: the second holds whatever is proposed."""
    catalog = Catalog.load()

    def joining(group: str) -> ActionCall:
        params: Params = {"account": "robot", "group": group}
        return ActionCall(action="account.join_group", host=HOST.name, params=params)

    catalog.check(joining("render"), HOST)
    for group in sorted(accounts.WITH_POWER):
        with pytest.raises(ActionRejected):
            catalog.check(joining(group), HOST)


def test_an_account_that_is_gone_is_told_once() -> None:
    view = HostView(HOST, cases.evidence({"accounts.list": {"accounts": [ROOT]}}))
    assert accounts.belongs(view, "robot render") == (True, "")
    assert accounts.belongs(HostView(HOST, ()), "robot render") is None


ANN = account("ann", uid=1009, gid=1009)
TABLE = "/etc/cron.d/tally"


def failing(given: Case, check: str, subject: str, detail: str) -> Case:
    """The same case, in which only this check fails."""
    probe = asked_of(HOST, check, subject)
    red = ProbeResult(
        probe=probe, ok=False, error="check", detail=detail, taken_at=NOW, simulated=False
    )
    return given.model_copy(update={"probes": (red,)})


async def test_an_account_whose_jobs_cron_no_longer_runs_lasts_again_if_a_person_agrees() -> None:
    over = ANN | {"until": "2020-01-01", "expired": "yes"}
    said = f"{TABLE}: its account ann has expired (chage -E): cron runs nothing as it"
    facts = facts_of(UP, HEALTHY_LISTENERS) | asked(*UP)
    facts |= {"accounts.list": {"accounts": [ROOT, over]}}
    given = was(case(facts), ROOT, ANN)
    judged = await judge(failing(given, "cron", TABLE, said))
    assert steps(judged) == ["account.set_expiry account=ann until=never"], judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person


async def test_a_person_who_was_shut_out_is_left_to_people() -> None:
    over = PERSON | {"until": "2020-01-01", "expired": "yes"}
    facts = facts_of(UP, HEALTHY_LISTENERS) | asked(*UP) | {
        "accounts.list": {"accounts": [ROOT, over]}
    }  # fmt: skip
    given = was(case(facts), ROOT, PERSON)
    view = HostView(HOST, given.evidence)
    assert accounts.can_log_in(view, "robot") == (
        False,
        "the account robot has expired (2020-01-01): nobody gets in with it",
    )
    judged = await judge(failing(given, accounts.CHECK, "robot", "expired"))
    assert judged.repair is None
    assert "has expired" in judged.statement


@pytest.mark.parametrize(
    ("now", "step", "said"),
    [
        ({"renew_days": 90}, "account.set_password_age account=robot days=-1",
         "it may stay for 90 days (chage -M), and could stay for ever"),
        ({"renew_days": -1}, None, "must be changed first"),  # chage -d 0: somebody wants that
    ],
)  # fmt: skip
async def test_who_must_change_a_password_gets_in_again_if_a_person_agrees(
    now: dict[str, Any], step: str | None, said: str
) -> None:
    then = PERSON | {"renew_days": -1}
    due = then | now | {"must_renew": "yes"}
    facts = facts_of(UP, HEALTHY_LISTENERS) | asked(*UP) | {
        "accounts.list": {"accounts": [ROOT, due]}
    }  # fmt: skip
    given = was(case(facts), ROOT, then)
    told = accounts.can_log_in(HostView(HOST, given.evidence), "robot")
    assert told is not None
    assert not told[0]
    assert (accounts.CHECK, "robot") not in set(accounts.learned(HostView(HOST, given.evidence)))
    judged = await judge(failing(given, accounts.CHECK, "robot", told[1]))
    assert said in judged.statement
    if step is None:
        assert judged.repair is None
        return
    assert steps(judged) == [step]
    assert judged.repair is not None
    assert judged.repair.requires_person
