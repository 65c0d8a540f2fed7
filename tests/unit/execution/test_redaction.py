"""Secrets go, everything else stays, and doing it twice changes nothing."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.execution.redaction import Redactor

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


@pytest.mark.parametrize(
    "text",
    ["password=" + "a" * 200_000, "-p" * 50_000, '"' * 100_000 + "password", "a:" * 50_000,
     "mysql " + "x " * 50_000, "https://" + "a" * 100_000, "password " * 20_000,
     "eyJ" + "a" * 100_000],
)  # fmt: skip
def test_no_line_keeps_it_busy(text: str) -> None:
    begun = time.monotonic()
    REDACTOR.text(text)
    assert time.monotonic() - begun < 3
