"""`sre-agent demo-real`: the demo on a real host that the lab boots on this machine.

Real systemd, sshd and nginx, a real fault out of the lab's scenarios, real SSH. At a terminal the
hosts stay up until Ctrl-C, so that they can be broken again by hand; everything is removed then.
"""

from __future__ import annotations

import json
import shlex
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.commands.demo import hand_in
from app.commands.screen import NO, give_up, out
from app.commands.server import Server
from app.lab import requirements
from app.lab.agents import ServiceAgent
from app.lab.batch import RunOptions
from app.lab.client import incident
from app.lab.errors import LabError
from app.lab.network import inside
from app.lab.runner import Run, fresh_estate, is_healthy
from app.lab.running import Estate
from app.lab.scenario import Scenario, load
from app.lab.service import Service

NUMBER = "INC0010001"


def demo_real(
    scenario: Annotated[
        str, typer.Option(help="Which of the lab's scenarios to show")
    ] = "nginx-config-typo",
    stay: Annotated[
        bool | None,
        typer.Option(help="Leave the hosts up until Ctrl-C; default: where there is a terminal"),
    ] = None,
) -> None:
    """Heal a real host (root on Debian). Exit 1: users are not served at the end."""
    try:
        healed = _show(scenario, sys.stdin.isatty() if stay is None else stay)
    except LabError as error:
        give_up(str(error), hint="docs/howto/lab.md says what the lab needs.")
    if not healed:
        raise typer.Exit(NO)


def _show(scenario: str, stay: bool) -> bool:
    """Boot, break, heal; whether users are served at the end."""
    requirements.ensure()
    chosen = load(RunOptions.scenarios / f"{scenario}.yaml")
    out.print(f"booting    {', '.join(chosen.hosts)} (the first time builds their images: minutes)")
    with fresh_estate(chosen) as estate:
        agent = ServiceAgent()
        run = Run(chosen, agent, estate)
        run.set_up()
        with agent.at_work(estate):
            out.print("up         users are served; the agent takes its baseline")
            run.let_agent_look()
            run.break_it()
            out.print(f"broken     {chosen.title}")
            assert agent.service is not None, "at_work starts it"
            healed = _heal(agent.service, chosen, estate)
            if stay:
                _stay(agent.service, chosen, estate)
    return healed


def _heal(service: Service, scenario: Scenario, estate: Estate) -> bool:
    """Hand the ticket in from the monitor's side; then ask as a user whether it is healed."""
    with inside(service.namespace), Server(service.url, token=service.key) as server:
        hand_in(server, incident(scenario, NUMBER))
    healthy = is_healthy(estate, scenario)
    out.print(
        f"users      {'are served again' if healthy else 'are NOT served'}, asked from outside"
    )
    return healthy


def _stay(service: Service, scenario: Scenario, estate: Estate) -> None:
    """Say how to break and heal it again by hand; until Ctrl-C."""
    body = estate.folder / "incident.json"
    body.write_text(json.dumps(incident(scenario, NUMBER), indent=2))
    out.print("\nBreak it again, and post the incident again:")
    for line in _by_hand(service, body):
        out.print(f"  {line}", markup=False)
    out.print("\nThe hosts stay until Ctrl-C.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        out.print("removing the hosts")


def _by_hand(service: Service, body: Path) -> tuple[str, ...]:
    post = f"{service.url}/api/v1/incident/trigger-agent"
    enter = f"ip netns exec {service.namespace}"
    command = Path(sys.executable).with_name("sre-agent")
    headers = "-H 'Content-Type: application/json' -H \"Authorization: Bearer $SRE_AGENT_TOKEN\""
    return (
        f"{command} lab shell web01 systemctl kill -s KILL nginx",
        f"export SRE_AGENT_TOKEN={service.key}",
        f"{enter} curl -s {headers} -d @{shlex.quote(str(body))} {post}",
        f"{enter} {command} watch 2 --url {service.url}",
    )
