"""Running a whole set of scenarios: order, proofs, rows as they end, going on after a stop."""

from __future__ import annotations

import hashlib
import json
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

from app.lab import interruption, layers, postgres, provenance, requirements, timelines
from app.lab.agents import Agent, ReferenceFix
from app.lab.disturbance import CALM, Disturbance
from app.lab.errors import LabError
from app.lab.estate import with_resolver
from app.lab.judge import Row, no_verdict
from app.lab.language_model import require
from app.lab.naming import Naming
from app.lab.places import PROJECT, cache
from app.lab.progress import Progress
from app.lab.renamed import renamed
from app.lab.rivals import SERVICE, agent_named
from app.lab.runner import run_scenario
from app.lab.scenario import Outcome, Scenario, load_folder
from app.lab.variation import Variation

PASSED_ALL, FAILED_SOME, COULD_NOT_RUN = 0, 1, 2


@dataclass(frozen=True)
class RunOptions:
    """The options of `sre-agent lab run`."""

    scenarios: Path = PROJECT / "scenarios"
    only: tuple[str, ...] = ()
    every: int = 1  # each N-th of them, in the order of their ids
    out: Path | None = None  # JSON lines; standard output where it is not given
    jobs: int = 1
    resume: bool = False  # skip what already has a row in `out`
    policy: Path | None = None
    agent: str = SERVICE  # one of `rivals.AGENTS`
    model: str | None = None  # beside the service: a double's behaviour, or a command
    prove: bool = False  # no agent: the scenarios' own fixes
    trust: bool = False  # do not prove each scenario before its run
    noise: bool = False
    inject_text: bool = False
    redraw: int | None = None
    interrupt: str | None = None  # one of `interruption.KINDS`
    seed: int = 1  # of the moments of interruptions

    @property
    def variation(self) -> Variation:
        """How scenarios are run differently with these options."""
        return Variation(self.scenarios, self.noise, self.inject_text, self.redraw)


def run(options: RunOptions) -> int:
    """Run the set; the exit code says how it went."""
    try:
        with _stopped_politely():
            return _run(options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return COULD_NOT_RUN


def _run(options: RunOptions) -> int:
    chosen = load_folder(options.scenarios, options.only)[:: options.every]
    if options.model is not None:
        require(options.model)
    if options.interrupt == interruption.WORKER and postgres.server_binaries() is None:
        raise LabError(postgres.LEFT_OUT)
    requirements.ensure()
    provenance.claim(options)
    done = _rows_of(options.out) if options.resume and options.out else []
    finished = {str(row["id"]) for row in done}
    left = [scenario for scenario in chosen if scenario.id not in finished]
    progress = Progress(len(left))
    failures = sum(1 for row in done if not row["passed"])
    with _rows_to(options) as write:
        for row in _rows(left, options, progress):
            write(row)
            progress.ended(row)
            failures += not row.passed
    progress.summary()
    return FAILED_SOME if failures else PASSED_ALL


def _rows(left: list[Scenario], options: RunOptions, progress: Progress) -> Iterator[Row]:
    """Rows in the order of the scenarios, each as soon as it is there.

    Side by side the machine's processors are shared: what is about speed is run alone, at the end.
    """

    def one(scenario: Scenario) -> Row:
        progress.begun(scenario)
        if options.prove:
            return prove(scenario, options.variation)
        return _proven_then_run(scenario, options)

    if options.jobs <= 1:
        yield from map(one, left)
        return
    alone = [scenario for scenario in left if scenario.is_about_speed]
    with ThreadPoolExecutor(options.jobs) as pool:
        yield from pool.map(one, (scenario for scenario in left if scenario not in alone))
    yield from map(one, alone)


def _proven_then_run(scenario: Scenario, options: RunOptions) -> Row:
    if not options.trust:
        proof = prove(scenario, replace(options.variation, noise=False, inject_text=False))
        if not proof.passed:
            return no_verdict(scenario, "broken_scenario", f"not proven: {proof.reason}")
    agent = _agent(options)
    varied, disturbance = options.variation.of(scenario)
    naming = options.variation.naming
    row = run_scenario(varied, agent, cache() / "traces", disturbance, naming)
    if options.out is not None:
        timelines.keep(options.out, scenario.id, agent)
        interruption.keep(options.out, agent)
    return row


def _agent(options: RunOptions) -> Agent:
    if options.interrupt is None:
        return agent_named(options.agent, options.policy, options.model)
    if options.agent != SERVICE or options.model is not None:
        raise LabError("--interrupt is for the service alone, without --agent and --model")
    if options.interrupt == interruption.WORKER:
        # imported here: only this asks the engine's tables by itself, and it takes a second to load
        from app.lab.worker_loss import LosesAWorker

        return LosesAWorker(options.seed, options.policy)
    return interruption.InterruptedService(options.interrupt, options.seed, options.policy)


def prove(scenario: Scenario, variation: Variation) -> Row:
    """Show that the scenario breaks as it says and that its own fix mends it, under the names of
    the variation and with what happens beside it.

    A proof holds for as long as the scenario and the hosts that it runs on stay the same; what the
    ticket says is no part of it.
    """
    disturbance = variation.of(scenario)[1]
    naming = variation.naming
    scenario = renamed(scenario, naming)
    if scenario.fix is None and scenario.expect.outcome is Outcome.RESOLVED:
        return no_verdict(scenario, "not_proven", "no `fix` to prove it with")
    place = cache() / "proofs" / f"{_proof_key(scenario, disturbance, naming)}.json"
    if place.exists():
        return Row(**json.loads(place.read_text()))
    blank = scenario.expect.model_copy(update={"cause": ".*"})  # nobody states a cause here
    blanked = scenario.model_copy(update={"expect": blank})
    row = run_scenario(blanked, ReferenceFix(), disturbance=disturbance, naming=naming)
    if row.passed:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(asdict(row)))
    return row


def _proof_key(scenario: Scenario, disturbance: Disturbance, naming: Naming) -> str:
    digest = hashlib.sha256(scenario.fingerprint().encode())
    if disturbance != CALM:
        digest.update(disturbance.fingerprint().encode())
    for spec in with_resolver(scenario.hosts, naming.hosts):
        digest.update(layers.layer_key(spec, naming).encode())
    return digest.hexdigest()[:16]


def _rows_of(out: Path) -> list[dict[str, object]]:
    if not out.exists():
        return []
    return [json.loads(line) for line in out.read_text().splitlines() if line.endswith("}")]


def _drop_half_line(out: Path) -> None:
    """What a killed run was just writing is no row: its scenario is run again."""
    text = out.read_text()
    out.write_text(text[: text.rfind("\n") + 1])


@contextmanager
def _rows_to(options: RunOptions) -> Iterator[Callable[[Row], None]]:
    """Where rows go: flushed one by one, so that a killed run keeps what it had."""

    def writer(file: TextIO) -> Callable[[Row], None]:
        def write(row: Row) -> None:
            file.write(json.dumps(asdict(row)) + "\n")
            file.flush()

        return write

    if options.out is None:
        yield writer(sys.stdout)
        return
    options.out.parent.mkdir(parents=True, exist_ok=True)
    if options.resume and options.out.exists():
        _drop_half_line(options.out)
    if not options.resume:
        timelines.beside(options.out).unlink(missing_ok=True)
        interruption.beside(options.out).unlink(missing_ok=True)
    with options.out.open("a" if options.resume else "w") as file:
        yield writer(file)


@contextmanager
def _stopped_politely() -> Iterator[None]:
    """Let SIGTERM unwind as ctrl-C does, so that nothing is left behind."""

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    former = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
