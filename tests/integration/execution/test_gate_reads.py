"""What the gate does with diagnostics: all at once, each to its deadline, only what it knows."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.execution import gate
from app.execution.enrolment import gate_archive
from tests.integration.execution.gate_bench import Bench, running_with

Until = Callable[[Callable[[], bool]], None]
GATE_SOURCES = sorted(Path(gate.__file__).parent.glob("*.py"))


def test_says_who_it_is_when_nothing_is_asked(bench: Bench) -> None:
    done = subprocess.run(bench.command(), input=b"", capture_output=True, check=True)
    assert json.loads(done.stdout) == {"gate": 1, "digest": bench.digest, "host": "bench"}


def test_is_one_file_that_runs_by_itself_and_refuses_without_enrolment(tmp_path: Path) -> None:
    file = tmp_path / "sre-agent-gate"
    file.write_bytes(gate_archive())
    file.chmod(0o755)
    done = subprocess.run([str(file)], input=b"", capture_output=True, check=False)
    assert done.returncode == 2
    assert json.loads(done.stdout)["refused"] == "not-enrolled"


def test_the_same_sources_give_the_same_bytes() -> None:
    first = gate_archive()
    gate_archive.cache_clear()
    assert gate_archive() == first


@pytest.mark.parametrize("source", GATE_SOURCES, ids=lambda path: path.name)
def test_is_written_for_python_3_9(source: Path) -> None:
    ast.parse(source.read_text(), feature_version=(3, 9))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"catalog": "0" * 64}, "catalog-differs"),
        ({"version": 2}, "malformed"),
        ({"mode": "shell"}, "malformed"),
        ({"requests": []}, "malformed"),
        ({"requests": [{}] * 65}, "malformed"),
        ({"requests": {"action": "host.identity"}}, "malformed"),
    ],
)
def test_refuses_requests_that_are_not_for_it(
    bench: Bench, change: dict[str, object], code: str
) -> None:
    request = {"mode": "read", "requests": [{"action": "host.identity", "params": {}}], **change}
    (answer,) = bench.ask(request, expect_exit=2)
    assert answer["refused"] == code


@pytest.mark.parametrize("text", [b"not json", b"[]", b'"x"', b"{" * 100_000, b"\xff\xfe"])
def test_refuses_what_is_no_request(bench: Bench, text: bytes) -> None:
    done = subprocess.run(bench.command(), input=text, capture_output=True, check=False)
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout)["refused"] == "malformed"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"action": "rm", "params": {}}, "unknown-action"),
        ({"action": ["host.identity"], "params": {}}, "unknown-action"),
        ({"action": "service.restart", "params": {"unit": "shop.service"}}, "wrong-mode"),
        ({"action": "unit.show", "params": {"unit": "--all"}}, "unfit"),
        ({"action": "unit.show", "params": {"unit": "a.service b.service"}}, "unfit"),
        ({"action": "unit.show", "params": {"unit": "a.service\n"}}, "unfit"),
        ({"action": "unit.show", "params": {}}, "unfit"),
        ({"action": "unit.show", "params": {"unit": "a.service", "x": "y"}}, "unfit"),
        ({"action": "unit.show"}, "unfit"),
        ({"action": "log.tail", "params": {"path": "/var/log/../x", "lines": 1}}, "unfit"),
        ({"action": "log.tail", "params": {"path": "/var/log/x", "lines": True}}, "unfit"),
        ("host.identity", "malformed"),
        (None, "malformed"),
    ],
)
def test_refuses_one_call_and_answers_the_others(bench: Bench, asked: object, code: str) -> None:
    good = {"action": "host.identity", "params": {}}
    answers = bench.ask({"mode": "read", "requests": [asked, good]})
    by_id = {answer["id"]: answer for answer in answers}
    assert by_id[0]["refused"] == code
    assert by_id[1]["exit_code"] == 0


def test_a_catalog_that_others_can_write_is_not_trusted(bench: Bench) -> None:
    bench.config_file.chmod(0o666)
    (answer,) = bench.ask({"mode": "receipt", "intent": "x"}, expect_exit=2)
    assert answer["refused"] == "not-enrolled"


def test_runs_in_parallel_and_answers_each_as_it_ends(bench: Bench) -> None:
    bench.add("sleep", "/bin/sleep", "{seconds}")
    begun = time.monotonic()
    asked = [{"action": "sleep", "params": {"seconds": s}} for s in ("1.2", "0.8", "0.1", "0.9")]
    answers = bench.ask({"mode": "read", "requests": asked})
    assert time.monotonic() - begun < 2.6  # one after the other would take 3
    assert [answer["id"] for answer in answers] == [2, 1, 3, 0]


def test_the_deadline_ends_the_whole_group_and_keeps_what_was_said(
    bench: Bench, until: Until
) -> None:
    bench.add("slow", "/bin/sh", "-c", "echo begun; sleep 61.71 & sleep 61.71")
    (answer,) = bench.read(("slow", {}), timeout=0.5)
    assert answer["timed_out"]
    assert answer["exit_code"] is None
    assert answer["stdout"] == "begun\n"
    until(lambda: not running_with("61.71"))


def test_a_builtin_is_ended_by_its_deadline_too(bench: Bench) -> None:
    bench.config["actions"]["host.identity"]["timeout"] = 0.000001
    bench.write_config()
    (answer,) = bench.read(("host.identity", {}))
    assert answer["timed_out"]


def test_endless_output_is_cut_and_what_fits_is_kept(bench: Bench) -> None:
    bench.add("endless", "/usr/bin/yes", max_bytes=4096)
    (answer,) = bench.read(("endless", {}))
    assert answer["truncated"]
    assert answer["stdout"] == "y\n" * 2048
    assert answer["exit_code"] is None, "it did not end by itself: that is no success"


def test_a_child_that_leaves_the_pipe_open_does_not_hold_the_answer(bench: Bench) -> None:
    bench.add("daemon", "/bin/sh", "-c", "echo done; sleep 62.72 &")
    begun = time.monotonic()
    (answer,) = bench.read(("daemon", {}))
    assert (answer["stdout"], answer["exit_code"]) == ("done\n", 0)
    assert time.monotonic() - begun < 5
    assert not running_with("62.72")


def test_programs_see_a_clean_environment_and_no_input(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_PRELOAD_TEST", "leaked")
    bench.add("env", "/usr/bin/env")
    bench.add("cat", "/bin/cat")
    environment, read = bench.read(("env", {}), ("cat", {}))
    lines = dict(line.split("=", 1) for line in environment["stdout"].splitlines())
    assert lines["LC_ALL"] == "C.UTF-8"
    assert lines["TZ"] == "UTC"
    assert "LD_PRELOAD_TEST" not in lines
    assert (read["stdout"], read["exit_code"]) == ("", 0)


def test_what_is_no_text_still_arrives(bench: Bench) -> None:
    bench.add("bytes", "/bin/sh", "-c", r"printf 'a\377b'; exit 3")
    (answer,) = bench.read(("bytes", {}))
    assert (answer["stdout"], answer["exit_code"]) == ("a\ufffdb", 3)


def test_an_absent_program_says_so(bench: Bench) -> None:
    bench.add("absent", "/usr/sbin/no-such-program")
    (answer,) = bench.read(("absent", {}))
    assert answer["exit_code"] == 127
    assert answer["stderr"] == "/usr/sbin/no-such-program: No such file or directory\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_it_started_ends_with_it(bench: Bench, until: Until, number: signal.Signals) -> None:
    bench.add("sleep", "/bin/sleep", "{seconds}")
    asked = [{"action": "sleep", "params": {"seconds": "63.73"}}]
    process = bench.start({"mode": "read", "requests": asked})
    until(lambda: bool(running_with("63.73")))
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 1
    until(lambda: not running_with("63.73"))


def test_reads_end_at_their_own_deadline_when_nobody_listens(bench: Bench, until: Until) -> None:
    bench.add("sleep", "/bin/sleep", "{seconds}")
    asked = [{"action": "sleep", "params": {"seconds": "64.74"}, "timeout": 1.0}]
    process = bench.start({"mode": "read", "requests": asked})
    assert process.stdout is not None
    until(lambda: bool(running_with("64.74")))
    process.stdout.close()
    process.wait(timeout=60)
    until(lambda: not running_with("64.74"))
    assert process.stderr is not None
    process.stderr.close()


def test_the_builtins_answer_in_the_shape_of_their_facts(bench: Bench) -> None:
    from app.execution.catalog import Catalog
    from app.host.parsers import PARSERS, RawOutput

    catalog = Catalog.load()
    asked: list[tuple[str, dict[str, str | int]]] = [
        ("host.identity", {}),
        ("processes.list", {}),
        ("filesystems.list", {}),
        ("disk.usage", {"path": str(bench.folder)}),
        ("tcp.connect", {"host": "127.0.0.1", "port": 1}),
        ("http.local", {"url": "http://127.0.0.1:1/", "host_header": "x"}),
        ("path.access", {"path": "/etc/hostname", "user": "root"}),
        ("file.state", {"path": "/etc/hostname"}),
        ("persons.list", {}),
        ("receipt.read", {"intent": "none"}),
        ("baseline.manifest", {}),
    ]
    for (action, params), answer in zip(asked, bench.read(*asked), strict=True):
        assert answer.get("exit_code") == 0, (action, answer)
        raw = RawOutput(params=params, exit_code=0, stdout=answer["stdout"])
        assert PARSERS[str(catalog.entry(action).parser)](raw), action


def test_a_page_elsewhere_is_never_asked_for(bench: Bench) -> None:
    (answer,) = bench.read(("http.local", {"url": "http://192.0.2.1/", "host_header": "x"}))
    assert answer["exit_code"] == 1
    assert "no address of this host" in answer["stderr"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_access_is_what_the_kernel_tells_that_account(bench: Bench, tmp_path: Path) -> None:
    secret = tmp_path / "closed" / "secret"
    secret.parent.mkdir()
    secret.write_text("x")
    secret.parent.chmod(0o700)
    bench.allow_paths("path.access", Path("/"))
    facts = bench.facts("path.access", path=str(secret), user="nobody")
    assert facts["readable"] is None
    assert facts["exists"]
    stopped = [c for c in facts["components"] if c.get("searchable") is False]
    assert facts["blocked_at"] == stopped[0]["path"]


def test_a_program_that_runs_from_a_temporary_folder_is_a_sign(bench: Bench) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        program = Path(folder) / "kworkerd"
        shutil.copy("/bin/sleep", program)
        running = subprocess.Popen([str(program), "60"])
        try:
            signs = bench.facts("security.signs")["signs"]
        finally:
            running.terminate()
            running.wait(60)
    assert {"kind": "program-in-temporary-folder", "subject": str(program)}.items() <= next(
        s for s in signs if s["subject"] == str(program)
    ).items()
    after = [s["subject"] for s in bench.facts("security.signs")["signs"]]
    assert str(program) not in after


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts programs as another account")
@pytest.mark.parametrize(("owner", "told"), [("nobody", True), ("root", False)])
def test_a_program_that_an_account_without_rights_could_put_among_data_is_a_sign(
    bench: Bench, owner: str, *, told: bool
) -> None:
    with tempfile.TemporaryDirectory(dir="/var/cache") as folder:
        Path(folder).chmod(0o755)
        program = Path(folder) / "worker"
        shutil.copy("/bin/sleep", program)
        shutil.chown(program, owner)
        with subprocess.Popen([str(program), "60"], user="nobody") as running:
            try:
                signs = bench.facts("security.signs")["signs"]
            finally:
                running.terminate()
    found = [s for s in signs if s["subject"] == str(program)]
    expected = {"kind": "program-in-data-folder", "subject": str(program), "user": "nobody"}
    assert found == ([expected] if told else [])
