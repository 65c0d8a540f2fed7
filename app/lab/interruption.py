"""The service interrupted while it works: killed at once, or cut off from its hosts for a while.

A third way, a worker that is lost to its peers, is in app/lab/worker_loss.py. Each comes at a drawn
moment: half of them at any moment of the work, half right after a change was begun. Afterwards
three records are held together: the service's ledger of intents, the receipts on the hosts, and
what systemd itself wrote of the units that were touched.
"""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from app.lab.agents import ServiceAgent
from app.lab.client import Client
from app.lab.judge import Said
from app.lab.process import Finished, attempt
from app.lab.scenario import Scenario
from app.lab.service import again
from app.lab.trace import DATABASE

KILL, CUT, WORKER = "kill", "cut", "worker"
KINDS = (KILL, CUT, WORKER)
SUFFIX = ".interruptions.jsonl"
ANY_MOMENT, AFTER_A_CHANGE = 15.0, 3.0  # seconds within which the moment is drawn
CUT_SECONDS = (4.0, 25.0)  # shorter and longer than the connection is missed
_SETTLED = ("done", "refused")
_WAITING = "waiting_approval"
_STARTING = ("service.start", "service.restart")
_RECEIPTS = "/var/lib/sre-agent/receipts"
_LIST = f"cd {_RECEIPTS} 2>/dev/null && for r in */; do test -e $r/started && echo ${{r%/}}; done"
_CUT_OFF = """
nft -f - <<'END'
table inet lab_cut { chain out { type filter hook output priority 0; tcp dport 22 drop; } }
END
"""
_STARTED = "39f53479d3a045ac8e11786248231fbf"  # systemd's ids of these messages
_RESTART_SCHEDULED = "5eb03494b6584870a536b337290809b3"
_FAILED = ("be02cf6855d2428ba40df7e9d022f03d", "d9b373ed55a64feb8242e02dbe79a49c")
_BEFORE = 60  # seconds: a restart that was scheduled before the ticket may start after it


@dataclass(frozen=True)
class Interruption:
    """One interruption, and what the records say after it. Nothing is wrong without violations."""

    id: str  # of the scenario
    kind: str
    at_seconds: float | None  # after the ticket was posted; None: the work ended before
    step: str  # the step of the workflow that it came into
    changes_begun: int  # before it came
    intents: int
    undecided: int  # of which nobody can tell whether they ran; they must end with a person
    violations: tuple[str, ...]


class InterruptedService(ServiceAgent):
    """The service under test, interrupted once while it works on a ticket."""

    def __init__(self, kind: str, seed: int, policy: Path | None = None) -> None:
        super().__init__(policy)
        self.kind, self.seed = kind, seed
        self.interruption: Interruption | None = None
        self._due: float | None = None  # seconds after the ticket; None: not before a change begins
        self._at: float | None = None  # when it came
        self._step, self._begun = "", 0

    def heal(self, scenario: Scenario) -> Said:
        """As the service does, with the interruption; then the records are held together."""
        drawn = random.Random(f"{self.seed} {self.kind} {scenario.id}")
        self._after_change = drawn.random() < 0.5
        self._delay = drawn.uniform(0, AFTER_A_CHANGE if self._after_change else ANY_MOMENT)
        self._length = drawn.uniform(*CUT_SECONDS)
        self._began, self._due = time.monotonic(), None if self._after_change else self._delay
        self._at, self._step, self._begun = None, "", 0
        self._epoch = time.time()
        said = super().heal(scenario)
        self.interruption = self._held_together(scenario)
        return said

    def between_looks(self) -> None:
        """Interrupt, where the moment has come."""
        if self._at is not None:
            return
        now = time.monotonic() - self._began
        actions = self.last.get("actions_taken") or ()
        running = any(t["action_type"] == "remediate" for t in self.last.get("timeline") or ())
        if self._due is None and running:
            self._due = now + self._delay
        if self._due is None or now < self._due:
            return
        step = str(self.last.get("current_step") or self.last.get("status") or "")
        if self.interrupt():
            self._at, self._begun, self._step = round(now, 1), len(actions), step

    def interrupt(self) -> bool:
        """Do it; False where it cannot be done at this moment."""
        if self.kind == KILL:
            self._kill()
        else:
            self._cut()
        return True

    def ledger(self) -> list[Intent]:
        """The service's ledger of changes, as it is now."""
        return ledger(self.estate.folder / DATABASE)

    def _kill(self) -> None:
        """End the service's process as the kernel would, and start it again on what it left."""
        assert self.service is not None
        self.service.process.kill()
        self.service.process.wait()
        self.service = again(self.estate, self.service)
        self.client = Client(self.service)

    def _cut(self) -> None:
        """Drop what the service says to its hosts' sshd for a while, and end its sessions there."""
        namespace = ["ip", "netns", "exec", self.estate.namespace]
        attempt([*namespace, "/bin/bash", "-s"], stdin=_CUT_OFF)
        for machine in self.estate.machines.values():
            machine.look("pkill", "-KILL", "-f", "^sshd: sre-agent")
        time.sleep(self._length)  # nothing to wait for: this is the interruption
        attempt([*namespace, "nft", "delete", "table", "inet", "lab_cut"])

    def _held_together(self, scenario: Scenario) -> Interruption:
        intents = self.ledger()
        violations = list(disagreements(self.estate.machines, intents, self._epoch))
        if not self.last.get("outcome") and self.last.get("status") != _WAITING:
            violations.append("the execution has not ended: it was lost")
        return Interruption(
            id=scenario.id,
            kind=self.kind,
            at_seconds=self._at,
            step=self._step,
            changes_begun=self._begun,
            intents=len(intents),
            undecided=sum(intent.state not in _SETTLED for intent in intents),
            violations=tuple(violations),
        )


