"""Changes under receipts: once, in order of fences, to their end, whatever happens around them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.execution.gate_bench import Bench, running_with

Until = Callable[[Callable[[], bool]], None]


@pytest.fixture
def runs(bench: Bench, tmp_path: Path) -> Callable[[], int]:
    """An action `note` that leaves a line each time it runs; how many it has left."""
    notes = tmp_path / "notes"
    script = f"echo run >> {notes}; echo said; sleep {{seconds}}"
    bench.add("note", "/bin/sh", "-c", script, changes=True)
    bench.add("slow", "/bin/sleep", "{seconds}", changes=True)
    return lambda: len(notes.read_text().splitlines()) if notes.exists() else 0


def test_runs_once_and_answers_again_from_the_receipt(
    bench: Bench, runs: Callable[[], int]
) -> None:
    first = bench.change("i-1", "note", {"seconds": "0"})
    again = bench.change("i-1", "note", {"seconds": "0"})
    assert (first["state"], first["exit_code"], first["output"]) == ("ended", 0, "said\n")
    assert (again["state"], again["exit_code"], again["output"]) == ("ended", 0, "said\n")
    assert again["repeated"] is True
    assert bench.receipt("i-1")["state"] == "ended"
    assert runs() == 1


def test_the_same_intent_many_times_at_once_runs_once(
    bench: Bench, runs: Callable[[], int]
) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(lambda _: bench.change("i-1", "note", {"seconds": "0.4"}), range(6))
        )
    assert runs() == 1
    assert sum(not answer.get("repeated") for answer in answers) == 1
    assert {answer["state"] for answer in answers} <= {"running", "ended"}
    assert bench.receipt("i-1")["exit_code"] == 0


def test_different_intents_at_once_never_overlap(bench: Bench, runs: Callable[[], int]) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda n: bench.change(f"i-{n}", "note", {"seconds": "3"}), range(4))
        )
    states = sorted(str(answer["state"]) for answer in answers)
    assert states == ["ended", "refused", "refused", "refused"]
    refused = next(answer for answer in answers if answer["state"] == "refused")
    assert "another change is running" in refused["reason"]
    assert runs() == 1


def test_a_failure_is_a_failure(bench: Bench) -> None:
    bench.add("fail", "/bin/sh", "-c", "echo why >&2; exit 7", changes=True)
    answer = bench.change("i-1", "fail")
    assert (answer["state"], answer["exit_code"], answer["output"]) == ("ended", 7, "why\n")


def test_it_goes_on_when_the_gate_is_killed(
    bench: Bench, runs: Callable[[], int], until: Until
) -> None:
    process = bench.start(bench.change_request("i-1", "note", {"seconds": "1.5"}))
    until(lambda: runs() == 1)
    process.kill()
    process.communicate(timeout=5)
    assert bench.receipt("i-1")["state"] == "running"
    assert bench.change("i-1", "note", {"seconds": "1.5"})["state"] == "running"
    until(lambda: bench.receipt("i-1")["state"] == "ended")
    assert bench.receipt("i-1")["exit_code"] == 0
    assert runs() == 1


def test_it_goes_on_through_the_signals_of_an_ending_session(
    bench: Bench, runs: Callable[[], int], until: Until
) -> None:
    process = bench.start(bench.change_request("i-1", "note", {"seconds": "1"}))
    until(lambda: runs() == 1)
    os.kill(process.pid, signal.SIGHUP)
    process.communicate(timeout=5)
    until(lambda: bench.receipt("i-1")["state"] == "ended")


def test_a_change_that_was_cut_off_is_lost_and_never_run_again(
    bench: Bench, runs: Callable[[], int], until: Until
) -> None:
    process = bench.start(bench.change_request("i-1", "note", {"seconds": "65.75"}))
    until(lambda: runs() == 1)
    worker = int((bench.state / "receipts/i-1/started").read_text())
    os.kill(worker, signal.SIGKILL)  # what a host that goes down does
    process.communicate(timeout=10)
    for pid in running_with("65.75"):
        os.kill(pid, signal.SIGKILL)
    assert bench.receipt("i-1")["state"] == "lost"
    assert bench.change("i-1", "note", {"seconds": "65.75"})["state"] == "lost"
    assert runs() == 1


def test_cut_off_before_it_began_is_told_as_nothing_ran(bench: Bench) -> None:
    receipt = bench.state / "receipts/i-1"
    receipt.mkdir(parents=True)
    (receipt / "alive").touch()
    (receipt / "request.json").write_text("{}")
    answer = bench.receipt("i-1")
    assert answer["state"] == "refused"
    assert "before anything was run" in answer["reason"]


def test_an_older_fence_is_refused(bench: Bench, runs: Callable[[], int]) -> None:
    assert bench.change("i-1", "note", {"seconds": "0"}, fence=5)["state"] == "ended"
    late = bench.change("i-2", "note", {"seconds": "0"}, fence=4)
    assert late["state"] == "refused"
    assert "older" in late["reason"]
    assert bench.change("i-3", "note", {"seconds": "0"}, fence=5)["state"] == "ended"
    assert bench.change("i-2", "note", {"seconds": "0"}, fence=9)["state"] == "refused"
    assert runs() == 2


def test_an_intent_is_not_used_for_two_things(bench: Bench, runs: Callable[[], int]) -> None:
    bench.change("i-1", "note", {"seconds": "0"})
    request = bench.change_request("i-1", "slow", {"seconds": "0"})
    (answer,) = bench.ask(request, expect_exit=2)
    assert answer["refused"] == "intent-reused"


@pytest.mark.parametrize("intent", ["../x", "..", ".x", "-x", "", "a/b", "a b", "x" * 129, 7, None])
def test_an_intent_is_the_name_of_a_folder_and_nothing_else(bench: Bench, intent: object) -> None:
    (answer,) = bench.ask({"mode": "receipt", "intent": intent}, expect_exit=2)
    assert answer["refused"] == "malformed"


@pytest.mark.parametrize("fence", [None, -1, True, "1", 1.5])
def test_a_change_without_a_fence_is_refused(
    bench: Bench, runs: Callable[[], int], fence: object
) -> None:
    request = {**bench.change_request("i-1", "note", {"seconds": "0"}), "fence": fence}
    (answer,) = bench.ask(request, expect_exit=2)
    assert answer["refused"] == "malformed"
    assert runs() == 0


def test_units_are_bound_to_the_host_here_too(bench: Bench) -> None:
    for unit in ("nginx.service", "ssh.service", "systemd-journald.service"):
        request = bench.change_request("i-1", "service.restart", {"unit": unit})
        (answer,) = bench.ask(request, expect_exit=2)
        assert answer["refused"] == "unit-not-bound"


def test_without_a_receipt_nothing_runs(bench: Bench, runs: Callable[[], int]) -> None:
    bench.state.mkdir()
    (bench.state / "receipts").write_text("a file where the folder should be")
    request = bench.change_request("i-1", "note", {"seconds": "0"})
    (answer,) = bench.ask(request, expect_exit=2)
    assert answer["refused"] == "no-receipt"
    assert runs() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
def test_a_full_disk_is_no_receipt_and_runs_nothing(bench: Bench, runs: Callable[[], int]) -> None:
    bench.state.mkdir()
    small = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(bench.state)]
    subprocess.run(small, check=True)
    try:
        with pytest.raises(OSError, match="No space"):
            (bench.state / "filler").write_bytes(b"x" * 65536)
        request = bench.change_request("i-1", "note", {"seconds": "0"})
        (answer,) = bench.ask(request, expect_exit=2)
        assert answer["refused"] == "no-receipt"
        assert "No space left" in answer["reason"]
        assert runs() == 0
        assert bench.receipt("i-1")["state"] == "none"
    finally:
        subprocess.run(["umount", str(bench.state)], check=True)


def test_long_output_is_capped_and_the_change_goes_on(bench: Bench, tmp_path: Path) -> None:
    done = tmp_path / "done"
    script = f"head -c 300000 /dev/zero | tr '\\0' x; touch {done}"
    bench.add("loud", "/bin/sh", "-c", script, changes=True, max_bytes=2048)
    answer = bench.change("i-1", "loud")
    assert (answer["exit_code"], answer["truncated"]) == (0, True)
    assert len(answer["output"]) == 2048
    assert done.exists()


def test_a_change_that_never_ends_is_ended(bench: Bench, until: Until) -> None:
    bench.add("stuck", "/bin/sh", "-c", "echo begun; sleep 66.76", changes=True, timeout=1)
    answer = bench.change("i-1", "stuck")
    assert (answer["state"], answer["exit_code"]) == ("ended", 124)
    assert answer["output"].startswith("begun\n")
    until(lambda: not running_with("66.76"))


def test_old_receipts_are_removed(bench: Bench, runs: Callable[[], int]) -> None:
    bench.change("i-old", "note", {"seconds": "0"})
    bench.change("i-new", "note", {"seconds": "0"})
    os.utime(bench.state / "receipts/i-old", (0, 0))
    bench.change("i-3", "note", {"seconds": "0"})
    assert bench.receipt("i-old")["state"] == "none"
    assert bench.receipt("i-new")["state"] == "ended"


def test_the_state_is_roots_alone(bench: Bench, runs: Callable[[], int]) -> None:
    bench.change("i-1", "note", {"seconds": "0"})
    for path in (bench.state, *bench.state.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_who_asks_under_a_newer_fence_shuts_out_what_was_sent_before(
    bench: Bench, runs: Callable[[], int]
) -> None:
    asked = {"mode": "receipt", "intent": "i-1", "fence": 5}
    (answer,) = bench.ask(asked)
    assert answer["state"] == "none"
    late = bench.change("i-1", "note", {"seconds": "0"}, fence=4)
    assert late["state"] == "refused"
    assert "older than 5" in late["reason"]
    assert runs() == 0
