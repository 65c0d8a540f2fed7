"""A gate to try things on: the real archive, in its own process, with a folder of its own."""

from __future__ import annotations

import getpass
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.domain.host import Host
from app.domain.value import JsonObject
from app.execution.catalog import Catalog
from app.execution.enrolment import gate_archive, gate_config

SYSTEM_PYTHON = Path("/usr/bin/python3")
_NUMBER = {"kind": "text", "pattern": r"[0-9]+(?:\.[0-9]+)?"}


class Bench:
    """One gate's files, and requests to it."""

    def __init__(self, folder: Path, *, host: Host | None = None) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.host = host or Host(name="bench", address="127.0.0.1", services=("shop",))
        self.archive = folder / "gate"
        self.archive.write_bytes(gate_archive())
        self.config_file = folder / "gate.json"
        self.config: JsonObject = gate_config(self.host, Catalog.load())
        self.config["account"] = getpass.getuser()
        self.write_config()

    @property
    def digest(self) -> str:
        return str(self.config["digest"])

    def write_config(self) -> None:
        self.config_file.write_text(json.dumps(self.config))
        self.config_file.chmod(0o644)

    def allow_paths(self, action: str, *folders: Path) -> None:
        """Let an action's path lie beneath a folder of the test's own."""
        path = self.config["actions"][action]["params"]["path"]
        path["beneath"] = [str(folder) for folder in folders]
        self.write_config()

    def add(self, name: str, *argv: str, changes: bool = False, **more: Any) -> None:
        """An action of the test's own. A word "{seconds}" makes it take that parameter."""
        takes = {"seconds": _NUMBER} if any("{seconds}" in word for word in argv) else {}
        self.config["actions"][name] = {
            "changes": changes,
            "params": takes,
            "privilege": "root",
            "timeout": 60,
            "max_bytes": 65536,
            "argv": list(argv),
            **more,
        }
        self.write_config()

    def command(self) -> list[str]:
        """What starts this gate; sshd's forced command in the tests over SSH."""
        python = str(SYSTEM_PYTHON if SYSTEM_PYTHON.exists() else sys.executable)
        code = (
            "import sys; sys.path.insert(0, sys.argv[1]); "
            "from sre_agent_gate.main import main; from sre_agent_gate.places import Places; "
            "sys.exit(main(Places(sys.argv[2], sys.argv[3])))"
        )
        places = [str(self.archive), str(self.config_file), str(self.state)]
        return [python, "-ISc", code, *places]

    def start(self, request: Mapping[str, Any]) -> subprocess.Popen[bytes]:
        """Send a request and leave the gate running."""
        process = subprocess.Popen(
            self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps({"version": 1, "catalog": self.digest, **request}).encode())
        process.stdin.close()
        process.stdin = None
        return process

    def ask(self, request: Mapping[str, Any], *, expect_exit: int = 0) -> list[JsonObject]:
        """Send a request and read every answer."""
        process = self.start(request)
        out, err = process.communicate(timeout=90)
        assert process.returncode == expect_exit, err.decode()
        return [json.loads(line) for line in out.splitlines()]

    def read(self, *asked: tuple[str, Mapping[str, Any]], timeout: float = 60) -> list[JsonObject]:
        """Diagnostics; their answers in the order of asking."""
        requests = [{"action": a, "params": dict(p), "timeout": timeout} for a, p in asked]
        answers = self.ask({"mode": "read", "requests": requests})
        return sorted(answers, key=lambda answer: int(answer["id"]))

    def facts(self, action: str, **params: Any) -> JsonObject:
        """The JSON of one builtin that worked."""
        (answer,) = self.read((action, params))
        assert answer.get("exit_code") == 0, answer
        found: JsonObject = json.loads(answer["stdout"])
        return found

    def change_request(
        self, intent: str, action: str, params: Mapping[str, Any], fence: int = 1
    ) -> JsonObject:
        return {
            "mode": "change", "intent": intent, "fence": fence,
            "action": action, "params": dict(params),
        }  # fmt: skip

    def change(
        self, intent: str, action: str, params: Mapping[str, Any] | None = None, fence: int = 1
    ) -> JsonObject:
        """One change; its receipt."""
        (answer,) = self.ask(self.change_request(intent, action, params or {}, fence))
        return answer

    def receipt(self, intent: str) -> JsonObject:
        (answer,) = self.ask({"mode": "receipt", "intent": intent})
        return answer


def running_with(argument: str) -> list[int]:
    """Processes that have exactly this argument."""
    return list(_pids_with(argument.encode()))


def _pids_with(argument: bytes) -> Iterator[int]:
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if argument in words:
                yield int(process.name)
