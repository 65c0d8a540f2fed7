"""Injected texts stay data: in a shell word, a comment, a unit file, a ticket and a log line.

Some of these texts would do harm if they were run. So each is shown to be one word to Python's
reading of a shell line before a real bash gets it, and that bash can find no program.
"""

from __future__ import annotations

import configparser
import json
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from app.lab.disturbance import Disturbance
from app.lab.estate import HOSTS
from app.lab.hostlogs import FUNCTIONS, LOGS, LogFile, journal_line, log_line
from app.lab.injections import Injection, drawn_for, shipped
from app.lab.planting import KEEPERS, commented, described, planted
from app.lab.scenario import Scenario

CONTROL = "".join(chr(code) for code in range(1, 32))


def scenario(name: str = "a-fault", target: str = "web01") -> Scenario:
    return Scenario.model_validate(
        {
            "id": name,
            "title": "A fault",
            "family": "faults",
            "target": target,
            "hosts": [target, *(host for host in HOSTS if host != target)],
            "ticket": {"short_description": "Shop down", "description": "Since 09:40.\n"},
            "healthy": "true",
            "expect": {"outcome": "resolved"},
        }
    )


def scripts(made: Disturbance) -> list[str]:
    return [
        text
        for moment in (made.standing, made.earlier, made.meanwhile)
        for text in moment.values()
    ]  # fmt: skip


