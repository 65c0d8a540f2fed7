"""What is traced of an execution, and the tracer that traces nothing.

    Tracer   one for a process
    Trace    one workflow of an execution: a span, with one for each state that it enters
    Part     one thing done in a state: a batch of diagnostics, a change

Attributes are ids, names, states and numbers. No parameter, output or message of a host is given to
a trace: who may read traces is decided elsewhere than who may read the audit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Attributes = Mapping[str, str | int | float | bool]


class Part(Protocol):
    """One thing under way."""

    def say(self, attributes: Attributes, *, failed: bool = False) -> None:
        """What came of it."""
        ...

    def within(self, name: str, seconds: float, attributes: Attributes, *, failed: bool) -> None:
        """One of the things that it was made of, `seconds` long from its beginning."""
        ...


class Trace(Protocol):
    """One workflow of an execution."""

    def part(self, state: str, name: str) -> AbstractContextManager[Part]:
        """Something done in a state, `diagnose-2`; entering another state ends the one before."""
        ...

    def say(self, attributes: Attributes, *, failed: bool = False) -> None:
        """What came of the workflow."""
        ...


class Tracer(Protocol):
    """Traces executions."""

    def workflow(self, name: str, attributes: Attributes) -> AbstractContextManager[Trace]:
        """One workflow, from here to the end of the block."""
        ...

    def close(self) -> None:
        """Send what is left; may take seconds, so call it in a thread."""
        ...


class Untraced:
    """A tracer, a trace and a part of which nothing is kept."""

    @contextmanager
    def workflow(self, _name: str, _attributes: Attributes) -> Iterator[Trace]:
        yield self

    @contextmanager
    def part(self, _state: str, _name: str) -> Iterator[Part]:
        yield self

    def say(self, attributes: Attributes, *, failed: bool = False) -> None: ...

    def within(
        self, name: str, seconds: float, attributes: Attributes, *, failed: bool
    ) -> None: ...

    def close(self) -> None: ...
