"""Whatever each role sends to whichever address: no server error, and only documented answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.permission import Role
from tests.acceptance.conftest import Keyed
from tests.acceptance.fuzzing import fuzz

CONFIGURATION = Path(__file__).with_name("schemathesis-roles.toml")


@pytest.mark.parametrize("role", Role)
def test_no_role_finds_a_server_error(keyed: Keyed, role: Role, tmp_path: Path) -> None:
    found = fuzz(keyed.url, keyed.tokens[role], CONFIGURATION, tmp_path, unchecked="all")
    assert not found, found
