"""An enrolment put on a host, or taken away, over an administrator's own SSH: all of it or nothing.

The host runs `installer/program.py` as root, which is sent to it. What the administrator agreed to
is what was shown: where something else stands there by then, nothing is done.
"""

from __future__ import annotations

import base64
import difflib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from app.domain.host import Host
from app.domain.value import JsonObject, Value
from app.errors import ConfigurationError, HostNotEnrolled
from app.execution.enrolment import GATE_CONFIG_PATH, SSHD_PATH, STATE_FOLDER, HostFile
from app.execution.ssh import SshConnections

SECONDS = 300.0
_MOST_BYTES = 8 * 1024 * 1024
_PROGRAM = Path(__file__).with_name("installer") / "program.py"
_GROUP = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_INTERPRETER = "/usr/bin/python3 -IS -"


class Seen(Value):
    """What stands on a host where an enrolment goes."""

    files: dict[str, JsonObject]  # by path: kind, sha256, mode, owner, group, text
    account: JsonObject | None  # uid, home, shell; None: there is none
    missing: tuple[str, ...] = ()  # programs that it lacks
    reads_sshd_folder: bool = True
    unfinished: bool = False  # an earlier run was cut off, and has to be taken back first

    def differs(self, file: HostFile) -> bool:
        """Whether a file is not yet as it should be."""
        now = self.files[file.path]
        wanted = {
            "kind": "file",
            "sha256": hashlib.sha256(file.content).hexdigest(),
            "mode": file.mode,
            "owner": file.owner,
            "group": file.group,
        }
        return wanted != {name: now.get(name) for name in wanted}


class Installation:
    """What an administrator does on one host."""

    def __init__(
        self,
        connections: SshConnections,
        host: Host,
        admin: str,
        *,
        admin_key: Path | None = None,
        elsewhere: Mapping[str, object] | None = None,
    ) -> None:
        """`elsewhere`: another root and other programs, for tests; none of it needs root."""
        if admin == host.username:
            raise ConfigurationError(
                f"{admin} is the agent's own account on {host.name}; name an administrator's."
            )
        self._connections = connections
        self._account = host.username
        key = str(admin_key) if admin_key else None
        self._host = host.model_copy(
            update={"username": admin, "ssh_key_path": key, "ssh_key": None}
        )
        self._elsewhere = dict(elsewhere or {})
        as_is = admin == "root" or bool(self._elsewhere)
        self._command = _INTERPRETER if as_is else f"sudo -n {_INTERPRETER}"

    async def look(self, paths: Sequence[str]) -> Seen:
        """What stands there now. Changes nothing."""
        return Seen.model_validate(await self._asked("look", files=_nothing_at(paths)))

    async def install(
        self, files: Sequence[HostFile], seen: Seen, *, groups: Sequence[str] = ()
    ) -> None:
        """Put the files there and have sshd read its own. HostNotEnrolled: it is as it was.

        `groups`: what an account that is made belongs to, where sshd lets in some groups only.
        """
        wrong = [group for group in groups if not _GROUP.fullmatch(group)]
        if wrong:
            raise ConfigurationError(f"{wrong} are no names of groups.")
        await self._asked("install", files=_sent(files), seen=seen.files, groups=list(groups))

    async def remove(self, paths: Sequence[str], seen: Seen) -> None:
        """Take the files away; the account goes with `keep`. HostNotEnrolled: as it was."""
        await self._asked("remove", files=_nothing_at(paths), seen=seen.files)

    async def undo(self) -> None:
        """Everything as it was before the last `install` or `remove`, which was not kept."""
        await self._asked("undo")

    async def keep(self, *, removed: bool = False) -> None:
        """What was before is let go; after a removal the account and all that it kept, too."""
        folders = [str(Path(GATE_CONFIG_PATH).parent), STATE_FOLDER] if removed else []
        await self._asked("keep", folders=folders)

    async def _asked(self, mode: str, **more: object) -> JsonObject:
        job = {"mode": mode, "account": self._account, **more, **self._elsewhere}
        call = f"\nraise SystemExit(main(json.loads({json.dumps(json.dumps(job))})))\n"
        done = await self._connections.run(
            self._host,
            self._command,
            stdin=(_PROGRAM.read_text(encoding="utf-8") + call).encode(),
            seconds=SECONDS,
            max_bytes=_MOST_BYTES,
        )
        try:
            answer: JsonObject = json.loads(done.stdout)
        except ValueError:
            raise HostNotEnrolled(
                f"{self._host.name} did not run what was sent as {self._host.username}: "
                f"{done.stderr.strip()[-300:] or 'it said nothing'}.",
                hint="The account needs to be root, or `sudo -n` without a password.",
            ) from None
        if "failed" in answer:
            raise HostNotEnrolled(f"{self._host.name} is as it was: {answer['failed']}.")
        return answer


def fitting(files: Sequence[HostFile], seen: Seen) -> tuple[HostFile, ...]:
    """The files that mean something there: an sshd that reads no folder needs none in it."""
    return tuple(file for file in files if seen.reads_sshd_folder or file.path != SSHD_PATH)


def shown(file: HostFile, seen: Seen) -> Iterator[str]:
    """Lines that tell what would become of one file: new, the same, or what differs."""
    now = seen.files[file.path]
    told = f"{file.path} ({file.mode:04o} {file.owner}:{file.group}, {len(file.content)} bytes)"
    if not seen.differs(file):
        yield f"same     {told}"
        return
    if now["kind"] == "missing":
        yield f"new      {told}"
    else:
        is_now = f"{now.get('mode', 0):04o} {now.get('owner')}:{now.get('group')}"
        yield f"changed  {told}; it is {is_now}"
    wanted, there = _text(file), now.get("text")
    if wanted is None:
        yield "         a program, or too long to be shown"
        return
    lines = difflib.unified_diff(
        (there or "").splitlines(), wanted.splitlines(), "there", "wanted", lineterm="", n=2
    )
    yield from (f"         {line}" for line in lines)


def _text(file: HostFile) -> str | None:
    """A file's text as the host would tell it; None for one that is no text or too long."""
    if len(file.content) > 65536:
        return None
    return file.content.decode("utf-8", "replace")


def _nothing_at(paths: Sequence[str]) -> list[JsonObject]:
    return [{"path": path, "content": None} for path in paths]


def _sent(files: Sequence[HostFile]) -> list[JsonObject]:
    return [
        {
            "path": file.path,
            "content": base64.b64encode(file.content).decode(),
            "mode": file.mode,
            "owner": file.owner,
            "group": file.group,
        }
        for file in files
    ]
