"""`sre-agent policy check`: what the policy says to command lines, before anybody runs them.

Each line is translated to a catalogued action; what has no translation is denied. Types, units and
risk are judged as for a real plan; the evidence gate is not applied, for there is no incident.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from app.domain.action import ActionCall, Risk
from app.domain.host import Host
from app.domain.value import JsonObject
from app.domain.verdict import Verdict
from app.errors import ActionRejected
from app.execution.autonomy import People, people_needed
from app.execution.catalog import Catalog
from app.execution.targets import Inventory
from app.execution.translator import Meaning, NoMeaning, NotPlain, meaning_of
from app.settings import AutonomyLevel

EXAMPLE_INVENTORY = Path(__file__).with_name("example_inventory.yaml")
"""The hosts that lines are judged for where no inventory is given."""


class Rule(StrEnum):
    """What decided about a row."""

    INPUT = "input"  # it is no row
    PLAIN_WORDS = "plain-words"  # its command is more than one plain command line
    CATALOG = "catalog"  # no catalogued action is meant by it, or with other parameters
    HOST = "host"  # the inventory has no such host, or the host has not such a unit
    AUTONOMY = "autonomy"  # the table of risk and level


def lines_of(text: str) -> list[str]:
    """The rows of a JSONL text. Not `splitlines`: JSON may hold U+2028 and U+0085 as they are."""
    return text.split("\n")


def check_lines(
    lines: Iterable[str],
    *,
    level: AutonomyLevel,
    inventory: Inventory,
    host: str | None = None,
    catalog: Catalog | None = None,
) -> Iterator[JsonObject]:
    """One row for each of `lines_of` a JSONL file, in order: {"command": ..., "host": ...?}.

    A row: command, verdict (allow | needs_approval | deny), action (null where there is none), rule
    (what decided), reason; and host, params, risk where there is an action. `host` is for rows that
    name none; without it the first host is meant that the action may be run on.
    """
    catalog = catalog or Catalog.load()
    for line in lines:
        if line.strip():
            yield _row(line, level, inventory, host, catalog)


def _row(
    line: str, level: AutonomyLevel, inventory: Inventory, host: str | None, catalog: Catalog
) -> JsonObject:
    try:
        given = json.loads(line)
        command = given["command"]
        wanted = given.get("host", host)
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
        return _denied(None, Rule.INPUT, "the row is no JSON object with a `command`")
    if not isinstance(command, str):
        return _denied(None, Rule.INPUT, "`command` is no text")
    named = inventory.by_name.get(wanted) if isinstance(wanted, str) else None
    if named is None and (wanted is not None or not inventory.hosts):
        said = f"{ascii(wanted)[:80]} is no host of the inventory"
        return _denied(command, Rule.HOST, said)
    try:
        meaning, plain = meaning_of(command)
    except NotPlain as problem:
        return _denied(command, Rule.PLAIN_WORDS, str(problem))
    except NoMeaning as problem:
        return _denied(command, Rule.CATALOG, str(problem))
    row = _judged(command, meaning, (named,) if named else inventory.hosts, level, catalog)
    if row["verdict"] != Verdict.DENY and not _known(meaning.reaches, inventory):
        said = f"{meaning.reaches} is no host of the inventory"
        return _denied(command, Rule.HOST, said, action=meaning.action)
    return row if plain.bound is None else {**row, "bound": plain.bound.model_dump()}


def _judged(
    command: str,
    meaning: Meaning,
    hosts: Sequence[Host],
    level: AutonomyLevel,
    catalog: Catalog,
) -> JsonObject:
    """Types, units and host by the catalog, then the table of risk and level.

    On the first of the hosts that it may be run on; where there is none, why not on the first.
    """
    refused: list[JsonObject] = []
    for host in hosts:
        call = ActionCall(action=meaning.action, host=host.name, params=meaning.params)
        rule = Rule.CATALOG
        try:
            entry = catalog.fit(call, host, left_out=meaning.asked)
            rule = Rule.HOST
            catalog.bind(call, host)
        except ActionRejected as rejected:
            refused.append(_denied(command, rule, str(rejected), action=call.action))
            continue
        return _by_level(command, call, entry.risk, level) | _left_out(meaning)
    return refused[0]


def _by_level(command: str, call: ActionCall, risk: Risk, level: AutonomyLevel) -> JsonObject:
    people = people_needed(risk, level)
    verdict = {People.NONE: Verdict.ALLOW, People.FORBIDDEN: Verdict.DENY}.get(
        people, Verdict.NEEDS_APPROVAL
    )
    return {
        "command": command,
        "verdict": verdict.value,
        "host": call.host,
        "action": call.action,
        "params": call.params,
        "risk": risk.value,
        "rule": Rule.AUTONOMY.value,
        "reason": _reason(risk, level, people),
    }


def _left_out(meaning: Meaning) -> JsonObject:
    """Parameters that a plan would ask the host for before anybody is asked to agree."""
    return {"asked_of_the_host": list(meaning.asked)} if meaning.asked else {}


def _known(name: str | None, inventory: Inventory) -> bool:
    """Whether a line may have the host look up or speak to this name.

    Any other name is a way to tell something to whoever answers for it.
    """
    own = name is None or name in ("localhost", "127.0.0.1", "::1")
    return own or any(host.known_as(str(name)) for host in inventory.hosts)


def _reason(risk: Risk, level: AutonomyLevel, people: People) -> str:
    if people is People.FORBIDDEN:
        return f"{level} does not allow {risk}"
    if people is People.NONE:
        return f"{level} allows {risk} alone"
    return f"{level} asks {int(people)} for {risk}"


def _denied(
    command: str | None, rule: Rule, reason: str, *, action: str | None = None
) -> JsonObject:
    return {
        "command": command,
        "verdict": Verdict.DENY.value,
        "action": action,
        "rule": rule.value,
        "reason": reason,
    }
