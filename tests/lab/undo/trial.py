"""Captured, changed, undone, compared: one action on one host, by the product's own parts."""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.action import ActionCall, Params
from app.domain.host import Host
from app.domain.value import JsonObject
from app.execution.catalog import Catalog, Undo
from app.execution.entry import fill
from app.execution.hosts import SshHosts
from app.execution.ports import ReceiptState, Watch
from app.lab.machine import Machine
from tests.lab.undo.rows import Asked, Row

PATIENCE = 20.0
"""Seconds until the host is as it was: a service takes its time to come up again."""
_TOLD = re.compile(r"^([a-z][a-z_]*)=(\S.*)$", re.MULTILINE)
_NAMED = re.compile(r"\{([a-z][a-z_]*)\}")

IGNORED = frozenset(
    {
        "modified",  # what is put back is written anew
        "active_since", "inactive_since", "state_since", "started_at", "finished_at",
        "main_pid",  # what is started again is another process
        "exec_start_pre_failed",  # of the last start: there is a later one
        "memory_bytes", "tasks", "dead", "health",  # measured
    }
)  # fmt: skip
"""Fields of facts that differ after the best of undos, and say nothing of it."""

UNORDERED = frozenset(
    {"requires", "wants", "after", "part_of", "conflicts", "triggered_by", "triggers"}
)
"""Lists that systemd tells in whatever order its tables have."""

Facts = dict[str, JsonObject]


