"""A change that may cut the agent off is kept where the agent is heard, and else taken back."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from app.domain.value import JsonObject
from tests.integration.execution.gate_bench import Bench

LONG, SHORT = 120, 5  # seconds


@pytest.fixture
def path(bench: Bench, tmp_path: Path) -> Path:
    """A file of mode 0600 that the actions may touch."""
    folder = tmp_path / "etc"
    folder.mkdir()
    for action in ("file.set_mode", "file.state"):
        bench.allow_paths(action, folder)
    found = folder / "site.conf"
    found.write_text("x")
    found.chmod(0o600)
    return found


def opened(bench: Bench, path: Path, seconds: int, **unless: Any) -> JsonObject:
    """Give the file mode 0644, to be given 0600 again unless the agent is heard."""
    back = {"action": "file.set_mode", "params": {"path": str(path), "mode": "0600"}}
    request = bench.change_request("i-1", "file.set_mode", {"path": str(path), "mode": "0644"})
    asked = {"seconds": seconds, "calls": [back]} | unless
    (answer,) = bench.ask(request | {"unless_heard": asked})
    return answer


def confirm(bench: Bench, intent: str = "i-1") -> JsonObject:
    (answer,) = bench.ask({"mode": "confirm", "intent": intent})
    return answer


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def wait_for_the_end(bench: Bench) -> None:
    """Until nobody works on the intent any more."""
    with (bench.state / "receipts/i-1/alive").open() as alive:
        fcntl.flock(alive, fcntl.LOCK_SH)


def test_what_is_confirmed_is_kept(bench: Bench, path: Path) -> None:
    begun = time.monotonic()
    told = opened(bench, path, LONG)
    assert (told["state"], told["exit_code"], told["watch"]) == ("ended", 0, "waiting")
    assert confirm(bench)["watch"] == "kept"
    assert time.monotonic() - begun < LONG  # neither the answer nor the end waits for the time
    assert mode(path) == 0o644
    assert confirm(bench)["watch"] == "kept"  # said twice, it changes nothing
    assert bench.receipt("i-1")["watch"] == "kept"


def test_where_nobody_is_heard_it_is_taken_back(bench: Bench, path: Path) -> None:
    opened(bench, path, SHORT)
    wait_for_the_end(bench)
    assert mode(path) == 0o600
    told = bench.receipt("i-1")
    assert (told["state"], told["exit_code"], told["watch"]) == ("ended", 0, "taken-back")
    assert confirm(bench)["watch"] == "taken-back"  # too late
    assert mode(path) == 0o600


def test_while_it_waits_the_host_is_free_for_the_next_change(bench: Bench, path: Path) -> None:
    opened(bench, path, LONG)
    next_one = {"path": str(path), "mode": "0640"}
    assert bench.change("i-2", "file.set_mode", next_one)["exit_code"] == 0
    assert mode(path) == 0o640
    assert confirm(bench)["watch"] == "kept"
    assert mode(path) == 0o640


def test_the_same_intent_again_is_answered_and_not_done_again(bench: Bench, path: Path) -> None:
    opened(bench, path, LONG)
    path.chmod(0o640)
    again = opened(bench, path, LONG)
    assert (again["repeated"], again["watch"]) == (True, "waiting")
    assert mode(path) == 0o640
    confirm(bench)


def test_a_process_that_was_ended_while_it_waited_is_told_so(bench: Bench, path: Path) -> None:
    opened(bench, path, LONG)
    os.kill(int((bench.state / "receipts/i-1/started").read_text()), signal.SIGKILL)
    wait_for_the_end(bench)
    assert bench.receipt("i-1")["watch"] == "lost"
    assert confirm(bench)["watch"] == "lost"
    assert mode(path) == 0o644


@pytest.mark.parametrize(
    "unless",
    [
        {"seconds": 1},
        {"seconds": 100_000},
        {"seconds": "60"},
        {"calls": []},
        {"calls": ["file.set_mode"]},
        {"calls": [{"action": "file.set_mode", "params": {"path": "/etc/shadow", "mode": "0600"}}]},
        {"calls": [{"action": "shell.run", "params": {}}]},
        {"calls": [{"action": "file.state", "params": {"path": "/etc/hosts"}}]},
    ],
)
def test_what_could_not_be_taken_back_is_not_begun(
    bench: Bench, path: Path, unless: dict[str, Any]
) -> None:
    back = {"action": "file.set_mode", "params": {"path": str(path), "mode": "0600"}}
    request = bench.change_request("i-1", "file.set_mode", {"path": str(path), "mode": "0644"})
    asked = {"seconds": LONG, "calls": [back]} | unless
    (told,) = bench.ask(request | {"unless_heard": asked}, expect_exit=2)
    assert "refused" in told
    assert mode(path) == 0o600
    assert bench.receipt("i-1")["state"] == "none"


def test_a_word_for_what_never_came_or_does_not_wait_is_no_harm(bench: Bench, path: Path) -> None:
    assert confirm(bench)["state"] == "none"
    bench.change("i-1", "file.set_mode", {"path": str(path), "mode": "0644"})
    assert "watch" not in confirm(bench)
