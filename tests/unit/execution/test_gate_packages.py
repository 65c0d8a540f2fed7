"""A package that is gone, installed again from the cache by a real dpkg in a root of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.execution.gate import packages
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.host.packages import PackagesFacts, PackageStateFacts

CONTROL = """Package: {name}
Version: {version}
Architecture: all
Maintainer: Nobody <nobody@example.net>
Description: a package for tests
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where dpkg installs to; its cache is empty."""
    folder = tmp_path / "root"
    (folder / "var/lib/dpkg/updates").mkdir(parents=True)
    (folder / "var/lib/dpkg/info").mkdir()
    (folder / "var/lib/dpkg/status").touch()
    for name, options in (
        ("dpkg", f"--root={folder} --force-script-chrootless --force-not-root"),
        ("dpkg-query", f"--admindir={folder}/var/lib/dpkg"),
    ):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\nexec /usr/bin/{name} {options} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setattr(packages, "DPKG", str(tmp_path / "dpkg"))
    monkeypatch.setattr(packages, "DPKG_QUERY", str(tmp_path / "dpkg-query"))
    monkeypatch.setattr(packages, "CACHE", str(cache))
    monkeypatch.setattr(packages, "OWNER", os.geteuid())
    return folder


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(state=str(tmp_path / "state"))


def fetched(tmp_path: Path, name: str = "till", version: str = "2.1-3", called: str = "") -> Path:
    """A package file in the cache, as apt keeps it."""
    tree = tmp_path / f"tree-{name}-{version}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(CONTROL.format(name=name, version=version), "utf-8")
    (tree / "opt/till").mkdir(parents=True)
    (tree / "opt/till/drawer").write_text("open\n", encoding="utf-8")
    file = tmp_path / "cache" / (called or f"{name}_{version}_all.deb")
    subprocess.run(
        ["/usr/bin/dpkg-deb", "--build", str(tree), str(file)],
        check=True,
        capture_output=True,
    )
    return file


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


WANTED: dict[str, str | int] = {"package": "till", "version": "2.1-3"}


def test_it_is_installed_and_can_be_taken_back(
    root: Path, tmp_path: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched(tmp_path)
    packages.package_state({"package": "till"}, places)
    before = PackageStateFacts.model_validate(told(capsys))
    assert (before.version, before.cached) == ("", ("2.1-3",))
    assert packages.package_install_cached(WANTED, places) == 0
    assert (root / "opt/till/drawer").exists()
    capsys.readouterr()
    packages.packages_list({}, places)
    assert PackagesFacts.model_validate(told(capsys)).installed == {"till": "2.1-3"}
    with pytest.raises(Failed, match="already"):
        packages.package_install_cached(WANTED, places)
    assert packages.package_remove_installed({"package": "till"}, places) == 0
    assert not (root / "opt/till/drawer").exists()


def test_what_somebody_else_installed_stays(root: Path, tmp_path: Path, places: Places) -> None:
    file = fetched(tmp_path)
    subprocess.run([packages.DPKG, "--install", str(file)], check=True, capture_output=True)
    with pytest.raises(Failed, match="not installed by the gate"):
        packages.package_remove_installed({"package": "till"}, places)
    assert (root / "opt/till/drawer").exists()


def test_only_what_says_itself_what_it_is_and_nobody_else_could_write(
    root: Path, tmp_path: Path, places: Places
) -> None:
    fetched(tmp_path, name="other", called="till_2.1-3_all.deb")
    with pytest.raises(Failed, match=r"has no till 2\.1-3"):
        packages.package_install_cached(WANTED, places)
    fetched(tmp_path).chmod(0o666)
    with pytest.raises(Failed, match=r"has no till 2\.1-3"):
        packages.package_install_cached(WANTED, places)
    assert list((root / "var/lib/dpkg/info").iterdir()) == []
