"""What is left of the diagnosis where a part of it was taken out."""

from __future__ import annotations

import subprocess
import sys

import pytest

from app.lab.ablation import BASELINE, MODES, PARTS, PATH
from app.lab.agents import ServiceAgent
from app.lab.places import PROJECT
from app.lab.rivals import AGENTS, agent_named

LOOK = """
import sys
from app.lab.ablation import take_out
take_out(sys.argv[1])
from app.host.path import PathWalker
from app.knowledge.library import Library
print(sorted({mode.family for mode in Library.load().modes}) == ["drift"], PathWalker.walk.__name__)
"""


@pytest.mark.parametrize(
    ("part", "left"),
    [(BASELINE, "False walk"), (MODES, "True walk"), (PATH, "False _nowhere")],
)
def test_only_that_part_is_taken_out(part: str, left: str) -> None:
    command = [sys.executable, "-c", LOOK, part]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == left


def test_each_is_an_agent_of_its_own() -> None:
    for part in PARTS:
        assert f"without-{part}" in AGENTS
        agent = agent_named(f"without-{part}")
        assert isinstance(agent, ServiceAgent)
        assert agent.without == part
    plain = agent_named("service")
    assert isinstance(plain, ServiceAgent)
    assert plain.without is None
