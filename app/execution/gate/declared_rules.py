"""Rules that the firewall's own file declares and that do not run: told, and put where they belong.

The file is read by nft itself, in a network of its own that nothing else is in and that ends with
the question: what it means is nft's to say, and the host's firewall is not touched by asking.
"""

from __future__ import annotations

import ctypes
import json
import os
from typing import Any

from .answers import Params, answer, read_program
from .firewall import NFT, apply, content_of, place_of, sha256_of
from .places import Places
from .refusal import Failed

FILES = ("/etc/nftables.conf", "/etc/sysconfig/nftables.conf")
IP = "/usr/sbin/ip"
_NEW_NETWORK = 0x40000000
_SECONDS = 8.0
_MOST_TOLD, _LARGEST = 50, 1 << 20

Rule = dict[str, Any]


def firewall_lost(_: Params, __: Places) -> int:
    """FirewallLostFacts: rules of the file that do not run, in chains that do."""
    file = _file()
    if file is None:
        return answer({"file": None, "lost": []})
    declared, running = _declared(file), _running()
    lost = [
        {"rule": rule, "sha256": sha256_of(rule), "policy": running[chain][1]}
        for chain, (rules, _policy) in declared.items()
        if chain in running
        for rule in _missing(rules, running[chain][0])
    ]
    return answer({"file": file, "lost": lost[:_MOST_TOLD]})


def firewall_declared_rule(params: Params, _: Places) -> int:
    """FirewallRuleFacts: whether a declared rule runs."""
    rules = _running().get(_named(params), ([], None))[0]
    runs = any(sha256_of(rule) == params["sha256"] for rule in rules)
    return answer({"kind": "rule" if runs else "missing", "sha256": params["sha256"]})


def firewall_add_declared(params: Params, _: Places) -> int:
    """Let a rule that the file declares run, after those that it stands after there."""
    chain, file = _named(params), _file()
    declared = [] if file is None else _declared(file).get(chain, ([], None))[0]
    rules = _running().get(chain, ([], None))[0]
    wanted = [r for r in _missing(declared, rules) if sha256_of(r) == params["sha256"]]
    if not wanted:
        raise Failed("the firewall's file declares no such rule, or it runs already")
    before = {content_of(rule) for rule in declared[: declared.index(wanted[0])]}
    places = [index for index, rule in enumerate(rules) if content_of(rule) in before]
    bare = json.loads(content_of(wanted[0]))
    if places:
        apply({"add": {"rule": {**bare, "index": places[-1]}}})
    else:
        apply({"insert": {"rule": bare}})
    return answer({"added": params["sha256"], "after": len(places)})


def firewall_remove_declared(params: Params, _: Places) -> int:
    """Take back a rule that was let run."""
    rules = _running().get(_named(params), ([], None))[0]
    found = [rule for rule in rules if sha256_of(rule) == params["sha256"]]
    if not found:
        raise Failed("there is no such rule any more")
    apply({"delete": {"rule": {**place_of(found[0]), "handle": found[0]["handle"]}}})
    return answer({"removed": params["sha256"]})


def _named(params: Params) -> tuple[str, ...]:
    return tuple(str(params[name]) for name in ("family", "table", "chain"))


def _missing(declared: list[Rule], running: list[Rule]) -> list[Rule]:
    there = {content_of(rule) for rule in running}
    return [rule for rule in declared if content_of(rule) not in there]


def _file() -> str | None:
    return next((path for path in FILES if os.path.isfile(path)), None)


Chains = dict[tuple[str, ...], tuple[list[Rule], "str | None"]]
"""Rules and policy of each chain, by family, table and name."""


def _running() -> Chains:
    code, listed, error = read_program([NFT, "--json", "--handle", "list", "ruleset"], _SECONDS)
    if code != 0:
        raise Failed(f"nft: {error.strip() or code}")
    return _chains(listed)


def _chains(listed: str) -> Chains:
    items = json.loads(listed)["nftables"] if listed.strip() else []
    found: Chains = {}
    for item in items:
        if "chain" in item:
            one = item["chain"]
            found[one["family"], one["table"], one["name"]] = ([], one.get("policy"))
    for item in items:
        if "rule" in item:
            rule = item["rule"]
            found[rule["family"], rule["table"], rule["chain"]][0].append(rule)
    return found


def _declared(file: str) -> Chains:
    """What the file would have run, listed from a network that holds nothing but its effect."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _tell(file, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        listed = told.read(_LARGEST)
    _, status = os.waitpid(child, 0)
    if status != 0:
        said = listed.decode("utf-8", "replace").strip()
        raise Failed(f"{file} could not be read in a network of its own: {said[:300]}")
    return _chains(listed.decode("utf-8", "replace"))


def _tell(file: str, writing: int) -> None:
    """In a child: write the ruleset that the file makes, or why there is none, and end."""
    status, said = 1, ""
    try:
        said = _alone(file)
        status = 0
    except (OSError, Failed) as error:
        said = str(error)
    finally:
        with os.fdopen(writing, "wb") as tell:
            tell.write(said.encode())
        os._exit(status)


def _alone(file: str) -> str:
    """The ruleset after reading a file, in a network that only this process is in."""
    devices = [name for name in os.listdir("/sys/class/net") if name != "lo"]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    for device in devices:  # a rule may name one, and nft wants it to be there
        read_program([IP, "link", "add", device, "type", "dummy"], _SECONDS)
    for argv in ([NFT, "--file", file], [NFT, "--json", "list", "ruleset"]):
        code, said, error = read_program(argv, _SECONDS)
        if code != 0:
            raise Failed(error.strip() or f"nft ended with {code}")
    return said
