"""The fake model's server: chat completions and models as OpenAI documents them, errors included.

Only what a client without streaming needs. Whatever the behaviour, a request that is wrong gets the
documented error: `{"error": {"message", "type", "param", "code"}}`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Any, Self

from app.domain.value import JsonObject
from app.reasoning.language.doubles import Behaviour, said_by

MODEL = "fake"
BODY_MAX = 4 * 1024 * 1024
RETRY_AFTER = 7

Answer = tuple[int, JsonObject, dict[str, str]]


class ModelServer:
    """A server on 127.0.0.1 in threads of its own; a context manager that ends them."""

    def __init__(
        self, behaviour: Behaviour, *, port: int = 0, key: str = "", delay: float = 3600.0
    ) -> None:
        """Raises OSError where the port is taken."""
        self.behaviour = behaviour
        self.key = key
        self.delay = delay
        self.requests: list[JsonObject] = []  # bodies of chat completions, in their order
        self.stopping = threading.Event()
        self._numbers = count(1)
        self._http = ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """What OPENAI_BASE_URL is set to."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def wait(self) -> None:
        """Until the process is told to end."""
        try:
            self._thread.join()
        except KeyboardInterrupt:
            return

    def complete(self, body: JsonObject) -> Answer:
        """The answer to a chat completion that is well formed."""
        self.requests.append(body)
        number = next(self._numbers)
        if self.behaviour is Behaviour.SLOW:
            self.stopping.wait(self.delay)
        if self.behaviour is Behaviour.ERRORING:
            return _ERRORS[(number - 1) % len(_ERRORS)](body, number)
        return _completion(body, number, said_by(self.behaviour, _user(body), _schema(body)))


# --- answers -------------------------------------------------------------------------------------


def _completion(
    body: JsonObject, number: int, text: str | None, *, finish: str = "stop", **message: Any
) -> Answer:
    asked = sum(len(str(m["content"])) for m in body["messages"])
    used = {"prompt_tokens": asked // 4 + 1, "completion_tokens": len(text or "") // 4 + 1}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None} | message,
        "logprobs": None,
        "finish_reason": finish,
    }
    told = {
        "id": f"chatcmpl-fake-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body["model"],
        "choices": [choice],
        "usage": used | {"total_tokens": sum(used.values())},
        "system_fingerprint": "fp_fake",
    }
    return HTTPStatus.OK, told, {}


def _error(status: int, message: str, kind: str, code: str | None = None, **more: str) -> Answer:
    error = {"message": message, "type": kind, "param": more.pop("param", None), "code": code}
    return status, {"error": error}, more


def _wrong(message: str, param: str, code: str | None = None) -> Answer:
    status = HTTPStatus.BAD_REQUEST
    return _error(status, message, "invalid_request_error", code, param=param)


_ERRORS: tuple[Callable[[JsonObject, int], Answer], ...] = (
    lambda _body, _n: _error(
        429, "Rate limit reached for requests.", "requests", "rate_limit_exceeded",
        **{"Retry-After": str(RETRY_AFTER)},
    ),
    lambda _body, _n: _error(429, "You exceeded your current quota.", "insufficient_quota",
                             "insufficient_quota"),
    lambda _body, _n: _error(500, "The server had an error.", "server_error"),
    lambda _body, _n: _error(503, "The engine is overloaded.", "server_error"),
    lambda _body, _n: _error(401, "Incorrect API key provided.", "invalid_request_error",
                             "invalid_api_key"),
    lambda body, n: _completion(body, n, '{"ranking": [', finish="length"),
    lambda body, n: _completion(body, n, None, refusal="I cannot help with that."),
    lambda body, n: _completion(body, n, "", finish="content_filter"),
    lambda _body, _n: (200, {"object": "chat.completion", "choices": None}, {}),
    lambda body, n: _completion(body, n, "A" * 2 * BODY_MAX),
)  # fmt: skip
"""One after the other: limits, failures, a cut, a refusal, a filter, garbage, a flood."""


# --- requests ------------------------------------------------------------------------------------


def _user(body: JsonObject) -> str:
    return "\n".join(str(m["content"]) for m in body["messages"] if m["role"] == "user")


def _schema(body: JsonObject) -> JsonObject:
    asked = body.get("response_format") or {}
    schema = (asked.get("json_schema") or {}).get("schema")
    return schema if isinstance(schema, dict) else {"type": "string"}


def _fault(body: Any) -> Answer | None:
    """The documented error of a request that is wrong; None for a good one."""
    if not isinstance(body, dict):
        return _wrong("We could not parse the JSON body of your request.", "")
    if not isinstance(body.get("model"), str):
        return _wrong("you must provide a model parameter", "model")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return _wrong("Missing required parameter: 'messages'.", "messages")
    if not all(isinstance(m, dict) and {"role", "content"} <= set(m) for m in messages):
        return _wrong("Each message needs 'role' and 'content'.", "messages")
    if body.get("stream"):
        return _wrong("This fake does not stream.", "stream", "unsupported_value")
    if "max_tokens" in body and "max_completion_tokens" in body:
        said = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        return _wrong(said, "max_tokens", "invalid_parameter_combination")
    asked = body.get("response_format")
    if asked and asked.get("type") == "json_schema" and "name" not in asked.get("json_schema", {}):
        return _wrong("Missing required parameter: 'response_format.json_schema.name'.",
                      "response_format.json_schema.name", "missing_required_parameter")  # fmt: skip
    if body["model"] != MODEL and body["model"].startswith("no-"):
        said = f"The model `{body['model']}` does not exist or you do not have access to it."
        return _error(404, said, "invalid_request_error", "model_not_found")
    return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, fake: ModelServer, *given: Any) -> None:
        self._fake = fake
        super().__init__(*given)  # handles the whole connection

    def do_GET(self) -> None:
        if not self._allowed():
            return
        known = {"id": MODEL, "object": "model", "created": 0, "owned_by": "sre-agent"}
        match self.path.rstrip("/"):
            case "/v1/models":
                self._send((200, {"object": "list", "data": [known]}, {}))
            case "/v1/models/fake":
                self._send((200, known, {}))
            case _:
                self._send(_nothing_here(self.path))

    def do_POST(self) -> None:
        body = self._body()
        if not self._allowed():
            return
        if self.path != "/v1/chat/completions":
            self._send(_nothing_here(self.path))
            return
        self._send(_fault(body) or self._fake.complete(body))

    def _allowed(self) -> bool:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if given and self._fake.key in ("", given):
            return True
        said = "Incorrect API key provided." if given else "You didn't provide an API key."
        code = "invalid_api_key" if given else None
        self._send(_error(401, said, "invalid_request_error", code))
        return False

    def _body(self) -> Any:
        length = int(self.headers.get("Content-Length") or 0)
        try:
            return json.loads(self.rfile.read(min(length, BODY_MAX)))
        except ValueError:
            return None

    def _send(self, answer: Answer) -> None:
        status, told, headers = answer
        data = json.dumps(told).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:  # the client has gone: it had no time, or had read enough
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: what was asked is in `requests`."""


def _nothing_here(path: str) -> Answer:
    said = f"Invalid URL ({path})"
    return _error(404, said, "invalid_request_error", "unknown_url")
