"""Clocks of single processes that can be set while they run; the machine's stays as it is."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LEFT_OUT = "no C compiler here; `apt-get install gcc libc6-dev` gives one"


def compiler() -> str | None:
    """Debian's C compiler; None where there is none."""
    return shutil.which("cc")


@contextmanager
def clocks() -> Iterator[Clocks]:
    """In a folder of their own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="sre-agent-clocks-") as made:
        folder = Path(made)
        folder.chmod(0o755)  # also the database's user comes by
        yield Clocks(folder)


class Clocks:
    """The clocks of one run."""

    def __init__(self, folder: Path) -> None:
        """Compiles what is loaded before each process into `folder`, which every user may read."""
        self._folder = folder
        self.names: list[str] = []  # those that a process runs by, in the order in which they came
        self._library = folder / "clock.so"
        source = Path(__file__).with_name("clock.c")
        flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Werror"]
        subprocess.run(["cc", *flags, "-o", str(self._library), str(source)], check=True)

    def environment(self, name: str) -> dict[str, str]:
        """What a process needs in its environment to run by the clock of that name."""
        if name not in self.names:
            self.names.append(name)
        self.set(name, 0)
        return {"LD_PRELOAD": str(self._library), "CLOCK_FILE": str(self._place(name))}

    def set(self, name: str, seconds: int) -> None:
        """From now on this clock is so many seconds ahead of the machine's, or behind it."""
        place = self._place(name)
        if not place.exists():
            place.write_bytes(bytes(8))
            place.chmod(0o644)
        with place.open("r+b") as file:
            file.write(struct.pack("=q", seconds))  # in one write: nobody sees half of it

    def _place(self, name: str) -> Path:
        return self._folder / f"{name}.clock"
