"""`sre-agent demo`: what a stranger sees first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "demo", "--folder", str(folder)],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_it_ends_resolved_and_says_on_every_line_that_it_is_simulated(tmp_path: Path) -> None:
    done = demo(tmp_path / "demo")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in lines if not line.startswith("SIMULATED ")] == []
    assert "SIMULATED RESOLVED" in lines
    told = {line.split()[1] for line in lines if len(line.split()) > 1}
    assert {"incident", "execution", "cause", "proof", "changed", "evidence", "look"} <= told
    for state in ("analyze", "hypothesize", "diagnose", "remediate", "verify", "finalize"):
        assert any(state in line for line in lines), state
    again = demo(tmp_path / "demo")
    assert again.returncode == 0, again.stdout + again.stderr


def test_it_empties_no_folder_that_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    done = demo(tmp_path)
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert (tmp_path / "precious").read_text() == "mine"
