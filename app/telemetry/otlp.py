"""Traces by OTLP over HTTP. The only door to OpenTelemetry; imported only where an endpoint is set.

Spans are sent in the background, in batches; a collector that is away costs an execution nothing,
and what does not fit in the queue meanwhile is dropped.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context
from opentelemetry.trace import Tracer as OtelTracer

from app.telemetry.tracing import Attributes, Part, Trace

PREFIX = "sre_agent."
SEND_SECONDS = 5
CLOSE_SECONDS = 3.0


class OtlpTracer:
    """Sends spans to one collector."""

    def __init__(
        self, endpoint: str, *, version: str, mode: str, close_seconds: float = CLOSE_SECONDS
    ) -> None:
        self._close_seconds = close_seconds
        # the exporter tells of each failed try; once a batch is enough
        logging.getLogger("opentelemetry.exporter.otlp.proto.http").setLevel(logging.ERROR)
        resource = Resource.create(
            {"service.name": "sre-agent", "service.version": version, f"{PREFIX}mode": mode}
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=SEND_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("sre-agent", version)

    @contextmanager
    def workflow(self, name: str, attributes: Attributes) -> Iterator[Trace]:
        """One workflow is one trace: a person's answer may come days later."""
        # an empty context: whatever span a library has open is none of ours
        span = self._tracer.start_span(name, context=Context(), attributes=_named(attributes))
        trace = _WorkflowTrace(self._tracer, span)
        try:
            yield trace
        except BaseException as error:
            _failed(span, error)
            raise
        finally:
            trace.end()

    def close(self) -> None:
        """Send what is left, for a few seconds at most: a collector that is away ends nothing."""
        ending = Thread(target=self._provider.shutdown, name="traces-end", daemon=True)
        ending.start()
        ending.join(self._close_seconds)


class _WorkflowTrace:
    """A workflow's span, and that of the state it is in."""

    def __init__(self, tracer: OtelTracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        self._state = ""
        self._state_span: Span | None = None

    @contextmanager
    def part(self, state: str, name: str) -> Iterator[Part]:
        span = self._tracer.start_span(name, context=set_span_in_context(self._entered(state)))
        try:
            yield _SpanPart(self._tracer, span)
        except BaseException as error:
            _failed(span, error)
            raise
        finally:
            span.end()

    def say(self, attributes: Attributes, *, failed: bool = False) -> None:
        _said(self._span, attributes, failed=failed)

    def end(self) -> None:
        """The last state ends, and the workflow."""
        if self._state_span is not None:
            self._state_span.end()
        self._span.end()

    def _entered(self, state: str) -> Span:
        if self._state_span is None or state != self._state:
            if self._state_span is not None:
                self._state_span.end()
            kind, _, visit = state.partition("-")
            named = {f"{PREFIX}state": kind, f"{PREFIX}visit": visit}
            within = set_span_in_context(self._span)
            self._state_span = self._tracer.start_span(kind, context=within, attributes=named)
            self._state = state
        return self._state_span


class _SpanPart:
    """One part's span."""

    def __init__(self, tracer: OtelTracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        self._began = time.time_ns()

    def say(self, attributes: Attributes, *, failed: bool = False) -> None:
        _said(self._span, attributes, failed=failed)

    def within(self, name: str, seconds: float, attributes: Attributes, *, failed: bool) -> None:
        inner = self._tracer.start_span(
            name, context=set_span_in_context(self._span), start_time=self._began
        )
        _said(inner, attributes, failed=failed)
        inner.end(end_time=self._began + int(seconds * 1e9))


def _named(attributes: Attributes) -> dict[str, str | int | float | bool]:
    return {f"{PREFIX}{name}": value for name, value in attributes.items()}


def _said(span: Span, attributes: Attributes, *, failed: bool) -> None:
    span.set_attributes(_named(attributes))
    if failed:
        span.set_status(Status(StatusCode.ERROR))


def _failed(span: Span, error: BaseException) -> None:
    """By its kind alone: an error's text may quote a host."""
    span.set_status(Status(StatusCode.ERROR, type(error).__name__))
