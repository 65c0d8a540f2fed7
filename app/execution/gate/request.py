"""A request, read and checked against the host's own catalog before anything is run."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from typing import Any, NamedTuple

from .parameters import Given, Unfit, check_all
from .refusal import Refused
from .units import why_not

PROTOCOL = 1
LARGEST = 1024 * 1024
MOST_READS = 64
MOST_CHECKS = 4096


class Call(NamedTuple):
    """One action with proven parameters, ready to be run."""

    action: str
    params: dict[str, Given]
    argv: tuple[str, ...]  # empty for a builtin
    builtin: str  # "" for a program
    account: str  # who runs it: "root" or the agent's account
    timeout: float
    max_bytes: int


class Config(NamedTuple):
    """The host's gate.json."""

    digest: str
    host: str
    account: str
    services: tuple[str, ...]
    units: Mapping[str, Any]
    actions: Mapping[str, Mapping[str, Any]]


def load_config(path: str) -> Config:
    """The host's own catalog. It must be a file that only its owner can write."""
    try:
        with open(path, "rb") as source:
            state = os.fstat(source.fileno())
            data = json.load(source)
    except (OSError, ValueError) as error:
        raise Refused("not-enrolled", f"{path} cannot be read: {error}") from None
    if state.st_uid != os.geteuid() or stat.S_IMODE(state.st_mode) & 0o022:
        raise Refused("not-enrolled", f"{path} must be root's and writable by nobody else")
    return Config(
        digest=data["digest"],
        host=data["host"],
        account=data["account"],
        services=tuple(data["services"]),
        units=data["units"],
        actions=data["actions"],
    )


def parse(text: bytes, config: Config) -> dict[str, Any]:
    """The request as an object of this protocol, made for this host's catalog."""
    if len(text) > LARGEST:
        raise Refused("malformed", f"the request is longer than {LARGEST} bytes")
    try:
        request = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused("malformed", f"the request is no JSON: {error}") from None
    if not isinstance(request, dict) or request.get("version") != PROTOCOL:
        raise Refused("malformed", f"expected an object with version {PROTOCOL}")
    if request.get("catalog") != config.digest:
        raise Refused(
            "catalog-differs",
            f"this host was enrolled with the catalog {config.digest[:12]}, the request was made "
            f"with {str(request.get('catalog'))[:12]}",
        )
    return request


def admit(asked: Mapping[str, Any], config: Config, *, changes: bool) -> Call:
    """The call that `asked` names, with every parameter proven; Refused where it does not fit."""
    action = asked.get("action")
    entry = config.actions.get(action) if isinstance(action, str) else None
    if not isinstance(action, str) or entry is None:
        raise Refused("unknown-action", f"there is no action {ascii(action)[:80]} on this host")
    if entry["changes"] != changes:
        kind = "changes something" if entry["changes"] else "only reads"
        raise Refused("wrong-mode", f"{action} {kind}")
    given = asked.get("params")
    if not isinstance(given, dict):
        raise Refused("unfit", f"{action} needs its parameters as an object")
    try:
        params = check_all(entry["params"], given)
    except Unfit as problem:
        raise Refused("unfit", f"{action}: {problem}") from None
    if changes:
        _require_bound_units(entry, params, config)
    return Call(
        action=action,
        params=params,
        argv=tuple(word.format(**params) for word in entry.get("argv", ())),
        builtin=entry.get("builtin", ""),
        account="root" if entry["privilege"] == "root" else config.account,
        timeout=_timeout(asked.get("timeout"), entry["timeout"]),
        max_bytes=entry["max_bytes"],
    )


def _require_bound_units(
    entry: Mapping[str, Any], params: Mapping[str, Given], config: Config
) -> None:
    for name, of in entry["params"].items():
        if of["kind"] == "unit":
            reason = why_not(str(params[name]), config.services, config.units)
            if reason:
                raise Refused("unit-not-bound", reason)


def _timeout(asked: object, most: float) -> float:
    """The asked number of seconds, never more than the catalog's."""
    if isinstance(asked, (int, float)) and not isinstance(asked, bool) and asked > 0:
        return min(float(asked), float(most))
    return float(most)
