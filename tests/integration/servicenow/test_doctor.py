"""`sre-agent doctor` and what it says of an instance: the command itself, against the fake."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.servicenow.fake.certificate import tls_files
from app.servicenow.fake.control import Control
from app.servicenow.fake.seeding import GROUP
from app.servicenow.fake.users import May

GOOD, WRONG = 0, 1
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")


@dataclass(frozen=True)
class Said:
    """What the command said: its exit code, and for each thing whether it is well and its words."""

    code: int
    text: str

    def of(self, about: str) -> tuple[bool, str]:
        """The line about something, with what follows from it."""
        lines = self.text.splitlines()
        (at,) = [n for n, line in enumerate(lines) if line[6:].startswith(f"{about} ")]
        rest = []
        for line in lines[at + 1 :]:
            if re.match(r"ok   |WRONG|\d+ to mend", line):
                break
            rest.append(line)
        words = " ".join(" ".join([lines[at][6:], *rest]).split())
        return lines[at].startswith("ok"), words.removeprefix(about).strip()


Doctor = Callable[..., Awaitable[Said]]


@pytest.fixture
def doctor(fake: Control, sqlite_url: str, tmp_path: Path) -> Doctor:
    """Runs the command with settings that write to the fake, but for those that are given."""

    async def run(*words: str, **changed: str | None) -> Said:
        settings: dict[str, str | None] = {
            "DATABASE_URL": sqlite_url,
            "PORT": "9",  # no server is asked for here
            "SERVICENOW_INSTANCE_URL": fake.url,
            "SERVICENOW_CA_FILE": str(fake.ca_file),
            "SERVICENOW_USERNAME": fake.credentials.user_name,
            "SERVICENOW_PASSWORD": fake.credentials.password,
        }
        settings |= changed
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment |= {name: value for name, value in settings.items() if value is not None}
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.cli", "doctor", *words,
            cwd=tmp_path,  # there is no .env
            env=environment | {"COLUMNS": "400"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await child.communicate()
        text = out.decode()
        assert "Traceback" not in text, text
        assert fake.credentials.password not in text
        assert child.returncode is not None
        return Said(child.returncode, text)

    return run


async def test_an_instance_that_is_as_it_should_be(doctor: Doctor, fake: Control) -> None:
    number = fake.insert(short_description="A test of the integration")["number"]
    said = await doctor(
        "--servicenow",
        number,
        SERVICENOW_ASSIGNMENT_GROUP=GROUP,
        SERVICENOW_ESCALATION_GROUP="Service Desk",
    )
    assert said.code == GOOD, said.text
    assert said.of("- login") == (True, f"{fake.url} lets us in by password")
    assert said.of("- user's zone") == (True, "UTC")
    assert said.of("- user's roles") == (True, "itil")
    ok, codes = said.of("- close codes")
    assert ok
    assert "is used There are: " in codes
    assert said.of("- our group")[0]
    assert said.of("- escalation")[0]
    assert said.of("- test incident") == (
        True, f"a work note was written to {number} and read back",
    )  # fmt: skip
    (note,) = fake.notes(number)
    assert "A check of the SRE agent." in note


@pytest.mark.parametrize("way", ["OAuth client credentials", "API key"])
async def test_each_way_to_log_in_is_tried(doctor: Doctor, fake: Control, way: str) -> None:
    own = fake.credentials
    client = {
        "SERVICENOW_CLIENT_ID": own.client_id,
        "SERVICENOW_CLIENT_SECRET": own.client_secret,
    }
    given = {"SERVICENOW_API_KEY": own.api_key} if way == "API key" else client
    said = await doctor(SERVICENOW_PASSWORD=None, **given)
    assert said.code == GOOD, said.text
    assert said.of("- login") == (True, f"{fake.url} lets us in by {way}")


async def test_a_wrong_password(doctor: Doctor) -> None:
    said = await doctor(SERVICENOW_PASSWORD="guessed-wrong")
    assert said.code == WRONG
    ok, words = said.of("- login")
    assert not ok
    assert "ServiceNow answered 401" in words
    assert "Check the credential of the integration user." in words
    assert "- user's roles" not in said.text, "nothing more is asked of who is not let in"
    assert "guessed-wrong" not in said.text


async def test_a_user_who_may_not_write(doctor: Doctor, fake: Control) -> None:
    fake.insert("sys_user_has_role", by="admin", user="carl", role="sn_incident_read")
    number = fake.insert(short_description="A test of the integration")["number"]
    said = await doctor("--servicenow", number, SERVICENOW_USERNAME="carl")
    assert said.code == WRONG
    assert said.of("- login")[0]
    assert said.of("- user's roles") == (
        False, "sn_incident_read It needs itil or sn_incident_write.",
    )  # fmt: skip
    ok, words = said.of("- test incident")
    assert not ok
    assert "ServiceNow answered 403" in words
    assert fake.notes(number) == []


async def test_notes_that_cannot_be_read_back(doctor: Doctor, fake: Control) -> None:
    number = fake.insert(short_description="A test of the integration")["number"]
    fake.take_right(fake.credentials.user_name, "sys_journal_field", May.NOTHING)
    said = await doctor("--servicenow", number)
    assert said.code == WRONG
    ok, words = said.of("- test incident")
    assert not ok
    assert "let the user read sys_journal_field" in words


async def test_a_user_name_that_is_not_whom_the_key_belongs_to(
    doctor: Doctor, fake: Control
) -> None:
    number = fake.insert(short_description="A test of the integration")["number"]
    said = await doctor(
        "--servicenow",
        number,
        SERVICENOW_USERNAME="dora",
        SERVICENOW_PASSWORD=None,
        SERVICENOW_API_KEY=fake.credentials.api_key,
    )
    assert said.code == WRONG
    ok, words = said.of("- test incident")
    assert not ok
    assert f"is by {fake.credentials.user_name}, not by dora" in words


async def test_a_group_or_a_close_code_that_is_not_there(doctor: Doctor) -> None:
    said = await doctor(SERVICENOW_ASSIGNMENT_GROUP="Nobody", SERVICENOW_CLOSE_CODE="Magic")
    assert said.code == WRONG
    assert said.of("- our group")[0] is False
    assert "ServiceNow shows no groups called 'Nobody'." in said.of("- our group")[1]
    assert said.of("- close codes")[1].startswith("none of them can be used There are: ")


async def test_a_user_whose_times_are_not_utc(doctor: Doctor) -> None:
    said = await doctor(SERVICENOW_USERNAME="alice")
    assert said.code == WRONG
    ok, words = said.of("- user's zone")
    assert not ok
    assert words.startswith("Europe/Berlin Set the time zone of alice to GMT")


async def test_an_instance_that_does_not_answer(doctor: Doctor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = await doctor(SERVICENOW_INSTANCE_URL=f"https://localhost:{port}")
    assert said.code == WRONG
    ok, words = said.of("- login")
    assert not ok
    assert f"https://localhost:{port} cannot be reached" in words
    assert "Check SERVICENOW_INSTANCE_URL, the network, and SERVICENOW_CA_FILE" in words


@pytest.mark.parametrize("authority", ["the system's", "another private one"])
async def test_a_certificate_that_nobody_vouches_for(
    doctor: Doctor, fake: Control, tmp_path: Path, authority: str
) -> None:
    other = str(tls_files(tmp_path / "other").ca) if authority == "another private one" else None
    fake.forget_requests()
    said = await doctor(SERVICENOW_CA_FILE=other)
    assert said.code == WRONG
    ok, words = said.of("- login")
    assert not ok
    assert "CERTIFICATE_VERIFY_FAILED" in words
    assert "SERVICENOW_CA_FILE where a private authority signed its certificate" in words
    assert fake.requests() == [], "nothing was shown to whoever that is"


async def test_an_authoritys_file_that_is_none(doctor: Doctor, tmp_path: Path) -> None:
    said = await doctor(SERVICENOW_CA_FILE=str(tmp_path / "none.pem"))
    assert said.code == WRONG
    ok, words = said.of("- login")
    assert not ok
    assert "Name a PEM file with the authority's certificate." in words
