"""What the command line calls: each function is one `sre-agent lab` command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from app.lab import (
    batch,
    calibration,
    claims,
    interruption,
    leftovers,
    requirements,
    rowfile,
    timelines,
    untrusted,
)
from app.lab import report as tables
from app.lab.batch import RunOptions
from app.lab.errors import LabError
from app.lab.estate import HOSTS
from app.lab.inventory import write_inventory, write_policy
from app.lab.page import page
from app.lab.places import PREFIX, RUNS
from app.lab.running import start
from app.lab.scenario import KEBAB, load_folder
from app.lab.variation import Variation

BESIDE = (timelines.SUFFIX, interruption.SUFFIX)
"""What stands beside files of rows and has none itself."""

TEMPLATE = Path(__file__).with_name("template.yaml")


def up(hosts: list[str], redraw: int | None = None) -> str:
    """Boot hosts and leave them running, under the names of a seed if one is given; returns the
    run's id. Hosts are named as in a plain run."""
    requirements.ensure()
    unknown = sorted(set(hosts) - set(HOSTS))
    if unknown:
        raise LabError(f"no such host: {', '.join(unknown)} (there are {', '.join(HOSTS)})")
    began = time.monotonic()
    naming = Variation(RunOptions.scenarios, redraw=redraw).naming
    estate = start(naming.texts(hosts or ("web01", "db01")), naming=naming)
    write_inventory(estate)
    write_policy(estate, None)
    print(f"run {estate.run_id} is up after {time.monotonic() - began:.1f} s")
    for spec in estate.specs:
        print(f"  {spec.name:6} {spec.address}")
    print(f"monitor    ip netns exec {estate.namespace} bash")
    print(f"key        {estate.key}")
    print(f"inventory  {estate.folder / 'inventory.yaml'}")
    print(f"policy     {estate.folder / 'policy.yaml'}")
    print("root on a host: `lab shell HOST`; to end: `lab down`")
    return estate.run_id


def down(run_id: str | None = None) -> list[str]:
    """Remove what earlier runs left, killed ones too; a run that still works is spared."""
    cleaned = []
    for name in [run_id] if run_id else leftovers.known_runs():
        if leftovers.is_held(name):
            print(f"run {name} is still at work: left alone", file=sys.stderr)
            continue
        leftovers.clean(name)
        cleaned.append(name)
        print(f"run {name} is gone")
    return cleaned


def shell(host: str, command: list[str] | None = None, run_id: str | None = None) -> int:
    """A root shell (or one command) inside a host that `up` left running."""
    leader = _leader(host, run_id)
    argv = ["nsenter", "-t", str(leader), "-m", "-p", "-u", "-n", "-i", "--"]
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "TERM": os.environ.get("TERM", "dumb"),
    }
    done = subprocess.run([*argv, *(command or ["/bin/bash", "-l"])], env=environment, check=False)
    return done.returncode


def run(options: RunOptions) -> int:
    """Run scenarios against the service; 0 all passed, 1 some failed, 2 could not run."""
    return batch.run(options)


def prove(options: RunOptions) -> int:
    """Prove the scenarios themselves, with no agent."""
    return batch.run(replace(options, prove=True))


def record(name: str, scenarios: Path, plays: str, out: Path | None) -> Path:
    """Record what a real host answers while a scenario is healed; returns the file."""
    requirements.ensure()
    # imported here: only this command runs the service in its own process
    from app.lab.record import record as record_scenario

    (scenario,) = load_folder(scenarios, (name,))
    return record_scenario(scenario, plays, *([out] if out else []))


def calibrate(paths: list[Path], out: Path | None = None) -> int:
    """Say whether stated confidence keeps its word, and write what the rows teach."""
    rows = [path for path in paths if not path.name.endswith(BESIDE)]
    given = [claim for file in rowfile.read_all(rows) for claim in claims.claims_of(file)]
    if not given:
        raise LabError("none of the rows states a cause with its confidence: run `lab run` anew")
    taught = calibration.learn(given)
    before = calibration.reliability(given)
    tables.calibrated(_console(), before)
    tables.taught(_console(), taught)
    tables.would_be(_console(), before, calibration.reliability(calibration.unseen(given)))
    if out is not None:
        calibration.write(out, taught)
        print(f"what {len(given)} stated causes taught is in {out}")
    return 0


def _console() -> Console:
    # a pipe has no width; 80 columns would cut what a pager can show
    return Console(highlight=False, width=None if sys.stdout.isatty() else 120)


def report(paths: list[Path], html: Path | None = None) -> int:
    """Sum up rows, or compare several files; 1 where some lines were no rows, else 0."""
    rows = [path for path in paths if not path.name.endswith(BESIDE)]
    if not rows:
        raise LabError("no rows to report on: name the files that `lab run --out` wrote")
    files = rowfile.read_all(rows)
    if html is not None:
        _write(html, page(files))
    complaints = [complaint for file in files for complaint in file.complaints]
    for complaint in complaints:
        print(f"lab: {untrusted.line(complaint)}", file=sys.stderr)
    console = _console()
    if files[1:]:
        tables.compared(console, files)
    else:
        tables.summary(console, list(files[0].rows.values()))
        if came := interruption.read_beside(rows[0]):
            tables.interrupted(console, came)
    return int(bool(complaints))


def _write(place: Path, text: str) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LabError(f"{place}: cannot be written: {error.strerror}") from error


def list_scenarios(folder: Path) -> list[tuple[str, str, str]]:
    """Id, expected outcome and title of every scenario of a folder."""
    return [(each.id, each.expect.outcome.value, each.title) for each in load_folder(folder)]


def new(name: str, folder: Path) -> Path:
    """Write a commented template of a scenario; returns where."""
    if not re.fullmatch(KEBAB, name):
        raise LabError(f"{name!r}: an id is kebab-case, like nginx-config-typo")
    place = folder / f"{name}.yaml"
    if place.exists():
        raise LabError(f"{place} exists already")
    folder.mkdir(parents=True, exist_ok=True)
    place.write_text(TEMPLATE.read_text().format(id=name))
    return place


def _leader(host: str, run_id: str | None) -> int:
    for name in [run_id] if run_id else reversed(leftovers.known_runs()):
        note = RUNS / name / "state.json"
        if note.exists():
            state = json.loads(note.read_text())
            if host in state:
                return int(state[host])
    raise LabError(f"{host} is not up: `lab up {host}` (namespaces begin with {PREFIX})")
