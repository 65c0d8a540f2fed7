"""One scenario from fresh hosts to a verdict, step by step as the scenario format says."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.lab import leftovers
from app.lab.agents import Agent
from app.lab.disturbance import CALM, Disturbance
from app.lab.errors import BadScenario, LabError
from app.lab.estate import ACCOUNT
from app.lab.judge import VOLATILE, Moments, Row, Seen, judge, no_verdict
from app.lab.naming import PLAIN, Naming
from app.lab.running import Estate, new_run_id, start
from app.lab.scenario import Outcome, Scenario, Scripts
from app.lab.snapshot import Snapshot, take

HEALTHY_SECONDS = 30.0  # how long a fresh estate may take until users are served
BREAK_SECONDS = 10.0  # how long a fault may take until users notice
SECOND_LOOK = 3.0  # `healthy` must hold twice, this far apart
SLACK = 30.0  # how far off a clock or a loaded machine may be
FLAP_LOOK = 1.5  # two looks at the broken host this far apart show what will not stand still

Snapshots = dict[str, Snapshot]


@dataclass
class Run:
    """One scenario on its own estate."""

    scenario: Scenario
    agent: Agent
    estate: Estate
    disturbance: Disturbance = CALM
    disturbed_at: float = 0.0
    before: Snapshots = field(default_factory=dict)
    broken: Snapshots = field(default_factory=dict)
    flapping: dict[str, frozenset[str]] = field(default_factory=dict)

    def to_verdict(self) -> Row:
        """The format's steps, in order."""
        self.set_up()
        with self.agent.at_work(self.estate):
            self.let_agent_look()
            self.disturb()
            self.before = self.snapshots()
            self.break_it()
            if self.disturbance.aside is not None:
                self.agent.also(self.disturbance.aside)
            said = self.agent.heal(self.scenario)
            seen = self.look_after(self.agent.seconds_to_healthy)
        return judge(self.scenario, said, seen)

    def set_up(self) -> None:
        """`setup`, then users must be served."""
        said = self._scripts(self.scenario.setup)
        self._beside(self.disturbance.standing)
        if not self._becomes(healthy=True, seconds=HEALTHY_SECONDS):
            complaint = self._complaint()
            raise BadScenario(f"`healthy` fails before anything is broken: {complaint}{said}")

    def let_agent_look(self) -> None:
        """The agent may see the healthy hosts, where the scenario says so."""
        if self.scenario.baseline:
            self.agent.take_baseline(tuple(self.estate.machines))

    def disturb(self) -> None:
        """What is none of the fault: users do not notice it."""
        self._beside(self.disturbance.earlier)
        self.disturbed_at = time.monotonic()
        if self.disturbance.earlier and not self._becomes(healthy=True, seconds=HEALTHY_SECONDS):
            raise LabError(f"what was put beside the fault hurts users: {self._complaint()}")

    def break_it(self) -> None:
        """`inject`; users must notice, unless there is no fault."""
        said = self._scripts(self.scenario.inject)
        time.sleep(self.scenario.settle)
        if self.scenario.expect.outcome is Outcome.NO_FAULT:
            if not self._is_healthy():
                raise BadScenario(f"no_fault, but `healthy` fails: {self._complaint()}")
        elif not self._becomes(healthy=False, seconds=BREAK_SECONDS):
            raise BadScenario(f"`healthy` still holds after `inject`: nothing is broken{said}")
        self._beside(self.disturbance.meanwhile, must=False)
        first = self.snapshots()
        time.sleep(FLAP_LOOK)
        self.broken = self.snapshots()
        self.flapping = {name: _unsteady(first[name], self.broken[name]) for name in first}

    def look_after(self, seconds_to_healthy: float | None) -> Seen:
        """What is true at the end, whatever was said."""
        healthy = self._is_healthy()
        time.sleep(SECOND_LOOK)
        healthy = healthy and self._is_healthy()
        guard_ok, guard_output = self._guard()
        after = self.snapshots()
        ended = self._ended_by_itself()
        volatile = self.estate.naming.texts(VOLATILE)
        moments = {
            name: Moments(
                self.before[name],
                self.broken[name],
                after[name],
                self.flapping[name] | ended,
                volatile,
            )
            for name in after
        }
        return Seen(healthy, guard_output, not guard_ok, self._ssh_works(), moments,
                    seconds_to_healthy if healthy else None)  # fmt: skip

    def snapshots(self) -> Snapshots:
        """All hosts of the scenario, side by side."""
        machines = self.estate.machines
        with ThreadPoolExecutor(len(machines)) as pool:
            return dict(zip(machines, pool.map(take, machines.values()), strict=True))

    def _scripts(self, scripts: Scripts) -> str:
        """Run scripts on their hosts. What they end with is no verdict: breaking a service
        often fails by itself. Whether users are served decides; the output explains."""
        said = ""
        for host, text in scripts.items():
            done = self.estate.machines[host].script(text)
            said += f" [{host} ended with {done.returncode}: {done.output.strip()[-400:]}]"
        return said

    def _beside(self, scripts: Scripts, *, must: bool = True) -> None:
        """Run what is none of the fault, on all hosts at once and without a trace of a login. On
        a broken host it may fail."""

        def one(host: str) -> None:
            script = f"set -e\n{scripts[host]}" if must else scripts[host]
            done = self.estate.machines[host].look("/bin/bash", "-s", stdin=script)
            if must and not done.ok:
                raise LabError(f"{host}: what is beside the fault failed: {done.output[-400:]}")

        with ThreadPoolExecutor(max(1, len(scripts))) as pool:
            list(pool.map(one, scripts))

    def _ended_by_itself(self) -> frozenset[str]:
        """What is beside the fault and has had its time: nobody needed to end it."""
        past = time.monotonic() - self.disturbed_at > self.disturbance.seconds - SLACK
        return self.disturbance.ends_by_itself if past else frozenset()

    def _guard(self) -> tuple[bool, str]:
        outputs, fine = [], True
        for host, text in self.scenario.guard.items():
            done = self.estate.machines[host].script(text)
            fine = fine and done.ok
            outputs.append(done.output)
        return fine, "".join(outputs).strip()

    def _ssh_works(self) -> bool:
        """Any answer but ssh's own 255 shows that the key was let in."""
        logins = [
            f"ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
            f" -o LogLevel=ERROR -o ConnectTimeout=8 -i {self.estate.key}"
            f" {ACCOUNT}@{spec.address} true </dev/null || test $? -ne 255"
            for spec in self.estate.specs
        ]
        return self.estate.on_monitor("\n".join(["set -e", *logins])).ok

    def _is_healthy(self) -> bool:
        return is_healthy(self.estate, self.scenario)

    def _becomes(self, *, healthy: bool, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._is_healthy() is not healthy:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.3)
        return True

    def _complaint(self) -> str:
        done = self.estate.on_monitor("set -x\n" + self.scenario.healthy)
        return done.output.strip()[-600:]


