"""A language model beside the service under test: a shipped double, or a server that one names."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from app.lab.errors import LabError, ServiceFailed
from app.lab.machine import stop_process
from app.lab.network import inside
from app.lab.places import PROJECT
from app.lab.running import Estate
from app.reasoning.language.doubles import Behaviour

PORT = 8100  # in the monitor's own namespace, so it cannot be taken
URL = f"http://127.0.0.1:{PORT}/v1"
KEY = "lab"
READY_SECONDS = 60.0
DOUBLES = frozenset(each.value for each in Behaviour)


@contextmanager
def served(model: str, estate: Estate) -> Iterator[dict[str, str]]:
    """The model at work on the monitor; yields the service's settings for it.

    `model` is a behaviour of `sre-agent model-fake`, or a shell command that serves chat
    completions on 127.0.0.1 at $PORT. Raises `ServiceFailed` where it does not answer.
    """
    log = estate.folder / "model.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["ip", "netns", "exec", estate.namespace, *_command(model)],
            cwd=PROJECT,
            # the run's id lets `lab down` tell it from a process that got its number later
            env=os.environ | {"PORT": str(PORT), "SRE_AGENT_LAB_RUN": estate.run_id},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    (estate.folder / "model.pid").write_text(str(process.pid))
    try:
        _wait_ready(estate, process)
        yield {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": URL, "OPENAI_MODEL": "fake"}
    finally:
        stop_process(process.pid)
        process.poll()  # it was waited for above; the handle must know


def require(model: str) -> None:
    """Raise `LabError` for a single word that is no behaviour: a command is longer than that."""
    if model in DOUBLES or " " in model.strip() or "/" in model:
        return
    known = ", ".join(sorted(DOUBLES))
    raise LabError(f"no such model: {model!r} (there are {known}, or a command that serves one)")


def _command(model: str) -> list[str]:
    if model in DOUBLES:
        given = ["--behaviour", model, "--port", str(PORT)]
        return [sys.executable, "-m", "app.cli", "model-fake", *given]
    return ["/bin/sh", "-c", f"exec {model}"]


def _wait_ready(estate: Estate, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServiceFailed(f"the model's server ended with {process.returncode}")
        if _answers(estate.namespace):
            return
        time.sleep(0.1)  # another process's start: there is no event to wait for
    raise ServiceFailed(f"the model's server is not ready after {READY_SECONDS:.0f} s")


def _answers(namespace: str) -> bool:
    try:
        with inside(namespace):
            asked = httpx.get(
                f"{URL}/models",
                headers={"Authorization": f"Bearer {KEY}"},
                timeout=5,
                trust_env=False,
            )
    except httpx.TransportError:
        return False  # not listening yet
    return asked.is_success
