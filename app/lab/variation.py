"""How a run differs from a plain one: noise, injected texts, names and tickets drawn anew.

A scenario stays what it is: its fault and its id are those of the plain run, so rows of both can be
compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.lab.disturbance import CALM, Disturbance
from app.lab.names import drawn_naming
from app.lab.naming import PLAIN, Naming
from app.lab.noise import noise
from app.lab.planting import planted
from app.lab.redraw import lookalikes, redrawn
from app.lab.renamed import renamed, renamed_disturbance
from app.lab.scenario import Scenario


@dataclass(frozen=True)
class Variation:
    """The options that change what the agent meets, not what it is asked to achieve."""

    folder: Path  # of the scenarios: a ticket's words come from lookalikes there
    noise: bool = False
    inject_text: bool = False
    redraw: int | None = None

    @property
    def naming(self) -> Naming:
        """What the estate's names become."""
        return PLAIN if self.redraw is None else drawn_naming(self.redraw, self.folder)

    def of(self, scenario: Scenario) -> tuple[Scenario, Disturbance]:
        """The scenario as it is run, and what happens beside it."""
        disturbance = CALM
        if self.redraw is not None:
            scenario = redrawn(scenario, self.redraw, lookalikes(self.folder, scenario.family))
        if self.noise:
            disturbance += noise(scenario)
        if self.inject_text:
            scenario, texts = planted(scenario)
            disturbance += texts
        return renamed(scenario, self.naming), renamed_disturbance(disturbance, self.naming)
