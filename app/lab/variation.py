"""How a run differs from a plain one: noise, injected texts, tickets drawn anew.

A scenario stays what it is: its fault, its checks and its id are those of the plain run, so rows
of both can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.lab.disturbance import CALM, Disturbance
from app.lab.noise import noise
from app.lab.planting import planted
from app.lab.redraw import lookalikes, redrawn
from app.lab.scenario import Scenario


@dataclass(frozen=True)
class Variation:
    """The options that change what the agent meets, not what it is asked to achieve."""

    noise: bool = False
    inject_text: bool = False
    redraw: int | None = None

    def of(self, scenario: Scenario, folder: Path) -> tuple[Scenario, Disturbance]:
        """The scenario as it is run, and what happens beside it; `folder` has its lookalikes."""
        disturbance = CALM
        if self.redraw is not None:
            scenario = redrawn(scenario, self.redraw, lookalikes(folder, scenario.family))
        if self.noise:
            disturbance += noise(scenario)
        if self.inject_text:
            scenario, texts = planted(scenario)
            disturbance += texts
        return scenario, disturbance
