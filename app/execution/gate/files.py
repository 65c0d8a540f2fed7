"""Reads about single files."""

from __future__ import annotations

import difflib
import hashlib
import os
import stat
import sys

from . import disk, environment, frozen
from .acls import acl_of
from .answers import Params, answer, group_name, iso, kind_of, mode_text, user_name
from .places import Places
from .refusal import Failed
from .store import LARGEST, Store, read_file

TEXT_BYTES = 256 * 1024
_DIFF_LINES = 400
_COMMENTS = ("#", ";", "//", "--", "<!--", "/*", "*")


def file_state(params: Params, _: Places) -> int:
    """FileStateFacts."""
    path = str(params["path"])
    if not os.path.lexists(path):
        return answer({"path": path, "kind": "missing"})
    with disk.parent_of(path) as (folder, name):
        state = disk.state_of(folder, name)
        if state is None:
            return answer({"path": path, "kind": "missing"})
        facts: dict[str, object] = {"path": path, **described(state)}
        if stat.S_ISLNK(state.st_mode):
            facts["target"] = os.readlink(name, dir_fd=folder)
        elif stat.S_IFMT(state.st_mode) in (stat.S_IFREG, stat.S_IFDIR):
            facts["acl"] = acl_of(path)
        if stat.S_ISREG(state.st_mode) and state.st_size <= LARGEST:
            facts |= _content_of(folder, name, path)
    return answer(facts)


def described(state: os.stat_result) -> dict[str, object]:
    """Kind, owner, group, mode, size and time of what stat found."""
    return {
        "kind": kind_of(state.st_mode),
        "owner": user_name(state.st_uid),
        "group": group_name(state.st_gid),
        "mode": mode_text(state.st_mode),
        "bytes": state.st_size,
        "modified": iso(state.st_mtime),
    }


def config_read(params: Params, _: Places) -> int:
    """ConfigFileFacts. The caller takes out secrets before anybody sees the text."""
    path = str(params["path"])
    content, state = _content(path)
    if b"PRIVATE KEY" in content:
        raise Failed(f"{path} holds a private key; it is not shown")
    return answer(
        {
            "path": path,
            "text": content[:TEXT_BYTES].decode("utf-8", "replace"),
            "sha256": hashlib.sha256(content).hexdigest(),
            "owner": user_name(state.st_uid),
            "group": group_name(state.st_gid),
            "mode": mode_text(state.st_mode),
            "truncated": len(content) > TEXT_BYTES,
        }
    )


def environment_read(params: Params, places: Places) -> int:
    """EnvironmentFileFacts."""
    path = str(params["path"])
    content, _state = _content(path)
    found, problems = environment.assignments(content[:TEXT_BYTES].decode("utf-8", "replace"))
    return answer(
        {
            "path": path,
            "keys": list(dict.fromkeys(one.key for one in found)),
            "value_hashes": {one.key: environment.key_hash(places, one.value) for one in found},
            "hosts": {one.key: one.value for one in found if environment.is_plain_host(one)},
            "problems": problems,
        }
    )


def file_diff(params: Params, places: Places) -> int:
    """FileDiffFacts: the stored version of that hash against what stands there now."""
    path, then_hash = str(params["path"]), str(params["sha256"])
    then = Store(places).get(then_hash)
    now = _content(path)[0] if os.path.lexists(path) else b""
    facts: dict[str, object] = {
        "path": path,
        "sha256_then": then_hash,
        "sha256_now": hashlib.sha256(now).hexdigest() if os.path.lexists(path) else None,
    }
    if b"PRIVATE KEY" not in then + now and b"\0" not in then + now:
        facts |= _difference(path, then, now, places)
    return answer(facts)


def log_tail(params: Params, _: Places) -> int:
    """The last lines of a log file, as they are."""
    path, lines = str(params["path"]), int(params["lines"])
    whole = disk.tail_of(path, TEXT_BYTES).splitlines()
    sys.stdout.write("".join(line + "\n" for line in whole[-lines:]))
    return 0


def _content(path: str) -> tuple[bytes, os.stat_result]:
    """A regular file's content and state; no link on the way, no second name for it."""
    with disk.parent_of(path) as (folder, name):
        file = disk.open_regular(folder, name, path)
    try:
        return read_file(file, path), os.fstat(file)
    finally:
        os.close(file)


def _content_of(folder: int, name: str, path: str) -> dict[str, object]:
    """Hash and mark of a regular file."""
    try:
        file = disk.open_regular(folder, name, path, links_allowed=True)
    except Failed:
        return {"sha256": None}  # replaced by something else in the meantime
    try:
        sha256 = hashlib.sha256(read_file(file, path)).hexdigest()
        return {"sha256": sha256, "frozen": "yes" if frozen.is_frozen(file) else "no"}
    finally:
        os.close(file)


def _difference(path: str, then: bytes, now: bytes, places: Places) -> dict[str, object]:
    """The unified diff, and the comments that came with the change: a reason may stand there."""
    old, new = (content[:TEXT_BYTES].decode("utf-8", "replace") for content in (then, now))
    if environment.looks_like_environment(path, old):
        old, new = environment.masked(old, places), environment.masked(new, places)
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), "baseline", "now", lineterm="", n=2
    )
    shown = list(lines)[:_DIFF_LINES]
    added = [line[1:].strip() for line in shown if line.startswith("+") and line[:3] != "+++"]
    return {
        "diff": "\n".join(shown),
        "comments": [line for line in added if line.startswith(_COMMENTS)],
    }
