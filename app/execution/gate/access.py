"""Files that say who may log in: put back only whole, only if sshd accepts them, and in effect."""

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
from .edits import put_back, take_away
from .places import Places
from .refusal import Failed
from .store import Store, read_file

SSHD = "/usr/sbin/sshd"
SYSTEMCTL = "/usr/bin/systemctl"
_SSHD_FILES = "/etc/ssh/"
_DAEMONS = ("ssh.service", "sshd.service")
_SECONDS = 15.0


def access_restore(params: Params, places: Places) -> int:
    """Put a stored version back; one that sshd does not accept is taken back at once."""
    path = str(params["path"])
    before = _as_it_is(path, places)
    replaced = put_back(params, places)
    _require_accepted(path, before, places)
    return answer({"path": path, "sha256": params["sha256"], "replaced": replaced})


def access_remove(params: Params, places: Places) -> int:
    """Remove a file that has exactly that content; it comes back where sshd misses it."""
    path = str(params["path"])
    before = _as_it_is(path, places)
    removed = take_away(params, places)
    _require_accepted(path, before, places)
    return answer({"path": path, "removed": removed})


def _as_it_is(path: str, places: Places) -> Params | None:
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
        finally:
            os.close(file)
    return {
        "path": path,
        "sha256": sha256,
        "owner": user_name(state.st_uid),
        "group": group_name(state.st_gid),
        "mode": mode_text(state.st_mode),
    }


def _require_accepted(path: str, before: Params | None, places: Places) -> None:
    """Have sshd try the files and read them; what it refuses is as it was before."""
    if not path.startswith(_SSHD_FILES):
        return
    other = _of_another_daemon(path)
    code, _out, said = read_program([SSHD, "-t", *(["-f", path] if other else [])], _SECONDS)
    if code != 0:
        if before is not None:
            put_back(before, places)
        else:
            os.unlink(path)
        raise Failed(f"sshd does not accept it, all is as it was: {said.strip()[:300]}")
    if other:
        for pid in _listeners(path):
            os.kill(pid, signal.SIGHUP)  # as its own unit tells it to read its file again
    else:
        _reload()


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
