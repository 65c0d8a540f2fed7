"""`nft -j list ruleset`: rules with their text, verdict, ports; chains' policies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeGuard

from app.domain.value import JsonObject
from app.host.facts import FirewallFacts, FirewallLostFacts, FirewallRule, LostRule
from app.host.parsers.json_text import json_object
from app.host.parsers.nft_text import VERDICTS, rule_text
from app.host.parsers.raw import ParseError, RawOutput

_WIDEST_RANGE = 4096
_MOST_PORTS = 20_000
_WITH_PORTS = ("tcp", "udp", "th", "sctp", "dccp", "udplite")

Sets = dict[tuple[object, object, object], list[Any]]
"""Elements of named sets by family, table and name."""


def parse_ruleset(raw: RawOutput) -> FirewallFacts:
    """Every rule of every table. An empty ruleset is facts: nothing is filtered."""
    if not raw.stdout.strip() and raw.exit_code == 0:
        return FirewallFacts()
    items = json_object(raw.stdout, "nft").get("nftables")
    if not isinstance(items, list):
        raise ParseError(f"nft: expected an object with the list `nftables`: {raw.complaint()}")
    sets = _sets(items)
    return FirewallFacts(
        rules=tuple(_rule(rule, sets) for rule in _of_kind(items, "rule")),
        policies={_place(chain): str(chain["policy"]) for chain in _with_policy(items)},
    )


def parse_lost(raw: RawOutput) -> FirewallLostFacts:
    """Rules as the gate found them declared and not running, with the hash that names each."""
    found = json_object(raw.stdout, "gate")
    lost = found.get("lost")
    if not isinstance(lost, list):
        raise ParseError(f"gate: expected an object with the list `lost`: {raw.complaint()}")
    return FirewallLostFacts(file=found.get("file"), lost=tuple(_lost(item) for item in lost))


def _lost(item: JsonObject) -> LostRule:
    rule = item.get("rule")
    if not isinstance(rule, dict):
        raise ParseError("gate: expected each lost rule as an object `rule`")
    shown = _rule(rule, {})
    return LostRule(**shown.model_dump(), sha256=item["sha256"], policy=item.get("policy"))


def _of_kind(items: Iterable[object], kind: str) -> Iterator[JsonObject]:
    for item in items:
        found = item.get(kind) if isinstance(item, dict) else None
        if isinstance(found, dict):
            yield found


def _with_policy(items: list[object]) -> Iterator[JsonObject]:
    return (chain for chain in _of_kind(items, "chain") if "policy" in chain)


def _place(chain: JsonObject) -> str:
    return f"{chain.get('family')}/{chain.get('table')}/{chain.get('name')}"


def _sets(items: list[object]) -> Sets:
    found: Sets = {}
    for one in _of_kind(items, "set"):
        elements = one.get("elem")
        key = (str(one.get("family")), str(one.get("table")), str(one.get("name")))
        found[key] = elements if isinstance(elements, list) else []
    return found


def _rule(rule: JsonObject, sets: Sets) -> FirewallRule:
    body = rule.get("expr")
    expr: list[Any] = body if isinstance(body, list) else []
    handle = rule.get("handle")
    return FirewallRule(
        family=str(rule.get("family", "")),
        table=str(rule.get("table", "")),
        chain=str(rule.get("chain", "")),
        handle=handle if isinstance(handle, int) and not isinstance(handle, bool) else 0,
        text=rule_text(expr, rule.get("comment")),
        verdict=_verdict(expr),
        ports=tuple(dict.fromkeys(islice(_ports(expr, rule, sets), _MOST_PORTS))),
    )


def _verdict(expr: Iterable[object]) -> str | None:
    names = [name for one in expr if isinstance(one, dict) for name in one if name in VERDICTS]
    return names[-1] if names else None


def _ports(expr: Iterable[object], rule: JsonObject, sets: Sets) -> Iterator[int]:
    """Ports of either end that a rule is about; those left out (`!=`) are none of them."""
    for one in expr:
        match = one.get("match") if isinstance(one, dict) else None
        if isinstance(match, dict) and match.get("op") in ("==", "in") and _is_port(match):
            yield from _numbers(match.get("right"), rule, sets)


def _is_port(match: JsonObject) -> bool:
    left = match.get("left")
    payload = left.get("payload") if isinstance(left, dict) else None
    if not isinstance(payload, dict):
        return False
    return payload.get("field") in ("dport", "sport") and payload.get("protocol") in _WITH_PORTS


def _numbers(value: object, rule: JsonObject, sets: Sets) -> Iterator[int]:
    if isinstance(value, str) and value.startswith("@"):
        named = (str(rule.get("family")), str(rule.get("table")), value[1:])
        value = {"set": sets.get(named, [])}
    members = value.get("set") if isinstance(value, dict) and "set" in value else [value]
    for member in members if isinstance(members, list) else []:
        yield from _number(member)


def _number(member: object) -> Iterator[int]:
    """A port, or a range of them; of a very wide one its ends only."""
    if isinstance(member, dict) and isinstance(member.get("elem"), dict):
        member = member["elem"].get("val")
    if isinstance(member, dict):
        ends = member.get("range")
        if isinstance(ends, list) and len(ends) == 2 and all(_is_number(end) for end in ends):
            wide = ends[1] - ends[0] > _WIDEST_RANGE
            yield from ends if wide else range(ends[0], ends[1] + 1)
    elif _is_number(member):
        yield member


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 65536
