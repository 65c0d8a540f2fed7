"""With the agent's own private key on a real sshd: command lines, raw and forged as requests."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
import pytest

from app.domain.action import ActionCall
from app.domain.value import JsonObject
from app.errors import ActionRejected
from app.execution.catalog import Catalog
from app.execution.policy_check import EXAMPLE_INVENTORY
from app.execution.targets import Inventory
from tests.data.command_lines import denied, every
from tests.integration.execution.gate_bench import Bench
from tests.integration.execution.sshd import Server, serving

CATALOG = Catalog.load()
HOST = Inventory.from_file(EXAMPLE_INVENTORY).hosts[1].model_copy(update={"name": "bench"})
LINES = [line.command for line in every()]
AT_ONCE = 8  # sessions of one connection
MANY = "MaxSessions 100"  # sshd counts those that are just ending, too
ONLY_THIS = "only-this"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, host=HOST)


@pytest.fixture
def confined(tmp_path: Path) -> Iterator[Server]:
    """A host whose key can do nothing but one thing, which is quick: it stands for the gate."""
    with serving(tmp_path / "sshd", command=f"/bin/echo {ONLY_THIS}", extra=MANY) as running:
        yield running


@pytest.fixture
def enrolled(bench: Bench, tmp_path: Path) -> Iterator[Server]:
    """A host whose key can do nothing but call the gate."""
    command = shlex.join(bench.command()).replace('"', '\\"')
    with serving(tmp_path / "sshd", command=command, extra=MANY) as running:
        yield running


@asynccontextmanager
async def stolen(server: Server) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """One connection with the key, as any client would make it."""
    known = asyncssh.import_known_hosts(f"[127.0.0.1]:{server.port} {server.host_key}\n")
    async with asyncssh.connect(
        "127.0.0.1",
        server.port,
        username=server.host().username,
        client_keys=[str(server.user_key)],
        known_hosts=known,
        config=None,
    ) as connection:
        yield connection


def planting(canary: Path) -> list[str]:
    """Lines that would leave a canary and do no harm, in every form in which text gets to run."""
    path = shlex.quote(str(canary))
    return [
        f"touch {path}", f"/usr/bin/touch {path}", f"true; touch {path}", f"x && touch {path}",
        f"x || touch {path}", f"x | touch {path}", f"x & touch {path}", f"x\ntouch {path}",
        f"x\r\ntouch {path}", f"$(touch {path})", f"`touch {path}`", f"> {path}", f"x 2> {path}",
        f"sh -c 'touch {path}'", f"sudo touch {path}", f"env touch {path}", f"';touch {path};'",
        f'";touch {path};"', f"x #\ntouch {path}", f"x \\\n; touch {path}", f"<(touch {path})",
        f"only-this; touch {path}", f"{{ touch {path}; }}", f"(touch {path})", f"\ttouch {path}",
        f"cp /etc/hosts {path}", f"ln -s / {path}", f"mkdir {path}", f"tee {path}",
        f"dd if=/dev/null of={path}", f"python3 -c 'open({str(canary)!r}, \"w\")'",
        f"scp -t {path}", f"rsync --server . {path}", "internal-sftp",
    ]  # fmt: skip


async def said_to(connection: asyncssh.SSHClientConnection, lines: list[str]) -> list[str]:
    """What comes of each line as the command of a session, some at once."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(line: str) -> str:
        async with turns:
            done = await connection.run(line, stdin=asyncssh.DEVNULL, encoding="utf-8")
        both = f"{done.stdout or ''!s}{done.stderr or ''!s}"
        return "".join(x for x in both.splitlines(True) if not x.startswith("debug1:"))  # sshd's

    return list(await asyncio.gather(*map(one, lines)))


async def test_no_line_of_whoever_has_the_key_is_run(confined: Server, tmp_path: Path) -> None:
    """The harmless ones first: were one of them run, the harmful ones would not be sent."""
    canary = tmp_path / "canary"
    async with stolen(confined) as connection:
        for lines in (planting(canary), LINES):
            assert set(await said_to(connection, lines)) == {f"{ONLY_THIS}\n"}
            assert not canary.exists()
    sessions = re.findall(
        r"Starting session: (\S+)", (confined.folder / "log").read_text(errors="replace")
    )
    sent = len(planting(canary)) + len(LINES)
    assert (set(sessions), len(sessions)) == ({"forced-command"}, sent), "sshd's own record"