def is_healthy(estate: Estate, scenario: Scenario) -> bool:
    """Whether users are served, as the scenario defines it."""
    return estate.on_monitor(scenario.healthy, timeout=60).ok


def run_scenario(
    scenario: Scenario,
    agent: Agent,
    keep: Path | None = None,
    disturbance: Disturbance = CALM,
    naming: Naming = PLAIN,
) -> Row:
    """Boot, break, let the agent work, judge, throw away. Always gives a row.

    Scenario and disturbance have the names of `naming` already.
    """
    try:
        with fresh_estate(scenario, naming) as estate:
            try:
                return Run(scenario, agent, estate, disturbance).to_verdict()
            finally:
                if keep is not None:
                    agent.keep_traces(estate, keep / scenario.id)
                    keep_setting(scenario, disturbance, keep / scenario.id, naming)
    except BadScenario as bad:
        return no_verdict(scenario, "broken_scenario", str(bad))
    except (LabError, OSError) as error:
        return no_verdict(scenario, "not_run", f"{type(error).__name__}: {error}")


def keep_setting(
    scenario: Scenario, disturbance: Disturbance, folder: Path, naming: Naming = PLAIN
) -> None:
    """Keep what the agent met beside the fault: the ticket as posted, what was put where, and
    what was called otherwise."""
    aside = disturbance.aside
    told = {
        "ticket": scenario.ticket.model_dump(),
        "aside": aside and {"host": aside.host, "ticket": aside.ticket.model_dump()},
        "beside": [asdict(note) for note in disturbance.notes],
        "names": {rename.old: rename.new for rename in naming.renames},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "setting.json").write_text(json.dumps(told, indent=2, ensure_ascii=False), "utf-8")


@contextmanager
def fresh_estate(scenario: Scenario, naming: Naming = PLAIN) -> Iterator[Estate]:
    """The scenario's hosts, up only for as long as they are needed."""
    run_id = new_run_id()
    with leftovers.held(run_id):
        estate = start(scenario.hosts, run_id, naming)
        try:
            yield estate
        finally:
            estate.throw_away()


def _unsteady(first: Snapshot, second: Snapshot) -> frozenset[str]:
    """What changes by itself on the broken host: a unit that is started again and again."""
    restless = {key for key in {*first, *second} if first.get(key) != second.get(key)}
    starting = {key for key, value in second.items() if key.startswith("unit:") and "ing" in value}
    return frozenset(key for key in restless | starting if key.startswith(("unit:", "port:")))
