"""Accounts of a host: who is there with which ids and shell, and the two things done about them.

No password is read or written: an account that is made again has none.
"""

from __future__ import annotations

import os

from . import disk
from .answers import Params, answer, read_program, text_at
from .places import Places
from .refusal import Failed

USERADD, USERDEL, USERMOD = "/usr/sbin/useradd", "/usr/sbin/userdel", "/usr/sbin/usermod"
GROUPADD, GROUPDEL = "/usr/sbin/groupadd", "/usr/sbin/groupdel"
NO_LOGIN = frozenset({"nologin", "false", "sync", "shutdown", "halt"})
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
    taken = next((one["name"] for one in _accounts() if one["uid"] == uid), None)
    if taken is not None:
        raise Failed(f"the user id {uid} is {taken}'s now")
    groups = _groups()
    if groups.get(group, gid) != gid or any(g == gid and n != group for n, g in groups.items()):
        raise Failed(f"the group {group} or its id {gid} is another one's now")
    made_group = group not in groups
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
        raise
    disk.make_folder(places.accounts)
    disk.write_whole(f"{places.accounts}/{name}", f"{uid} {group if made_group else ''}".encode())
    return answer({"account": name, "uid": uid, "made_group": made_group})


def account_remove(params: Params, places: Places) -> int:
    """Remove an account that this gate made, and the group that it made with it; no file of it."""
    name = str(params["account"])
    record = text_at(f"{places.accounts}/{name}")
    uid, _, group = record.partition(" ")
    found = next((one for one in _accounts() if one["name"] == name), None)
    if not uid or found is None or found["uid"] != int(uid):
        raise Failed(f"{name} is no account that the gate has made; it is left alone")
    _run(USERDEL, "--", name)
    if group and group in _groups():
        _run(GROUPDEL, "--", group)
    os.unlink(f"{places.accounts}/{name}")
    return answer({"account": name, "removed": True})


def account_set_shell(params: Params, places: Places) -> int:
    """Give an account another login shell: one of /etc/shells, or the one that it had before.

    Only an account that has a login shell gets one.
    """
    name, shell = str(params["account"]), str(params["shell"])
    found = next((one for one in _accounts() if one["name"] == name), None)
    if found is None or found["may_log_in"] == "no":
        raise Failed(f"{name} is not there, or is not meant to log in")
    record = f"{places.accounts}/{name}.shell"
    allowed = [line.strip() for line in text_at("/etc/shells").splitlines()]
    if shell not in [*allowed, text_at(record)]:
        raise Failed(f"{shell} is none of /etc/shells")
    disk.make_folder(places.accounts)
    disk.write_whole(record, str(found["shell"]).encode())
    _run(USERMOD, "--shell", shell, "--", name)
    return answer({"account": name, "shell": shell, "before": found["shell"]})


def _accounts() -> list[Facts]:
    names = {gid: name for name, gid in _groups().items()}
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
                "home": fields[5],
                "shell": shell,
                "shell_exists": "yes" if os.access(shell, os.X_OK) else "no",
                "may_log_in": "no" if os.path.basename(shell) in NO_LOGIN else "yes",
            }
        )
    return found


def _groups() -> dict[str, int]:
    lines = (line.split(":") for line in text_at("/etc/group", 1 << 20).splitlines())
    return {line[0]: int(line[2]) for line in lines if len(line) >= 3 and line[2].isdigit()}


def _run(*words: str) -> None:
    code, _out, said = read_program([*words], _SECONDS)
    if code != 0:
        raise Failed(said.strip()[:300] or f"{words[0]} ended with {code}")
