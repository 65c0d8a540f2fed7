"""One call of a language model, as it is kept: what was asked, what came of it, what it cost."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from app.domain.value import Value


class Purpose(StrEnum):
    """What a model is asked for. Each has a prompt of its own."""

    RANK = "rank"  # which of the named causes does the evidence favour
    CHOOSE = "choose"  # which of the offered diagnostics should be asked next
    PROPOSE = "propose"  # a cause that nobody named yet, with the evidence for it
    EXPLAIN = "explain"  # what was seen, for the person it is handed to


class CallStatus(StrEnum):
    """What came of a call."""

    ANSWERED = "answered"  # valid; what it may change is docs/discussions/language-model.md
    INVALID = "invalid"  # it did not fit its schema, or cited what does not exist
    FAILED = "failed"  # no answer: a timeout, a refusal, an error of the server


class ModelCall(Value):
    """One request to a model and its answer. Both are kept as they crossed: redacted, capped."""

    step_key: str  # the durable step that made it
    purpose: Purpose
    attempt: int  # 1; 2 for the one repair of an invalid answer
    model: str
    prompt_version: str  # the prompt's name and the beginning of its sha256: "rank-1f3a5c7d"
    status: CallStatus
    failure: str = ""  # "timeout", "unauthorized", ...; "" unless failed or invalid
    detail: str = ""  # a sentence on the failure
    sent: str  # the whole request as text
    answer: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0  # in the currency of the prices that the settings give
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """What it is found by among the calls of its step: "rank-1"."""
        return f"{self.purpose.value}-{self.attempt}"


class Spent(Value):
    """What the calls of one execution cost together."""

    calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0


def spent(calls: Iterable[ModelCall]) -> Spent:
    """What these calls cost together."""
    made = tuple(calls)
    return Spent(
        calls=len(made),
        tokens=sum(c.tokens_in + c.tokens_out for c in made),
        cost=sum(c.cost for c in made),
        seconds=round(sum(c.seconds for c in made), 3),
    )
