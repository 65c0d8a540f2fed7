"""Facts that have no row of their own: a start and its mode, a switch, a refusal at the door.

await Events(database).tell("kill-switch", {"on": True}, actor="ann")
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import key_file
from app.audit.chain import NEXT_KEY
from app.audit.checkpoints import Anchor
from app.audit.entry import Fact
from app.audit.key_file import Key
from app.audit.scanning import last_entry_of
from app.audit.sealing import chain_id, last_anchor
from app.audit.writing import Writer
from app.domain.fact import SERVICE, FactKind
from app.domain.value import JsonObject
from app.errors import NotFound
from app.models.base import storable, storable_json


class Events(Writer):
    """Writes events into the audit's chain, and says where it stands."""

    async def tell(
        self,
        event: str,
        content: JsonObject,
        *,
        actor: str = SERVICE,
        execution_id: int | None = None,
    ) -> None:
        """Enter an event: its name in lower case with hyphens, and what there is to know of it.

        `content` is kept as it is and for ever: small, and without anything secret. Raises
        AuditWriteFailed.
        """
        fact = Fact(
            kind=FactKind.EVENT,
            about=event,
            content=storable_json(content),
            execution_id=execution_id,
            actor=storable(actor),
        )
        await self._write(f"The event {event}", _nothing_else, told=[fact])

    async def change_key(self, *, actor: str) -> Key:
        """Make a new key, and have every entry from now on made with it. Old keys stay.

        It is in the file before the chain names it: a crash in between leaves a key unused.
        """
        path = self._database.settings.audit_keys_at
        key = Key.new()
        key_file.add(path, key)
        content = {NEXT_KEY: key.id, "public_key": key.public}
        fact = Fact(kind=FactKind.KEY, about="", content=content, actor=actor)
        await self._write("The change of the audit's key", _nothing_else, told=[fact])
        return key

    async def anchor_line(self, execution_id: int) -> str:
        """One line to keep elsewhere: the last entry about an execution.

        Closing notes of tickets end with such a line (app/audit/telling.py).
        Raises NotFound where the chain has nothing about it.
        """
        async with self._database.reading() as session:
            last = await last_entry_of(session, execution_id)
            if last is None:
                raise NotFound(f"The audit has no entry about execution {execution_id}.")
            chain = await chain_id(session)
            anchor = Anchor(chain=chain, seq=last.seq, hash=last.hash, key_id=last.key_id)
            return anchor.line()

    async def head(self) -> Anchor | None:
        """The end of the chain; None before it has begun."""
        async with self._database.reading() as session:
            return await last_anchor(session)


async def _nothing_else(_session: AsyncSession) -> None:
    """An event is entered alone."""
