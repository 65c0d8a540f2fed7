"""Benchmarks print what they measured and assert nothing of it: machines differ.

They work on the same fresh databases as the tests.
"""

from __future__ import annotations

import pytest

from tests.conftest import (  # noqa: F401  fixtures
    database,
    database_url,
    migrated_postgres,
    migrated_sqlite,
    postgres_server,
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much is measured."""
    parser.addoption(
        "--rate-seconds", type=float, default=4.0, help="how long each rate of POSTs is kept up"
    )
    parser.addoption(
        "--executions", type=int, default=48, help="executions of each set of processes"
    )
