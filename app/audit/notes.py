"""The words of work notes, made from rows of the same transaction.

Plain text. What comes from hosts and tickets is bounded, and cannot switch ServiceNow's journal
fields to HTML, which `[code]` would do. Outputs of commands are not repeated: they stand in the
execution's log, redacted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from secrets import token_hex

from app.domain.action import ActionCall, Plan
from app.domain.event import LogStatus
from app.domain.execution import Outcome
from app.domain.probe import ProbeResult
from app.domain.verdict import Decision
from app.models.sre_execution import Execution, ExecutionLog, VerificationRow

NOTE_MAX = 8_000  # characters; ServiceNow takes more, nobody reads more
LINE_MAX = 600
SIMULATED = "SIMULATED: no host was contacted, nothing was changed.\n"

_CODE = re.compile(r"\[(/?)code\]", re.IGNORECASE)

HEADLINES = {
    Outcome.RESOLVED: "resolved",
    Outcome.ESCALATED: "handed over to a person",
    Outcome.NO_FAULT: "no fault was found",
    Outcome.FAILED: "failed; a person must look",
    Outcome.CANCELLED: "stopped",
}


def marker(execution_id: int, word: str) -> str:
    """What ends a note and is looked for before it is sent again. Different at each call."""
    return f"[sre-agent execution {execution_id} · {word} · {token_hex(3)}]"


def note(lines: Sequence[str], mark: str, *, simulated: bool) -> str:
    """The whole note: marked as simulated where it is, cut where it is long, its marker last."""
    text = (SIMULATED if simulated else "") + "\n".join(lines)
    room = NOTE_MAX - len(mark) - 1
    if len(text) > room:
        cut = "\n... (cut; the execution has all of it)"
        text = text[: room - len(cut)] + cut
    return f"{text}\n{mark}"


def plain(text: str, most: int = LINE_MAX) -> str:
    """One line of text from anywhere."""
    flat = _CODE.sub(r"[\1 code]", " ".join(text.split()))
    return flat if len(flat) <= most else flat[: most - 3] + "..."


def taken_on(execution: Execution) -> list[str]:
    return [
        f"SRE agent: taken on (execution {execution.id}).",
        f"Host: {execution.host}. It is looked at first; whatever is changed is said here.",
    ]


def question(
    execution: Execution,
    number: int,
    plan: Plan,
    decision: Decision,
    expires_at: datetime,
    public_url: str | None = None,
) -> list[str]:
    """What a person is asked, and how to answer: on the page, where people can reach it."""
    page = f"{public_url}/ui/approvals/{number}, or " if public_url else ""
    until = f"{expires_at:%Y-%m-%d %H:%M}"
    return [
        f"SRE agent: waits for approval (execution {execution.id}, question {number}).",
        f"Cause: {plain(plan.cause_text)} (confidence {plan.confidence:.0%})",
        f"May this be done on {plan.host} (risk {decision.risk.value})?",
        *(f"  {place}. {_call(step)}" for place, step in enumerate(plan.steps, start=1)),
        f"Asked because: {plain(decision.reasons[0] if decision.reasons else decision.rule)}",
        f"Needed: {max(1, decision.approvals_needed)} approval(s) until {until} UTC.",
        f"Answer: {page}sre-agent approvals approve {number}, or reject {number}.",
    ]


def ended(
    execution: Execution, changes: Sequence[ExecutionLog], proof: VerificationRow | None
) -> list[str]:
    """How it ended: cause, actions, proof, and what a person should do."""
    assert execution.outcome is not None
    lines = [f"SRE agent: {HEADLINES[execution.outcome]} (execution {execution.id})."]
    if execution.root_cause:
        sure = f" (confidence {execution.confidence:.0%})" if execution.confidence else ""
        lines.append(f"Cause: {plain(execution.root_cause)}{sure}")
    if execution.summary:
        lines.append(f"Summary: {plain(execution.summary, 2 * LINE_MAX)}")
    lines += _changed(execution, changes)
    if proof is not None:
        lines += _proof(proof)
    if execution.recommended:
        lines.append("What a person should do:")
        lines += [f"  - {plain(step)}" for step in execution.recommended]
    return lines


def close_notes(execution: Execution, mark: str) -> str:
    """What resolves the ticket, in a paragraph."""
    return f"{plain(execution.summary or execution.root_cause, 2 * LINE_MAX)}\n{mark}"


def _changed(execution: Execution, changes: Sequence[ExecutionLog]) -> list[str]:
    ran = [line for line in changes if line.status is not LogStatus.REFUSED]
    if not ran:
        return [f"Nothing was changed on {execution.host}."]
    return ["What was run:", *(f"  - {_change(line)}" for line in ran)]


def _change(line: ExecutionLog) -> str:
    ending = f"exit code {line.exit_code}" if line.exit_code is not None else line.status.value
    call = ActionCall(action=line.action, host=line.host, params=line.params)
    return f"{_call(call)} on {line.host} ({line.action_type.value}): {ending}"


def _call(call: ActionCall) -> str:
    given = " ".join(f"{name}={value}" for name, value in sorted(call.params.items()))
    return plain(f"{call.action} {given}".strip())


def _proof(proof: VerificationRow) -> list[str]:
    head = f"Proof: {plain(proof.statement)} (watched for {proof.watched_seconds:.0f} s)"
    before = [_probe("before", ProbeResult.model_validate(result)) for result in proof.before]
    after = [_probe("after", ProbeResult.model_validate(result)) for result in proof.after]
    return [head, *before, *after]


def _probe(moment: str, result: ProbeResult) -> str:
    said = result.detail or result.error or ("passed" if result.ok else "failed")
    sign = "passed" if result.ok else "FAILED"
    return f"  {moment}: {plain(result.probe.name, 120)} {sign}: {plain(said, 200)}"
