"""What a host is like at one moment, as one flat table of keys and values.

Keys name their kind: `file:/etc/hosts`, `unit:nginx.service`, `enabled:nginx.service`,
`nft:inet filter`, `sysctl:net.ipv4.ip_forward`, `route:...`, `mount:/srv`, `package:nginx`,
`port:tcp 0.0.0.0:80`, `canary:...`. Two moments then compare without any further knowledge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from app.lab.filetree import changed_files, loose_files
from app.lab.machine import Machine

Snapshot = Mapping[str, str]

#: Separates the answers of the one script that is run inside.
MARK = "=====sre-lab:"
QUESTIONS: dict[str, str] = {
    "units": (
        "systemctl show --all"
        " --property=Id,LoadState,ActiveState,SubState,InvocationID,Type,NRestarts"
        " '*.service' '*.timer' '*.socket' '*.mount' '*.path'"
    ),
    "nft": "nft -s list ruleset",
    "sysctl": "sysctl -a --pattern '^net[.]'",
    "route": "ip route show table all; ip rule show; ip -br addr show",
    "mount": "findmnt --json --list --output TARGET,FSTYPE,OPTIONS",
    "package": "dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\\n'",
    "port": "ss -Hltun",
    "canary-files": (
        "find /srv/canary -type f -exec sha256sum {} + -exec stat -c '%n %a %U %G' {} +"
    ),
    "canary-postgresql": (
        "command -v psql >/dev/null && id -u postgres >/dev/null 2>&1 && cd / &&"
        " timeout 10 setpriv --reuid=postgres --regid=postgres --init-groups psql -At shop"
        " -c 'SET statement_timeout=8000' -c 'SELECT id, note FROM canary ORDER BY id'"
    ),
    "canary-mariadb": (
        "command -v mariadbd >/dev/null &&"
        " timeout 10 mariadb -N -e 'SELECT id, note FROM erp.canary ORDER BY id'"
    ),
}
UNIT_FILES = "systemctl list-unit-files --no-legend --no-pager --plain"
#: What says whether a unit file is new, or is enabled otherwise. To list them costs a host's
#: systemd a quarter of a second, more than all other questions: so only where this differs.
UNIT_FILE_STAMPS = (
    "find /etc/systemd /run/systemd/system /run/systemd/system.control /usr/lib/systemd/system"
    " /usr/local/lib/systemd /etc/init.d /etc/rc*.d -printf '%p %l %C@\\n' | sha256sum"
)
#: Settings of the kernel's network that count things instead of ruling them.
COUNTERS = ("nf_conntrack_count", "stat_refresh", "neigh.", "fib_notify")


def take(machine: Machine) -> Snapshot:
    """Look at a host from outside and inside."""
    table: dict[str, str] = {}
    for path, state in changed_files(machine.upper, machine.layer.lowers).items():
        table[f"file:{path}"] = state
    for disk in machine.spec.disks:
        for path, state in loose_files(machine.folder / "disks" / disk.name).items():
            table[f"file:{disk.path}{path}"] = state
    answers = _ask(machine)
    for kind, reader in READERS.items():
        table.update(reader(answers.get(kind, "")))
    for kind, text in answers.items():
        if kind.startswith("canary-"):
            table[f"canary:{kind.removeprefix('canary-')}"] = text
    return table


def _ask(machine: Machine) -> dict[str, str]:
    script = "".join(
        f"echo '{MARK}{kind}'\n{{ {question}; }} </dev/null 2>/dev/null\n"
        for kind, question in QUESTIONS.items()
    )
    script = machine.layer.naming.text(script) + _unit_files_unless(machine.unit_files[0])
    done = machine.look("/bin/bash", "-s", stdin=script, timeout=60)
    answers: dict[str, str] = {}
    for part in done.stdout.split(MARK)[1:]:
        kind, _, text = part.partition("\n")
        answers[kind] = text
    if "enabled" in answers:
        machine.unit_files = (answers["stamps"].strip(), answers["enabled"])
    return {**answers, "enabled": machine.unit_files[1]}


def _unit_files_unless(stamps: str) -> str:
    return (
        f"stamps=$({{ {UNIT_FILE_STAMPS}; }} </dev/null 2>/dev/null)\n"
        f"echo '{MARK}stamps'; echo \"$stamps\"\n"
        f"if [ \"$stamps\" != '{stamps}' ]; then\n"
        f"echo '{MARK}enabled'; {UNIT_FILES} </dev/null 2>/dev/null\nfi\n"
    )


def _units(text: str) -> Iterator[tuple[str, str]]:
    for block in text.strip().split("\n\n"):
        fields = dict(line.partition("=")[::2] for line in block.splitlines())
        name = fields.get("Id", "")
        if not name or fields.get("LoadState") == "not-found":
            continue  # a name that somebody once asked for, and no unit
        if fields.get("Type") == "oneshot" and fields.get("ActiveState") != "active":
            # what a timer runs comes and goes; only whether it failed is a state
            yield f"unit:{name}", "failed" if fields.get("ActiveState") == "failed" else "idle"
            continue
        running = fields.get("ActiveState") in {"active", "reloading"}
        since = fields.get("InvocationID", "") if running else ""
        yield f"unit:{name}", " ".join((fields.get("ActiveState", ""), since)).strip()


def _enabled(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[1] not in {"transient", "generated"}:
            yield f"enabled:{words[0]}", words[1]


def _nft(text: str) -> Iterator[tuple[str, str]]:
    for table in ("\n" + text).split("\ntable ")[1:]:
        name, _, rules = table.partition("{")
        yield f"nft:{name.strip()}", rules.strip()


_COMES_AND_GOES = re.compile(r"\bveth[0-9a-f]+(?![0-9a-z])")
"""Devices that an engine makes anew for a container at each start."""


def _sysctl(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, _, value = line.partition(" = ")
        if not (_COMES_AND_GOES.search(name) or any(counter in name for counter in COUNTERS)):
            yield f"sysctl:{name.strip()}", value


def _route(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if not _COMES_AND_GOES.search(line):
            yield f"route:{' '.join(line.split())}", "there"


def _mount(text: str) -> Iterator[tuple[str, str]]:
    for entry in json.loads(text)["filesystems"] if text.strip() else []:
        target = str(entry["target"])
        if not target.startswith(("/run/", "/proc", "/sys", "/dev")):
            mode = "ro" if "ro" in str(entry["options"]).split(",") else "rw"
            yield f"mount:{target}", f"{entry['fstype']} {mode}"


def _package(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, _, state = line.partition(" ")
        yield f"package:{name}", state.strip()


def _port(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        words = line.split()
        # a high UDP port is somebody's question on its way, not an open door
        if len(words) > 4 and not (words[0] == "udp" and _number(words[4]) > 32767):
            yield f"port:{words[0]} {words[4]}", "open"


def _number(address: str) -> int:
    last = address.rpartition(":")[2]
    return int(last) if last.isdigit() else 0


READERS = {
    "units": _units,
    "enabled": _enabled,
    "nft": _nft,
    "sysctl": _sysctl,
    "route": _route,
    "mount": _mount,
    "package": _package,
    "port": _port,
}