class Host(Protocol):
    """A host that is looked at as root, leaving no trace there."""

    def look(self, *argv: str) -> Finished:
        """What a command says."""
        ...


@dataclass(frozen=True)
class Intent:
    """A change of the ledger."""

    id: str
    host: str
    action: str
    unit: str
    state: str


def ledger(database: Path) -> list[Intent]:
    """The service's ledger of changes, undoing included."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        rows = opened.execute("SELECT id, host, call, state FROM command_intent").fetchall()
    found = []
    for ident, host, call, state in rows:
        asked = json.loads(call)
        unit = str(asked["params"].get("unit", ""))
        found.append(Intent(ident, host, asked["action"], unit, state))
    return found


def disagreements(
    hosts: Mapping[str, Host], intents: Sequence[Intent], since: float
) -> Iterator[str]:
    """Where ledger, receipts and systemd's own records say different things, as sentences."""
    for name, host in hosts.items():
        here = [intent for intent in intents if intent.host == name]
        yield from _against_receipts(name, host, here)
        yield from _against_systemd(name, host, here, since)


def _against_receipts(name: str, host: Host, intents: Sequence[Intent]) -> Iterator[str]:
    """What ran on a host must stand in the ledger, and what the ledger says ran must have."""
    there = set(host.look("/bin/sh", "-c", _LIST).stdout.split())
    for stray in sorted(there - {intent.id for intent in intents}):
        yield f"{name} ran {stray}, which is in no ledger"
    for intent in intents:
        if intent.state == "done" and intent.id not in there:
            yield f"{intent.id} is done by the ledger, and {name} has no receipt of it"


def _against_systemd(
    name: str, host: Host, intents: Sequence[Intent], since: float
) -> Iterator[str]:
    """A unit was started as often as it was asked for, and by systemd's own restarts."""
    asked = Counter(one.unit for one in intents if one.action in _STARTING and one.unit)
    for unit, times in asked.items():
        started = _starts(host, unit, since)
        if started > times:
            yield f"{unit} on {name} was started {started} times for {times} intents"


def _starts(host: Host, unit: str, since: float) -> int:
    """Starts of a unit that somebody asked for, as systemd tells them: those that no restart of its
    own came before."""
    first = f"--since=@{since - _BEFORE:.0f}"
    argv = ("journalctl", "-q", "--no-pager", "-o", "json", first, "_PID=1", f"UNIT={unit}")
    starts, by_itself = 0, False
    for line in host.look(*argv).stdout.splitlines():
        entry = json.loads(line)
        kind = entry.get("MESSAGE_ID")
        if kind == _STARTED:
            late = int(entry["__REALTIME_TIMESTAMP"]) >= since * 1_000_000
            starts += late and not by_itself
        if kind in (_STARTED, _RESTART_SCHEDULED, *_FAILED):
            by_itself = kind == _RESTART_SCHEDULED
    return starts


def keep(rows: Path, agent: object) -> None:
    """Write beside the rows what was found of one interruption."""
    if isinstance(agent, InterruptedService) and agent.interruption is not None:
        with beside(rows).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(agent.interruption)) + "\n")


def read_beside(rows: Path) -> list[Interruption]:
    """The interruptions of a file of rows; none where it has none."""
    place = beside(rows)
    lines = place.read_text(encoding="utf-8").splitlines() if place.exists() else []
    return [
        Interruption(**(kept | {"violations": tuple(kept["violations"])}))
        for kept in map(json.loads, lines)
    ]


def beside(rows: Path) -> Path:
    """Where the interruptions of a file of rows stand."""
    return rows.with_name(rows.stem + SUFFIX)
