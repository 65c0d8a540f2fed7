from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.value import canonical_json
from app.host import facts
from app.host.parsers import MODELS, PARSERS, ParseError, RawOutput
from tests.unit.host.parsers.recordings import FOLDER, said

PARAMS: dict[str, str | int] = {"unit": "a.service", "name": "a", "path": "/var/log/a", "lines": 9}
RECORDED = sorted(path for path in FOLDER.rglob("*") if path.is_file())
OF_TOOLS = sorted(name for name in PARSERS if "." not in name and not name.startswith("json:"))


def run(name: str, stdout: str, stderr: str = "", exit_code: int | None = 0) -> None:
    """Facts that survive the trip through JSON into the model, or ParseError; nothing else."""
    raw = RawOutput(params=PARAMS, exit_code=exit_code, stdout=stdout, stderr=stderr)
    try:
        found = PARSERS[name](raw)
    except ParseError:
        return
    canonical_json(found).encode("ascii")
    json.dumps(found, ensure_ascii=False, allow_nan=False).encode("utf-8")
    assert "\x00" not in json.dumps(found, ensure_ascii=False)
    if name in MODELS:
        assert MODELS[name].model_validate(found).model_dump(mode="json") == found


lines = st.lists(
    st.sampled_from(
        [
            *(
                "Id=a.service",
                "ExecStart={ path=/a ; argv[]=/a ; ignore_errors=no ; }",
                "[",
                "]",
                "{}",
            ),
            *(
                "MESSAGE",
                '{"MESSAGE": "\\ud800", "PRIORITY": "9"}',
                '{"MESSAGE": [0, 255]}',
                "}",
                "{",
            ),
            *(
                "tcp LISTEN 0 5 *:5 *:*",
                "Filesystem Use% Mounted on",
                "a 5% /",
                "server {",
                ";",
                '"',
            ),
            *("# configuration file /etc/nginx/nginx.conf:", "include *;", "proxy_pass http://$x;"),
            *("nginx: [emerg] x in /a:1", "AH00526: Syntax error on line 1 of /a:", "Syntax OK"),
            *(
                '{"nftables": [{"rule": {"expr": [{"match": 1}]}}]}',
                '{"filesystems": [{}]}',
                "\t at x",
            ),
            *(
                "Traceback (most recent call last):",
                '[{"dst": "default", "type": []}]',
                "1.2.3.4 STREAM",
            ),
            *("root pts/0 2026-11-23 09:04 (x)", "2026-13-45 99:99:99 [error] x", "'", "1e999"),
        ]
    )
).map("\n".join)
texts = st.one_of(st.text(), lines, st.text(alphabet='{}[]";:,0 1a\n\\'))


@pytest.mark.parametrize("name", OF_TOOLS)
@given(stdout=texts, stderr=texts, exit_code=st.sampled_from([0, 1, None]))
def test_any_text_gives_facts_or_a_parse_error(
    name: str, stdout: str, stderr: str, exit_code: int | None
) -> None:
    run(name, stdout, stderr, exit_code)


@pytest.mark.parametrize("name", OF_TOOLS)
def test_the_output_of_another_tool_gives_facts_or_a_parse_error(name: str) -> None:
    for path in RECORDED:
        text = path.read_text(encoding="utf-8", errors="replace")
        run(name, text, text)
        run(name, text[: len(text) // 3])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
keys = st.sampled_from(
    [
        *("nftables", "rule", "expr", "chain", "policy", "set", "elem", "match", "left", "right"),
        *("filesystems", "target", "size", "children", "MESSAGE", "UNIT", "files", "root", "dst"),
        *("nexthops", "addr_info", "ifname", "flags", "unit_file", "state", "payload", "range"),
    ]
)
shaped = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.just("/a"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=30,
)


@pytest.mark.parametrize("name", [*OF_TOOLS, "json:Manifest", "json:LocalHttpFacts"])
@settings(max_examples=60)
@given(value=json_values | shaped)
def test_any_json_gives_facts_or_a_parse_error(name: str, value: object) -> None:
    run(name, json.dumps(value))


@pytest.mark.parametrize("name", ["nft-ruleset", "findmnt", "ip-addr", "journal-json", "json"])
def test_json_without_an_end_is_survived(name: str) -> None:
    run(name, '{"nftables":' * 50_000)
    run(name, "[" * 100_000)
    run(name, '{"filesystems":[{"children":' * 400 + "[]" + "}]}" * 400)


def test_every_facts_model_can_come_from_the_gate() -> None:
    model = facts.ConnectFacts(host="db01", port=5432, ok=False, error="refused", seconds=0.5)
    assert PARSERS["json:ConnectFacts"](said(model.model_dump_json())) == model.model_dump(
        mode="json"
    )
    manifest = facts.Manifest(host="a", taken_at="2026-11-23T09:00:00+00:00")
    assert MODELS["json:Manifest"] is facts.Manifest
    assert PARSERS["json:Manifest"](said(manifest.model_dump_json()))["host"] == "a"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "printed nothing"),
        ("{", "one JSON document"),
        ("[]", "expected a JSON object"),
        ('{"host": "a"}', "port: Field required"),
        ('{"host": "a", "port": 1, "ok": true, "odd": 1}', "odd: Extra inputs"),
        ('{"host": "a", "port": 1, "ok": true, "seconds": NaN}', "no number NaN"),
    ],
)
def test_what_the_gate_should_not_say_is_refused_by_field(text: str, words: str) -> None:
    with pytest.raises(ParseError, match=words):
        PARSERS["json:ConnectFacts"](said(text))


def test_characters_that_cannot_be_stored_are_replaced() -> None:
    text = '{"host": "a\\u0000\\ud800b", "port": 1, "ok": true}'
    assert PARSERS["json:ConnectFacts"](said(text))["host"] == "a\ufffd\ufffdb"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nginx-test", "2026/11/23 09:11:13 [emerg] 7#7: " + " in /a:" * 60_000),
        ("apache-test", "Syntax error on line 1 of " * 20_000),
        ("systemctl-show", "Id=a.service\nExecStart=" + "argv[]= ; ignore_errors" * 20_000),
        ("nginx-dump", "# configuration file /a:\n" + "server{}" * 5_000),
        ("log-lines", "[1:" * 100_000),
    ],
    ids=lambda value: value if len(value) < 20 else "",
)
def test_a_hostile_line_takes_no_longer_than_its_length(name: str, text: str) -> None:
    """Each of the first three took minutes with patterns that try every split."""
    run(name, text, text)
