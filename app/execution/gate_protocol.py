"""What is said to a host's gate and what it answers, as values. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from app.domain.action import ActionCall
from app.domain.host import Host
from app.domain.value import JsonObject, canonical_json
from app.errors import HostNotEnrolled, HostUnreachable
from app.execution.observations import RawResult
from app.execution.ports import Receipt, ReceiptState, Watch

PROTOCOL = 1
UNHEARD_SECONDS = 60
"""After so long without the agent's word a host takes a change back that may have cut it off."""

_NOT_ENROLLED = ("not-enrolled", "catalog-differs")
_SUDO_SAYS = (
    "command not found",
    "not found",
    "password is required",
    "not allowed",
    "no such file",
)


class Refusal(Exception):
    """The gate read the request and did not run it."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


def reads(digest: str, calls: Sequence[ActionCall], seconds: float) -> bytes:
    """A request for several diagnostics at once."""
    requests = [{"action": c.action, "params": c.params, "timeout": seconds} for c in calls]
    return _request(digest, mode="read", requests=requests)


def checks(digest: str, calls: Sequence[ActionCall]) -> bytes:
    """Would the host run these? Nothing is run by the question."""
    requests = [{"action": c.action, "params": c.params} for c in calls]
    return _request(digest, mode="check", requests=requests)


def change(
    digest: str, call: ActionCall, intent_id: str, fence: int, undo: Sequence[ActionCall] = ()
) -> bytes:
    """A request for one change under a receipt.

    `undo`: what the host runs by itself where the agent is not heard afterwards (`confirm`).
    """
    calls = [{"action": one.action, "params": one.params} for one in undo]
    watched = {"unless_heard": {"seconds": UNHEARD_SECONDS, "calls": calls}} if calls else {}
    return _request(
        digest,
        mode="change",
        intent=intent_id,
        fence=fence,
        action=call.action,
        params=call.params,
        **watched,
    )


def confirm(digest: str, intent_id: str) -> bytes:
    """The agent's word that it still gets through, for a change that waits for it."""
    return _request(digest, mode="confirm", intent=intent_id)


def receipt(digest: str, intent_id: str, fence: int | None = None) -> bytes:
    """A question about an intent; nothing is started by it.

    `fence`: what has not come yet is refused from then on where it comes under an older one.
    """
    asker = {} if fence is None else {"fence": fence}
    return _request(digest, mode="receipt", intent=intent_id, **asker)


def lines(host: Host, stdout: bytes, stderr: str) -> Iterator[JsonObject]:
    """The gate's answers. HostNotEnrolled where no gate of this version answered."""
    found = 0
    for line in stdout.splitlines():
        answer = _object(line)
        if answer is None:
            continue  # cut in the middle, or a host's greeting
        found += 1
        if answer.get("refused") in _NOT_ENROLLED:
            raise HostNotEnrolled(
                f"{host.name}: {answer.get('reason')}.", hint=enrolment_hint(host)
            )
        yield answer
    if not found and any(words in stderr.lower() for words in _SUDO_SAYS):
        raise HostNotEnrolled(
            f"{host.name} has no gate that {host.username} may run: {stderr.strip()[:200]}.",
            hint=enrolment_hint(host),
        )
    if not found and stderr.strip():
        raise HostUnreachable(f"{host.name}'s gate failed: {stderr.strip()[-300:]}")


def raw_result(answer: JsonObject) -> RawResult:
    """One diagnostic's answer. Refusal where the gate would not run it."""
    if "refused" in answer:
        raise Refusal(str(answer["refused"]), str(answer.get("reason", "")))
    try:
        return RawResult.model_validate({k: v for k, v in answer.items() if k != "id"})
    except ValidationError as problem:
        raise Refusal("malformed", f"the gate's answer is not understood: {problem}") from None


def as_receipt(intent_id: str, answer: JsonObject, argv: tuple[str, ...]) -> Receipt:
    """The host's receipt of an intent."""
    if "refused" in answer:
        reason = f"{answer['refused']}: {answer.get('reason', '')}"
        return Receipt(intent_id=intent_id, state=ReceiptState.REFUSED, reason=reason, argv=argv)
    return Receipt(
        intent_id=intent_id,
        state=ReceiptState(answer.get("state", "lost")),
        exit_code=answer.get("exit_code"),
        output=str(answer.get("output", "")),
        reason=str(answer.get("reason", "")),
        repeated=bool(answer.get("repeated", False)),
        watch=Watch(answer.get("watch", "")),
        argv=argv,
        seconds=float(answer.get("seconds", 0.0)),
    )


def enrolment_hint(host: Host) -> str:
    """What to run."""
    return (
        f"Enrol it: `sre-agent enrol {host.name} --key FILE.pub` (docs/howto/ssh-keys.md); after "
        "an upgrade of the service every host is enrolled again."
    )


def _request(digest: str, **fields: object) -> bytes:
    return canonical_json({"version": PROTOCOL, "catalog": digest, **fields}).encode()


def _object(line: bytes) -> JsonObject | None:
    try:
        answer = json.loads(line)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
