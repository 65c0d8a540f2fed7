"""The gate on what hangs on a unit: who stops with it, and what enabling it would make again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.execution.gate import ties
from app.execution.gate.places import Places

UNIT = "ledger.service"
INSTALL = (
    "[Unit]\nAfter=x\n[Install]\nWantedBy=multi-user.target \\\n  web.target\nAlias=book.service\n"
)


class Systemd:
    """What `systemctl show` answers, and the links under /etc/systemd/system."""

    def __init__(self, root: Path) -> None:
        self.enabled = root / "etc"
        self.enabled.mkdir()
        self.fragment = root / "lib" / UNIT
        self.fragment.parent.mkdir()
        self.fragment.write_text(INSTALL)
        self.needed_by: dict[str, str] = {}
        self.states: dict[str, str] = {}

    def link(self, name: str, to: Path | None = None) -> str:
        path = self.enabled / name
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(to or self.fragment)
        return str(path)

    def shown(self, argv: list[str], seconds: float = 8.0) -> tuple[int, str, str]:
        units = argv[argv.index("--") + 1 :]
        if "--property=FragmentPath" in argv:
            return 0, f"FragmentPath={self.fragment}\n", ""
        if "--property=Id,ActiveState" in argv:
            return 0, "\n".join(f"Id={u}\nActiveState={self.states[u]}\n" for u in units), ""
        return 0, f"RequiredBy={self.needed_by.get(units[0], '')}\nBoundBy=\n", ""


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    made = Systemd(tmp_path)
    monkeypatch.setattr(ties, "ENABLED", str(made.enabled))
    monkeypatch.setattr(ties, "read_program", made.shown)
    return made


@pytest.fixture
def declared(systemd: Systemd) -> list[str]:
    """Enabled as its file declares it."""
    names = (f"multi-user.target.wants/{UNIT}", f"web.target.wants/{UNIT}", "book.service")
    return sorted(systemd.link(name) for name in names)


def told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> dict[str, Any]:
    places = Places(str(tmp_path / "state"), str(tmp_path / "gate.json"))
    assert ties.unit_ties({"unit": UNIT}, places) == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


def test_whoever_runs_and_needs_it_is_named_and_who_needs_those(
    systemd: Systemd, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    systemd.needed_by = {UNIT: "till.service idle.service", "till.service": f"shop.service {UNIT}"}
    systemd.states = {
        "till.service": "active",
        "idle.service": "inactive",
        "shop.service": "activating",
    }
    assert told(capsys, tmp_path)["stopped_with"] == ["shop.service", "till.service"]


def test_what_its_file_declares_comes_back(
    declared: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    facts = told(capsys, tmp_path)
    assert facts["links"] == declared
    assert (facts["by_hand"], facts["as_declared"]) == ([], True)


@pytest.mark.parametrize(
    "name", [f"night.target.wants/{UNIT}", f"web.target.requires/{UNIT}", "other-name.service"]
)
def test_a_link_made_by_hand_would_not(
    systemd: Systemd,
    declared: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    name: str,
) -> None:
    by_hand = systemd.link(name)
    facts = told(capsys, tmp_path)
    assert (facts["by_hand"], facts["as_declared"]) == ([by_hand], False)


def test_nor_would_a_link_to_another_file(
    systemd: Systemd, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = tmp_path / "other.service"
    other.write_text(INSTALL)
    for name in (f"multi-user.target.wants/{UNIT}", "book.service"):
        systemd.link(name)
    strange = systemd.link(f"web.target.wants/{UNIT}", other)
    facts = told(capsys, tmp_path)
    assert (facts["by_hand"], facts["as_declared"]) == ([strange], False)


def test_nor_a_unit_that_is_enabled_in_part_or_with_others(
    systemd: Systemd, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    systemd.link(f"multi-user.target.wants/{UNIT}")
    assert told(capsys, tmp_path)["as_declared"] is False
    systemd.fragment.write_text("[Install]\nWantedBy=multi-user.target\nAlso=ledger.socket\n")
    facts = told(capsys, tmp_path)
    assert (facts["also"], facts["as_declared"]) == (["ledger.socket"], False)
