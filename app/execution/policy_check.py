"""`sre-agent policy check`: what the policy says to command lines, before anybody runs them.

Each line is translated to a catalogued action; what has no translation is denied. Types, units and
risk are judged as for a real plan; the evidence gate is not applied, for there is no incident.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

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

    A row: command, verdict (allow | needs_approval | deny), host, action, params, risk, reason.
    `host` is for rows that name none; without it the inventory's first host is meant.
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
        return _denied(None, "the row is no JSON object with a `command`")
    if not isinstance(command, str):
        return _denied(None, "`command` is no text")
    found = inventory.by_name.get(wanted) if wanted else next(iter(inventory.hosts), None)
    if found is None:
        return _denied(command, f"{ascii(wanted)[:80]} is no host of the inventory")
    try:
        meaning, plain = meaning_of(command)
    except (NotPlain, NoMeaning) as problem:
        return _denied(command, str(problem))
    row = _judged(command, meaning, found, level, catalog)
    return row if plain.bound is None else {**row, "bound": plain.bound.model_dump()}


def _judged(
    command: str, meaning: Meaning, host: Host, level: AutonomyLevel, catalog: Catalog
) -> JsonObject:
    """Types, units and host by the catalog, then the table of risk and level."""
    call = ActionCall(action=meaning.action, host=host.name, params=meaning.params)
    try:
        entry = catalog.check(call, host)
    except ActionRejected as rejected:
        return _denied(command, str(rejected))
    people = people_needed(entry.risk, level)
    verdict = {People.NONE: Verdict.ALLOW, People.FORBIDDEN: Verdict.DENY}.get(
        people, Verdict.NEEDS_APPROVAL
    )
    return {
        "command": command,
        "verdict": verdict.value,
        "host": host.name,
        "action": call.action,
        "params": call.params,
        "risk": entry.risk.value,
        "reason": _reason(entry.risk, level, people),
    }


def _reason(risk: Risk, level: AutonomyLevel, people: People) -> str:
    if people is People.FORBIDDEN:
        return f"{level} does not allow {risk}"
    if people is People.NONE:
        return f"{level} allows {risk} alone"
    return f"{level} asks {int(people)} for {risk}"


def _denied(command: str | None, reason: str) -> JsonObject:
    return {"command": command, "verdict": Verdict.DENY.value, "reason": reason}
