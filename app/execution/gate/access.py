"""Files that say who may log in: put back only to where they stood, and only if sshd, and sudo for
the agent, still work with them; then sshd reads them."""

from __future__ import annotations

import os
import signal
import stat

from . import disk
from .answers import (
    Params,
    answer,
    group_name,
    mode_text,
    process_ids,
    read_program,
    text_at,
    user_name,
)
from .edits import file_set_mode, put_back, take_away
from .places import Places
from .refusal import Failed
from .request import load_config
from .store import Store, read_file

SSHD = "/usr/sbin/sshd"
SYSTEMCTL = "/usr/bin/systemctl"
RUNUSER, SUDO = "/usr/sbin/runuser", "/usr/bin/sudo"
_SSHD_FILES = "/etc/ssh/"
_DAEMONS = ("ssh.service", "sshd.service")
_SECONDS = 15.0


def access_restore(params: Params, places: Places) -> int:
    """Put a version back that stood there; one that would keep the agent out goes at once."""
    path, sha256 = str(params["path"]), str(params["sha256"])
    if not Store(places).is_bound(sha256, path):
        raise Failed(f"the content {sha256[:12]} never stood at {path}")
    if params["owner"] != "root" or int(str(params["mode"]), 8) & 0o022:
        raise Failed(f"{path} is root's, and nobody else may write to it")
    before = stored(path, places)
    replaced = put_back(params, places)
    require_accepted(path, before, places, removed=False)
    return answer({"path": path, "sha256": sha256, "replaced": replaced})


def access_remove(params: Params, places: Places) -> int:
    """Remove a file that has exactly that content; it comes back where it is missed."""
    path = str(params["path"])
    before = stored(path, places)
    removed = take_away(params, places)
    require_accepted(path, before, places, removed=True)
    return answer({"path": path, "removed": removed})


def access_set_mode(params: Params, places: Places) -> int:
    """Close to others what lets somebody in by a key: nothing opens, its owner loses nothing."""
    path, wanted = str(params["path"]), int(str(params["mode"]), 8)
    home = path.split("/.ssh")[0]
    if os.path.basename(home) == load_config(places.config).account:
        raise Failed(f"{home} is the agent's own")
    with disk.parent_of(path) as (folder, name):
        state = disk.state_of(folder, name)
        owner = os.stat(home).st_uid
        now = 0 if state is None else stat.S_IMODE(state.st_mode)
        if state is None or state.st_uid != owner:
            raise Failed(f"{path} is not there, or does not belong to whose home it is")
        if wanted & ~now or (now ^ wanted) & 0o700:
            raise Failed(
                f"{path} has {now:04o}: {wanted:04o} would open it, or close it to its owner"
            )
    return file_set_mode(params, places)


def stored(path: str, places: Places) -> Params | None:
    """What putting a file back as it stands now would take; None where there is none."""
    with disk.parent_of(path) as (folder, name):
        state = disk.state_of(folder, name)
        if state is None:
            return None
        if not stat.S_ISREG(state.st_mode):
            raise Failed(f"{path} is no regular file")
        file = disk.open_regular(folder, name, path)
        try:
            sha256 = Store(places).put(read_file(file, path))
            Store(places).bind(sha256, path)
        finally:
            os.close(file)
    return {
        "path": path,
        "sha256": sha256,
        "owner": user_name(state.st_uid),
        "group": group_name(state.st_gid),
        "mode": mode_text(state.st_mode),
    }


def require_accepted(path: str, before: Params | None, places: Places, *, removed: bool) -> None:
    """Have sshd and sudo try the files, and sshd read them; what fails is as it was before."""
    said = _complaint(path, places, removed=removed)
    if said:
        if before is not None:
            put_back(before, places)
        else:
            os.unlink(path)
        raise Failed(f"it would keep the agent out, all is as it was: {said[:300]}")
    if not path.startswith(_SSHD_FILES):
        return
    if _of_another_daemon(path):
        for pid in _listeners(path):
            os.kill(pid, signal.SIGHUP)  # as its own unit tells it to read its file again
    else:
        _reload()


def _complaint(path: str, places: Places, *, removed: bool) -> str:
    """What sshd says of its files; of PAM's, what sudo says to the agent's own account."""
    if path.startswith(_SSHD_FILES):
        other = _of_another_daemon(path)
        if other and removed:
            return ""
        code, _out, said = read_program([SSHD, "-t", *(["-f", path] if other else [])], _SECONDS)
    else:
        account = load_config(places.config).account
        code, _out, said = read_program([RUNUSER, "-u", account, "--", SUDO, "-n", "-l"], _SECONDS)
    return "" if code == 0 else said.strip() or "it ended without a word"


def _of_another_daemon(path: str) -> bool:
    """Whether it is the whole configuration of an sshd beside the host's own."""
    return os.path.dirname(path) + "/" == _SSHD_FILES and os.path.basename(path) != "sshd_config"


def _listeners(path: str) -> list[int]:
    """The daemons that were started with this very file."""
    found = []
    for pid in process_ids():
        words = text_at(f"/proc/{pid}/cmdline", 4096).replace("\0", " ").split()
        named = "[listener]" in words and words[:1] == ["sshd:"] and path in words
        if named and _is_roots(pid):
            found.append(int(pid))  # a title is a process's own claim; whose it is is not
    return found


def _is_roots(pid: str) -> bool:
    return os.stat(f"/proc/{pid}").st_uid == 0


def _reload() -> None:
    for daemon in _DAEMONS:
        active, _out, _err = read_program([SYSTEMCTL, "is-active", "--quiet", daemon], _SECONDS)
        if active == 0:
            code, _out, said = read_program([SYSTEMCTL, "reload", "--", daemon], _SECONDS)
            if code != 0:
                raise Failed(f"{daemon} did not read it: {said.strip()[:300]}")
            return
