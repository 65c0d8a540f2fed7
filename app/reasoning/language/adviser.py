"""One question to a model: within the execution's budget, kept before it is used, repaired once.

A step that is run again finds the calls of its first time and makes none anew. After one that
failed, nothing more is asked in this execution: a server in trouble is left alone, and so are
users, who wait.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from time import monotonic

from app.domain.model_call import CallStatus, ModelCall, Purpose, Spent, spent
from app.domain.value import JsonObject
from app.reasoning.language.answers import Unfit, parsed
from app.reasoning.language.chat import (
    Budget,
    ChatModel,
    ChatReply,
    ChatRequest,
    Failure,
    Memory,
    ModelFailed,
)
from app.reasoning.language.prompts import prompt
from app.reasoning.port import Note

TOKENS_OUT = {Purpose.RANK: 900, Purpose.CHOOSE: 500, Purpose.PROPOSE: 500, Purpose.EXPLAIN: 700}
"""The longest answers. Models that think aloud first need a larger budget than they are worth."""

ASKED_AT_MOST = {Purpose.RANK: 2, Purpose.CHOOSE: 2, Purpose.PROPOSE: 1, Purpose.EXPLAIN: 1}
"""Steps of one execution in which each is asked."""

LEAST_SECONDS = 1.0
CHARACTERS_A_TOKEN = 3  # fewer than models have: an estimate errs to the dear side
_REPAIR_CAP = 2_000

Redact = Callable[[str], str]


class Adviser:
    """Asks one model for one step of one execution."""

    def __init__(
        self, model: ChatModel, memory: Memory, budget: Budget, redact: Redact, step_key: str
    ) -> None:
        self._model = model
        self._memory = memory
        self._budget = budget
        self._redact = redact
        self._step = step_key
        self.notes: list[Note] = []  # what the timeline is to say

    @property
    def name(self) -> str:
        return self._model.name

    async def asked(self, purpose: Purpose) -> int:
        """In how many other steps of this execution this was asked already."""
        calls = await self._memory.calls()
        return len({c.step_key for c in calls if c.purpose is purpose} - {self._step})

    async def ask(self, purpose: Purpose, user: str, schema: JsonObject) -> JsonObject | None:
        """A valid answer, or None: then there is a note that says why, once an execution."""
        if await self._gave_up() or await self.asked(purpose) >= ASKED_AT_MOST[purpose]:
            return None
        call = await self._call(purpose, 1, user, schema)
        if call.status is CallStatus.INVALID:
            again = f"{user}\n\n{_repair(call)}"
            call = await self._call(purpose, 2, again, schema)
        if call.status is CallStatus.ANSWERED:
            return parsed(call.answer, schema)
        self.notes.append(Note(text=_alone(self.name, call), ok=False))
        return None

    async def _gave_up(self) -> bool:
        """Whether an earlier step failed: this one's own calls are only read again."""
        calls = await self._memory.calls()
        earlier = [c for c in calls if c.step_key != self._step]
        own = [note for note in self.notes if not note.ok]
        return bool(own) or any(c.status is CallStatus.FAILED for c in earlier)

    async def _call(
        self, purpose: Purpose, attempt: int, user: str, schema: JsonObject
    ) -> ModelCall:
        """The recorded call, or a new one, recorded before it is looked at further."""
        calls = await self._memory.calls()
        for call in calls:
            if (call.step_key, call.purpose, call.attempt) == (self._step, purpose, attempt):
                return call
        made = await self._made(purpose, attempt, user, schema, spent(calls))
        await self._memory.keep(made)
        return made

    async def _made(
        self, purpose: Purpose, attempt: int, user: str, schema: JsonObject, so_far: Spent
    ) -> ModelCall:
        request = self._request(purpose, user, schema, so_far)
        call = ModelCall(
            step_key=self._step,
            purpose=purpose,
            attempt=attempt,
            model=self._model.name,
            prompt_version=prompt(purpose).version,
            status=CallStatus.FAILED,
            sent=f"{request.system}\n\n{request.user}",
        )
        over = self._over(request, so_far)
        if over:
            return call.model_copy(update=_failed(Failure.BUDGET, over) | {"sent": ""})
        began = monotonic()
        try:
            async with asyncio.timeout(request.seconds):
                reply = await self._model.answer(request)
        except TimeoutError:
            said = f"There was no answer within {request.seconds:.0f} s."
            return self._priced(call, None, began, _failed(Failure.TIMEOUT, said))
        except ModelFailed as failed:
            return self._priced(call, None, began, _failed(failed.failure, str(failed)))
        return self._priced(call, reply, began, self._judged(reply, schema))

    def _request(
        self, purpose: Purpose, user: str, schema: JsonObject, so_far: Spent
    ) -> ChatRequest:
        return ChatRequest(
            system=prompt(purpose).text,
            user=self._redact(user),
            schema_name=purpose.value,
            answer_schema=schema,
            tokens_out=TOKENS_OUT[purpose],
            seconds=max(0.0, self._budget.seconds - so_far.seconds),
        )

    def _over(self, request: ChatRequest, so_far: Spent) -> str:
        """Which limit this call could break, counted at its dearest; "" where none."""
        budget = self._budget
        tokens_in = _estimated(request.system + request.user + json.dumps(request.answer_schema))
        tokens = so_far.tokens + tokens_in + request.tokens_out
        cost = so_far.cost + budget.cost_of(tokens_in, request.tokens_out)
        if request.seconds < LEAST_SECONDS:
            return f"The {budget.seconds:.0f} s for a model are used up."
        if tokens > budget.tokens:
            return f"The limit of {budget.tokens} tokens would be passed."
        if budget.cost and cost > budget.cost:
            return f"The limit of {budget.cost:.4f} for a model's price would be passed."
        return ""

    def _judged(self, reply: ChatReply, schema: JsonObject) -> JsonObject:
        answer = self._redact(reply.text)[:_ANSWER_KEPT]
        try:
            parsed(answer, schema)
        except Unfit as problem:
            told = {"failure": Failure.INVALID.value, "detail": str(problem)}
            return told | {"status": CallStatus.INVALID, "answer": answer}
        return {"status": CallStatus.ANSWERED, "answer": answer}

    def _priced(
        self, call: ModelCall, reply: ChatReply | None, began: float, result: JsonObject
    ) -> ModelCall:
        """With what it cost. One that failed after it was sent may be billed: it counts too."""
        tokens_in = _plausible(reply.tokens_in if reply else None, call.sent)
        tokens_out = _plausible(reply.tokens_out if reply else 0, reply.text if reply else "")
        numbers = {
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
            "cost": self._budget.cost_of(tokens_in, tokens_out),
            "seconds": round(monotonic() - began, 3),
        }
        return call.model_copy(update=result | numbers)


_ANSWER_KEPT = 16_001  # one more than is looked at: what was longer is still seen to be


def _estimated(text: str) -> int:
    return len(text) // CHARACTERS_A_TOKEN + 1


def _plausible(reported: int | None, text: str) -> int:
    """What a server says it used, where that can be; else an estimate."""
    if reported is not None and 0 <= reported <= 4 * len(text) + 4096:
        return reported
    return _estimated(text)


def _failed(failure: Failure, detail: str) -> JsonObject:
    return {"status": CallStatus.FAILED, "failure": failure.value, "detail": detail[:300]}


def _repair(call: ModelCall) -> str:
    said = json.dumps(call.answer[:_REPAIR_CAP])
    return f"Your answer was {said}. It cannot be used: {call.detail} Answer once more."


def _alone(model: str, call: ModelCall) -> str:
    why = f"{call.failure}: {call.detail}".rstrip(".")
    if call.status is CallStatus.INVALID:
        return f"The answer of {model} was dropped ({why}); the built-in reasoner goes on alone"
    return f"The language model {model} did not help ({why}); the built-in reasoner goes on alone"
