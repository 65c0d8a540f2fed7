"""What can go wrong in the lab.

LabError
├── NotPossibleHere     the machine cannot run the lab (not root, a package is missing)
├── CommandFailed       a command of the lab's own ended badly
├── BakeFailed          an image or a host layer could not be built
├── BootFailed          a host did not come up
├── ServiceFailed       the service under test did not start or stopped answering
└── BadScenario         a scenario file is not valid
"""

from __future__ import annotations


class LabError(Exception):
    """The lab could not do its work."""


class NotPossibleHere(LabError):
    """This machine cannot run the lab."""


class CommandFailed(LabError):
    """A command of the lab's own ended badly."""

    def __init__(self, argv: tuple[str, ...], returncode: int, output: str) -> None:
        self.argv = argv
        self.returncode = returncode
        self.output = output
        tail = output.strip()[-2000:]
        super().__init__(f"`{' '.join(argv)[:300]}` ended with {returncode}: {tail}")


class BakeFailed(LabError):
    """An image or a host layer could not be built."""


class BootFailed(LabError):
    """A host did not come up."""


class ServiceFailed(LabError):
    """The service under test did not start or stopped answering."""


class BadScenario(LabError):
    """A scenario file is not valid."""
