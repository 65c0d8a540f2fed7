"""Rules of routing by policy: told, removed, put back. Only such as say from where, to where and
which table; what marks, devices or users decide is left alone.

A rule that a trial left behind sends what is meant for one address into a table without a way.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from .agent_paths import IP, clients
from .answers import Params, answer, read_program
from .places import Places
from .refusal import Failed

_PLAIN = frozenset({"priority", "src", "srclen", "dst", "dstlen", "table", "protocol"})
_ALL = "all"


def policy_rules() -> list[dict[str, Any]]:
    """Every rule beyond the three that each host has, IPv4 and IPv6."""
    return [rule for family in ("-4", "-6") for rule in _rules(family)]


def policy_rule_show(params: Params, _: Places) -> int:
    """PolicyRuleFacts of exactly the rule that is described."""
    there = any(_same(rule, params) for rule in policy_rules())
    return answer({"kind": "rule" if there else "missing"})


def policy_rule_remove(params: Params, _: Places) -> int:
    """Remove exactly the rule that is described; not one that the agent itself may come by."""
    if not any(_same(rule, params) for rule in policy_rules()):
        raise Failed(f"there is no rule {params['priority']} any more that says just that")
    _leave_the_agent_its_way(params)
    _change("del", params)
    return answer({"removed": params["priority"]})


def policy_rule_add(params: Params, _: Places) -> int:
    """Put a rule back; not one that leads the agent another way."""
    if any(_same(rule, params) for rule in policy_rules()):
        raise Failed(f"there is such a rule {params['priority']} already")
    _leave_the_agent_its_way(params)
    _change("add", params)
    return answer({"added": params["priority"]})


def _rules(family: str) -> list[dict[str, Any]]:
    code, listed, error = read_program([IP, family, "-json", "rule", "show"])
    if code != 0 and family == "-6":
        return []  # a kernel without IPv6 has no rules of it
    if code != 0:
        raise Failed(f"ip: {error.strip() or code}")
    found = [rule for rule in json.loads(listed or "[]") if not is_every_hosts(rule)]
    return [
        {
            "priority": int(rule.get("priority", 0)),
            "source": _network(rule, "src"),
            "destination": _network(rule, "dst"),
            "table": str(rule.get("table", "")),
            "plain": _PLAIN.issuperset(rule) and str(rule.get("table", "")).isdigit(),
        }
        for rule in found
    ]


def is_every_hosts(rule: dict[str, Any]) -> bool:
    """One of the three rules that every host has."""
    return rule.get("src") == _ALL and rule.get("table") in ("local", "main", "default")


def _network(rule: dict[str, Any], side: str) -> str:
    address = str(rule.get(side, _ALL))
    if address == _ALL:
        return _ALL
    length = rule.get(f"{side}len")
    given = f"{address}/{length}" if length is not None else address
    return str(ipaddress.ip_network(given, strict=False))


def _same(rule: dict[str, Any], params: Params) -> bool:
    wanted = {name: params[name] for name in ("priority", "source", "destination", "table")}
    return bool(rule["plain"]) and all(str(rule[name]) == str(wanted[name]) for name in wanted)


def _leave_the_agent_its_way(params: Params) -> None:
    towards = str(params["destination"])
    for client in clients():
        if towards == _ALL or _lies_in(client, towards):
            raise Failed(f"the agent itself is connected from {client}, which this rule is about")


def _lies_in(address: str, network: str) -> bool:
    one, many = ipaddress.ip_address(address), ipaddress.ip_network(network)
    return one.version == many.version and one in many


def _change(how: str, params: Params) -> None:
    towards = ipaddress.ip_network(str(params["destination"]))
    argv = [IP, f"-{towards.version}", "rule", how, "priority", str(params["priority"])]
    if params["source"] != _ALL:
        argv += ["from", str(ipaddress.ip_network(str(params["source"])))]
    argv += ["to", str(towards), "lookup", str(params["table"])]
    code, _, error = read_program(argv)
    if code != 0:
        raise Failed(f"ip: {error.strip() or code}")
