"""Keys: outside of the database, for their owner alone, one whoever starts first."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.audit import key_file
from app.audit.key_file import Key, is_signed, key_id_of
from app.errors import AuditKeyUnusable


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "keys.json"
    first = key_file.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key_file.load_or_create(path) == first
    assert [entry.name for entry in path.parent.iterdir()] == ["keys.json"]


def test_of_many_that_start_at_once_all_use_one_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with ThreadPoolExecutor(8) as pool:
        rings = list(pool.map(lambda _: key_file.load_or_create(path), range(8)))
    assert len({ring.newest.id for ring in rings}) == 1


def test_old_keys_stay(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    old = key_file.load_or_create(path).newest
    new = Key.new()
    key_file.add(path, new)
    ring = key_file.load(path)
    assert (ring.get(old.id), ring.newest) == (old, new)


@pytest.mark.parametrize("text", ["", "{}", '{"keys": []}', '{"keys": [{"id": "x"}]}'])
def test_what_is_no_key_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(AuditKeyUnusable, match="no key file"):
        key_file.load(path)


def test_a_key_under_another_keys_id_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    told = {"keys": [{"id": Key.new().id, "secret": "11" * 32}]}
    path.write_text(json.dumps(told))
    path.chmod(0o600)
    with pytest.raises(AuditKeyUnusable, match="their ids are wrong"):
        key_file.load(path)


def test_the_public_key_verifies_and_names_the_key() -> None:
    key = Key.new()
    signature = key.sign(b"said")
    assert key_id_of(key.public) == key.id
    assert is_signed(b"said", signature, key.public)
    assert not is_signed(b"sais", signature, key.public)
    assert not is_signed(b"said", signature, Key.new().public)
    assert not is_signed(b"said", "no signature", "no key")


def test_a_secret_is_not_shown() -> None:
    key = Key.new()
    assert key.secret not in repr(key)
