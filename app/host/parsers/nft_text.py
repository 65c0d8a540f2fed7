"""nft's JSON statements and expressions back into the words that people write in nftables.conf.

Counters lose their numbers, so that one rule has one text. What is not known here comes out as
JSON, so that nothing is hidden.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from app.domain.value import JsonObject

_BARE_META = ("iif", "oif", "iifname", "oifname", "iiftype", "oiftype", "iifgroup", "oifgroup")
_BINARY = ("&", "|", "^", "<<", ">>")
_DEEPEST = 20

VERDICTS = frozenset(
    [
        *("accept", "drop", "reject", "return", "continue", "queue", "jump", "goto", "vmap"),
        *("dnat", "snat", "masquerade", "redirect"),
    ]
)


def rule_text(expr: list[object], comment: object = None) -> str:
    """A rule's statements in a row, its comment last."""
    words = [statement(one) for one in expr]
    if isinstance(comment, str):
        words.append(f'comment "{comment}"')
    return " ".join(word for word in words if word)


def statement(one: object) -> str:
    """One statement: a match, a verdict, a counter, ..."""
    if not isinstance(one, dict) or len(one) != 1:
        return _json(one)
    kind, body = next(iter(one.items()))
    if body is None:
        return str(kind)
    write = _STATEMENTS.get(str(kind))
    return write(body) if write is not None and isinstance(body, dict) else _plain(kind, body)


def expression(value: object, depth: int = 0) -> str:
    """One value: a constant, a set, a range, what is looked at in a packet."""
    if depth > _DEEPEST:
        return "..."
    if isinstance(value, list):
        return ",".join(expression(item, depth + 1) for item in value)
    if not isinstance(value, dict):
        return str(value)
    if len(value) != 1:
        return _json(value)
    kind, body = next(iter(value.items()))
    return _expression(str(kind), body, value, depth + 1)


def _expression(kind: str, body: object, whole: JsonObject, depth: int) -> str:
    if kind in _BINARY and isinstance(body, list):
        return f" {kind} ".join(_grouped(item, depth) for item in body)
    if kind in ("set", "concat", "range") and isinstance(body, list):
        return _joined(kind, body, depth)
    write = _EXPRESSIONS.get(kind)
    if write is None or not isinstance(body, dict):
        return _json(whole)
    return write(body, depth)


def _joined(kind: str, items: list[object], depth: int) -> str:
    words = [_element(item, depth) for item in items]
    if kind == "set":
        return "{ " + ", ".join(words) + " }"
    return (" . " if kind == "concat" else "-").join(words)


def _element(item: object, depth: int) -> str:
    """A map's element is a pair: `80 : jump web`."""
    if isinstance(item, list) and len(item) == 2:
        target = item[1]
        told = statement(target) if isinstance(target, dict) else expression(target, depth)
        return f"{expression(item[0], depth)} : {told}"
    return expression(item, depth)


def _grouped(item: object, depth: int) -> str:
    if isinstance(item, list):
        return "(" + " | ".join(expression(part, depth) for part in item) + ")"
    return expression(item, depth)


def _payload(body: JsonObject, _depth: int) -> str:
    if "protocol" in body:
        return f"{body['protocol']} {body.get('field', '')}".rstrip()
    return f"@{body.get('base')},{body.get('offset')},{body.get('len')}"


def _meta(body: JsonObject, _depth: int) -> str:
    key = str(body.get("key"))
    return key if key in _BARE_META else f"meta {key}"


def _ct(body: JsonObject, _depth: int) -> str:
    words = ("ct", body.get("dir"), body.get("family"), body.get("key"))
    return " ".join(str(word) for word in words if word)


def _numgen(body: JsonObject, _depth: int) -> str:
    return f"numgen {body.get('mode')} mod {body.get('mod')}"


def _prefix(body: JsonObject, depth: int) -> str:
    return f"{expression(body.get('addr'), depth)}/{body.get('len')}"


def _set_element(body: JsonObject, depth: int) -> str:
    return expression(body.get("val"), depth)


def _map(body: JsonObject, depth: int) -> str:
    return f"{expression(body.get('key'), depth)} map {expression(body.get('data'), depth)}"


_EXPRESSIONS: dict[str, Callable[[JsonObject, int], str]] = {
    "payload": _payload,
    "meta": _meta,
    "ct": _ct,
    "numgen": _numgen,
    "prefix": _prefix,
    "elem": _set_element,
    "map": _map,
}


def _match(body: JsonObject) -> str:
    left, sign = body.get("left"), body.get("op")
    computed = isinstance(left, dict) and any(mark in left for mark in _BINARY)
    unsaid = sign in ("==", "in", None) and not computed
    between = " " if unsaid else f" {sign} "
    return f"{expression(left)}{between}{expression(body.get('right'))}"


def _reject(body: JsonObject) -> str:
    reason = " ".join(str(body[key]) for key in ("type", "expr") if key in body)
    return f"reject with {reason}" if reason else "reject"


def _limit(body: JsonObject) -> str:
    over = "over " if body.get("inv") else ""
    return f"limit rate {over}{body.get('rate')}/{body.get('per')}"


def _log(body: JsonObject) -> str:
    return f'log prefix "{body["prefix"]}"' if "prefix" in body else "log"


def _mangle(body: JsonObject) -> str:
    return f"{expression(body.get('key'))} set {expression(body.get('value'))}"


def _vmap(body: JsonObject) -> str:
    return f"{expression(body.get('key'))} vmap {expression(body.get('data'))}"


def _set_change(body: JsonObject) -> str:
    return f"{body.get('op')} {body.get('set')} {{ {expression(body.get('elem'))} }}"


def _nat(kind: str) -> Callable[[JsonObject], str]:
    def write(body: JsonObject) -> str:
        address, port = body.get("addr"), body.get("port")
        where = expression(address) if address is not None else ""
        where += f":{expression(port)}" if port is not None else ""
        return f"{kind} to {where}" if where else kind

    return write


def _target(kind: str) -> Callable[[JsonObject], str]:
    return lambda body: f"{kind} {body.get('target')}"


def _counter(_body: JsonObject) -> str:
    return "counter"


_STATEMENTS: dict[str, Callable[[JsonObject], str]] = {
    "match": _match,
    "counter": _counter,
    "reject": _reject,
    "limit": _limit,
    "log": _log,
    "mangle": _mangle,
    "vmap": _vmap,
    "set": _set_change,
    **{kind: _target(kind) for kind in ("jump", "goto")},
    **{kind: _nat(kind) for kind in ("dnat", "snat", "redirect", "masquerade")},
}


def _plain(kind: object, body: object) -> str:
    if isinstance(body, str | int):
        return f"{kind} {body}"  # a named counter or limit
    return f"{kind} {_json(body)}"


def _json(value: object) -> str:
    try:
        return json.dumps(value, separators=(",", ":"))
    except RecursionError:
        return "..."
