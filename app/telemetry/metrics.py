"""The figures as Prometheus reads them. The only door to prometheus_client.

Facts of the database are read when they are asked for, and kept for a second, or for ten times as
long as reading them took: however often somebody scrapes, at most a tenth of the time is spent on
it. docs/reference/metrics.md has a line for each metric.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from app import log
from app.audit.checks import Verified
from app.audit.figures import Figures
from app.audit.lasting_figures import BOUNDS, Counted, Spread
from app.counting import COUNTERS, Counter
from app.domain.alert import AlertKind
from app.domain.execution import ExecutionStatus, Outcome
from app.errors import SreAgentError

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
KEPT_SECONDS = 1.0
KEPT_TIMES = 10

_log = log.get(__name__)


@dataclass(frozen=True)
class About:
    """What a process says of itself."""

    version: str
    simulated: bool
    autonomy_level: str
    worker_alive: bool
    hosts: frozenset[str]  # of the inventory: no other name becomes a label


class Metrics:
    """The text of /metrics, one for a process."""

    def __init__(
        self, measure: Callable[[], Awaitable[Figures]], about: Callable[[], About]
    ) -> None:
        self._measure = measure
        self._about = about
        self._one_at_a_time = asyncio.Lock()
        self._figures: Figures | None = None
        self._took = 0.0
        self._good_until = 0.0

    async def text(self) -> bytes:
        """The metrics; where the database cannot be read, those of the process alone."""
        async with self._one_at_a_time:
            if time.monotonic() >= self._good_until:
                await self._look()
            return exposition(self._figures, self._about(), self._took)

    async def _look(self) -> None:
        began = time.monotonic()
        try:
            self._figures = await self._measure()
        except SreAgentError as error:
            _log.warning("the figures could not be read", reason=str(error))
            self._figures = None
        ended = time.monotonic()
        self._took = ended - began
        self._good_until = ended + max(KEPT_SECONDS, KEPT_TIMES * self._took)


def exposition(figures: Figures | None, about: About, took_seconds: float) -> bytes:
    """The text of one scrape; `figures` is None where the database could not be read."""
    return generate_latest(_Once([*families(figures, about, took_seconds), *_of_python()]))


class _Once(Collector):
    """What prometheus_client wants to be given: something that is collected from."""

    def __init__(self, collected: Iterable[Metric]) -> None:
        self._collected = collected

    def collect(self) -> Iterable[Metric]:
        return self._collected


def _of_python() -> Iterable[Metric]:
    """`process_*`, as every exporter names them: CPU, memory, descriptors, start."""
    return ProcessCollector(registry=CollectorRegistry()).collect()


def families(figures: Figures | None, about: About, took_seconds: float) -> Iterator[Metric]:
    """Every metric of ours, with its samples."""
    yield from _of_process(about, took_seconds)
    yield _gauge("database_up", "1: the database could be read.", float(figures is not None))
    if figures is not None:
        yield from _of_executions(figures, _label(about.simulated))
        yield from _of_people(figures)
        yield from _of_changes(figures)
        yield from _of_workers(figures, about.hosts)
        yield from _of_tickets(figures)
        yield from _of_alerts(figures)
        yield from _of_audit(figures.audit)


def _of_process(about: About, took_seconds: float) -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "sre_agent_build_info",
        "Always 1; which version runs, in which mode.",
        labels=("version", "mode", "autonomy_level"),
    )
    mode = "simulated" if about.simulated else "real"
    info.add_metric((about.version, mode, about.autonomy_level), 1)
    yield info
    alive = float(about.worker_alive)
    yield _gauge("process_worker_alive", "1: this process works on executions.", alive)
    said = "Seconds that reading the figures from the database took."
    yield _gauge("process_figures_seconds", said, took_seconds)
    yield from map(_of_counter, COUNTERS)


def _of_counter(counter: Counter) -> Metric:
    family = CounterMetricFamily(
        f"sre_agent_process_{counter.name}", counter.meaning, labels=counter.labels
    )
    for values, count in sorted(counter.counts().items()):
        family.add_metric(values, count)
    return family


def _of_executions(figures: Figures, simulated: str) -> Iterator[Metric]:
    yield _gauges(
        "executions",
        "Executions by where they stand.",
        ("status", "simulated"),
        _with_zeros(figures.executions, [(status, simulated) for status in ExecutionStatus]),
    )
    yield _counters(
        "executions_ended",
        "Executions that have ended, by outcome.",
        ("outcome", "simulated"),
        _with_zeros(figures.ended, [(outcome, simulated) for outcome in Outcome]),
    )
    yield _histogram(
        "execution_seconds",
        "From the incident being durable to the end; people's answers are waited for in it.",
        ("outcome", "simulated"),
        figures.seconds_to_end,
    )
    yield _histogram(
        "healthy_seconds",
        "From the incident being durable to the proof of health of resolved ones.",
        ("simulated",),
        figures.seconds_to_healthy,
    )
    yield _gauge("queue_depth", "Executions that no worker has taken yet.", figures.queue.count)
    yield _gauge(
        "queue_oldest_seconds", "How long the oldest of them waits.", figures.queue.oldest_seconds
    )


def _of_people(figures: Figures) -> Iterator[Metric]:
    yield _gauges("approvals", "Questions to people, by state.", ("state",), figures.approvals)
    waiting = figures.approvals_pending
    yield _gauge("approvals_pending", "Questions that wait for a person.", waiting.count)
    yield _gauge(
        "approvals_oldest_seconds", "How long the oldest of them waits.", waiting.oldest_seconds
    )


def _of_changes(figures: Figures) -> Iterator[Metric]:
    yield _counters(
        "actions",
        "Diagnostics, probes, decisions, changes and undos, by action and how they ended.",
        ("type", "action", "status", "simulated"),
        figures.actions,
    )
    yield _counters(
        "policy_denials",
        "Plans that the policy forbade, by the rule that did.",
        ("rule", "simulated"),
        figures.denials,
    )
    yield _counters(
        "verifications",
        "Proofs after changes: healed or not_healed.",
        ("result", "simulated"),
        figures.verifications,
    )
    yield _gauges(
        "intents_open",
        "Changes written down of which no outcome is known.",
        ("state",),
        figures.intents,
    )
    yield _gauge(
        "intents_oldest_seconds",
        "Since when the oldest of them is open.",
        figures.intents_oldest_seconds,
    )


def _of_workers(figures: Figures, hosts: frozenset[str]) -> Iterator[Metric]:
    yield _gauge("workers_alive", "Processes that work on executions.", figures.workers_alive)
    yield _gauge("host_leases", "Hosts that an execution holds for changes.", figures.leases_held)
    ages = GaugeMetricFamily(
        "sre_agent_baseline_age_seconds",
        "Age of each host's newest baseline; a host without one is missing.",
        labels=("host", "simulated"),
    )
    for aged in figures.baselines:
        if aged.labels[0] in hosts:
            ages.add_metric(aged.labels, aged.seconds)
    yield ages


def _of_tickets(figures: Figures) -> Iterator[Metric]:
    yield _gauges("outbox", "What tickets are told, by state.", ("state",), figures.outbox)
    waiting = figures.outbox_waiting
    yield _gauge("outbox_depth", "What is still to be told to tickets.", waiting.count)
    yield _gauge(
        "outbox_oldest_seconds", "How long the oldest of it waits.", waiting.oldest_seconds
    )
    yield _gauge("outbox_stuck", "What a person must look at to be told.", figures.outbox_stuck)


def _of_alerts(figures: Figures) -> Iterator[Metric]:
    yield _gauges(
        "alerts_open",
        "Conditions that need a person, by kind.",
        ("kind",),
        _with_zeros(figures.alerts_open, [(kind,) for kind in AlertKind]),
    )
    yield _gauge(
        "notices_failing",
        "Alerts of which somebody could not be told so far.",
        figures.notices_failing,
    )


def _of_audit(audit: Verified) -> Iterator[Metric]:
    """What was not verified yet has no sample: a 0 would say that it holds."""
    yield _gauge("audit_entries", "Entries of the audit's chain.", audit.entries)
    if audit.to is not None and audit.wrong is not None:
        yield _gauge("audit_verified_entries", "How many of them were verified.", audit.to)
        yield _gauge("audit_wrong", "Things that are wrong with it.", audit.wrong)
    if audit.passed_seconds_ago is not None:
        said = "Seconds since all of the audit was last verified."
        yield _gauge("audit_passed_seconds", said, audit.passed_seconds_ago)


def _with_zeros(
    counted: Iterable[Counted], expected: Iterable[tuple[str, ...]]
) -> Iterator[Counted]:
    """What is there, and a zero for what may come: the first of its kind is an increase then."""
    found = {one.labels: one for one in counted}
    for labels in expected:
        found.setdefault(labels, Counted(labels=labels, count=0))
    yield from found.values()


def _label(truth: bool) -> str:
    return "true" if truth else "false"


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"sre_agent_{name}", meaning, value=value)


def _gauges(name: str, meaning: str, labels: Sequence[str], counted: Iterable[Counted]) -> Metric:
    family = GaugeMetricFamily(f"sre_agent_{name}", meaning, labels=labels)
    for one in counted:
        family.add_metric(one.labels, one.count)
    return family


def _counters(name: str, meaning: str, labels: Sequence[str], counted: Iterable[Counted]) -> Metric:
    family = CounterMetricFamily(f"sre_agent_{name}", meaning, labels=labels)
    for one in counted:
        family.add_metric(one.labels, one.count)
    return family


def _histogram(name: str, meaning: str, labels: Sequence[str], spreads: Iterable[Spread]) -> Metric:
    family = HistogramMetricFamily(f"sre_agent_{name}", meaning, labels=labels)
    for one in spreads:
        buckets = [(str(bound), n) for bound, n in zip(BOUNDS, one.at_most, strict=True)]
        family.add_metric(one.labels, [*buckets, ("+Inf", one.count)], one.seconds)
    return family
