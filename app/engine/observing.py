"""Looking: diagnostics on hosts and probes from our side, written down as evidence.

A host that the execution may not look at, or a spent limit, is an answer like any other: not ok,
with the reason, so that reasoning sees that it does not know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from time import monotonic

from app.domain.action import ActionCall, Risk
from app.domain.evidence import Evidence, Observation
from app.domain.execution import Step
from app.domain.host import Host
from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.domain.value import JsonObject
from app.engine.keys import Keys
from app.engine.limits import Spending
from app.engine.parts import Hands, Records
from app.errors import ActionRejected, UnknownTarget
from app.execution.ports import is_cut_off
from app.host import checks
from app.host.view import HostView

OBSERVE_DEADLINE_SECONDS = 60.0
WATCH_POLL_SECONDS = 2.0
STRICT_POLL_SECONDS = 1.0
GRACE_POLL_SECONDS = 0.5
REACH_POLL_SECONDS = 1.0
_SPENT = "limit: EXECUTION_MAX_COMMANDS is reached"


class Observing:
    """The eyes of one workflow."""

    def __init__(
        self,
        keys: Keys,
        host: Host,
        records: Records,
        hands: Hands,
        spending: Spending,
        *,
        reach_seconds: float,
    ) -> None:
        """`reach_seconds`: how long in all a host that is cut off is asked again."""
        self._id = keys.execution_id
        self._host = host
        self._records = records
        self._hands = hands
        self._spending = spending
        self._patience = reach_seconds
        self._answered = {host.name}

    async def observe(
        self, row: str, step: Step, calls: Sequence[ActionCall], why: str
    ) -> tuple[Evidence, ...]:
        """Run diagnostics, one connection a host, and write them down under `row`."""
        return await self._observe(row, step, calls, why, room=self._spending.room())

    async def _observe(
        self, row: str, step: Step, calls: Sequence[ActionCall], why: str, *, room: int
    ) -> tuple[Evidence, ...]:
        before = await self._records.reading.recorded(self._id, row)
        if before or not calls:  # a crash came between the rows and the step's record
            return before
        seen = await self._look(calls, room)
        ids = await self._records.journal.record_observations(self._id, row, step, why, seen)
        return tuple(one.as_evidence(number) for one, number in zip(seen, ids, strict=True))

    async def probe(
        self, row: str, step: Step, probes: Sequence[Probe], why: str
    ) -> tuple[ProbeResult, ...]:
        """Ask what users ask, and write the answers down under `row`."""
        before = await self._records.reading.recorded(self._id, row)
        if before or not probes:
            return tuple(_probe_result(evidence) for evidence in before)
        return await self._recorded(row, step, why, await self._ask(probes))

    async def watch(
        self,
        row: str,
        step: Step,
        probes: Sequence[Probe],
        why: str,
        *,
        grace_seconds: float,
        seconds: float,
        strict: bool = False,
    ) -> tuple[ProbeResult, ...]:
        """Whether all probes come to pass within the grace and then pass for `seconds`.

        Only the last answers are written down.
        """
        before = await self._records.reading.recorded(self._id, row)
        if before or not probes:
            return tuple(_probe_result(evidence) for evidence in before)
        results = await self._first_well(probes, grace_seconds)
        if all(result.ok for result in results):
            results = await self._still_well(probes, seconds, strict=strict)
        return await self._recorded(row, step, why, results)

    async def capture(self, row: str, calls: Mapping[str, ActionCall]) -> dict[str, JsonObject]:
        """The state before a change, by name; what could not be read is missing.

        No limit stands in its way: an undo must be possible when all is spent.
        """
        evidence = await self._observe(
            row, Step.REMEDIATE, tuple(calls.values()), "The state before.", room=len(calls)
        )
        named = zip(calls, evidence, strict=True)
        return {name: answer.facts for name, answer in named if answer.ok}

    async def _look(self, calls: Sequence[ActionCall], room: int) -> tuple[Observation, ...]:
        """Observations in the order of `calls`, whatever host each is for."""
        answers: dict[int, Observation] = {}
        by_host: dict[str, list[int]] = {}
        for index, call in enumerate(calls):
            refused = self._refusal(call) if index < room else _SPENT
            if refused:
                answers[index] = self._not_asked(call, refused)
            else:
                by_host.setdefault(call.host, []).append(index)
        groups = list(by_host.items())
        seen = await asyncio.gather(
            *(self._look_at(name, [calls[i] for i in indices]) for name, indices in groups)
        )
        order = chain.from_iterable(indices for _, indices in groups)
        answers |= dict(zip(order, chain.from_iterable(seen), strict=True))
        return tuple(answers[index] for index in range(len(calls)))

    async def _look_at(self, name: str, calls: Sequence[ActionCall]) -> Iterable[Observation]:
        """Ask one host; again, while there is patience, what was lost on the way to it.

        A network that is away for some seconds is no reason to wake a person. A related host that
        has not answered yet may never be meant to: it gets one attempt.
        """
        host = self._hands.inventory.get(name)
        seen = list(await self._ask_host(host, calls))
        lost = [i for i, one in enumerate(seen) if is_cut_off(one)]
        begun = monotonic()
        while lost and name in self._answered and monotonic() - begun < self._patience:
            await asyncio.sleep(REACH_POLL_SECONDS)
            again = await self._ask_host(host, [calls[i] for i in lost])
            for i, one in zip(lost, again, strict=True):
                seen[i] = one
            lost = [i for i in lost if is_cut_off(seen[i])]
        if len(lost) < len(seen):
            self._answered.add(name)
        self._patience -= monotonic() - begun
        return seen

    async def _ask_host(self, host: Host, calls: Sequence[ActionCall]) -> Iterable[Observation]:
        return await self._hands.hosts.observe(
            host, calls, deadline_seconds=OBSERVE_DEADLINE_SECONDS
        )

    def _refusal(self, call: ActionCall) -> str:
        """Why a diagnostic is not run; "" where it is."""
        if call.host not in (self._host.name, *(host.name for host in self._near)):
            return f"not allowed: {self._host.name} and {call.host} are not declared to be related"
        try:
            entry = self._hands.catalog.check(call, self._hands.inventory.get(call.host))
        except (ActionRejected, UnknownTarget) as error:
            return f"rejected: {error.message}"
        return f"rejected: {call.action} changes the host" if entry.changes else ""

    def _not_asked(self, call: ActionCall, reason: str) -> Observation:
        return Observation(
            call=call,
            argv=(),
            risk=Risk.READ,
            ok=False,
            error=reason,
            taken_at=datetime.now(UTC),
            simulated=self._hands.simulated,
        )

    async def _first_well(
        self, probes: Sequence[Probe], grace_seconds: float
    ) -> tuple[ProbeResult, ...]:
        """Probe until all pass or the grace is over: what was just started may need a while."""
        give_up = monotonic() + grace_seconds
        while True:
            results = await self._ask(probes)
            if all(result.ok for result in results) or monotonic() >= give_up:
                return results
            await asyncio.sleep(GRACE_POLL_SECONDS)

    async def _still_well(
        self, probes: Sequence[Probe], seconds: float, *, strict: bool
    ) -> tuple[ProbeResult, ...]:
        """Probe until `seconds` have passed or it fails; unless strict, twice in a row."""
        until = monotonic() + seconds
        pause = STRICT_POLL_SECONDS if strict else WATCH_POLL_SECONDS
        failed = False
        while True:
            left = until - monotonic()
            await asyncio.sleep(GRACE_POLL_SECONDS if failed else max(0.0, min(left, pause)))
            results = await self._ask(probes)
            well = all(result.ok for result in results)
            if (not well and (failed or strict)) or (well and monotonic() >= until):
                return results
            failed = not well

    async def _ask(self, probes: Sequence[Probe]) -> tuple[ProbeResult, ...]:
        """Answers in the order of `probes`: of users' questions and of checks on hosts."""
        inside = [probe for probe in probes if probe.kind is ProbeKind.HOST]
        outside = [probe for probe in probes if probe.kind is not ProbeKind.HOST]
        answers, checked = await asyncio.gather(self._ask_as_users(outside), self._check(inside))
        found = {result.probe: result for result in (*answers, *checked)}
        return tuple(found[probe] for probe in probes)

    async def _check(self, probes: Sequence[Probe]) -> tuple[ProbeResult, ...]:
        """Ask the hosts about themselves: one diagnostic serves every check that reads it."""
        wanted = [call for p in probes for call in checks.calls(p, self._host_of(p).name)]
        unique = tuple({call.label(): call for call in wanted}.values())
        if not unique:
            return ()
        seen = [one.as_evidence(0) for one in await self._look(unique, len(unique))]
        return tuple(
            checks.answer(
                probe,
                HostView(self._host_of(probe), seen),
                taken_at=datetime.now(UTC),
                simulated=self._hands.simulated,
            )
            for probe in probes
        )

    async def _ask_as_users(self, probes: Sequence[Probe]) -> tuple[ProbeResult, ...]:
        by_host: dict[str, list[int]] = {}
        for index, probe in enumerate(probes):
            by_host.setdefault(self._host_of(probe).name, []).append(index)
        groups = list(by_host.items())
        answers = await asyncio.gather(
            *(
                self._hands.prober.probe(
                    self._hands.inventory.get(name), [probes[i] for i in indices]
                )
                for name, indices in groups
            )
        )
        order = chain.from_iterable(indices for _, indices in groups)
        found = dict(zip(order, chain.from_iterable(answers), strict=True))
        return tuple(found[index] for index in range(len(probes)))

    def _host_of(self, probe: Probe) -> Host:
        """Whose probe it is: a related host's where the address is its, else ours."""
        return next((h for h in self._near if h.address == probe.address), self._host)

    @cached_property
    def _near(self) -> tuple[Host, ...]:
        return self._hands.inventory.related(self._host)

    async def _recorded(
        self, row: str, step: Step, why: str, results: Sequence[ProbeResult]
    ) -> tuple[ProbeResult, ...]:
        ids = await self._records.journal.record_probes(self._id, row, step, why, results)
        pairs = zip(results, ids, strict=True)
        return tuple(result.model_copy(update={"evidence_id": number}) for result, number in pairs)


def _probe_result(evidence: Evidence) -> ProbeResult:
    """A probe's answer as it was written down before a crash."""
    return ProbeResult.model_validate(evidence.facts | {"evidence_id": evidence.id})
