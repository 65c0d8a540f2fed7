"""The port of a chat model, and the port of the memory that keeps its calls."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from app.domain.model_call import ModelCall
from app.domain.value import JsonObject, Value


class Failure(StrEnum):
    """Why there is no answer that can be used."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    UNAUTHORIZED = "unauthorized"
    RATE_LIMITED = "rate_limited"
    REJECTED = "rejected"  # the server says that the request is wrong, or knows no such model
    SERVER_ERROR = "server_error"
    REFUSAL = "refusal"  # the model, or a filter before it, will not answer
    CUT_OFF = "cut_off"  # it ran into the limit of tokens
    TOO_LARGE = "too_large"  # more bytes than any answer may have
    GARBAGE = "garbage"  # not what this protocol answers
    INVALID = "invalid"  # an answer that is not of the schema, twice
    BUDGET = "budget"  # nothing was sent: the execution's limit is reached


class ModelFailed(Exception):
    """A model gave no answer. Never more than a line of the timeline: reasoning goes on alone."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


class ChatRequest(Value):
    """One question. All untrusted text in `user` is quoted, capped and redacted already."""

    system: str
    user: str
    schema_name: str
    answer_schema: JsonObject  # the JSON schema that the answer must fit
    tokens_out: int  # the answer's limit
    seconds: float  # time for the whole exchange


class ChatReply(Value):
    """One answer, not looked at yet."""

    text: str
    tokens_in: int | None = None  # None: the server does not say
    tokens_out: int | None = None


class ChatModel(Protocol):
    """The real one and its doubles."""

    @property
    def name(self) -> str:
        """The model's name, as it is recorded."""
        ...

    async def answer(self, request: ChatRequest) -> ChatReply:
        """Ask. Raises ModelFailed, and nothing else."""
        ...

    async def close(self) -> None:
        """Give connections back, where there are any."""
        ...


class Memory(Protocol):
    """What keeps the calls of one execution: each before anything rests on it."""

    async def calls(self) -> tuple[ModelCall, ...]:
        """Every call of the execution so far, oldest first."""
        ...

    async def keep(self, call: ModelCall) -> None:
        """Write a call down. The same call of the same step again changes nothing."""
        ...


class Budget(Value):
    """What one execution may spend on a model, all its calls together."""

    seconds: float = 20.0
    tokens: int = 40_000
    cost: float = 0.0  # 0: no limit on money
    price_in: float = 0.0  # of a million tokens
    price_out: float = 0.0

    def cost_of(self, tokens_in: int, tokens_out: int) -> float:
        """The price of a call, in the currency of the prices."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1_000_000
