"""An agent of an earlier epoch of the graph: for a process that has loaded nothing of ours yet."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.domain.verdict import Verdict
from app.engine import workflows

EPOCH = "graph-of-before"


def run(
    url: str, folder: Path, output: Path, verdict: Verdict, name: str, given: Mapping[str, Any]
) -> None:
    """As `service.run`, under the earlier epoch."""
    assert "app.engine.durable" not in sys.modules, "it has the epoch of now already"
    workflows.GRAPH_EPOCH = EPOCH
    # imported here: whatever takes the epoch's name from its module takes this one
    from tests.integration.engine import service

    service.run(url, folder, output, verdict, name, given)
