"""Misspelt words: the nearest that a program knows, and a correction that its test accepts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.execution.gate import misspelt
from app.execution.gate.answers import Params
from app.execution.gate.misspelt import Reader, nearest
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.execution.gate.store import Store

WORDS = [(word, False) for word in ("listen", "server_name", "server_tokens", "root", "return")]
GREP = "/usr/bin/grep"  # root's, and its long options are texts of their own in it
FILE = """# ignore-cse is spoken of here
count { ignore-cse no; }
max-count ignore-cse ignore-cse
"""


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("servr_name", ["server_name"]),
        ("server_nmae", ["server_name"]),  # two neighbours swapped: one slip
        ("serverr_nam", ["server_name"]),
        ("lissten", ["listen"]),
        ("rooot", ["root"]),
        ("servr_nmes", []),  # three slips
        ("lsitne", []),  # two, in a short word
        ("listen", []),  # known, so not misspelt
    ],
)
def test_what_is_a_slip_or_two_away_is_meant(word: str, meant: list[str]) -> None:
    assert nearest(word, WORDS) == meant


def test_of_words_equally_near_each_is_told() -> None:
    assert nearest("cort", [("sort", False), ("port", False)]) == ["port", "sort"]


def test_a_word_is_nearer_than_the_tail_of_another() -> None:
    assert nearest("rooot", [("root", False), ("foot", True)]) == ["root"]
    assert nearest("rooot", [("rooty", True), ("root", True)]) == ["root"]


def test_the_capitals_of_the_word_are_kept() -> None:
    assert nearest("X11Forwardng", [("x11forwarding", False)]) == ["X11Forwarding"]
    assert nearest("GatwayPorts", [("gatewayports", False)]) == ["GatewayPorts"]


def a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test: str = "/bin/true") -> Path:
    """A configuration file that a program with the words of grep reads."""
    path = tmp_path / "site.conf"
    path.write_text(FILE, encoding="utf-8")
    path.chmod(0o640)
    reader = Reader(f"{tmp_path}/", (GREP,), (test,))
    monkeypatch.setattr(misspelt, "READERS", (reader,))
    return path


def given(path: Path, line: int = 2, word: str = "ignore-cse", **more: str) -> Params:
    return {"path": str(path), "line": line, "word": word, **more}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, whose program accepts everything."""
    return a_file(tmp_path, monkeypatch)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return placed(tmp_path, "sre-agent")


def placed(tmp_path: Path, account: str) -> Places:
    config = tmp_path / "gate.json"
    told = {"digest": "", "host": "alpha", "account": account, "services": [], "units": {}}
    config.write_text(json.dumps(told | {"actions": {}}), encoding="utf-8")
    config.chmod(0o600)
    return Places(config=str(config), state=str(tmp_path / "state"))


def test_the_program_s_own_file_tells_what_is_nearest(
    tmp_path: Path,
    path: Path,
    places: Places,
    capsys: pytest.CaptureFixture[str],
) -> None:
    link = tmp_path / "enabled.conf"
    link.symlink_to("site.conf")
    assert misspelt.config_misspelt(given(link), places) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["path"] == str(path)
    assert told["nearest"] == ["ignore-case"]
    assert told["value"] == "no"


def test_what_a_line_says_beside_is_not_told(
    path: Path,
    places: Places,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path.write_text("ignore-cse hunter2-secret\n", encoding="utf-8")
    misspelt.config_misspelt(given(path, line=1), places)
    assert json.loads(capsys.readouterr().out)["value"] == "other"


def test_it_is_corrected_on_its_line_and_what_was_there_is_kept(
    path: Path,
    places: Places,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert misspelt.config_correct_word(given(path, right="ignore-case"), places) == 0
    assert path.read_text() == FILE.replace("{ ignore-cse no", "{ ignore-case no")
    assert path.stat().st_mode & 0o777 == 0o640
    replaced = json.loads(capsys.readouterr().out)["replaced"]
    assert Store(places).get(replaced).decode() == FILE


def test_what_the_program_refuses_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: Places
) -> None:
    path = a_file(tmp_path, monkeypatch, test="/bin/false")
    with pytest.raises(Failed, match="all is as it was"):
        misspelt.config_correct_word(given(path, right="ignore-case"), places)
    assert path.read_text() == FILE


@pytest.mark.parametrize(
    ("line", "word", "right", "says"),
    [
        (2, "ignore-cse", "count", "not the one word"),
        (2, "max-cunt", "max-count", "does not hold"),
        (1, "ignore-cse", "ignore-case", "does not hold"),  # a comment
        (3, "ignore-cse", "ignore-case", "does not hold"),  # twice
        (9, "ignore-cse", "ignore-case", "no line 9"),
    ],
)
def test_nothing_else_is_written(
    path: Path,
    places: Places,
    line: int,
    word: str,
    right: str,
    says: str,
) -> None:
    with pytest.raises(Failed, match=says):
        misspelt.config_correct_word(given(path, line, word, right=right), places)
    assert path.read_text() == FILE


@pytest.mark.parametrize(
    ("text", "right", "says"),
    [
        ("GatwayPorts yes\n", "GatewayPorts", "forbids nothing"),
        ("GatwayPorts no yes\n", "GatewayPorts", "forbids nothing"),
        ("PubkyAuthentication no\n", "PubkeyAuthentication", "not only what sshd may permit"),
        ("AllwUsers no\n", "AllowUsers", "not only what sshd may permit"),
    ],
)
def test_of_sshd_only_what_forbids_is_corrected_and_never_the_agents_own_way_in(
    path: Path,
    places: Places,
    text: str,
    right: str,
    says: str,
) -> None:
    path.write_text(text, encoding="utf-8")
    word = text.split()[0]
    with pytest.raises(Failed, match=says):
        misspelt.access_correct_word(given(path, 1, word, right=right), places)
    assert path.read_text() == text


def test_where_the_agent_is_root_itself_sshd_is_left_alone(tmp_path: Path, path: Path) -> None:
    path.write_text("PermitRootLogn no\n", encoding="utf-8")
    with pytest.raises(Failed, match="logs in as root"):
        misspelt.access_correct_word(
            given(path, 1, "PermitRootLogn", right="PermitRootLogin"), placed(tmp_path, "root")
        )


def test_a_program_s_file_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    mine = tmp_path / "program"
    mine.write_bytes(b"\0server_name\0listen\0")
    mine.chmod(0o666)
    assert [*misspelt._known(Reader("/", (str(mine),), ()))] == []
