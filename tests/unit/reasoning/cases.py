"""Cases told in facts: a proxy in front of one application, with names no product code knows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.domain.evidence import Evidence
from app.domain.host import Host
from app.domain.incident import Incident
from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.host.baseline import Baseline
from app.host.facts import Manifest
from app.reasoning.port import Case

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOST = Host(name="alpha", address="192.0.2.7", services=("nginx", "tickets"))
PROBE = Probe(
    name="http tickets.example:80/", kind=ProbeKind.HTTP, address="192.0.2.7", port=80,
    host_header="tickets.example",
)  # fmt: skip
ENV = "/srv/conf/tickets.env"
UNIT_FILE = "/etc/systemd/system/tickets.service"
SITE: dict[str, Any] = {
    "servers": [
        {
            "file": "/etc/nginx/conf.d/tickets.conf", "line": 1, "names": ["tickets.example"],
            "listens": ["80"], "ports": [80],
            "root": "/srv/pages/tickets",
            "upstreams": [{"url": "http://127.0.0.1:9100", "host": "127.0.0.1", "port": 9100}],
        }
    ],
    "files": ["/etc/nginx/nginx.conf", "/etc/nginx/conf.d/tickets.conf"],
}  # fmt: skip


def unit(name: str, active: str = "active", sub: str = "running", **more: Any) -> dict[str, Any]:
    return {
        "name": name, "load_state": "loaded", "active_state": active, "sub_state": sub,
        "result": "success", "unit_file_state": "enabled",
    } | more  # fmt: skip


def nginx(active: str = "active", sub: str = "running", **more: Any) -> dict[str, Any]:
    return unit("nginx.service", active, sub, **more)


def tickets(active: str = "active", sub: str = "running", **more: Any) -> dict[str, Any]:
    shape = {"environment_files": [ENV], "fragment_path": UNIT_FILE}
    return unit("tickets.service", active, sub, **shape, **more)


def listener(port: int, unit: str, process: str = "x") -> dict[str, Any]:
    address = "127.0.0.1" if port == 9100 else "0.0.0.0"
    return {
        "protocol": "tcp", "address": address, "port": port, "unit": unit, "process": process
    }  # fmt: skip


HEALTHY_LISTENERS = [listener(80, "nginx.service"), listener(9100, "tickets.service")]


def file(path: str, sha: str | None = "a" * 64, **more: Any) -> Manifest.File:
    shape: dict[str, Any] = {"kind": "file", "owner": "root", "group": "root", "mode": "0644"}
    return Manifest.File(path=path, sha256=sha, **(shape | more))


FILES = (file("/etc/nginx/conf.d/tickets.conf"), file(ENV), file(UNIT_FILE), file("/etc/hosts"))


def facts_of(
    units: list[dict[str, Any]],
    listeners: list[dict[str, Any]],
    *,
    enabled: dict[str, str] | None = None,
    mounts: list[dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    states = {u["name"]: "enabled" for u in units} | (enabled or {})
    return {
        "units.show": {"units": units},
        "unit_files.list": {"files": [{"name": n, "state": s} for n, s in states.items()]},
        "sockets.listening": {"listeners": listeners},
        "filesystems.list": {"filesystems": mounts or []},
        "persons.list": {},
        "nginx.dump": SITE,
        "nginx.test": {"program": "nginx", "ok": True},
    } | {name.replace("__", "."): value for name, value in more.items()}


def evidence(facts: dict[str, Any], start: int = 1) -> tuple[Evidence, ...]:
    """Evidence from facts; a key may carry one parameter: `journal.unit unit=x`."""
    found = []
    for number, (key, value) in enumerate(facts.items(), start=start):
        action, *pairs = key.split()
        params: dict[str, str | int] = {}
        for pair in pairs:
            name, _, given = pair.partition("=")
            params[name] = int(given) if name == "port" else given
        if action in ("journal.unit", "unit.logs"):
            params["lines"] = 200
        if action == "journal.errors":
            params["lines"] = 100
        found.append(
            Evidence(
                id=number, host="alpha", action=action, params=params, ok=True, exit_code=0,
                facts=value, taken_at=NOW, simulated=False,
            )
        )  # fmt: skip
    return tuple(found)


def baseline() -> Baseline:
    healthy = facts_of([nginx(), tickets()], HEALTHY_LISTENERS)
    manifest = Manifest(host="alpha", taken_at=NOW.isoformat(), files=FILES)
    return Baseline(
        host="alpha", taken_at=NOW.isoformat(), manifest=manifest, probes=(PROBE,),
        evidence=evidence(healthy),
    )  # fmt: skip


def manifest_now(*files: Manifest.File) -> dict[str, Any]:
    kept = {f.path: f for f in FILES} | {f.path: f for f in files}
    shown = Manifest(host="alpha", taken_at=NOW.isoformat(), files=tuple(kept.values()))
    return shown.model_dump(mode="json")


def case(
    facts: dict[str, Any],
    *,
    error: str | None = None,
    status: int | None = None,
    body: str = "",
    with_baseline: bool = True,
    **more: Any,
) -> Case:
    ok = error is None and (status or 200) < 400
    result = ProbeResult(
        probe=PROBE, ok=ok, error=error, status=status, body=body, taken_at=NOW, simulated=False,
        evidence_id=900,
    )  # fmt: skip
    incident = Incident(
        number="INC1", short_description="x", host="alpha", claimed_service="nginx", received_at=NOW
    )
    return Case(
        incident=incident, host=HOST, hosts=(HOST,), evidence=evidence(facts), probes=(result,),
        baselines=(baseline(),) if with_baseline else (), **more,
    )  # fmt: skip
