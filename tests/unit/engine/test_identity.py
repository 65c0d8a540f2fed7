"""A worker's id says whether its process is still there; in doubt it is."""

from __future__ import annotations

import subprocess
import sys

from app.engine.identity import new_worker_id, surely_gone

TELL = "from app.engine.identity import new_worker_id; print(new_worker_id())"


def test_ids_are_fresh_and_this_process_is_there() -> None:
    assert new_worker_id() != new_worker_id()
    assert not surely_gone(new_worker_id())


def test_a_process_that_ended_is_gone() -> None:
    told = subprocess.run([sys.executable, "-c", TELL], capture_output=True, text=True, check=True)
    assert surely_gone(told.stdout.strip())


def test_a_pid_that_was_given_to_another_process_is_gone() -> None:
    machine, pid, _, rest = new_worker_id().split(".")
    assert surely_gone(f"{machine}.{pid}.1.{rest}")


def test_of_another_machine_nothing_is_known() -> None:
    assert not surely_gone("0123456789.4194304.1.abcdef01")
