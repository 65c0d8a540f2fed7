"""`python -m app.lab`: the lab's commands without the rest of the command line."""

from __future__ import annotations

import argparse
import sys

from app.lab import commands
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
    given = parser.parse_args()
    try:
        if given.verb == "up":
            commands.up(given.hosts)
        elif given.verb == "down":
            commands.down(given.run_id)
        elif given.verb == "shell":
            return commands.shell(given.host, given.command)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
