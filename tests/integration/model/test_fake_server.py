"""The fake server against the real client library, and our door against both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx2
import openai
import pytest
from pydantic import SecretStr

from app.commands.model_server import MODEL, RETRY_AFTER, ModelServer
from app.reasoning.language.answers import explain_schema, parsed
from app.reasoning.language.chat import ChatModel, ChatRequest, Failure, ModelFailed
from app.reasoning.language.doubles import Behaviour, DoubleModel
from app.reasoning.language.language_model import OpenAIModel

SCHEMA = explain_schema([3, 4])
REQUEST = ChatRequest(
    system="Answer with JSON.",
    user="What is wrong?",
    schema_name="explain",
    answer_schema=SCHEMA,
    tokens_out=200,
    seconds=20,
)
FORMAT: Any = {
    "type": "json_schema",
    "json_schema": {"name": "explain", "schema": SCHEMA, "strict": True},
}
MESSAGES: Any = [{"role": "user", "content": "What is wrong?"}]


@contextmanager
def client(server: ModelServer, key: str = "k") -> Iterator[openai.OpenAI]:
    """The real client library, as any program uses it."""
    plain = httpx2.Client(trust_env=False)
    with openai.OpenAI(
        api_key=key, base_url=server.url, max_retries=0, http_client=plain
    ) as opened:
        yield opened


@asynccontextmanager
async def door(server: ModelServer, model: str = MODEL) -> AsyncIterator[OpenAIModel]:
    opened = OpenAIModel(model=model, key=SecretStr("k"), base_url=server.url)
    yield opened
    await opened.close()


@pytest.fixture
def fake() -> Iterator[ModelServer]:
    with ModelServer(Behaviour.SCRIPTED) as server:
        yield server


# --- the fake, by the real client ----------------------------------------------------------------


def test_the_real_client_reads_its_models_and_completions(fake: ModelServer) -> None:
    with client(fake) as real:
        assert [model.id for model in real.models.list()] == [MODEL]
        assert real.models.retrieve(MODEL).object == "model"
        done = real.chat.completions.create(
            model=MODEL, messages=MESSAGES, response_format=FORMAT, max_completion_tokens=99
        )
    (choice,) = done.choices
    assert parsed(choice.message.content or "", SCHEMA)["sentences"]
    assert choice.finish_reason == "stop"
    assert done.usage is not None
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens


def test_the_real_client_raises_its_own_errors(fake: ModelServer) -> None:
    fake.key = "right"
    with client(fake, "wrong") as real, pytest.raises(openai.AuthenticationError) as refused:
        real.models.list()
    assert refused.value.code == "invalid_api_key"
    with client(fake, "right") as real:
        with pytest.raises(openai.NotFoundError) as missing:
            real.chat.completions.create(model="no-such", messages=MESSAGES)
        assert missing.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError) as bad:
            real.chat.completions.create(model=MODEL, messages=[])
        assert bad.value.param == "messages"
        with pytest.raises(openai.BadRequestError):
            real.chat.completions.create(
                model=MODEL, messages=MESSAGES, max_tokens=1, max_completion_tokens=1
            )
        with pytest.raises(openai.NotFoundError):
            real.embeddings.create(model=MODEL, input="x")


def test_the_real_client_sees_limits_with_retry_after() -> None:
    with ModelServer(Behaviour.ERRORING) as server, client(server) as real:
        with pytest.raises(openai.RateLimitError) as limited:
            real.chat.completions.create(model=MODEL, messages=MESSAGES)
        assert limited.value.response.headers["retry-after"] == str(RETRY_AFTER)
        with pytest.raises(openai.RateLimitError) as spent:
            real.chat.completions.create(model=MODEL, messages=MESSAGES)
        assert spent.value.code == "insufficient_quota"
        with pytest.raises(openai.InternalServerError):
            real.chat.completions.create(model=MODEL, messages=MESSAGES)


# --- our door ------------------------------------------------------------------------------------


async def test_the_door_and_a_double_in_the_process_answer_alike(fake: ModelServer) -> None:
    async with door(fake) as real:
        models: tuple[ChatModel, ...] = (real, DoubleModel(Behaviour.SCRIPTED))
        answers = [await model.answer(REQUEST) for model in models]
    assert answers[0].text == answers[1].text
    (sent,) = fake.requests
    assert sent["temperature"] == 0
    assert sent["max_tokens"] == REQUEST.tokens_out
    assert "max_completion_tokens" not in sent
    assert sent["response_format"] == FORMAT
    assert [m["role"] for m in sent["messages"]] == ["system", "user"]


async def test_every_error_of_a_server_has_its_kind() -> None:
    with ModelServer(Behaviour.ERRORING) as server:
        async with door(server) as real:
            seen = [await _failure(real) for _ in range(10)]
    assert seen == [
        Failure.RATE_LIMITED, Failure.RATE_LIMITED, Failure.SERVER_ERROR, Failure.SERVER_ERROR,
        Failure.UNAUTHORIZED, Failure.CUT_OFF, Failure.REFUSAL, Failure.REFUSAL, Failure.GARBAGE,
        Failure.TOO_LARGE,
    ]  # fmt: skip


async def _failure(model: ChatModel, request: ChatRequest = REQUEST) -> Failure:
    with pytest.raises(ModelFailed) as failed:
        await model.answer(request)
    return failed.value.failure


async def test_a_slow_server_an_absent_one_and_an_unknown_model(fake: ModelServer) -> None:
    with ModelServer(Behaviour.SLOW) as server:
        async with door(server) as real:
            hurried = REQUEST.model_copy(update={"seconds": 0.3})
            assert await _failure(real, hurried) is Failure.TIMEOUT
    async with door(server) as real:  # it has ended
        assert await _failure(real) is Failure.UNREACHABLE
    async with door(fake, "no-such") as real:
        assert await _failure(real) is Failure.REJECTED


async def test_nothing_is_taken_from_the_environment(
    fake: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = "http://192.0.2.1:9"
    for name in ("OPENAI_PROXY", "HTTP_PROXY", "ALL_PROXY", "OPENAI_API_BASE"):
        monkeypatch.setenv(name, elsewhere)
    for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"):
        monkeypatch.setenv(name, "true")
    monkeypatch.setenv("LANGSMITH_ENDPOINT", elsewhere)
    monkeypatch.setenv("LANGSMITH_API_KEY", "k")
    async with door(fake) as real:
        assert (await real.answer(REQUEST)).text
