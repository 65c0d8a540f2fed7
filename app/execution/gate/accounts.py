"""Accounts of a host: who is there with which ids and shell, until when, and what is done about it.

No password is told or written: an account that is made again has none.
"""

from __future__ import annotations

import os
import time
from datetime import date, timedelta

from . import made
from .answers import Params, answer, read_program, text_at
from .places import Places
from .refusal import Failed
from .request import load_config

USERADD, USERDEL, USERMOD = "/usr/sbin/useradd", "/usr/sbin/userdel", "/usr/sbin/usermod"
GROUPADD, GROUPDEL = "/usr/sbin/groupadd", "/usr/sbin/groupdel"
GPASSWD, CHAGE = "/usr/bin/gpasswd", "/usr/bin/chage"
NO_LOGIN = frozenset({"nologin", "false", "sync", "shutdown", "halt"})
NEVER = "never"
_SHADOW, _DAY = "/etc/shadow", 86400
_FOR_EVER = 99999
"""Days by which login.defs says that a password need not be changed."""
_MOST = 1000
_SECONDS = 20.0

Facts = dict[str, object]


def accounts_list(_: Params, __: Places) -> int:
    """AccountsFacts."""
    return answer({"accounts": _accounts()[:_MOST]})


def account_state(params: Params, _: Places) -> int:
    """AccountStateFacts."""
    name = str(params["account"])
    found = next((one for one in _accounts() if one["name"] == name), None)
    if found is None:
        return answer({"name": name, "exists": "no"})
    return answer({**found, "exists": "yes"})


def account_create(params: Params, places: Places) -> int:
    """Make an account that is gone, with the ids that its files still have and no password."""
    name, group = str(params["account"]), str(params["group"])
    uid, gid = int(str(params["uid"])), int(str(params["gid"]))
    _require_not_ours(name, places)
    taken = next(
        (one["name"] for one in _accounts() if uid == one["uid"] or name == one["name"]), None
    )
    if taken is not None:
        raise Failed(f"the name or the user id {uid} is {taken}'s now")
    groups = _groups()
    if groups.get(group, gid) != gid or any(g == gid and n != group for n, g in groups.items()):
        raise Failed(f"the group {group} or its id {gid} is another one's now")
    made_group = group not in groups
    made.note(f"account {name}", places, f"{uid} {group} {gid} {'made' if made_group else 'kept'}")
    if made_group:
        _run(GROUPADD, "--gid", str(gid), "--", group)
    try:
        _run(
            USERADD, "--no-create-home", "--no-user-group", "--no-log-init",
            "--uid", str(uid), "--gid", str(gid), "--home-dir", str(params["home"]),
            "--shell", str(params["shell"]), "--", name,
        )  # fmt: skip
    except Failed:
        if made_group:
            _run(GROUPDEL, "--", group)
        made.forget(f"account {name}", places)
        raise
    return answer({"account": name, "uid": uid, "made_group": made_group})


def account_remove(params: Params, places: Places) -> int:
    """Remove an account that this gate made, and the group that it made with it; no file of it."""
    name = str(params["account"])
    record = (made.noted(f"account {name}", places) or "").split(" ")
    found = next((one for one in _accounts() if one["name"] == name), None)
    if len(record) != 4 or found is None or str(found["uid"]) != record[0]:
        raise Failed(f"{name} is no account that the gate has made; it is left alone")
    _, group, gid, how = record
    _run(USERDEL, "--", name)
    there = group in _groups()  # userdel may take a group of the same name with it
    if how == "made" and there:
        _run(GROUPDEL, "--", group)
    if how == "kept" and not there:
        _run(GROUPADD, "--gid", gid, "--", group)
    made.forget(f"account {name}", places)
    return answer({"account": name, "removed": True})


def account_set_shell(params: Params, places: Places) -> int:
    """Give an account another login shell: one of /etc/shells, or the one that it had before.

    Only an account whose login shell is not there gets one, or gets that back.
    """
    name, shell = str(params["account"]), str(params["shell"])
    _require_not_ours(name, places)
    found = next((one for one in _accounts() if one["name"] == name), None)
    if found is None or found["may_log_in"] == "no":
        raise Failed(f"{name} is not there, or is not meant to log in")
    back = made.noted(f"shell {name}", places) == shell
    allowed = [line.strip() for line in text_at("/etc/shells").splitlines()]
    if not back and (found["shell_exists"] == "yes" or shell not in allowed):
        raise Failed(f"{name} has a shell, or {shell} is none of /etc/shells")
    made.note(f"shell {name}", places, str(found["shell"]))
    _run(USERMOD, "--shell", shell, "--", name)
    return answer({"account": name, "shell": shell, "before": found["shell"]})


def account_set_expiry(params: Params, places: Places) -> int:
    """Until when an account may be used; never: there is no such day."""
    name, until = str(params["account"]), str(params["until"])
    _require_not_ours(name, places)
    if not any(one["name"] == name for one in _accounts()):
        raise Failed(f"there is no account {name}")
    _run(USERMOD, "--expiredate", "" if until == NEVER else until, "--", name)
    return answer({"account": name, "until": until})


def account_set_password_age(params: Params, places: Places) -> int:
    """After how many days an account's password must be changed; -1: it need not be."""
    name, days = str(params["account"]), int(params["days"])
    _require_not_ours(name, places)
    if not any(one["name"] == name for one in _accounts()):
        raise Failed(f"there is no account {name}")
    _run(CHAGE, "--maxdays", str(days), "--", name)
    return answer({"account": name, "renew_days": days})


