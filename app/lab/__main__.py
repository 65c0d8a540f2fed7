"""The lab's command line: `sre-agent lab ...`, or `python -m app.lab ...`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from app.lab import commands
from app.lab.batch import COULD_NOT_RUN, PASSED_ALL, RunOptions
from app.lab.errors import LabError
from app.lab.interruption import KINDS
from app.lab.language_model import DOUBLES
from app.lab.rivals import AGENTS, SERVICE

PLAYS = "web-prod-01.company.com"  # of the inventory that is shipped as an example

FLAGS = {
    "resume": "skip scenarios that already have a row in --out",
    "prove": "run no agent: apply each scenario's own fix, and let the judge see it",
    "trust": "do not prove each scenario before its run",
    "noise": "add harmless errors and load beside the fault",
    "inject-text": "put instructions to the agent into logs and tickets",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do what it says; returns the exit code."""
    given = _parser().parse_args(arguments)
    try:
        code = given.call(given)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    return int(code or PASSED_ALL)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sre-agent lab", description="Real hosts on this machine, real faults, and a judge."
    )
    verbs = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_up_down_shell(verbs)
    _add_run(verbs)
    _add_report(verbs)
    listing = verbs.add_parser("list", help="the scenarios of a folder")
    listing.add_argument("--scenarios", type=Path, metavar="DIR", default=RunOptions.scenarios)
    listing.set_defaults(call=_list)
    _add_record(verbs)
    calibrating = verbs.add_parser(
        "calibrate", help="whether stated confidence keeps its word; learn from runs"
    )
    calibrating.add_argument("files", nargs="+", type=Path, metavar="ROWS.jsonl")
    calibrating.add_argument("--write", type=Path, metavar="FILE", help="write what was learned")
    calibrating.set_defaults(call=lambda given: commands.calibrate(given.files, given.write))
    new = verbs.add_parser("new", help="write a commented template of a scenario")
    new.add_argument("id", help="kebab-case; becomes the file's name")
    new.add_argument("--scenarios", type=Path, metavar="DIR", default=RunOptions.scenarios)
    new.set_defaults(call=lambda given: print(commands.new(given.id, given.scenarios)))
    return parser


def _add_up_down_shell(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    up = verbs.add_parser("up", help="boot hosts and leave them running (web01 db01 by default)")
    up.add_argument("hosts", nargs="*", metavar="HOST")
    up.add_argument("--redraw", type=int, metavar="SEED", help="under the names of this seed")
    up.set_defaults(call=lambda given: commands.up(given.hosts, given.redraw) and None)
    down = verbs.add_parser("down", help="remove what earlier runs left, killed ones too")
    down.add_argument("run_id", nargs="?", metavar="RUN", help="only this run")
    down.set_defaults(call=lambda given: commands.down(given.run_id) and None)
    shell = verbs.add_parser("shell", help="a root shell, or one command, inside a host")
    shell.add_argument("--run", metavar="RUN", help="the host of this run, not of the newest")
    shell.add_argument("host", metavar="HOST")
    shell.add_argument("command", nargs=argparse.REMAINDER)
    shell.set_defaults(call=lambda given: commands.shell(given.host, given.command, given.run))


def _add_run(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = verbs.add_parser("run", help="run scenarios against the service; one JSON row each")
    run.add_argument("--scenarios", type=Path, metavar="DIR", default=RunOptions.scenarios)
    run.add_argument("--only", nargs="+", metavar="ID", default=[])
    run.add_argument("--every", type=_counted, metavar="N", default=1,
                     help="each N-th scenario in the order of their ids")  # fmt: skip
    run.add_argument("--out", type=Path, metavar="FILE", help="instead of standard output")
    run.add_argument("--jobs", type=int, metavar="N", default=1, help="scenarios side by side")
    run.add_argument("--agent", choices=AGENTS, metavar="NAME", default=SERVICE,
                     help=f"who heals: {', '.join(AGENTS)}")  # fmt: skip
    run.add_argument("--policy", type=Path, metavar="FILE", help="the service's policy")
    run.add_argument("--model", metavar="MODEL", help="a language model beside the service: how "
                     f"the fake behaves ({', '.join(sorted(DOUBLES))}), or a command that serves "
                     "chat completions on 127.0.0.1:$PORT")  # fmt: skip
    run.add_argument("--redraw", type=int, metavar="SEED", help="draw names, addresses, "
                     "ports and tickets anew; the faults stay")  # fmt: skip
    run.add_argument("--interrupt", choices=KINDS, help="kill the service, cut it off from its "
                     "hosts, or lose one of several workers, once in each scenario at a drawn "
                     "moment")  # fmt: skip
    run.add_argument("--seed", type=int, metavar="N", default=1, help="draws those moments")
    for name, told in FLAGS.items():
        run.add_argument(f"--{name}", action="store_true", help=told)
    run.set_defaults(call=lambda given: commands.run(_options(given)))


def _add_report(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    reading = verbs.add_parser("report", help="sum up a file of rows, or compare several")
    reading.add_argument("files", nargs="+", type=Path, metavar="FILE.jsonl")
    reading.add_argument("--html", type=Path, metavar="OUT.html", help="write a page as well")
    reading.set_defaults(call=lambda given: commands.report(given.files, given.html))


def _add_record(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    recording = verbs.add_parser("record", help="record a scenario for simulated hosts to replay")
    recording.add_argument("id", metavar="ID", help="a scenario that the agent heals")
    recording.add_argument("--plays", metavar="HOST", default=PLAYS, help="in this host's name")
    recording.add_argument("--scenarios", type=Path, metavar="DIR", default=RunOptions.scenarios)
    recording.add_argument("--out", type=Path, metavar="DIR", help="instead of the shipped ones")
    recording.set_defaults(call=_record)


def _record(given: argparse.Namespace) -> None:
    print(commands.record(given.id, given.scenarios, given.plays, given.out))


def _counted(text: str) -> int:
    """1, 2, 3 and so on; argparse tells what was wrong."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def _options(given: argparse.Namespace) -> RunOptions:
    return RunOptions(
        scenarios=given.scenarios,
        only=tuple(given.only),
        every=given.every,
        out=given.out,
        jobs=given.jobs,
        policy=given.policy,
        model=given.model,
        agent=given.agent,
        resume=given.resume,
        prove=given.prove,
        trust=given.trust,
        noise=given.noise,
        inject_text=given.inject_text,
        redraw=given.redraw,
        interrupt=given.interrupt,
        seed=given.seed,
    )


def _list(given: argparse.Namespace) -> None:
    for name, outcome, title in commands.list_scenarios(given.scenarios):
        print(f"{name:28} {outcome:10} {title}")


if __name__ == "__main__":
    sys.exit(main())
