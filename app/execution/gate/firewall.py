"""One rule of the firewall: looked at, removed, put back where it stood."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .answers import Params, answer, read_program
from .child import ENVIRONMENT
from .places import Places
from .refusal import Failed
from .store import Store

NFT = "/usr/sbin/nft"


def firewall_rule(params: Params, _: Places) -> int:
    """FirewallRuleFacts: whether the rule is there, and the hash by which a change names it."""
    found = _find(params)
    if found is None:
        return answer({"kind": "missing"})
    rule, _index = found
    return answer({"kind": "rule", "sha256": sha256_of(rule)})


def firewall_remove_rule(params: Params, places: Places) -> int:
    """Remove exactly the rule of that content; it and its place are kept."""
    found = _find(params)
    if found is None:
        raise Failed("there is no such rule any more")
    rule, index = found
    content = content_of(rule)
    if hashlib.sha256(content).hexdigest() != params["sha256"]:
        raise Failed("another rule stands there now; it is left alone")
    store = Store(places)
    kept = store.put(content)
    store.put_note(kept, json.dumps({"index": index}).encode())
    apply({"delete": {"rule": {**place_of(rule), "handle": rule["handle"]}}})
    return answer({"removed": kept, "index": index})


def firewall_restore_rule(params: Params, places: Places) -> int:
    """Put a removed rule back in its chain, where it stood."""
    sha256 = str(params["sha256"])
    store = Store(places)
    rule = json.loads(store.get(sha256))
    index = json.loads(store.note(sha256))["index"]
    count = len(_rules(place_of(rule)))
    if index == 0 or count == 0:
        apply({"insert": {"rule": rule}})
    else:
        apply({"add": {"rule": {**rule, "index": min(index, count) - 1}}})
    return answer({"restored": sha256})


def _find(params: Params) -> tuple[dict[str, Any], int] | None:
    """The rule of that handle, and how many stand before it in its chain."""
    rules = _rules({name: str(params[name]) for name in ("family", "table", "chain")})
    for index, rule in enumerate(rules):
        if rule.get("handle") == params["handle"]:
            return rule, index
    return None


def _rules(place: dict[str, str]) -> list[dict[str, Any]]:
    argv = [NFT, "--json", "--handle", "list", "chain", *place.values()]
    code, listed, error = read_program(argv)
    if code != 0:
        if "No such file" in error:
            return []
        raise Failed(f"nft: {error.strip() or code}")
    return [item["rule"] for item in json.loads(listed)["nftables"] if "rule" in item]


def place_of(rule: dict[str, Any]) -> dict[str, str]:
    """The chain that a rule stands in, as nft names it."""
    return {name: rule[name] for name in ("family", "table", "chain")}


def sha256_of(rule: dict[str, Any]) -> str:
    """The hash by which a change names a rule."""
    return hashlib.sha256(content_of(rule)).hexdigest()


def content_of(rule: dict[str, Any]) -> bytes:
    """A rule without its handle and its counts: the same rule is always the same bytes."""
    kept = {name: value for name, value in rule.items() if name not in ("handle", "index")}
    kept["expr"] = [
        {"counter": {"packets": 0, "bytes": 0}} if "counter" in one else one for one in rule["expr"]
    ]
    return json.dumps(kept, sort_keys=True).encode()


def apply(command: dict[str, Any]) -> None:
    """One command as one transaction: the kernel takes all of it or nothing."""
    import subprocess  # only where it is needed: it costs every start of the gate 10 ms

    done = subprocess.run(
        [NFT, "--json", "--file", "-"],
        input=json.dumps({"nftables": [command]}).encode(),
        capture_output=True,
        env=ENVIRONMENT,
        timeout=10,
        check=False,
    )
    if done.returncode != 0:
        raise Failed(f"nft: {done.stderr.decode('utf-8', 'replace').strip()[:300]}")
