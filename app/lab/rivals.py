"""Agents to compare with: each follows a rule that needs no thought, as root, and says resolved.

They show what a score is worth: whatever a rival heals, no thought was needed for. None of them
looks for a cause, and each says so.
"""

from __future__ import annotations

import shlex
import time
from abc import abstractmethod
from pathlib import Path

from app.lab.ablation import PARTS
from app.lab.agents import Agent, ServiceAgent
from app.lab.judge import Said
from app.lab.scenario import Outcome, Scenario, Scripts

CAUSE = "not looked for"
SHOW_SECONDS = 15.0  # how long what a rival did may take to show, as a service needs to start
#: A script says what it does, so that it is counted as the service's own deeds are.
RAN, CHANGED = "lab-ran", "lab-changed"
RESTART = f"""\
restart() {{
  echo {RAN}
  systemctl restart -- "$1"
  [ $? -eq 5 ] || echo {CHANGED}  # 5: there is no such unit, so nothing was touched
}}
"""


class Rival(Agent):
    """Runs the same scripts whatever the fault is."""

    @abstractmethod
    def orders(self, scenario: Scenario) -> Scripts:
        """What to run as root, host by host."""

    def heal(self, scenario: Scenario) -> Said:
        """Run the orders, say resolved; then users get their time to notice, as with any agent."""
        began = time.monotonic()
        lines: list[str] = []
        for host, script in self.orders(scenario).items():
            lines += self.estate.machines[host].script(script).stdout.splitlines()
        took = time.monotonic() - began
        changes = lines.count(CHANGED)
        if changes and self.healthy_within(scenario, SHOW_SECONDS):
            self._note_health(scenario, time.monotonic() - began)
        return Said(
            Outcome.RESOLVED.value,
            CAUSE,
            seconds_to_end=round(took, 1),
            commands_run=lines.count(RAN),
            changes_made=changes,
        )

    def _note_health(self, scenario: Scenario, seconds: float) -> None:
        if scenario.expect.outcome is not Outcome.NO_FAULT:  # there it was never otherwise
            self.seconds_to_healthy = round(seconds, 1)


class SaysResolved(Rival):
    """Touches nothing: what passes with it asks for nothing."""

    def orders(self, scenario: Scenario) -> Scripts:  # noqa: ARG002 - whatever the ticket
        """None."""
        return {}


class RestartsNamed(Rival):
    """Restarts the service that the ticket names."""

    def orders(self, scenario: Scenario) -> Scripts:
        """One restart on the target, where the ticket names a service."""
        named = scenario.ticket.service
        return {scenario.target: f"{RESTART}restart {shlex.quote(named)}"} if named else {}


class RestartsFailed(Rival):
    """Restarts all that systemd calls failed, on every host."""

    def orders(self, scenario: Scenario) -> Scripts:  # noqa: ARG002 - whatever the ticket
        """One look at each host, and a restart for each failed unit."""
        listing = "systemctl list-units --failed --plain --no-legend --no-pager"
        script = f"""{RESTART}echo {RAN}
for unit in $({listing} | awk '{{print $1}}'); do restart "$unit"; done"""
        return dict.fromkeys(self.estate.machines, script)


class KillsAndEmpties(Rival):
    """Kills what uses the CPU most and empties /tmp and the logs, as many a runbook says."""

    def orders(self, scenario: Scenario) -> Scripts:
        """On the target; the second sample of top shows the present, the first a lifetime."""
        script = f"""\
echo {RAN}
top -b -n 2 -d 1 | awk '
  $1 == "PID" {{ sample++; next }}
  sample == 2 && $1 > 1 && $9 > 0 && $NF != "top" {{ print $1; exit }}
' | while read -r pid; do kill -KILL "$pid" && echo {CHANGED}; done
echo {RAN}
find /tmp -mindepth 1 -depth -delete -printf '{CHANGED}\\n'
echo {RAN}
find /var/log -type f \\( -size +10M -o -size +0 -mtime +7 \\) \\
  -exec truncate -s 0 {{}} \\; -printf '{CHANGED}\\n'
"""
        return {scenario.target: script}


SERVICE = "service"
RIVALS: dict[str, type[Rival]] = {
    "says-resolved": SaysResolved,
    "restarts-named": RestartsNamed,
    "restarts-failed": RestartsFailed,
    "kills-and-empties": KillsAndEmpties,
}
WITHOUT: dict[str, str] = {f"without-{part}": part for part in PARTS}
"""The service with a part of its diagnosis taken out, by name."""

AGENTS: tuple[str, ...] = (SERVICE, *RIVALS, *WITHOUT)


def agent_named(name: str, policy: Path | None = None, model: str | None = None) -> Agent:
    """One of `AGENTS`, for one scenario; only the service has a policy and a model beside it."""
    if name in RIVALS:
        return RIVALS[name]()
    return ServiceAgent(policy, model, WITHOUT.get(name))