@dataclass
class Trial:
    """One row at work."""

    row: Row
    catalog: Catalog
    hosts: SshHosts
    host: Host
    machine: Machine
    known: dict[str, object] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=itertools.count)
    name: str = field(default_factory=lambda: secrets.token_hex(4))

    async def prove(self, action: str) -> None:
        """AssertionError where the undo is not one, or one is claimed that there is not."""
        await self._prepare()
        call = self._call(action, self.row.params)
        before, shown = await self._facts(call), self._look()
        assert self.catalog.unmet(call, before) == ()
        await self._change(call, self.catalog.undo(call, before, self.host).calls)
        await self._verified(call)
        after, shown_after = await self._facts(call), self._look()
        undo = self.catalog.undo(call, before, self.host)
        if self.catalog.entry(action).rollback == "none":
            self._claims_nothing(call, undo)
        else:
            differs = _lasting(after) != _lasting(before) or shown_after != shown
            assert differs, "nothing shows that anything was changed"
            assert undo.calls, f"no undo: {undo.note}"
        for each in (*undo.calls, *undo.settle):
            await self._make(each)
        if undo.calls:
            await self._is_as_before(call, before, shown)

    def restore(self) -> None:
        """Clear what would be in the way of the rows after this one."""
        if self.row.restore:
            self._script(self.row.restore)

    async def _prepare(self) -> None:
        for step in self.row.prepare:
            if isinstance(step, str):
                self.known.update(_TOLD.findall(self._script(step)))
            else:
                await self._ask(step)

    async def _ask(self, step: Asked) -> None:
        call = self._call(step.action, step.params)
        if self.catalog.entry(step.action).changes:
            await self._change(call)
            return
        facts = await self._observe(call)
        for name, place in step.keep.items():
            self.known[name] = _at(facts, place)

    def _call(self, action: str, params: Params) -> ActionCall:
        types = self.catalog.types_of(self.catalog.entry(action))
        filled: Params = {}
        for name, template in params.items():
            value = fill(template, self.known)
            assert value is not None, f"{template} is not known"
            filled[name] = int(value) if types[name]["kind"] == "int" else str(value)
        return ActionCall(action=action, host=self.host.name, params=filled)

    async def _facts(self, call: ActionCall) -> Facts:
        captures = self.catalog.captures(call)
        return {name: await self._observe(asked) for name, asked in captures.items()}

    async def _observe(self, call: ActionCall) -> JsonObject:
        (seen,) = await self.hosts.observe(self.host, [call])
        assert seen.ok, f"{call.label()}: {seen.error} {seen.error_output}"
        return seen.facts

    async def _change(self, call: ActionCall, undo: tuple[ActionCall, ...] = ()) -> None:
        intent = f"undo-{self.name}.{next(self.numbers)}"
        cuts_off = self.catalog.entry(call.action).cuts_off
        receipt = await self.hosts.change(
            self.host, call, intent_id=intent, fence=1, undo=undo if cuts_off else ()
        )
        said = f"{call.label()}: {receipt.state} {receipt.reason} {receipt.output}"
        assert receipt.state is ReceiptState.ENDED, said
        assert receipt.exit_code == 0, said
        if receipt.watch is Watch.WAITING:
            await self._heard(intent)

    async def _heard(self, intent: str) -> None:
        """The host keeps the change: it does not take it back by itself."""

        async def complaint() -> str:
            told = await self.hosts.confirm(self.host, intent)
            return "" if told.watch is Watch.KEPT else f"the host's watch is {told.watch!r}"

        assert await _until_quiet(complaint, PATIENCE) == ""

    async def _make(self, call: ActionCall) -> None:
        """As the engine does it: refused where its precondition does not hold, unless it is so."""
        before = await self._facts(call)
        unmet = self.catalog.unmet(call, before)
        if unmet and self.catalog.is_so(call, before):
            return
        assert unmet == (), f"{call.label()}: {unmet}"
        await self._change(call)
        await self._verified(call)

    async def _verified(self, call: ActionCall) -> None:
        """The catalog's own checks of a change hold within their time."""
        for check in self.catalog.entry(call.action).verify:
            params = {name: fill(value, call.params) for name, value in check.params.items()}
            asked = self._call(check.action, {n: v for n, v in params.items() if v is not None})

            async def complaint(check: Any = check, asked: ActionCall = asked) -> str:
                return str(check.unmet(await self._observe(asked), call.params))

            said = await _until_quiet(complaint, check.within)
            assert said == "", f"{call.label()}: {said}"

    async def _is_as_before(self, call: ActionCall, before: Facts, shown: str) -> None:
        async def difference() -> str:
            now = before if self.row.renamed else await self._facts(call)
            return _difference(_lasting(before), _lasting(now)) or _either(shown, self._look())

        said = await _until_quiet(difference, PATIENCE)
        assert said == "", f"{call.label()} was undone, and is not: {said}"

    def _claims_nothing(self, call: ActionCall, undo: Undo) -> None:
        """Whoever reads of it finds no call that would take it back, and why."""
        assert undo.calls == ()
        assert undo.note == self.catalog.entry(call.action).rollback_note != ""

    def _look(self) -> str:
        return self._script(self.row.look) if self.row.look else ""

    def _script(self, text: str) -> str:
        named = _NAMED.sub(lambda found: str(self.known.get(found[1], found[0])), text)
        done = self.machine.script(f"set -eo pipefail\n{named}")
        assert done.ok, done.output
        return done.output


def _lasting(facts: Mapping[str, JsonObject]) -> Facts:
    return {
        name: {
            key: sorted(value) if key in UNORDERED else value
            for key, value in one.items()
            if key not in IGNORED
        }
        for name, one in facts.items()
    }


def _difference(before: Facts, now: Facts) -> str:
    return "; ".join(
        f"{name}.{key} was {value!r} and is {now[name].get(key)!r}"
        for name, one in before.items()
        for key, value in one.items()
        if now[name].get(key) != value
    )


def _either(before: str, now: str) -> str:
    return "" if before == now else f"the host showed {before!r} and shows {now!r}"


def _at(facts: JsonObject, place: str) -> object:
    found: Any = facts
    for part in place.split("."):
        found = found[int(part) if part.isdigit() else part]
    return found


async def _until_quiet(complaint: Callable[[], Awaitable[str]], seconds: float) -> str:
    """The last complaint; "" as soon as there is none. A host tells of no state: it is asked."""
    deadline = time.monotonic() + seconds
    while said := await complaint():
        if time.monotonic() > deadline:
            return said
        await asyncio.sleep(0.3)
    return ""
