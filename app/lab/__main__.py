"""`python -m app.lab`: the lab's commands without the rest of the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from app.lab import commands
from app.lab.batch import RunOptions
from app.lab.errors import LabError


def main() -> int:
    """Parse the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="lab")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up").add_argument("hosts", nargs="*")
    verbs.add_parser("down").add_argument("run_id", nargs="?")
    inside = verbs.add_parser("shell")
    inside.add_argument("host")
    inside.add_argument("command", nargs=argparse.REMAINDER)
    _add_run(verbs.add_parser("run"))
    verbs.add_parser("list").add_argument("--scenarios", type=Path, default=RunOptions.scenarios)
    given = parser.parse_args()
    try:
        if given.verb == "up":
            commands.up(given.hosts)
        elif given.verb == "down":
            commands.down(given.run_id)
        elif given.verb == "shell":
            return commands.shell(given.host, given.command)
        elif given.verb == "run":
            return commands.run(_options(given))
        elif given.verb == "list":
            for row in commands.list_scenarios(given.scenarios):
                print(*row, sep="\t")
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2
    return 0


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scenarios", type=Path, default=RunOptions.scenarios)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--policy", type=Path)
    for flag in ("--resume", "--prove", "--trust"):
        parser.add_argument(flag, action="store_true")


def _options(given: argparse.Namespace) -> RunOptions:
    return RunOptions(
        scenarios=given.scenarios,
        only=tuple(given.only),
        out=given.out,
        jobs=given.jobs,
        policy=given.policy,
        resume=given.resume,
        prove=given.prove,
        trust=given.trust,
    )


if __name__ == "__main__":
    sys.exit(main())
