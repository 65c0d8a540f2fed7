"""A model on the monitor, beside the service under test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.lab import network
from app.lab.errors import LabError, ServiceFailed
from app.lab.language_model import require, served
from app.lab.leftovers import clean
from app.lab.network import inside
from app.lab.running import Estate, new_run_id


@pytest.fixture
def monitor() -> Iterator[Estate]:
    """A monitor with no host."""
    estate = Estate(new_run_id())
    estate.folder.mkdir(parents=True)
    network.create_monitor(estate.run_id)
    yield estate
    estate.throw_away()


def ask(estate: Estate, settings: dict[str, str]) -> str:
    """What the model says, as the service would ask it."""
    body = {"model": settings["OPENAI_MODEL"], "messages": [{"role": "user", "content": "Why?"}]}
    with inside(estate.namespace):
        answer = httpx.post(
            f"{settings['OPENAI_BASE_URL']}/chat/completions",
            json=body,
            headers={"Authorization": f"Bearer {settings['OPENAI_API_KEY']}"},
            timeout=20,
            trust_env=False,
        )
    return str(answer.raise_for_status().json()["choices"][0]["message"]["content"])


def alive(estate: Estate) -> bool:
    return Path("/proc", (estate.folder / "model.pid").read_text()).exists()


def test_a_double_answers_and_ends_with_its_scenario(monitor: Estate) -> None:
    with served("babbling", monitor) as settings:
        assert ask(monitor, settings)
    assert not alive(monitor)


def test_a_command_of_ones_own(monitor: Estate) -> None:
    command = f'{sys.executable} -m app.cli model-fake --behaviour scripted --port "$PORT"'
    with served(command, monitor) as settings:
        assert ask(monitor, settings)


def test_what_ends_at_once_is_told(monitor: Estate) -> None:
    with pytest.raises(ServiceFailed, match="ended with 3"), served("sh -c 'exit 3'", monitor):
        raise AssertionError("it never served")


def test_what_a_killed_run_left_is_cleaned(monitor: Estate) -> None:
    kept = served("slow", monitor)
    kept.__enter__()
    assert alive(monitor)
    process = Path("/proc", (monitor.folder / "model.pid").read_text())
    clean(monitor.run_id)
    assert not process.exists()


def test_a_word_that_is_no_behaviour_is_refused() -> None:
    with pytest.raises(LabError, match="hostile"):
        require("hostil")
