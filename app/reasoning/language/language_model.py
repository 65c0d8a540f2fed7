"""ChatOpenAI: the one door to langchain_openai, and to whichever compatible server is set.

Every failure becomes a ModelFailed with a kind. No retry is made here, no proxy, key or address is
taken from the environment, nothing is traced to anybody, and no more is read of an answer than any
answer may have.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2 as httpx  # what openai speaks with, and comes with it
import openai
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from langsmith import tracing_context
from pydantic import SecretStr

from app.reasoning.language.chat import ChatReply, ChatRequest, Failure, ModelFailed

OPENAI = "https://api.openai.com/v1"

BYTES = 256 * 1024
"""Of one response, headers aside."""

_DETAIL_CAP = 200


class TooLarge(httpx.TransportError):
    """The response is longer than any answer may be, or packed so that it may become so."""


class OpenAIModel:
    """Implements the port `ChatModel` over the chat completions of an OpenAI-compatible server."""

    def __init__(
        self,
        *,
        model: str,
        key: SecretStr,
        base_url: str | None = None,
        proxy: str | None = None,
    ) -> None:
        self.name = model
        # others than OpenAI know the limit of tokens by its older name
        self._limit_name = "max_completion_tokens" if base_url is None else "max_tokens"
        self._client = httpx.AsyncClient(
            transport=_Capped(proxy), headers={"Accept-Encoding": "identity"}, trust_env=False
        )
        self._chat = ChatOpenAI(
            model=model,
            api_key=key.get_secret_value,  # asked at each call: it may be rotated
            base_url=base_url or OPENAI,
            temperature=0,  # left out by the library for models that refuse it
            max_retries=0,
            streaming=False,
            use_responses_api=False,
            cache=False,
            http_async_client=self._client,
            openai_proxy=None,  # the client has it; the library would look into the environment
        )

    async def answer(self, request: ChatRequest) -> ChatReply:
        """Ask. Raises ModelFailed, and nothing else."""
        try:
            with tracing_context(enabled=False):
                said = await self._chat.ainvoke(
                    [SystemMessage(request.system), HumanMessage(request.user)],
                    response_format=_response_format(request),
                    extra_body={self._limit_name: request.tokens_out},
                    timeout=request.seconds,
                )
        except Exception as error:  # servers answer anything; whatever it is, there is no answer
            raise _failed(error) from error
        return _reply(said)

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()


def _response_format(request: ChatRequest) -> dict[str, Any]:
    schema = {"name": request.schema_name, "schema": request.answer_schema, "strict": True}
    return {"type": "json_schema", "json_schema": schema}


def _reply(said: AIMessage) -> ChatReply:
    if refusal := said.additional_kwargs.get("refusal"):
        raise ModelFailed(Failure.REFUSAL, f"It refused: {str(refusal)[:_DETAIL_CAP]}")
    match said.response_metadata.get("finish_reason"):
        case "length":
            raise ModelFailed(Failure.CUT_OFF, "The answer was cut off at its limit of tokens.")
        case "content_filter":
            raise ModelFailed(Failure.REFUSAL, "A filter of the provider held the answer back.")
    if not isinstance(said.content, str) or not said.content.strip():
        raise ModelFailed(Failure.GARBAGE, "The answer has no text.")
    used = said.usage_metadata
    return ChatReply(
        text=said.content,
        tokens_in=used["input_tokens"] if used else None,
        tokens_out=used["output_tokens"] if used else None,
    )


def _failed(error: Exception) -> ModelFailed:
    """What went wrong, by kind. What servers say of it is left out: it is untrusted."""
    causes = tuple(_causes(error))
    for cause in causes:
        if isinstance(cause, TooLarge):
            return ModelFailed(Failure.TOO_LARGE, str(cause))
    match error:
        case openai.APITimeoutError():
            return ModelFailed(Failure.TIMEOUT, "There was no answer in time.")
        case openai.LengthFinishReasonError():
            return ModelFailed(Failure.CUT_OFF, "The answer was cut off at its limit of tokens.")
        case openai.ContentFilterFinishReasonError():
            return ModelFailed(Failure.REFUSAL, "A filter of the provider held the answer back.")
        case openai.APIStatusError():
            return _status(error)
        case openai.APIConnectionError():
            said = f"The server cannot be reached: {type(causes[-1]).__name__}."
            return ModelFailed(Failure.UNREACHABLE, said)
    said = f"The server's answer is not one of this protocol ({type(error).__name__})."
    return ModelFailed(Failure.GARBAGE, said)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it was raised from, the first cause last; libraries wrap several times."""
    while error is not None:
        yield error
        error = error.__cause__


_KINDS = {
    401: (Failure.UNAUTHORIZED, "The server does not accept OPENAI_API_KEY"),
    403: (Failure.UNAUTHORIZED, "OPENAI_API_KEY may not use this model"),
    404: (Failure.REJECTED, "The server knows no such model or address"),
    429: (Failure.RATE_LIMITED, "The limit of requests or of money is reached at the provider"),
}


def _status(error: openai.APIStatusError) -> ModelFailed:
    code = error.status_code
    server = (Failure.SERVER_ERROR, "The server failed")
    kind, said = _KINDS.get(code, server if code >= 500 else (Failure.REJECTED, "It was refused"))
    after = error.response.headers.get("retry-after", "")
    wait = f"; it asks for {after} s" if after.isdecimal() and len(after) < 6 else ""
    return ModelFailed(kind, f"{said} (status {code}{wait}).")


class _Capped(httpx.AsyncBaseTransport):
    """A transport that reads no more than `BYTES` of a response, and nothing that is packed."""

    def __init__(self, proxy: str | None) -> None:
        self._inner = httpx.AsyncHTTPTransport(retries=0, proxy=proxy)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            raise TooLarge("The answer came packed, which was not asked for.")
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _CappedStream(response.stream)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _CappedStream(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = BYTES
        async for chunk in self._inner:
            left -= len(chunk)
            if left < 0:
                raise TooLarge(f"The answer is longer than {BYTES} bytes.")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
