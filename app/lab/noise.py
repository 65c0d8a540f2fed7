"""Noise: what real hosts have beside a fault.

Errors in logs that have always been there, an old failed job in nobody's path, a process that
takes one core and is finished after a while, and somebody's ticket about another host.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from app import strict_yaml
from app.lab.disturbance import Aside, Disturbance, Note
from app.lab.draw import drawn, number
from app.lab.estate import with_resolver
from app.lab.hostlogs import FUNCTIONS, journal_line, log_file, log_line
from app.lab.scenario import Scenario, Ticket

LINES = Path(__file__).with_name("noise.yaml")
BUSY_SECONDS = 600
BUSY_UNIT = "archive-check"
FAILED_UNIT = "inventory-upload"
#: Nothing needs this job, and it was written long before anybody looked at the host.
FAILED_JOB = f"""\
umask 022
cat > /etc/systemd/system/{FAILED_UNIT}.service <<'EOF'
[Unit]
Description=Upload of the hardware inventory

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo "inventory.example.com: 403 Forbidden: licence has expired" >&2; exit 1'
EOF
touch -d '-41 days' /etc/systemd/system/{FAILED_UNIT}.service
systemctl daemon-reload
systemctl start {FAILED_UNIT}.service 2>/dev/null || true
"""
#: One process is one core at most, and everything else on the machine goes first. A unit, so
#: that ending it shows in the snapshots.
BUSY_WORK = f"""\
systemd-run --quiet --collect --unit={BUSY_UNIT} --property=SuccessExitStatus=124 \\
    --description='Checksums of the archive, once a quarter' \\
    nice -n 19 timeout {BUSY_SECONDS} sha256sum /dev/zero
"""


def noise(scenario: Scenario) -> Disturbance:
    """The noise of one scenario; the same each time."""
    hosts = [spec.name for spec in with_resolver(scenario.hosts)]
    lines = {host: list(_lines(host)) for host in hosts}
    logging = {host: FUNCTIONS + "".join(lines[host]) for host in hosts}
    target = scenario.target
    return Disturbance(
        earlier=logging | {target: logging[target] + FAILED_JOB + BUSY_WORK},
        meanwhile=logging,  # they go on, whatever else happens
        aside=_aside(scenario, hosts),
        ends_by_itself=frozenset({f"unit:{BUSY_UNIT}.service"}),
        seconds=BUSY_SECONDS,
        notes=(
            *(Note(host, "logs", f"{len(written)} lines") for host, written in lines.items()),
            Note(target, "failed unit", FAILED_UNIT),
            Note(target, "busy unit", BUSY_UNIT),
        ),
    )


def _lines(host: str) -> Iterator[str]:
    for part in (_shipped()["everywhere"], _shipped()[host]):
        for identifier, priority, message, *unit in part["journal"]:
            yield journal_line(identifier, message, priority, *unit)
        for path, texts in part.get("files", {}).items():
            yield from (log_line(log_file(host, path), text) for text in texts)


def _aside(scenario: Scenario, hosts: list[str]) -> Aside | None:
    """A ticket about a booted host that the scenario's own ticket does not name."""
    others = [host for host in hosts if host != scenario.target]
    if not others:
        return None  # only ops01 is up, and the fault is there
    seed = f"aside {scenario.id}"
    host = drawn(seed, others)
    ticket = Ticket.model_validate(drawn(seed, _shipped()[host]["tickets"]))
    return Aside(host, ticket, f"INC{number(seed, 10**7):07d}")


@cache
def _shipped() -> dict[str, Any]:
    shipped: dict[str, Any] = strict_yaml.read(LINES.read_text(encoding="utf-8"))
    return shipped
