"""The audit's verification while the service runs: always a little, and in the end all of it.

At each look: do the guards stand, does the last entry that was verified, and what came since? Then
a portion of the pass over everything, which begins at the start, again some time after the last
one, and at once while something is wrong, so that what was mended is seen.

What was verified is remembered here and nowhere else: whoever can write to the database cannot
tell us to begin later. A new process therefore begins at the genesis.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from app import log
from app.audit import checkpoints, key_file
from app.audit.checkpoints import Anchor, checkpoint_of
from app.audit.checks import Checks, Found, Passed
from app.audit.findings import Fault, Finding, Findings
from app.audit.key_file import KeyRing
from app.audit.portions import Following, Pass, truncated
from app.audit.verifying import look_at_guards
from app.domain.alert import AlertKind, Condition
from app.errors import AuditKeyUnusable
from app.models.database import Database

LOOK_SECONDS = 1.0
"""After so long a look leaves the rest to the next one. A portion that was begun is ended."""

KINDS = frozenset({AlertKind.AUDIT_BROKEN})

_log = log.get(__name__)


class Patrol:
    """Verifies the audit again and again; one for a process."""

    def __init__(
        self,
        database: Database,
        *,
        worker: str,
        all_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._checks = Checks(database)
        self._worker = worker
        self._all_seconds = all_seconds
        self._clock = clock
        self._following: Following | None = None  # None: no pass has ended yet
        self._pass: Pass | None = None  # under way
        self._known = Findings()  # of the last pass that ended, and since then
        self._new = Findings()  # of the pass under way, and since it began
        self._lost = Findings()  # what was verified and is gone: known until this process ends
        self._passed: Passed | None = None
        self._passed_at = 0.0

    async def look(self) -> tuple[Condition, ...] | None:
        """What is wrong with the audit now; None while that cannot be said yet.

        Raises DatabaseNotReady and AuditWriteFailed.
        """
        try:
            ring = await asyncio.to_thread(key_file.load, self._database.settings.audit_keys_at)
        except AuditKeyUnusable as error:
            return await self._without_key(error)
        until = self._clock() + LOOK_SECONDS
        guards = await self._look_at_guards()
        await self._follow(ring, until)
        ended = await self._go_on(ring, until)
        found = self._found(guards)
        await self._checks.keep(found, worker=self._worker, passed_now=ended)
        if found.first is None:
            return () if self._passed is not None else None
        return (_condition(_sentence(found.first)),)

    async def _without_key(self, error: AuditKeyUnusable) -> tuple[Condition, ...]:
        """Nothing can be verified, nor written: told as what is wrong, and never as all well."""
        _log.error("the audit cannot be verified", code=error.code, reason=str(error))
        said = Findings()
        said.add(Fault.KEY_UNKNOWN, f"The audit cannot be verified: {error.message}")
        await self._checks.keep(self._found(said), worker=self._worker, passed_now=False)
        return (_condition(f"The audit cannot be verified: {error.code}."),)

    async def _look_at_guards(self) -> Findings:
        findings = Findings()
        async with self._database.reading() as session:
            await look_at_guards(session, findings)
        return findings

    async def _follow(self, ring: KeyRing, until: float) -> None:
        """Verify what is new, once a pass has ended."""
        following, more = self._following, True
        if following is None:
            return
        following.walk.ring, following.walk.findings = ring, self._findings
        while more:
            async with self._database.reading() as session:
                lost = await following.lost(session)
                more = lost is None and await following.portion(session)
            if lost is not None:
                await self._lose(ring, lost)
            more = more and self._clock() < until

    async def _lose(self, ring: KeyRing, lost: Anchor) -> None:
        """Something that we had verified is gone. Kept here, and in the checkpoint file for ever:

        what is left is whole in itself, so the next pass would find nothing without that.
        """
        truncated(self._lost, lost)
        following, self._following = self._following, None
        key = ring.get(lost.key_id)
        if following is None or following.walk.last is None or key is None:
            return
        witness = checkpoint_of(following.walk.last, key, chain=lost.chain, execution_id=None)
        await checkpoints.write(self._database.settings.audit_checkpoints_at, witness)

    async def _go_on(self, ring: KeyRing, until: float) -> bool:
        """Some portions of the pass over everything. Whether it has ended by that."""
        if self._pass is None and self._is_due():
            self._new = Findings()
            self._pass = Pass(ring, self._new)
        under_way = self._pass
        if under_way is None:
            return False
        under_way.walk.ring = ring
        while not under_way.done:
            await under_way.portion(self._database)
            if self._clock() >= until:
                break
        if under_way.done:
            await self._end(under_way)
        return under_way.done

    def _is_due(self) -> bool:
        late = self._clock() >= self._passed_at + self._all_seconds
        return self._passed is None or late or bool(self._known.kept)

    async def _end(self, ended: Pass) -> None:
        async with self._database.reading() as session:
            self._following = await ended.followed(session)
        self._passed = Passed(entries=ended.walk.entries, rows=ended.rows, anchors=ended.anchors)
        self._passed_at = self._clock()
        self._known, self._pass = self._new, None

    @property
    def _findings(self) -> Findings:
        """Where what is found now is noted: it is kept until a pass that began later has ended."""
        return self._new if self._pass is not None else self._known

    def _found(self, guards: Findings) -> Found:
        under_way = self._new.kept if self._pass is not None else []
        wrong = [*guards.kept, *self._lost.kept, *self._known.kept, *under_way]
        last = self._following.walk.last if self._following else None
        return Found(
            verified_to=last.seq if last else 0,
            passed=self._passed,
            wrong=len(set(wrong)),
            first=wrong[0] if wrong else None,
        )


def _sentence(first: Finding) -> str:
    """What is told outside: our own words and a number, nothing that somebody wrote into a row."""
    if first.fault is Fault.GUARD_MISSING:
        return "The audit's guards in the database were removed or altered."
    where = "" if first.seq is None else f" at entry {first.seq}"
    return f"The audit does not hold: {first.fault}{where}."


def _condition(statement: str) -> Condition:
    return Condition(kind=AlertKind.AUDIT_BROKEN, subject="audit", statement=statement)
