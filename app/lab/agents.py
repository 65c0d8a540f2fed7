"""Who does the healing: the service under test, or the scenario's own reference fix.

Every agent is used in the same way, so that scores can be compared.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from app.lab import ablation
from app.lab.client import Body, Client, incident, payload
from app.lab.disturbance import Aside
from app.lab.errors import BadScenario, ServiceFailed
from app.lab.judge import Said
from app.lab.language_model import served
from app.lab.running import Estate
from app.lab.scenario import Outcome, Scenario
from app.lab.service import Service, start_service
from app.lab.trace import DATABASE, DUMP, INVENTORY

ENDED = frozenset({"completed", "failed", "cancelled"})
WAITING = "waiting_approval"
STORY = ("root_cause", "started_at", "timeline")
POLL_SECONDS = 0.4
MEND_SECONDS = 20.0  # how long a reference fix may take to show
ASIDE_SECONDS = 60.0  # how long a ticket that is not judged may still take
GRACE = 2.0  # times the scenario's limit, after which nobody waits any longer


class Agent(ABC):
    """Something that is given a ticket and may heal."""

    def __init__(self) -> None:
        self.seconds_to_healthy: float | None = None

    @contextmanager
    def at_work(self, estate: Estate) -> Iterator[None]:
        """Be there for one scenario."""
        self.estate = estate
        self.seconds_to_healthy = None
        yield

    def take_baseline(self, hosts: tuple[str, ...]) -> None:  # noqa: B027 - most do not look
        """Look at the healthy hosts."""

    def also(self, aside: Aside) -> None:  # noqa: B027 - most work on one ticket
        """Be given a further ticket, just before the one that is judged."""

    @abstractmethod
    def heal(self, scenario: Scenario) -> Said:
        """Work on the ticket until the end."""

    def healthy_within(self, scenario: Scenario, seconds: float) -> bool:
        """Wait until users are served; False where they are not by then."""
        deadline = time.monotonic() + seconds
        while not self.estate.on_monitor(scenario.healthy, timeout=60).ok:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.3)
        return True

    def story(self) -> Body:
        """What it says of its work: `root_cause`, `started_at`, `timeline`; most say nothing."""
        return {}

    def keep_traces(self, estate: Estate, folder: Path) -> None:  # noqa: B027 - most have none
        """Keep what helps to understand the run afterwards."""


class ReferenceFix(Agent):
    """Applies the scenario's own `fix` and says what the scenario wants to hear: it proves
    the scenario, not an agent."""

    def heal(self, scenario: Scenario) -> Said:
        """Run `fix` on its hosts and wait until users are served."""
        began = time.monotonic()
        said = ""
        for host, text in (scenario.fix or {}).items():
            done = self.estate.machines[host].script(text)
            said += f" [{host} ended with {done.returncode}: {done.output.strip()[-400:]}]"
        if scenario.fix and not self.healthy_within(scenario, MEND_SECONDS):
            raise BadScenario(f"`healthy` still fails after the reference `fix`{said}")
        self.seconds_to_healthy = time.monotonic() - began if scenario.fix else None
        expect = scenario.expect
        return Said(expect.outcome.value, approval_asked=expect.approval)


class ServiceAgent(Agent):
    """The service under test, through its webhook and API."""

    def __init__(
        self, policy: Path | None = None, model: str | None = None, without: str | None = None
    ) -> None:
        super().__init__()
        self.without = without  # one of `ablation.PARTS`
        self.policy = policy
        self.model = model
        self.service: Service | None = None
        self.last: Body = {}
        self.logs: list[Body] = []
        self.asides: list[int] = []  # executions that are not judged

    @contextmanager
    def at_work(self, estate: Estate) -> Iterator[None]:
        """Start the service on the monitor, with a fresh database."""
        self.last, self.logs, self.asides = {}, [], []
        with super().at_work(estate), ExitStack() as parts:
            self.service = self.start(parts)
            self.client = Client(self.service)
            yield

    def start(self, parts: ExitStack) -> Service:
        """The service, ready; what is to be done at the end is given to `parts`."""
        beside = parts.enter_context(served(self.model, self.estate)) if self.model else {}
        service = start_service(self.estate, self.policy, beside, self.without)
        parts.callback(self._stop)
        return service

    def _stop(self) -> None:
        assert self.service is not None
        self.service.stop()

    def take_baseline(self, hosts: tuple[str, ...]) -> None:
        """By the service's own API."""
        if self.without == ablation.BASELINE:
            return
        for host in hosts:
            self.client.take_baseline(host)

    def also(self, aside: Aside) -> None:
        """Post it to the same webhook."""
        spec = self.estate.naming.hosts[aside.host]
        self.asides.append(self.client.trigger(payload(aside.ticket, spec, aside.number)))

    def heal(self, scenario: Scenario) -> Said:
        """Post the ticket, approve where a person is expected to, wait for the end."""
        number = f"INC{zlib.crc32(scenario.id.encode()) % 10**7:07d}"
        execution_id = self.client.trigger(incident(scenario, number, self.estate.naming.hosts))
        with _HealthWatch(self.estate, scenario) as watch:
            try:
                said = self._follow(execution_id, scenario)
                self._wait_for_asides()
            except KeyError as error:
                raise ServiceFailed(f"the API's answer lacks {error}") from error
        if scenario.expect.outcome is not Outcome.NO_FAULT:  # there it was never otherwise
            self.seconds_to_healthy = watch.seconds
        return said

    def between_looks(self) -> None:
        """Between two looks at the execution; whoever disturbs the service does it here."""

    def _follow(self, execution_id: int, scenario: Scenario) -> Said:
        began, waited, asked = time.monotonic(), 0.0, False
        deadline = began + scenario.limits.seconds * GRACE + 30
        while True:
            self.last = self.client.execution(execution_id)
            status = str(self.last["status"])
            if status in ENDED or time.monotonic() > deadline:
                break
            self.between_looks()
            if status == WAITING:
                asked = True
                waited += POLL_SECONDS
                if not scenario.expect.approval:
                    break
                for request in self.client.pending_approvals(execution_id):
                    self.client.approve(request)
            time.sleep(POLL_SECONDS)
        self.logs = self.client.logs(execution_id)
        return Said(
            outcome=str(self.last.get("outcome") or status),
            cause=str(self.last.get("root_cause") or ""),
            approval_asked=asked,
            seconds_to_end=round(time.monotonic() - began - waited, 1),
            commands_run=int(self.last["commands_run"]),
            changes_made=len(self.last["actions_taken"]),
            **_stated(self.last),
        )

    def _wait_for_asides(self) -> None:
        """Until they can change nothing more: the hosts are looked at next."""
        deadline = time.monotonic() + ASIDE_SECONDS
        for execution_id in self.asides:
            while self.client.execution(execution_id)["status"] not in {*ENDED, WAITING}:
                if time.monotonic() > deadline:
                    return
                time.sleep(POLL_SECONDS)

    def story(self) -> Body:
        """As the API told it last."""
        return {name: self.last.get(name) for name in STORY}

    def keep_traces(self, estate: Estate, folder: Path) -> None:
        """The service's log, its database and inventory, and the execution as last seen."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "execution.json").write_text(json.dumps(self.last, indent=2))
        (folder / "logs.json").write_text(json.dumps(self.logs, indent=2))
        for name in ("service.log", DATABASE, DUMP, INVENTORY):
            if (estate.folder / name).exists():
                shutil.copy(estate.folder / name, folder / name)


class _HealthWatch:
    """Notes when users are served again while the agent works."""

    def __init__(self, estate: Estate, scenario: Scenario) -> None:
        self.estate, self.scenario = estate, scenario
        self.seconds: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _HealthWatch:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        """The last time that health came back counts: a relapse is not health."""
        while not self._over.wait(1):
            healthy = self.estate.on_monitor(self.scenario.healthy, timeout=60).ok
            if not healthy:
                self.seconds = None
            elif self.seconds is None:
                self.seconds = round(time.monotonic() - self._began, 1)


def _stated(execution: Body) -> Body:
    """The mode and the confidence of the cause that an execution ended with, if it named one."""
    named = [h for h in execution.get("hypotheses") or () if h["mode"] != "unknown"]
    if not named or execution.get("outcome") == Outcome.NO_FAULT:
        return {}
    ranks = {"confirmed": 1}
    chosen = max(named, key=lambda h: (ranks.get(h["status"], 0), h["confidence_score"]))
    return {"mode": str(chosen["mode"]), "confidence": float(chosen["confidence_score"])}
