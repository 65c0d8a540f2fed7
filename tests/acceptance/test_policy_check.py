"""`sre-agent policy check` as others call it: JSON rows in, JSON rows out, in order."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.acceptance.conftest import PROJECT

INVENTORY = "hosts: {edge: {address: 192.0.2.1, username: sre-agent, services: [nginx]}}\n"


def check(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "hosts.yaml").write_text(INVENTORY)
    command = [sys.executable, "-m", "app.cli", "policy", "check", str(folder / "rows.jsonl")]
    return subprocess.run(
        [*command, *options], capture_output=True, text=True, cwd=PROJECT, check=False
    )


def test_a_row_for_each_line_and_a_denied_one_is_no_failure(tmp_path: Path) -> None:
    commands = ["systemctl restart nginx", "rm -rf /", "df -h"]
    rows = "".join(json.dumps({"command": command}) + "\n" for command in commands)
    (tmp_path / "rows.jsonl").write_text(rows)
    options = ("--inventory", str(tmp_path / "hosts.yaml"), "--host", "edge", "--level", "L2")
    done = check(tmp_path, *options)
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["command"] for row in said] == commands
    assert [row["verdict"] for row in said] == ["needs_approval", "deny", "allow"]


def test_a_host_that_is_not_in_the_inventory_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"command": "df -h"}\n')
    done = check(tmp_path, "--inventory", str(tmp_path / "hosts.yaml"), "--host", "elsewhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no host 'elsewhere'" in done.stderr


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    done = check(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "rows.jsonl cannot be read" in done.stderr
