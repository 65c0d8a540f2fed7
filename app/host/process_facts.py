"""Facts about processes and what they use."""

from __future__ import annotations

from app.domain.value import Value


class BusyProcess(Value):
    """A process that used a share of a processor while it was looked at."""

    pid: int
    ppid: int
    user: str
    command: str  # its name, never its arguments
    unit: str | None = None
    seconds: int  # since it started
    start_time: int  # in clock ticks since boot
    busy_percent: float  # of one processor, now, with its children that have ended
    demand_percent: float  # likewise with what it waited for a processor: 100 where it always wants
    lifetime_percent: float  # the demand ever since it started
    stray: bool = False  # left by a login that has ended; nobody waits for it


class ProcessorsFacts(Value):
    """Who uses the processors: those that use the most, the most first."""

    processors: int
    busy_percent: float  # of one processor, all processes together
    processes: tuple[BusyProcess, ...] = ()


class ProcessStateFacts(Value):
    """One process, named for good by its number and its start."""

    pid: int
    start_time: int  # in clock ticks since boot
    state: str  # R S D Z T ...; missing: it has ended
    user: str = ""
    command: str = ""  # its name, never its arguments
    unit: str | None = None
    nice: int | None = None  # how far it stands back for others: -20 least, 19 most
