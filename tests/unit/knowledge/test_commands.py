"""`sre-agent knowledge`: what is printed, and with which exit code it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.knowledge.case_file import SHIPPED_CASES
from app.knowledge.library import SHIPPED

CASE = SHIPPED_CASES / "unit-stopped-nginx-service.yaml"


def knowledge(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["knowledge", *map(str, arguments)])


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site's folder with one mode, a shipped one under another name."""
    text = (SHIPPED / "unit-missing.yaml").read_text(encoding="utf-8")
    folder = tmp_path / "modes"
    folder.mkdir()
    renamed = text.replace("id: unit-missing", "id: gone-altogether")
    (folder / "gone-altogether.yaml").write_text(renamed, encoding="utf-8")
    return folder


def test_modes_are_listed_with_what_comes_of_them(site: Path) -> None:
    done = knowledge("list", "--modes", site)
    assert done.exit_code == 0
    assert "gone-altogether" in done.output
    assert "nothing is changed at all" in done.output


def test_a_mode_is_shown_and_an_unknown_one_is_not(site: Path) -> None:
    assert "It fits where" in knowledge("show", "gone-altogether", "--modes", site).output
    assert knowledge("show", "unit-vanished").exit_code == 2


def test_lint_ends_with_1_where_anything_is_wrong(site: Path) -> None:
    assert knowledge("lint", site).exit_code == 0
    (site / "gone-altogether.yaml").write_text("id: gone-altogether\n", encoding="utf-8")
    done = knowledge("lint", site)
    assert done.exit_code == 1
    assert f"{site / 'gone-altogether.yaml'}:1: title" in done.output.replace("\n", "")


def test_cases_end_with_1_where_one_fails_and_say_why(tmp_path: Path) -> None:
    assert knowledge("test", CASE).exit_code == 0
    other = tmp_path / "other.yaml"
    text = CASE.read_text(encoding="utf-8")
    other.write_text(text.replace("cause: unit-stopped", "cause: unit-masked"), encoding="utf-8")
    done = knowledge("test", CASE, other)
    assert done.exit_code == 1
    assert "FAILED  other" in done.output
    assert "expected unit-masked of nginx.service; found unit-stopped" in done.output
    assert "1 of 2 cases passed" in done.output


def test_what_is_not_there_ends_with_2(tmp_path: Path) -> None:
    for command in ("lint", "test"):
        assert knowledge(command, tmp_path / "nowhere").exit_code != 0
