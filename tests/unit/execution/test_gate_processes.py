"""A process that a signal stopped goes on, exactly that one, and can be stopped as it was."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator

import pytest

from app.execution.gate import processes
from app.execution.gate.answers import start_time_of, stat_fields
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed

UNIT = "counter.service"


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int | str]]:
    """A stopped process, named as a plan names it."""
    monkeypatch.setattr(processes, "unit_of", lambda _pid: UNIT)
    with subprocess.Popen(["sleep", "60"]) as process:
        process.send_signal(signal.SIGSTOP)
        wait_for(process.pid, "T")
        started = start_time_of(process.pid)
        assert started is not None
        yield {"pid": process.pid, "start_time": started, "unit": UNIT}
        process.kill()


def wait_for(pid: int | str, state: str) -> None:
    while (fields := stat_fields(pid)) is None or fields[0] != state:
        pass


def test_it_goes_on_and_can_be_stopped_again(
    frozen: dict[str, int | str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert processes.process_continue(frozen, Places()) == 0
    assert json.loads(capsys.readouterr().out)["signal"] == "CONT"
    wait_for(frozen["pid"], "S")
    assert processes.process_stop(frozen, Places()) == 0
    wait_for(frozen["pid"], "T")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"start_time": 1}, "another one"), ({"unit": "other.service"}, "belongs to")],
)
def test_another_process_is_left_alone(
    frozen: dict[str, int | str], wrong: dict[str, int | str], says: str
) -> None:
    with pytest.raises(Failed, match=says):
        processes.process_continue(frozen | wrong, Places())
    wait_for(frozen["pid"], "T")


def test_what_is_not_stopped_is_not_let_go_on(frozen: dict[str, int | str]) -> None:
    processes.process_continue(frozen, Places())
    wait_for(frozen["pid"], "S")
    with pytest.raises(Failed, match="not stopped"):
        processes.process_continue(frozen, Places())


def test_it_stands_back_with_all_its_threads_and_comes_back(
    frozen: dict[str, int | str], capsys: pytest.CaptureFixture[str]
) -> None:
    named = {name: frozen[name] for name in ("pid", "start_time")}

    def niceness() -> int:
        capsys.readouterr()
        processes.process_state(named, Places())
        return int(json.loads(capsys.readouterr().out)["nice"])

    before = niceness()
    for nice in (10, before):
        assert processes.process_set_nice(frozen | {"nice": nice}, Places()) == 0
        assert niceness() == nice
    with pytest.raises(Failed, match="another one"):
        processes.process_set_nice(frozen | {"nice": 10, "start_time": 1}, Places())
    assert niceness() == before


def test_a_process_of_another_start_is_missing(
    frozen: dict[str, int | str], capsys: pytest.CaptureFixture[str]
) -> None:
    processes.process_state({"pid": frozen["pid"], "start_time": 1}, Places())
    assert json.loads(capsys.readouterr().out)["state"] == "missing"