def bash(script: str, folder: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    """A bash that finds no program, in an empty folder."""
    return subprocess.run(
        ["/bin/bash", *options, "-s"],
        input=script.encode(),
        cwd=folder,
        env={"PATH": "/nonexistent", "LANG": "C.UTF-8"},
        capture_output=True,
        timeout=20,
        check=False,
    )


each_text = pytest.mark.parametrize("text", shipped(), ids=lambda text: text.kind)


def test_there_are_many_and_each_is_of_its_own_kind() -> None:
    assert len(shipped()) >= 40
    assert len({text.kind for text in shipped()}) == len({text.text for text in shipped()})
    assert len({text.kind for text in shipped()}) == len(shipped())


@each_text
def test_a_text_is_one_word_to_a_shell_and_arrives_whole(text: Injection, tmp_path: Path) -> None:
    assert "\0" not in text.text
    for line, at in (
        (journal_line("shop", text.text, unit="shop.service"), 4),
        (log_line(LogFile("/x.log", "%F ", "{}"), text.text), 3),
    ):
        words = shlex.split(line)
        assert len(words) == 5 if at == 4 else len(words) == 4
        assert words[at] == text.text
        function = words[0]
        shown = bash(f'{function}() {{ printf %s "${at}"; }}\n{line}', tmp_path)
        assert shown.stdout == text.text.encode()
        assert shown.stderr == b""
    assert list(tmp_path.iterdir()) == []


@each_text
@pytest.mark.parametrize("mark", ["#", ";"])
def test_a_comment_stays_one_line_that_goes_on_nowhere(text: Injection, mark: str) -> None:
    line = commented(mark, text)
    assert len(line.splitlines()) == 1
    assert line.startswith(f"{mark} ")
    assert not line.endswith("\\")
    assert line.isprintable() or not set(line) & set(CONTROL)


@each_text
def test_a_description_adds_nothing_else_to_a_unit(text: Injection) -> None:
    reader = configparser.RawConfigParser(
        strict=True, delimiters=("=",), comment_prefixes=("#", ";"), empty_lines_in_values=False
    )
    reader.optionxform = str  # type: ignore[assignment,method-assign]
    reader.read_string(described(text))
    assert {name: dict(reader[name]) for name in reader.sections()} == {
        "Unit": {"Description": text.in_one_line.strip().replace("%", "%%")}
    }


@each_text
def test_a_ticket_with_a_text_is_valid_json_and_yaml(text: Injection) -> None:
    body = {"description": text.text}
    assert json.loads(json.dumps(body)) == body
    assert yaml.safe_load(yaml.safe_dump(body)) == body
    assert text.text.encode().decode() == text.text


def test_control_characters_break_no_line() -> None:
    text = Injection("all", f"a{CONTROL}\x7f\x85\u2028\u2029b\\\n\\")
    assert text.in_one_line.isprintable()
    assert len(text.in_one_line.splitlines()) == 1
    assert text.in_one_line.endswith("b")


@pytest.mark.parametrize("target", HOSTS)
def test_the_scripts_parse(target: str, tmp_path: Path) -> None:
    _, made = planted(scenario(target=target))
    for text in scripts(made):
        parsed = bash(text, tmp_path, "-n")
        assert (parsed.returncode, parsed.stderr) == (0, b"")


def test_no_script_has_a_word_of_a_text_outside_its_quotes() -> None:
    _, made = planted(scenario())
    known = {"add_comment", "put_unit", "journal_line", "log_line", "systemctl"}
    for script in scripts(made):
        calls = script.replace(KEEPERS, "").replace(FUNCTIONS, "")
        lexer = shlex.shlex(calls, posix=True, punctuation_chars="();<>|&\n")
        lexer.whitespace, lexer.commenters = " \t\r", ""
        words = list(lexer)
        assert not set(words) & set("();<>|&")
        starts = [
            word for before, word in zip(["\n", *words], words, strict=False) if before == "\n"
        ]
        assert {word for word in starts if word != "\n"} <= known


def test_the_draw_is_the_same_each_time_and_another_for_another_scenario() -> None:
    first, again = planted(scenario()), planted(scenario())
    assert first == again
    assert [text.kind for text in drawn_for("a-fault")] != [
        text.kind for text in drawn_for("another-fault")
    ]
    assert set(drawn_for("a-fault")) == set(shipped())


def test_texts_are_in_the_ticket_and_at_every_place_of_every_host() -> None:
    changed, made = planted(scenario())
    ticket = changed.ticket
    told = {note.place: note.text for note in made.notes if not note.host}
    assert ticket.description.startswith("Since 09:40.\n\n")
    assert told["ticket's description"].endswith(ticket.description[len("Since 09:40.\n\n") :])
    assert (ticket.model_extra or {})["work_notes"] in told["ticket's work notes"]
    for host in HOSTS:
        places = [note.place for note in made.notes if note.host == host]
        assert sum("/systemd/system/" in place for place in places) == 2
        assert any(place.startswith("journal of ") for place in places)
        assert {file.path for file in LOGS[host]} <= set(places)


def test_no_text_is_used_twice_in_a_scenario() -> None:
    _, made = planted(scenario())
    used = [note.text for note in made.notes]
    assert len(used) == len(set(used))


def test_fault_and_checks_stay() -> None:
    plain = scenario()
    changed, _ = planted(plain)
    assert changed.model_dump(exclude={"ticket"}) == plain.model_dump(exclude={"ticket"})
    assert changed.ticket.short_description == plain.ticket.short_description
    assert changed.ticket.service == plain.ticket.service


def test_a_comment_is_added_as_it_is_and_the_file_keeps_its_time(tmp_path: Path) -> None:
    file = tmp_path / "shop.env"
    file.write_text("DB_PORT=5432")
    file.chmod(0o640)
    before = file.stat()
    canary = Injection("canary", "'; touch owned; echo '$(touch owned)`touch owned`\ntouch owned")
    call = f"add_comment {shlex.quote(str(file))} {shlex.quote(commented('#', canary))}\n"
    absent = f"add_comment {shlex.quote(str(tmp_path / 'absent'))} '# text'\n"
    subprocess.run(
        ["/bin/bash", "-es"], input=f"{KEEPERS}{call}{absent}".encode(), cwd=tmp_path, check=True
    )
    assert file.read_text() == f"DB_PORT=5432\n{commented('#', canary)}\n"
    assert int(file.stat().st_mtime) == int(before.st_mtime)
    assert file.stat().st_mode == before.st_mode
    assert [path.name for path in tmp_path.iterdir()] == ["shop.env"]


def test_a_log_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    there, absent = tmp_path / "app.log", tmp_path / "absent.log"
    there.write_text("")
    canary = "$(touch owned)'; touch owned; '`touch owned`"
    calls = [log_line(LogFile(str(path), "%Y ", "{}"), canary) for path in (there, absent)]
    script = FUNCTIONS + "".join(calls)
    subprocess.run(["/bin/bash", "-es"], input=script.encode(), cwd=tmp_path, check=True)
    assert there.read_text().partition(" ")[2] == f"{canary}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["app.log"]
