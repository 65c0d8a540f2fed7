"""The effects with a span for each thing done: what is answered from a record is not done again.

The state that a thing is done in stands at the beginning of its key: `diagnose-2.control`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, cast

from app.domain.evidence import Evidence
from app.domain.execution import Step
from app.domain.probe import ProbeResult
from app.domain.verdict import ChangeResult, Decision
from app.engine.durable_effects import effect_names
from app.services.ports import Effects
from app.telemetry.tracing import Attributes, Part, Trace

TRACED = frozenset(
    {"assess", "observe", "probe", "decide", "lease", "change", "undo", "watch", "conclude"}
)
_STATE = re.compile(r"(?:{})-\d+".format("|".join(Step)))


def traced(plain: Effects, trace: Trace) -> Effects:
    """The same effects, told to `trace`."""
    steps = _Steps()
    for name in effect_names():
        method = getattr(plain, name)
        setattr(steps, name, _told(name, method, trace) if name in TRACED else method)
    return cast(Effects, steps)


class _Steps:
    """Holds the methods; it is an Effects once `traced` has filled it."""


def _told(
    name: str, method: Callable[..., Awaitable[Any]], trace: Trace
) -> Callable[..., Awaitable[Any]]:
    async def once(key: str, *args: Any, **kwargs: Any) -> Any:
        with trace.part(state_of(key), name) as part:
            answer = await method(key, *args, **kwargs)
            for one in answer if isinstance(answer, tuple) else (answer,):
                _tell(part, one)
            return answer

    return once


def state_of(key: str) -> str:
    """`diagnose-2` of `diagnose-2.look`; the key itself where it names no state."""
    found = _STATE.match(key)
    return found.group() if found else key


def _tell(part: Part, answer: object) -> None:
    """What came of it, in ids, states and numbers."""
    match answer:
        case Evidence():
            name = f"diagnostic {answer.action}"
            part.within(name, answer.seconds, _of_evidence(answer), failed=not answer.ok)
        case ProbeResult():
            name = f"probe {answer.probe.kind}"
            part.within(name, answer.seconds, _of_probe(answer), failed=not answer.ok)
        case ChangeResult():
            name = f"change {answer.call.action}"
            failed = not answer.succeeded
            part.within(name, answer.seconds, _of_change(answer), failed=failed)
        case Decision():
            part.say({"verdict": answer.verdict, "rule": answer.rule, "level": answer.level})
        case bool():
            part.say({"held": answer})


def _of_evidence(seen: Evidence) -> Attributes:
    return _known(
        evidence_id=seen.id,
        action=seen.action,
        host=seen.host,
        exit_code=seen.exit_code,
        simulated=seen.simulated,
    )


def _of_probe(result: ProbeResult) -> Attributes:
    return _known(
        evidence_id=result.evidence_id,
        kind=str(result.probe.kind),
        port=result.probe.port,
        ok=result.ok,
        simulated=result.simulated,
    )


def _of_change(result: ChangeResult) -> Attributes:
    return _known(
        intent_id=result.intent_id,
        action=result.call.action,
        host=result.call.host,
        status=str(result.status),
        exit_code=result.exit_code,
        evidence_id=result.evidence_id,
    )


def _known(**found: str | int | bool | None) -> Attributes:
    return {name: value for name, value in found.items() if value is not None}
