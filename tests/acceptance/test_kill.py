"""kill -9 of the whole server in the middle of the example incident, then a restart.

The execution ends rightly and no change is made twice, whatever it was doing when it died.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from app.api.v1.ticket_examples import FLAT
from tests.acceptance.conftest import started

HOST = FLAT["target"]["hostname"]


class Client:
    """One server, asked over HTTP."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=f"{address}/api/v1", trust_env=False, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def baseline(self) -> None:
        self._ask("POST", f"/hosts/{HOST}/baseline")

    def trigger(self) -> int:
        return int(self._ask("POST", "/incident/trigger-agent", json=FLAT)["execution_id"])

    def execution(self, execution_id: int) -> dict[str, Any]:
        return self._ask("GET", f"/incident/execution/{execution_id}")

    def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = self._client.request(method, path, **more)
        answer.raise_for_status()
        shown: dict[str, Any] = answer.json()
        return shown

    def until(self, execution_id: int, seen: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Look again and again, as a person would, until something is seen or a minute is over."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            shown = self.execution(execution_id)
            if seen(shown):
                return shown
            time.sleep(0.01)
        raise TimeoutError(f"not seen within a minute; last: {shown}")


def at_step(step: str) -> Callable[[dict[str, Any]], bool]:
    return lambda shown: any(t["action_type"] == step for t in shown["timeline"])


MOMENTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "just accepted": lambda _: True,
    "while it looks": at_step("analyze"),
    "after its first change": lambda shown: bool(shown["actions_taken"]),
    "while it proves": at_step("verify"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_and_started_again_it_ends_as_if_nothing_had_happened(
    moment: str, bare_environment: dict[str, str], tmp_path: Path
) -> None:
    environment = bare_environment | {
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/x.sqlite",
        "WATCH_SECONDS_REVERSIBLE": "1",
    }
    serve = ["-m", "app.cli", "serve"]
    with started(serve, environment, tmp_path) as (address, child), Client(address) as client:
        client.baseline()
        execution_id = client.trigger()
        client.until(execution_id, MOMENTS[moment])
        child.kill()
        child.wait()
    with started(serve, environment, tmp_path) as (address, _), Client(address) as client:
        ended = client.until(execution_id, lambda shown: bool(shown["outcome"]))
    assert ended["outcome"] == "resolved"
    made = Counter((a["action"], str(a["params"])) for a in ended["actions_taken"])
    assert set(made) != set()
    assert set(made.values()) == {1}, made
    assert ended["verification"]["healed"]
