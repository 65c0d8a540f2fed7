"""Processes as the gate measures and ends them: only what nobody answers for, and exactly that."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.host.facts import ProcessesFacts
from app.host.process_facts import BusyProcess, ProcessorsFacts
from tests.integration.execution.gate_bench import Bench


@pytest.fixture
def spinning() -> Iterator[subprocess.Popen[bytes]]:
    """A child of this test that uses up a processor."""
    child = subprocess.Popen([sys.executable, "-c", "print('on', flush=True)\nwhile True: pass"],
                             stdout=subprocess.PIPE)  # fmt: skip
    assert child.stdout is not None
    child.stdout.readline()
    yield child
    child.kill()
    child.communicate()


def busy(bench: Bench, pid: int) -> BusyProcess:
    found = ProcessorsFacts.model_validate(bench.facts("processors.busy"))
    assert found.processors >= 1
    ranked = [p.demand_percent for p in found.processes]
    assert ranked == sorted(ranked, reverse=True)
    return next(p for p in found.processes if p.pid == pid)


def test_says_who_uses_the_processors(bench: Bench, spinning: subprocess.Popen[bytes]) -> None:
    one = busy(bench, spinning.pid)
    assert one.demand_percent > 60, "it never sleeps, whatever else wants the processors"
    assert one.lifetime_percent > 60
    assert one.command == Path(f"/proc/{spinning.pid}/comm").read_text().strip()
    assert not one.stray, "a login that is there waits for it"


def test_does_not_end_what_somebody_answers_for(
    bench: Bench, spinning: subprocess.Popen[bytes]
) -> None:
    one = busy(bench, spinning.pid)
    params = {"pid": one.pid, "start_time": one.start_time, "command": one.command}
    answer = bench.change("ends-1", "process.terminate_stray", params)
    assert answer["exit_code"] == 1
    assert "not astray" in answer["output"]
    assert spinning.poll() is None


@pytest.mark.parametrize("wrong", [{"start_time": 1}, {"command": "another"}])
def test_does_not_end_another_process_than_was_meant(
    bench: Bench, spinning: subprocess.Popen[bytes], wrong: dict[str, int | str]
) -> None:
    one = busy(bench, spinning.pid)
    params = {"pid": one.pid, "start_time": one.start_time, "command": one.command} | wrong
    answer = bench.change("ends-2", "process.terminate_stray", params)
    assert answer["exit_code"] == 1
    assert spinning.poll() is None


def test_the_list_tells_the_same_of_each(bench: Bench, spinning: subprocess.Popen[bytes]) -> None:
    listed = ProcessesFacts.model_validate(bench.facts("processes.list")).processes
    (one,) = [p for p in listed if p.pid == spinning.pid]
    assert one.stray is False