def account_membership(params: Params, _: Places) -> int:
    """MembershipFacts: whether an account is in a group, besides its first one."""
    name, group = str(params["account"]), str(params["group"])
    found = next((one for one in _accounts() if one["name"] == name), None)
    there = found is not None and group in _groups()
    member = found is not None and group in str(found["groups"]).split(",")
    return answer({"exists": "yes" if there else "no", "member": "yes" if member else "no"})


def account_join_group(params: Params, places: Places) -> int:
    """Add an account to a group that is there; what it is in besides stays."""
    name, group = _of_membership(params, places)
    made.note(f"member {name} {group}", places)
    _run(USERMOD, "--append", "--groups", group, "--", name)
    return answer({"account": name, "group": group})


def account_leave_group(params: Params, places: Places) -> int:
    """Take an account out of a group into which this gate has put it."""
    name, group = _of_membership(params, places)
    if made.noted(f"member {name} {group}", places) is None:
        raise Failed(f"the gate has not put {name} into {group}; it is left there")
    _run(GPASSWD, "--delete", name, group)
    made.forget(f"member {name} {group}", places)
    return answer({"account": name, "group": group})


def _of_membership(params: Params, places: Places) -> tuple[str, str]:
    name, group = str(params["account"]), str(params["group"])
    _require_not_ours(name, places)
    if group not in _groups() or not any(one["name"] == name for one in _accounts()):
        raise Failed(f"there is no account {name}, or no group {group}")
    return name, group


def has_expired(name: str) -> bool:
    """Whether an account may no longer be used: PAM starts nothing as it, cron's jobs neither."""
    day = _last_days().get(name)
    return day is not None and day <= time.time() // _DAY


def _last_days() -> dict[str, int]:
    """The day, since 1970, from which on an account may not be used, for those that have one."""
    return {name: int(last) for name, (*_, last) in _shadow().items() if last.isdigit()}


def _shadow() -> dict[str, tuple[str, str, str]]:
    """Of each account the days when its password was changed, for how many it may stay, and from
    which on the account may not be used; never anything of the password itself."""
    lines = (line.split(":") for line in text_at(_SHADOW, 1 << 20).splitlines())
    return {line[0]: (line[2], line[4], line[7]) for line in lines if len(line) > 7}


def _password_days(name: str, known: dict[str, tuple[str, str, str]]) -> int:
    """After how many days a password must be changed; -1: it need not be."""
    most = known.get(name, ("", "", ""))[1]
    return int(most) if most.isdigit() and int(most) < _FOR_EVER else -1


def _is_due(name: str, known: dict[str, tuple[str, str, str]], today: float) -> bool:
    """Whether PAM lets nobody in before the password is changed, be it with a key."""
    changed = known.get(name, ("", "", ""))[0]
    days = _password_days(name, known)
    if not changed.isdigit():
        return False
    return changed == "0" or (days >= 0 and int(changed) + days < today)


def _require_not_ours(name: str, places: Places) -> None:
    """Failed for the account that the agent comes with, whatever it is called."""
    if name == load_config(places.config).account:
        raise Failed(f"{name} is the agent's own account")


def _accounts() -> list[Facts]:
    names = {gid: name for name, gid in _groups().items()}
    days, today, shadow = _last_days(), time.time() // _DAY, _shadow()
    members = _members()
    found = []
    for line in text_at("/etc/passwd", 1 << 20).splitlines():
        fields = line.split(":")
        if len(fields) != 7 or not fields[2].isdigit() or not fields[3].isdigit():
            continue
        shell = fields[6] or "/bin/sh"
        found.append(
            {
                "name": fields[0],
                "uid": int(fields[2]),
                "gid": int(fields[3]),
                "group": names.get(int(fields[3]), ""),
                "groups": ",".join(sorted(members.get(fields[0], ()))),
                "home": fields[5],
                "shell": shell,
                "shell_exists": "yes" if os.access(shell, os.X_OK) else "no",
                "may_log_in": "no" if os.path.basename(shell) in NO_LOGIN else "yes",
                "until": _as_date(days.get(fields[0])),
                "expired": "yes" if days.get(fields[0], today + 1) <= today else "no",
                "renew_days": _password_days(fields[0], shadow),
                "must_renew": "yes" if _is_due(fields[0], shadow, today) else "no",
            }
        )
    return found


def _as_date(day: int | None) -> str:
    return NEVER if day is None else str(date(1970, 1, 1) + timedelta(day))


def _members() -> dict[str, set[str]]:
    """The groups of each account besides its first one."""
    found: dict[str, set[str]] = {}
    for fields in (line.split(":") for line in text_at("/etc/group", 1 << 20).splitlines()):
        for member in fields[3].split(",") if len(fields) > 3 else ():
            found.setdefault(member.strip(), set()).add(fields[0])
    return found


def _groups() -> dict[str, int]:
    lines = (line.split(":") for line in text_at("/etc/group", 1 << 20).splitlines())
    return {line[0]: int(line[2]) for line in lines if len(line) >= 3 and line[2].isdigit()}


def _run(*words: str) -> None:
    code, _out, said = read_program([*words], _SECONDS)
    if code != 0:
        raise Failed(said.strip()[:300] or f"{words[0]} ended with {code}")
