"""Benchmarks print what they measured and assert nothing of it: machines differ.

They work on the same fresh databases as the tests.
"""

from __future__ import annotations

from tests.conftest import (  # noqa: F401  fixtures
    database,
    database_url,
    migrated_postgres,
    migrated_sqlite,
    postgres_server,
)
