"""Facts about how loaded a host is."""

from __future__ import annotations

from app.domain.value import Value


class DiskLoad(Value):
    """What one whole disk did while it was looked at."""

    name: str
    busy_percent: float
    read_bytes_a_second: int
    written_bytes_a_second: int


class HostLoadFacts(Value):
    """What a host's processors, memory, disks and sockets have to do."""

    processors: int
    load: tuple[float, float, float]  # processes that ran or waited, over 1, 5 and 15 minutes
    memory_bytes: int | None = None
    memory_available_bytes: int | None = None
    swap_bytes: int | None = None
    swap_free_bytes: int | None = None
    # the share of the last ten seconds in which something waited; None: the kernel does not tell
    waiting_for_processors_percent: float | None = None
    waiting_for_memory_percent: float | None = None
    waiting_for_disks_percent: float | None = None
    tcp_in_use: int | None = None
    tcp_orphans: int | None = None
    tcp_time_wait: int | None = None
    disks: tuple[DiskLoad, ...] = ()
