"""What changed on a host is read from its overlay's upper directory."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from app.lab.filetree import GONE, changed_files, loose_files


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Path, Path]:
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    (lower / "etc/shop").mkdir(parents=True)
    (lower / "etc/shop/shop.env").write_text("A=1\n")
    (lower / "etc/hosts").write_text("127.0.0.1 localhost\n")
    upper.mkdir()
    return lower, upper


def test_nothing_touched_is_nothing_changed(layers: tuple[Path, Path]) -> None:
    lower, upper = layers
    assert changed_files(upper, (lower,)) == {}


def test_new_and_changed_files_are_told(layers: tuple[Path, Path]) -> None:
    lower, upper = layers
    (upper / "etc/shop").mkdir(parents=True)
    (upper / "etc/shop/shop.env").write_text("A=2\n")
    (upper / "etc/shop/new").symlink_to("shop.env")
    assert set(changed_files(upper, (lower,))) == {"/etc/shop/shop.env", "/etc/shop/new"}


def test_a_file_put_back_counts_as_unchanged(layers: tuple[Path, Path]) -> None:
    lower, upper = layers
    (upper / "etc").mkdir()
    (upper / "etc/hosts").write_text("127.0.0.1 localhost\n")
    assert changed_files(upper, (lower,)) == {}


def test_a_mode_alone_is_a_change(layers: tuple[Path, Path]) -> None:
    lower, upper = layers
    (upper / "etc").mkdir()
    (upper / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (upper / "etc/hosts").chmod(0o600)
    assert list(changed_files(upper, (lower,))) == ["/etc/hosts"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes an overlay's whiteouts")
def test_a_removed_folder_is_gone_with_all_in_it(layers: tuple[Path, Path]) -> None:
    lower, upper = layers
    (upper / "etc").mkdir()
    os.mknod(upper / "etc/shop", stat.S_IFCHR, os.makedev(0, 0))
    assert changed_files(upper, (lower,)) == {"/etc/shop": GONE, "/etc/shop/shop.env": GONE}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes an overlay's whiteouts")
def test_a_folder_removed_and_made_anew_hides_what_was_in_it(layers: tuple[Path, Path]) -> None:
    lower, upper = layers
    (upper / "etc/shop").mkdir(parents=True)
    os.setxattr(upper / "etc/shop", "trusted.overlay.opaque", b"y")
    assert changed_files(upper, (lower,)) == {"/etc/shop/shop.env": GONE}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes an overlay's whiteouts")
def test_a_file_that_came_and_went_leaves_nothing(layers: tuple[Path, Path]) -> None:
    lower, upper = layers
    os.mknod(upper / "never-there", stat.S_IFCHR, os.makedev(0, 0))
    assert changed_files(upper, (lower,)) == {}


def test_the_middle_layer_wins_over_the_lowest(layers: tuple[Path, Path], tmp_path: Path) -> None:
    lower, upper = layers
    middle = tmp_path / "middle"
    (middle / "etc").mkdir(parents=True)
    (middle / "etc/hosts").write_text("baked\n")
    (upper / "etc").mkdir()
    (upper / "etc/hosts").write_text("baked\n")
    assert changed_files(upper, (middle, lower)) == {}


def test_live_database_folders_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "15/main").mkdir(parents=True)
    (tmp_path / "15/main/PG_VERSION").write_text("15\n")
    (tmp_path / "dump.bk").write_text("precious")
    assert list(loose_files(tmp_path)) == ["/dump.bk"]
