"""What a diagnostic printed, before anybody has understood it."""

from __future__ import annotations

from pydantic import Field

from app.domain.value import Value


class ParseError(ValueError):
    """The output is not what the named tool prints. Its text says what was expected instead."""


class RawOutput(Value):
    """One run of a catalog entry: what it was asked, how it ended, what it said."""

    params: dict[str, str | int] = Field(default_factory=dict)  # as in the call: {"unit": ...}
    exit_code: int | None = None  # None: never ran, or was ended by its deadline
    stdout: str = ""  # redacted, possibly cut at the entry's max_bytes
    stderr: str = ""
    seconds: float = 0.0  # how long it ran
    truncated: bool = False  # stdout was cut: its last line may be half of one
    utc_offset_minutes: int | None = Field(default=None, gt=-1440, lt=1440)
    """The host's offset from UTC where it is known: log files carry local times without a zone."""

    def text_param(self, name: str) -> str:
        """A parameter of the call as text; ParseError where the call did not carry it."""
        value = self.params.get(name)
        if value is None:
            raise ParseError(
                f"the call carries no parameter {name!r}; it has {sorted(self.params)}"
            )
        return str(value)

    def whole_lines(self) -> list[str]:
        """The lines of standard output, without a last one that was cut."""
        lines = self.stdout.split("\n")
        ended = lines.pop()  # "" where the output ends with a newline
        if ended and not self.truncated:
            lines.append(ended)
        return [line.rstrip("\r") for line in lines]

    def complaint(self) -> str:
        """Why there is no output, for messages: the first line of standard error."""
        first = self.stderr.strip().splitlines()
        return first[0][:200] if first else f"exit code {self.exit_code}, nothing on standard error"
