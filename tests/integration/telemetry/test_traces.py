"""Traces as a real collector gets them, and nothing of OpenTelemetry where there is none."""

from __future__ import annotations

import asyncio
import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from app.api.v1.ticket_examples import FLAT
from app.telemetry.otlp import OtlpTracer
from tests.integration.api.conftest import Start
from tests.integration.api.test_monitoring import ended
from tests.receiver import Receiver, Request, receiving

SECRET = "hunter2-in-an-output"


@pytest.fixture
def collector() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def decoded(requests: list[Request]) -> list[Span]:
    """The spans of what came, as OTLP says them."""
    spans = []
    for request in requests:
        assert request.path == "/v1/traces"
        packed = request.headers.get("content-encoding") == "gzip"
        body = gzip.decompress(request.body) if packed else request.body
        told = ExportTraceServiceRequest.FromString(body)
        for resource in told.resource_spans:
            for scope in resource.scope_spans:
                spans += scope.spans
    return spans


def attributes(span: Span) -> dict[str, object]:
    found: dict[str, object] = {}
    for pair in span.attributes:
        kind = pair.value.WhichOneof("value")
        found[pair.key.removeprefix("sre_agent.")] = getattr(pair.value, str(kind))
    return found


def patient_tracer(url: str) -> OtlpTracer:
    return OtlpTracer(url, version="1.2.3", mode="real", close_seconds=60)


async def until_whole(collector: Receiver) -> list[Span]:
    """The spans once the workflow's own is among them: it ends last."""
    spans: list[Span] = []
    while all(span.parent_span_id for span in spans):
        spans += decoded([await asyncio.to_thread(collector.next)])
    return spans


def test_a_workflow_its_states_and_what_was_done_in_them(collector: Receiver) -> None:
    tracer = patient_tracer(collector.url)
    with tracer.workflow("execution", {"execution_id": 7}) as trace:
        with trace.part("analyze-1", "probe") as part:
            part.within("probe http", 0.5, {"ok": False}, failed=True)
        for name in ("decide", "change"):
            with trace.part("remediate-1", name):
                pass
        trace.say({"outcome": "resolved"})
    tracer.close()
    spans = {span.name: span for span in decoded(collector.all())}
    assert set(spans) == {"execution", "analyze", "probe", "probe http", "remediate", "decide",
                          "change"}  # fmt: skip
    parents = {"analyze": "execution", "probe": "analyze", "probe http": "probe",
               "remediate": "execution", "decide": "remediate", "change": "remediate"}  # fmt: skip
    for name, parent in parents.items():
        assert spans[name].parent_span_id == spans[parent].span_id, name
        assert spans[name].trace_id == spans["execution"].trace_id
    assert attributes(spans["execution"]) == {"execution_id": 7, "outcome": "resolved"}
    probe = spans["probe http"]
    assert probe.end_time_unix_nano - probe.start_time_unix_nano == 500_000_000
    assert probe.status.code == Status.STATUS_CODE_ERROR
    assert spans["analyze"].end_time_unix_nano <= spans["execution"].end_time_unix_nano


def test_what_breaks_is_told_by_its_kind_alone(collector: Receiver) -> None:
    tracer = patient_tracer(collector.url)
    with (
        pytest.raises(RuntimeError),
        tracer.workflow("execution", {}) as trace,
        trace.part("analyze-1", "observe"),
    ):
        raise RuntimeError(SECRET)
    tracer.close()
    requests = collector.all()
    assert {span.status.code for span in decoded(requests) if span.name != "analyze"} == {
        Status.STATUS_CODE_ERROR
    }
    assert all(SECRET.encode() not in request.body for request in requests)
    assert all("RuntimeError" in s.status.message for s in decoded(requests) if s.name == "observe")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_execution_is_traced_from_end_to_end(
    start: Start, database_url: str, collector: Receiver
) -> None:
    async with start(database_url, otel_exporter_otlp_endpoint=collector.url) as api:
        execution_id = (await api.trigger(FLAT)).json()["execution_id"]
        view = await ended(api, execution_id)
        spans = await until_whole(collector)
    (root,) = [span for span in spans if not span.parent_span_id]
    told = attributes(root)
    assert told["execution_id"] == execution_id
    assert (told["outcome"], told["simulated"]) == (view["outcome"], True)
    states = [span.name for span in spans if span.parent_span_id == root.span_id]
    assert {"analyze", "hypothesize", "finalize"} <= set(states)
    shown = [attributes(span) for span in spans if span.name.startswith("diagnostic ")]
    assert len(shown) == sum(1 for s in spans if s.name.startswith("diagnostic ")) > 0
    assert all({"evidence_id", "action", "host"} <= set(one) for one in shown)
    allowed = {
        "execution_id", "workflow", "host", "priority", "simulated", "kind", "outcome", "state",
        "visit", "evidence_id", "action", "exit_code", "port", "ok", "intent_id", "status",
        "verdict", "rule", "level", "held",
    }  # fmt: skip
    assert {name for span in spans for name in attributes(span)} <= allowed


def test_a_collector_that_is_away_costs_nothing() -> None:
    with receiving() as gone:
        url = gone.url
    tracer = OtlpTracer(url, version="1.2.3", mode="real", close_seconds=0.1)
    with tracer.workflow("execution", {}) as trace, trace.part("analyze-1", "probe"):
        pass
    tracer.close()  # returns; nothing is raised


def test_without_an_endpoint_neither_traces_nor_apprise_are_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from app.main import create_app; from app.settings import Settings;"
        "from app.assembly import Files, assemble; from app.models.database import Database;"
        f"s = Settings(_env_file=None, database_url='sqlite:///{tmp_path}/x.sqlite');"
        "assemble(s, Files.load(s), Database(s));"
        "print([m for m in sys.modules if m.startswith(('opentelemetry.exporter', 'apprise'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        cwd=tmp_path,
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
