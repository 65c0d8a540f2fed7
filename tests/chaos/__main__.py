"""python -m tests.chaos [--incidents N] [--hosts N] [--kills N] [--restarts N] [--jumps N]
                      [--seed N] WHERE

WHERE is postgres (one API, three workers), sqlite (one process), or both. Prints the figures; exit
code 1 where something does not hold, 2 where it did not come to its end.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.runs import on_postgres, on_sqlite
from tests.chaos.storm import Told


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("where", choices=("postgres", "sqlite", "both"))
    for name, default in (
        ("incidents", 1000),
        ("hosts", 200),
        ("kills", 50),
        ("restarts", 5),
        ("jumps", 0),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3600, help="given up after so long")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs")
    given = parser.parse_args()
    codes = [
        _run(where, given)
        for where in (("postgres", "sqlite") if given.where == "both" else (given.where,))
    ]
    return max(codes)


def _run(where: str, given: argparse.Namespace) -> int:
    folder = Path(tempfile.mkdtemp(prefix="sre-agent-chaos-"))
    told = None
    try:
        told = asyncio.run(_storm(where, folder, given))
    except TimeoutError:
        sys.stdout.write(f"{where}: it did not come to its end; see {folder}\n")
        return 2
    finally:
        if told is not None and not told.broken and not given.keep:
            shutil.rmtree(folder)
    sys.stdout.write(f"{where}, seed {given.seed}: {told}\n")
    if told.broken or given.keep:
        sys.stdout.write(f"its folder    {folder}\n")
    return 1 if told.broken else 0


async def _storm(where: str, folder: Path, given: argparse.Namespace) -> Told:
    much = {
        name: getattr(given, name)
        for name in ("incidents", "hosts", "kills", "jumps", "seed", "seconds")
    }
    if where == "postgres":
        return await on_postgres(folder, restarts=given.restarts, **much)
    return await on_sqlite(folder, **much)


if __name__ == "__main__":
    sys.exit(main())