async def test_whatever_is_sent_the_gate_reads_its_request_alone(
    enrolled: Server, bench: Bench, tmp_path: Path
) -> None:
    """One line of each kind, with the real gate: it says who it is, as it does to nobody's line."""
    canary = tmp_path / "canary"
    one_of_each = list({line.category: line.command for line in every()}.values())
    async with stolen(enrolled) as connection:
        for lines in (planting(canary)[::4], one_of_each):
            for said in await said_to(connection, lines):
                assert json.loads(said) == {"gate": 1, "digest": bench.digest, "host": "bench"}
            assert not canary.exists()
    assert not (bench.state / "receipts").exists()


async def asked_of_gate(
    connection: asyncssh.SSHClientConnection, bench: Bench, request: JsonObject
) -> list[JsonObject]:
    """A request of one's own making, written to the gate with the stolen key."""
    made = json.dumps({"version": 1, "catalog": bench.digest, **request})
    done = await connection.run("", input=made.encode(), encoding=None)
    return [json.loads(line) for line in (done.stdout or b"").splitlines()]


def forged() -> list[JsonObject]:
    """Every line as an action and as a parameter of each kind, some as one of each type."""
    asked: list[JsonObject] = [{"action": line, "params": {}} for line in LINES]
    of_type = {t: (e, n) for e in CATALOG.actions.values() for n, t in e.params.items()}
    of_kind = {CATALOG.types[t]["kind"]: found for t, found in of_type.items()}
    for number, (entry, name) in enumerate([*of_kind.values(), *of_type.values()]):
        good = dict(entry.examples.match[0])
        turn = LINES if number < len(of_kind) else LINES[number :: len(of_type)]
        asked += [{"action": entry.id, "params": good | {name: line}} for line in turn]
    return asked


async def test_the_gate_takes_of_forged_requests_what_the_catalog_takes_and_no_more(
    enrolled: Server, bench: Bench
) -> None:
    """Asked, and not run: what it would run is what the controller's own check lets pass."""
    asked = forged()
    async with stolen(enrolled) as connection:
        answers: list[JsonObject] = []
        for at in range(0, len(asked), 4096):
            request = {"mode": "check", "requests": asked[at : at + 4096]}
            answers += await asked_of_gate(connection, bench, request)
    assert len(answers) == len(asked)
    wrong = [
        (one, answer)
        for one, answer in zip(asked, answers, strict=True)
        if _fits(one) is not bool(answer.get("fits"))
    ]
    assert wrong[:3] == []
    assert not [one for one in asked if one["action"] in LINES and _fits(one)]


async def test_what_is_forged_is_refused_where_it_should_run_too(
    enrolled: Server, bench: Bench
) -> None:
    refused = [one for one in forged() if not _fits(one)]
    some = refused[:: len(refused) // 60][:60]
    async with stolen(enrolled) as connection:
        read = await asked_of_gate(connection, bench, {"mode": "read", "requests": some})
        assert len(read) == len(some)
        assert [answer for answer in read if "refused" not in answer] == []
        for number, one in enumerate(some[::20]):
            request = {"mode": "change", "intent": f"i-{number}", "fence": 1, **one}
            (answer,) = await asked_of_gate(connection, bench, request)
            assert answer["refused"], answer
        for text in (line.command for line in denied()[::120]):
            done = await connection.run("", input=text.encode(), encoding=None)
            answer = json.loads(done.stdout or b"")
            assert answer.get("refused") == "malformed" or not text.strip()
    receipts = bench.state / "receipts"
    assert not receipts.exists() or list(receipts.iterdir()) == []


def _fits(one: JsonObject) -> bool:
    call = ActionCall.model_construct(action=one["action"], host="bench", params=one["params"])
    try:
        CATALOG.check(call, HOST)
    except ActionRejected:
        return False
    return True
