"""What a shell reads when an account logs in: put back only to where it stood, as its owner's."""

from __future__ import annotations

import os

from .access import stored
from .answers import Params, answer, user_name
from .edits import put_back, take_away
from .places import Places
from .refusal import Failed
from .request import load_config
from .store import Store


def startup_restore(params: Params, places: Places) -> int:
    """Put a version back that stood there."""
    path, sha256 = str(params["path"]), str(params["sha256"])
    if not Store(places).is_bound(sha256, path):
        raise Failed(f"the content {sha256[:12]} never stood at {path}")
    owner = _owner_of_home(path, places)
    if params["owner"] not in (owner, "root") or int(str(params["mode"]), 8) & 0o022:
        raise Failed(f"{path} is {owner}'s, and nobody else may write to it")
    stored(path, places)  # so that the change can be undone
    return answer({"path": path, "sha256": sha256, "replaced": put_back(params, places)})


def startup_remove(params: Params, places: Places) -> int:
    """Remove a file that has exactly that content, and keep it."""
    path = str(params["path"])
    _owner_of_home(path, places)
    stored(path, places)
    return answer({"path": path, "removed": take_away(params, places)})


def _owner_of_home(path: str, places: Places) -> str:
    home = os.path.dirname(path)
    if os.path.basename(home) == load_config(places.config).account:
        raise Failed(f"{home} is the agent's own")
    return user_name(os.stat(home).st_uid)
