"""Nothing of a run that was killed is left, and nothing of any other is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.lab import cgroups, leftovers, network
from app.lab.process import Finished


def test_its_folder_and_its_database_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, memory = tmp_path / "runs", tmp_path / "memory"
    for name in ("0abcde", "0fedcb"):
        (runs / name).mkdir(parents=True)
        (memory / name / "data").mkdir(parents=True)
    monkeypatch.setattr(leftovers, "RUNS", runs)
    monkeypatch.setattr(leftovers, "database_folder", lambda run_id: memory / run_id)
    monkeypatch.setattr(leftovers, "attempt", lambda _argv: Finished(0, "", ""))
    for module, ask in ((cgroups, "groups_of"), (network, "namespaces_of")):
        monkeypatch.setattr(module, ask, lambda _run_id: [])
    leftovers.clean("0abcde")
    assert [path.name for path in runs.iterdir()] == ["0fedcb"]
    assert [path.name for path in memory.iterdir()] == ["0fedcb"]
