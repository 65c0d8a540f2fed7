"""What shapes the traffic of a device: looked at, removed, put back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from .answers import Params, answer, read_program
from .places import Places
from .refusal import Failed
from .store import Store

TC = "/usr/sbin/tc"
SHAPERS = ("tbf", "htb", "hfsc", "netem", "cbq")
_FIXED = ("kind", "handle", "parent", "root", "options")
_TBF = {"rate", "burst", "lat", "limit"}
_NETEM = {"limit", "delay", "loss-random", "duplicate", "corrupt", "rate", "ecn", "gap", "seed"}
_CHANCES = {"loss-random": "loss", "duplicate": "duplicate", "corrupt": "corrupt"}


def qdiscs(_: Params, __: Places) -> int:
    """QdiscsFacts."""
    return answer({"qdiscs": [described(row) for row in _rows()]})


def qdisc_show(params: Params, _: Places) -> int:
    """QdiscFacts: what shapes one device, and the hash by which a change names it."""
    tree = _tree(str(params["device"]))
    if not tree:
        return answer({"kind": "missing"})
    content = _content(tree)
    return answer(
        {
            "kind": str(tree[0]["kind"]),
            "sha256": hashlib.sha256(content).hexdigest(),
            "restorable": words_for(tree) is not None,
        }
    )


def qdisc_remove(params: Params, places: Places) -> int:
    """Remove exactly the shaper of that content; it is kept where it can be put back."""
    device = str(params["device"])
    tree = _tree(device)
    if not tree:
        raise Failed(f"nothing shapes {device} any more")
    content = _content(tree)
    if hashlib.sha256(content).hexdigest() != params["sha256"]:
        raise Failed(f"{device} is shaped otherwise now; it is left alone")
    kept = Store(places).put(content)
    _run("del", "dev", device, "root")
    return answer({"removed": kept})


def qdisc_restore(params: Params, places: Places) -> int:
    """Put a removed shaper back as it was."""
    tree = json.loads(Store(places).get(str(params["sha256"])))
    words = words_for(tree)
    if words is None:
        raise Failed(f"a {tree[0]['kind']} with what hangs on it cannot be put back")
    device = str(params["device"])
    if _tree(device):
        raise Failed(f"{device} is shaped already; it is left alone")
    place = ("dev", device, "root", "handle", str(tree[0]["handle"]))
    _run("add", *place, *words)
    _match_burst(tree, place, device)
    return answer({"restored": params["sha256"]})


def described(row: dict[str, Any]) -> dict[str, Any]:
    """One qdisc as facts."""
    return {
        "device": str(row.get("dev", "")),
        "kind": str(row.get("kind", "")),
        "root": bool(row.get("root")),
        "shapes": row.get("kind") in SHAPERS,
        "text": told(row),
        "overlimits": int(row.get("overlimits") or 0),
        "drops": int(row.get("drops") or 0),
    }


def told(row: dict[str, Any]) -> str:
    """`tbf rate 512 kbit/s, burst 16384`: a qdisc as people speak of it."""
    options = row.get("options") or {}
    parts = [f"{name} {_plainly(name, value)}" for name, value in options.items() if value]
    return f"{row.get('kind')} {', '.join(parts)}".strip()[:200]


def words_for(tree: list[dict[str, Any]]) -> list[str] | None:
    """The words by which `tc` makes this shaper again; None where they would not say all of it."""
    if len(tree) != 1 or not tree[0].get("root"):
        return None
    options = tree[0].get("options") or {}
    if tree[0]["kind"] == "tbf" and set(options) <= _TBF:
        return ["tbf", *_words_of_tbf(options)]
    if tree[0]["kind"] == "netem" and set(options) <= _NETEM and _is_even(options):
        return ["netem", *_words_of_netem(options)]
    return None


def _match_burst(tree: list[dict[str, Any]], place: tuple[str, ...], device: str) -> None:
    """Ask for a little more burst until the kernel, which counts it in ticks, shows the same."""
    wanted = (tree[0].get("options") or {}).get("burst")
    more = 0
    for _ in range(4):
        shown = (_tree(device)[0].get("options") or {}).get("burst")
        if wanted is None or shown == wanted:
            return
        more += wanted - shown
        options = {**tree[0]["options"], "burst": wanted + more}
        words = words_for([{**tree[0], "options": options}]) or []
        _run("change", *place, *words)


def _words_of_tbf(options: dict[str, Any]) -> Iterator[str]:
    yield from ("rate", f"{options['rate'] * 8}bit", "burst", f"{options['burst']}b")
    if "lat" in options:
        yield from ("latency", f"{options['lat']}us")
    else:
        yield from ("limit", str(options["limit"]))


def _is_even(options: dict[str, Any]) -> bool:
    """Whether nothing is left unsaid: how a delay is spread is not told, so it must not vary."""
    delay, rate = options.get("delay") or {}, options.get("rate") or {}
    overheads = any(value for name, value in rate.items() if name != "rate")
    return not delay.get("jitter") and not overheads and not options.get("gap")


def _words_of_netem(options: dict[str, Any]) -> Iterator[str]:
    yield from ("limit", str(options.get("limit", 1000)))
    delay = (options.get("delay") or {}).get("delay")
    if delay:
        yield from ("delay", f"{round(delay * 1_000_000)}us")
    for key, word in _CHANCES.items():
        chance = options.get(key)
        if chance:
            correlation = chance.get("correlation") or 0
            yield from (word, f"{chance[word] * 100:g}%", f"{correlation * 100:g}%")
    rate = (options.get("rate") or {}).get("rate")
    if rate:
        yield from ("rate", f"{rate * 8}bit")
    if options.get("ecn"):
        yield "ecn"


def _plainly(name: str, value: object) -> str:
    if name == "rate" and isinstance(value, int):
        return f"{value * 8 / 1000:g} kbit/s"
    if isinstance(value, dict):
        return " ".join(f"{part} {one:g}" for part, one in value.items() if one)
    return str(value)


def _tree(device: str) -> list[dict[str, Any]]:
    """A device's qdiscs, the root first, where one of them shapes; else nothing."""
    own = [row for row in _rows() if row.get("dev") == device and row.get("handle") != "0:"]
    if not any(row.get("kind") in SHAPERS for row in own):
        return []
    return sorted(own, key=lambda row: not row.get("root"))


def _content(tree: list[dict[str, Any]]) -> bytes:
    """The shaper without its counts: the same one is always the same bytes."""
    kept = [{name: row[name] for name in _FIXED if name in row} for row in tree]
    for row in kept:
        options = dict(row.get("options") or {})
        options.pop("direct_packets_stat", None)
        options.pop("seed", None)
        row["options"] = options
    return json.dumps(kept, sort_keys=True).encode()


def _rows() -> list[dict[str, Any]]:
    code, listed, error = read_program([TC, "-statistics", "-json", "qdisc", "show"])
    if code != 0:
        raise Failed(f"tc: {error.strip() or code}")
    found: list[dict[str, Any]] = json.loads(listed or "[]")
    return found


def _run(*words: str) -> None:
    code, _, error = read_program([TC, "qdisc", *words])
    if code != 0:
        raise Failed(f"tc: {error.strip() or code}")
