"""Whom fail2ban has shut out, and letting one in again: by its own client, in its own words."""

from __future__ import annotations

import ast
from typing import Any

from .answers import Params, answer, read_program
from .places import Places
from .refusal import Failed

CLIENT = "/usr/bin/fail2ban-client"
_MOST = 2000


def fail2ban_banned(_: Params, __: Places) -> int:
    """BansFacts: every address that is shut out now, by its jail."""
    return answer({"bans": [{"jail": jail, "address": one} for jail, one in _bans()][:_MOST]})


def fail2ban_ban(params: Params, _: Places) -> int:
    """BanFacts: whether an address is shut out now."""
    return answer({**_named(params), "banned": "yes" if _is_banned(params) else "no"})


def fail2ban_unban(params: Params, _: Places) -> int:
    return _set(params, "unbanip", banned=False)


def fail2ban_ban_again(params: Params, _: Places) -> int:
    return _set(params, "banip", banned=True)


def _set(params: Params, what: str, *, banned: bool) -> int:
    _said("set", str(params["jail"]), what, str(params["address"]))
    if _is_banned(params) is not banned:
        raise Failed(f"fail2ban did not take {what} {params['address']} for {params['jail']}")
    return answer(_named(params))


def _named(params: Params) -> dict[str, Any]:
    return {"jail": params["jail"], "address": params["address"]}


def _is_banned(params: Params) -> bool:
    return (params["jail"], params["address"]) in _bans()


def _bans() -> list[tuple[str, str]]:
    """`banned` answers with a list of dictionaries as Python writes them: a jail's addresses."""
    said = _said("banned")
    try:
        told = ast.literal_eval(said.strip() or "[]")
        return [(str(j), str(one)) for jails in told for j, ones in jails.items() for one in ones]
    except (ValueError, SyntaxError, AttributeError, TypeError) as error:
        raise Failed(f"fail2ban-client answers otherwise than expected: {said[:100]}") from error


def _said(*words: str) -> str:
    code, said, error = read_program([CLIENT, *words])
    if code != 0:
        raise Failed(f"fail2ban-client: {(error or said).strip()[:200] or code}")
    return said
