"""The reference has a line for each thing that there is, and none for what there is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import typer.main

from app import errors
from app.api.errors import CODE_OF_STATUS
from app.cli import app as cli
from app.commands.server import ServerError
from app.main import create_app
from app.settings import Settings

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
FIRST_CELL = re.compile(r"^\| `([^`]+)` \|(.*)$", re.MULTILINE)


def lines_of(page: str) -> dict[str, str]:
    """The first cells of a page's tables, and what stands after each."""
    found = FIRST_CELL.findall((REFERENCE / page).read_text(encoding="utf-8"))
    assert len({name for name, _ in found}) == len(found), f"{page} names something twice"
    return dict(found)


def test_every_setting_has_its_line_with_its_default() -> None:
    lines = lines_of("settings.md")
    fields = Settings.model_fields
    assert set(lines) == {name.upper() for name in fields}
    for name, field in fields.items():
        default = field.default
        if default is None or name == "enable_real_ssh":
            continue
        assert f"`{default}`" in lines[name.upper()], f"{name} has the default {default}"


def test_every_error_code_has_its_line() -> None:
    own = {kind.code for kind in _tree(errors.SreAgentError)} | {ServerError.code}
    of_the_framework = {code for code, _ in CODE_OF_STATUS.values()} | {"validation-failed"}
    assert set(lines_of("errors.md")) == own | of_the_framework


def _tree(kind: type[errors.SreAgentError]) -> Iterator[type[errors.SreAgentError]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from _tree(below)


def test_the_drawn_tree_of_errors_is_the_real_one() -> None:
    assert errors.__doc__ is not None
    drawn = set(re.findall(r"(\w+) +([a-z]+(?:-[a-z]+)+|conflict|unauthorized|forbidden|busy)\n",
                           errors.__doc__))  # fmt: skip
    real = {(kind.__name__, kind.code) for kind in _tree(errors.SreAgentError)}
    assert drawn == real - {("SreAgentError", "internal-error")}


def test_every_address_has_its_line() -> None:
    paths = create_app(Settings(_env_file=None)).openapi()["paths"]
    there = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert set(lines_of("api.md")) == there


def test_every_command_has_its_line() -> None:
    assert set(lines_of("cli.md")) == set(_commands(typer.main.get_command(cli), "sre-agent"))


def _commands(command: object, path: str) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path
        return
    for name, below in inner.items():
        yield from _commands(below, f"{path} {name}")


SOURCES = ("app", "Makefile", "migrations", "start_server.py", "ssh_config.py")


def test_common_problems_quote_the_real_messages() -> None:
    """What stands in a heading is printed by something, word for word but for the numbers."""
    root = REFERENCE.parents[1]
    files = [path for name in SOURCES for path in (root / name, *(root / name).rglob("*.py"))]
    text = " ".join(
        re.sub(r'"\s+f?"', "", path.read_text(encoding="utf-8")) for path in files if path.is_file()
    )
    page = (root / "docs" / "howto" / "common-problems.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## `(.+)`$", page, re.MULTILINE)
    assert len(headings) > 8
    for heading in headings:
        # an address, a port or a value of the moment stands where the code has a placeholder
        parts = re.split(r"127\.0\.0\.1:8000|text/plain|: address already in use", heading)
        for part in parts:
            words = part.strip(" .:,")
            assert words in text, f"nothing prints {words!r}"
