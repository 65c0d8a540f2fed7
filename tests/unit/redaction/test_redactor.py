"""Secrets go, everything else stays, and doing it twice changes nothing."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.redaction.redactor import Redactor
from app.redaction.shapes import A_NAME, BLOCKS, NAME_THEN_VALUE, SHAPES
from tests.unit.redaction.corpus import LOOKALIKES, PLANTS, Plant

# how Python itself reads a pattern; it has no types
PARSER: Any = importlib.import_module("re._parser")
WORDS: Any = importlib.import_module("re._constants")
REPEATS = (WORDS.MAX_REPEAT, WORDS.MIN_REPEAT)
REDACTOR = Redactor(["own-agent-secret-value"], key=b"k" * 32)
PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA7bq3\n" * 8

SECRETS = [
    ("password=hunter22", "hunter22"),
    ("DB_PASSWORD=s3cr3t!x", "s3cr3t!x"),
    ('  "password": "a b c",', "a b c"),
    ("password: 'quo ted'", "quo ted"),
    ("PGPASSWORD=abc123 psql -h db", "abc123"),
    ("postgres://shop:pa55w0rd@db01:5432/shop", "pa55w0rd"),
    ("redis://:onlypass@cache:6379/0", "onlypass"),
    ("Authorization: Bearer abcdef0123456789xyz", "abcdef0123456789xyz"),
    ("authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("proxy says bearer QWERTYUIOPASDFGH12345", "QWERTYUIOPASDFGH12345"),
    ("Set-Cookie: sid=31d4d96e407aad42; Path=/", "31d4d96e407aad42"),
    ("mysql -u root -pS3cret shop", "S3cret"),
    ("mysqldump --password=S3cret shop", "S3cret"),
    ("redis-cli -h x -a topsecret1 ping", "topsecret1"),
    ("curl -u admin:adm1n http://x/", "adm1n"),
    ("requirepass veryl0ng", "veryl0ng"),
    ("IDENTIFIED BY 'dbpass1'", "dbpass1"),
    ("root:$6$abcdefgh$0123456789abcdefghijkl:19000:0:99999:7:::", "$6$abcdefgh"),
    ("admin:$apr1$abc12345$0123456789abcdef", "$apr1$abc12345"),
    ("user:$y$j9T$abcdefghijk$lmnopqrstuvwxyz", "$y$j9T$abc"),
    ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    ("ghp_0123456789abcdefghijABCDEFGHIJ", "ghp_0123456789"),
    ("glpat-0123456789abcdefghij", "glpat-0123456789"),
    ("token xoxb-123456789012-abcdefghij", "xoxb-123456789012"),
    ("sk-abcdefghijklmnop12345", "sk-abcdefghijklmnop12345"),
    ("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeK", "eyJzdWIiOiIx"),
    ("GET /x?sig=abc%2Fdef&x=1", "abc%2Fdef"),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI"),
    ("api_key: 0123abcd", "0123abcd"),
    ("client_secret=zzz111", "zzz111"),
    ("\x1b[31mpassword\x1b[0m=hunter22", "hunter22"),
    ("the agent said own-agent-secret-value here", "own-agent-secret-value"),
    (PEM + "-----END RSA PRIVATE KEY-----", "MIIEpAIBAAKCAQEA7bq3"),
    (PEM, "MIIEpAIBAAKCAQEA7bq3"),
    ('{"env":"DB_PASSWORD=s3cr3tx"}', "s3cr3tx"),
]

HARMLESS = [
    "nginx.service: Failed with result 'exit-code'.",
    "Failed password for invalid user admin from 10.0.0.9 port 4242 ssh2",
    "pam_unix(sshd:auth): authentication failure; user=deploy",
    'nginx: [emerg] unexpected "}" in /etc/nginx/sites-enabled/shop:12',
    "commit 3f22d87c1e5a0b9d7f6e4c3b2a1908f7e6d5c4b3",
    "ssl_certificate_key /etc/ssl/shop/key.pem;",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "connect() failed (111: Connection refused) while connecting to upstream",
    'FATAL:  password authentication failed for user "shop"',
    "http://127.0.0.1:8000/healthz 200",
    "Accepted publickey for sre-agent from 10.77.0.5 port 55432 ssh2: ED25519 SHA256:abc",
    "keepalive_timeout 65;",
    "tcp LISTEN 0 511 0.0.0.0:80",
]


@pytest.mark.parametrize(("text", "secret"), SECRETS, ids=lambda value: str(value)[:30])
def test_secrets_go(text: str, secret: str) -> None:
    clean = REDACTOR.text(text)
    assert secret not in clean
    assert "[redacted:" in clean


@pytest.mark.parametrize("text", HARMLESS)
def test_what_an_operator_needs_stays(text: str) -> None:
    assert REDACTOR.text(text) == text


@pytest.mark.parametrize("text", [text for text, _ in SECRETS] + HARMLESS)
def test_twice_is_once(text: str) -> None:
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once


@given(st.text(max_size=200))
def test_twice_is_once_for_anything(text: str) -> None:
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once


def test_repeats_of_one_secret_can_be_told() -> None:
    first, second = REDACTOR.text("password=aaa111"), REDACTOR.text("token=aaa111")
    assert first.split("=")[1] == second.split("=")[1]
    assert REDACTOR.text("password=bbb222").split("=")[1] != first.split("=")[1]


def test_json_keeps_its_shape() -> None:
    value = {"n": 1, "list": ["password=hunter22", None, {"x": True}], "value_hashes": {"P": "ab"}}
    clean = REDACTOR.value(value)
    assert clean["n"] == 1
    assert "hunter22" not in clean["list"][0]
    assert clean["list"][1:] == [None, {"x": True}]
    assert clean["value_hashes"] == {"P": "ab"}


# --- measured ------------------------------------------------------------------------------------


def _missed() -> list[str]:
    """Kinds of which a part of the secret is still there."""
    return [
        plant.kind
        for plant in PLANTS
        if any(piece in REDACTOR.text(plant.output) for piece in plant.secret.split("\n"))
    ]


def test_recall_is_complete_on_the_planted_kinds() -> None:
    assert len({plant.kind for plant in PLANTS}) == len(PLANTS) > 100
    assert _missed() == []


def test_no_lookalike_is_touched() -> None:
    assert len(set(LOOKALIKES)) == len(LOOKALIKES) > 60
    assert [text for text in LOOKALIKES if REDACTOR.text(text) != text] == []


@pytest.mark.parametrize("mark", ["+", "-", " "])
def test_no_planted_secret_gets_through_in_a_diff(mark: str) -> None:
    """Whatever stands in a file may be shown as a line that came or went, or stands beside one."""

    def is_told(plant: Plant) -> bool:
        lines = [f"{mark}{line}" for line in plant.output.splitlines()]
        shown = REDACTOR.text("\n".join(("--- then", "+++ now", "@@ -1 +1 @@", *lines)))
        return any(piece in shown for piece in plant.secret.split("\n"))

    assert [plant.kind for plant in PLANTS if is_told(plant)] == []


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: str(plant.kind))
def test_plants_twice_are_once_and_keep_their_lines(plant: Plant) -> None:
    once = REDACTOR.text(plant.output)
    assert REDACTOR.text(once) == once
    assert len(once.splitlines()) == len(plant.output.splitlines())


PIECES = st.sampled_from(
    [piece for plant in PLANTS for piece in (plant.output, plant.secret)]
    + ["\n", "\r\n", " ", "=", '"', "'", ":", "password", "\x1b[0m", "\u2028", "\x0b", "@", "-p "]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=8).map("".join))
def test_any_mixture_twice_is_once_and_keeps_its_lines(text: str) -> None:
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once
    # the dot counts the last line, which may hold nothing but colours
    assert len((once + ".").splitlines()) == len((text + ".").splitlines())


def test_a_known_secret_goes_in_each_of_its_forms() -> None:
    redactor = Redactor(key=b"k" * 32)
    redactor.know("s3cret with / and ü")
    redactor.know("nginx")
    for form in ("s3cret with / and ü", "s3cret%20with%20%2F%20and%20%C3%BC",
                 "czNjcmV0IHdpdGggLyBhbmQgw7w="):  # fmt: skip
        assert redactor.text(f"x {form} y").startswith("x [redacted:")
    assert redactor.text("nginx is up") == "nginx is up"


def test_json_is_redacted_by_the_names_in_it() -> None:
    clean = REDACTOR.value(
        {
            "db_password": "under-its-name",
            "env": [{"name": "API_TOKEN", "value": "beside-its-name"}],
            "tokens": ["in-a-list"],
            "value_hashes": {"DB_PASSWORD": "ab12"},
            "password_file": "/etc/shop/password",
            "name": "shop", "value": "harmless",
        }
    )  # fmt: skip
    text = str(clean)
    assert not any(secret in text for secret in ("under-its", "beside-its", "in-a-list"))
    assert clean["value_hashes"] == {"DB_PASSWORD": "ab12"}
    assert clean["password_file"] == "/etc/shop/password"
    assert clean["value"] == "harmless"
    assert REDACTOR.value(clean) == clean


HOSTILE = [
    "password=", "-p", '"', "a:", "mysql x ", "https://", "password ", "eyJ", "-----BEGIN ",
    "\x1b", "\x1b]0;", " ", "curl -u ", "name: password\n", "<password ", "$6$", "secret", "x-",
    'password="\\', "sshpass -", "htpasswd -b ", "Private-Lines: 1\nAAAA\n", "user x on ",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_output_is_got_through_with_its_lines(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    clean = REDACTOR.text(text)
    assert len((clean + ".").splitlines()) == len((text + ".").splitlines())


ALL = [*(shape.pattern for shape in SHAPES), *BLOCKS, NAME_THEN_VALUE, A_NAME]


@pytest.mark.parametrize("pattern", ALL, ids=lambda pattern: str(pattern.pattern)[:40])
def test_no_pattern_repeats_without_bound_inside_a_repetition(pattern: re.Pattern[str]) -> None:
    """Nor in front of a secret: both are what keeps a pattern busy on a line made for it."""
    tree = PARSER.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
    assert _unbounded(tree, inside=False) == []
    before = pattern.groupindex.get("before")
    if before is not None:
        assert _unbounded_in(tree, before) == []


def _unbounded(tree: Any, *, inside: bool) -> list[str]:
    """Repetitions without an upper bound inside another repetition."""
    found: list[str] = []
    for operation, argument in tree:
        if operation in REPEATS:
            most, body = argument[1], argument[2]
            if most is WORDS.MAXREPEAT and inside:
                found.append(str(argument))
            found += _unbounded(body, inside=inside or most > 1)
        else:
            for below in _below(argument):
                found += _unbounded(below, inside=inside)
    return found


def _unbounded_in(tree: Any, group: int) -> list[str]:
    """Repetitions without an upper bound inside one group."""
    found: list[str] = []
    for operation, argument in tree:
        if operation is WORDS.SUBPATTERN and argument[0] == group:
            found += _unbounded(argument[3], inside=True)
        else:
            for below in _below(argument):
                found += _unbounded_in(below, group)
    return found


def _below(argument: Any) -> Iterator[Any]:
    """The patterns inside an operation's argument, however it holds them."""
    if isinstance(argument, PARSER.SubPattern):
        yield argument
    elif isinstance(argument, list | tuple):
        for item in argument:
            yield from _below(item)
