"""Who a worker process is, told so that its neighbours on the machine can see that it is gone.

A worker's id names its machine (this boot, this PID namespace), its PID and the moment the process
began. A peer of the same machine need not wait for a missed heartbeat: it looks whether that very
process is still there. That is what makes a restart on SQLite go on at once.
"""

from __future__ import annotations

import os
import uuid
from functools import cache
from hashlib import sha256
from pathlib import Path


def new_worker_id() -> str:
    """`<machine>.<pid>.<birth>.<random>`; fresh at each call, so no two launches share one."""
    pid = os.getpid()
    return f"{_machine()}.{pid}.{_birth(pid)}.{uuid.uuid4().hex[:8]}"


def surely_gone(worker_id: str) -> bool:
    """True only where the process can be looked for here and is not there any more."""
    machine, _, rest = worker_id.partition(".")
    if machine != _machine():
        return False
    pid, birth, _ = rest.split(".")
    return _birth(int(pid)) != birth


@cache
def _machine() -> str:
    """This boot and this PID namespace: PIDs of another container mean other processes."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return sha256(f"{boot} {Path('/proc/self/ns/pid').readlink()}".encode()).hexdigest()[:10]


def _birth(pid: int) -> str:
    """When the process began, in clock ticks since boot; "gone" for none, or for a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
    fields = text.rpartition(")")[2].split()  # the name in parentheses may hold blanks
    state, started = fields[0], fields[19]
    return "gone" if state in ("Z", "X") else started
