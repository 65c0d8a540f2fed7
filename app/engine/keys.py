"""Names that one workflow gives to its steps, rows and intents; the same again on resume.

The graph's counters start anew in each workflow of an execution, so everything that is written
carries the workflow's number.
"""

from __future__ import annotations

import re

from app.domain.value import Value
from app.engine.workflows import workflow_id

_UNFIT = re.compile(r"[^A-Za-z0-9_.:-]")
_LONGEST_INTENT = 128  # what the host's gate takes


class Keys(Value):
    """The names of one workflow."""

    execution_id: int
    number: int

    @property
    def workflow(self) -> str:
        return workflow_id(self.execution_id, self.number)

    def row(self, effect: str, key: str) -> str:
        """The audit's key of what one effect writes: "2.observe.diagnose-1"."""
        return f"{self.number}.{effect}.{key}"

    def story(self, key: str) -> str:
        """A timeline entry's key: the graph's own in the first workflow, told apart later."""
        return key if self.number == 1 else f"{self.number}.{key}"

    def intent(self, key: str, index: int) -> str:
        """An intent's id: "exe-7-1.remediate-1.0"."""
        name = f"{self.workflow}.{_UNFIT.sub('-', key)}.{index}"
        if len(name) > _LONGEST_INTENT:
            raise ValueError(f"the step key {key!r} is too long for an intent's id")
        return name
