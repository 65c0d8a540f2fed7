"""A host that is a folder: its state, its receipts, and a diary of what was done to it.

Commands run as processes of their own, as on a real host: killing the agent does not end them. A
pipe named `hold` in the folder makes a command wait in its middle until somebody writes to it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from app.domain.action import ActionCall, Plan, Risk
from app.domain.evidence import Observation
from app.domain.host import Host
from app.domain.incident import Incident
from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.domain.value import fingerprint
from app.domain.verdict import Decision, Verdict
from app.execution.ports import Receipt, ReceiptState

UNIT = "edge.service"
PROBE = Probe(name="tcp edge", kind=ProbeKind.TCP, address="192.0.2.7", port=8080)
HOST = Host(name="alpha", address="192.0.2.7", services=("edge",), probes=(PROBE,))
CALL = ActionCall(action="service.start", host=HOST.name, params={"unit": UNIT})
RESTART = ActionCall(action="service.restart", host=HOST.name, params={"unit": UNIT})

# $1: the intent, $2: what is done, $3: the state that it brings about, $4: seconds that it takes
_COMMAND = """
echo "sent $1 $2" >> arrivals
mkdir "receipts/$1" || exit 0
echo "start $1 $2" >> diary
[ -p hold ] && read go < hold
[ "$4" = 0 ] || sleep "$4"
echo "$3" > state
echo "end $1 $2" >> diary
echo 0 > "receipts/$1/rc.new"; mv "receipts/$1/rc.new" "receipts/$1/rc"
"""
_BRINGS = {"service.start": "active", "service.restart": "active", "service.stop": "inactive"}


def incident(number: str) -> Incident:
    return Incident(
        number=number,
        short_description="The edge does not answer",
        host=HOST.name,
        received_at=datetime.now(UTC),
    )


def plan(execution_id: int) -> Plan:
    return Plan(
        execution_id=execution_id,
        host=HOST.name,
        cause="stopped@alpha:edge.service",
        cause_text="edge.service is stopped.",
        confidence=0.9,
        steps=(CALL,),
        evidence_ids=(),
        red_probes=(PROBE,),
    )


class Folder:
    """The host's folder, as a test looks into it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def broken(cls, path: Path) -> Folder:
        """A host whose unit is down."""
        (path / "receipts").mkdir(parents=True)
        (path / "state").write_text("inactive\n")
        (path / "diary").touch()
        return cls(path)

    @property
    def state(self) -> str:
        return (self.path / "state").read_text().strip()

    def diary(self) -> list[str]:
        return (self.path / "diary").read_text().splitlines()

    def started(self) -> list[str]:
        """What was begun on the host, in order."""
        return [line for line in self.diary() if line.startswith("start ")]

    def break_again(self) -> None:
        """As at first."""
        (self.path / "state").write_text("inactive\n")

    def hold(self) -> None:
        """From now on commands wait in their middle."""
        os.mkfifo(self.path / "hold")

    def let_go(self) -> None:
        """One waiting command goes on, and no later one waits."""
        pipe = self.path / "hold"
        pipe.rename(self.path / "held")
        descriptor = os.open(self.path / "held", os.O_WRONLY | os.O_NONBLOCK)  # somebody must wait
        os.write(descriptor, b"go\n")
        os.close(descriptor)

    async def until(self, word: str, *, seconds: float = 15.0) -> None:
        """Wait for a line of the diary to begin with `word`."""
        async with asyncio.timeout(seconds):
            while not any(line.startswith(word) for line in self.diary()):  # noqa: ASYNC110  a file
                await asyncio.sleep(0.02)


class FolderHosts:
    """Implements Hosts over a folder."""

    simulated = False

    def __init__(self, folder: Folder, *, seconds: float = 0) -> None:
        self._folder = folder
        self._seconds = seconds

    async def observe(
        self, host: Host, calls: Sequence[ActionCall], *, deadline_seconds: float = 60.0
    ) -> tuple[Observation, ...]:
        state = self._folder.state
        facts = {"name": UNIT, "load_state": "loaded", "active_state": state}
        return tuple(
            Observation(
                call=call,
                argv=("show", call.action),
                risk=Risk.READ,
                ok=True,
                exit_code=0,
                output=state,
                facts=facts,
                taken_at=datetime.now(UTC),
                simulated=False,
            )
            for call in calls
        )

    async def change(
        self,
        host: Host,
        call: ActionCall,
        *,
        intent_id: str,
        fence: int,
        undo: Sequence[ActionCall] = (),
    ) -> Receipt:
        self._run(call, intent_id)
        while True:
            receipt = await self.receipt(host, intent_id)
            if receipt.state is ReceiptState.ENDED:
                return receipt
            await asyncio.sleep(0.02)

    def _run(self, call: ActionCall, intent_id: str) -> None:
        """Start the command as a process that nobody here owns."""
        subprocess.Popen(
            [
                *("/bin/sh", "-c", _COMMAND, "sh"),
                *(intent_id, call.label(), _BRINGS[call.action], str(self._seconds)),
            ],
            cwd=self._folder.path,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    async def confirm(self, host: Host, intent_id: str) -> Receipt:
        return await self.receipt(host, intent_id)

    async def receipt(self, host: Host, intent_id: str, *, fence: int | None = None) -> Receipt:
        folder = self._folder.path / "receipts" / intent_id
        if not folder.is_dir():
            return Receipt(intent_id=intent_id, state=ReceiptState.NONE)
        if not (folder / "rc").exists():
            return Receipt(intent_id=intent_id, state=ReceiptState.RUNNING)
        code = int((folder / "rc").read_text())
        return Receipt(intent_id=intent_id, state=ReceiptState.ENDED, exit_code=code)

    async def close(self) -> None:
        pass


class FolderProber:
    """Implements Prober: users are served while the unit is active."""

    simulated = False

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    async def probe(self, host: Host, probes: Sequence[Probe]) -> tuple[ProbeResult, ...]:
        up = self._folder.state == "active"
        return tuple(
            ProbeResult(
                probe=probe,
                ok=up,
                error=None if up else "refused",
                taken_at=datetime.now(UTC),
                simulated=False,
            )
            for probe in probes
        )


class OneHost:
    """Implements the engine's Inventory."""

    def get(self, name: str) -> Host:
        assert name == HOST.name
        return HOST

    def related(self, host: Host) -> tuple[Host, ...]:
        return ()


class Says:
    """Implements the engine's Judge with one word."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict

    async def decide(self, plan: Plan) -> Decision:
        return Decision(
            verdict=self.verdict,
            rule="autonomy",
            reasons=("It is what the test wants.",),
            level="L4",
            risk=Risk.REVERSIBLE,
            plan_hash=fingerprint(plan.proposal()),
            approvals_needed=1 if self.verdict is Verdict.NEEDS_APPROVAL else 0,
        )
