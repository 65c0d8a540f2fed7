"""What the fake ServiceNow's business rules send opens the door: both sides speak one language."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from app.servicenow.fake.signing import Encoding, Mode, Signing
from tests.integration.access.conftest import Open
from tests.integration.access.doors import PASSWORD, SECRET, TOKEN, sources_file

HOOK = "/api/deliver"
BODY = b'{"n": 1}'

WAYS = {
    "servicenow": [
        Signing(mode=Mode.HMAC, name="snow-1", secret=SECRET, encoding=encoding)
        for encoding in Encoding
    ],
    "monitoring": [Signing(mode=Mode.TOKEN, secret=TOKEN)],
    "legacy": [Signing(mode=Mode.BASIC, name="snow", secret=PASSWORD)],
}


async def test_each_way_of_signing_is_understood(
    open_door: Open, database_url: str, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    json = {"Content-Type": "application/json"}
    async with (
        open_door(database_url, sources_file=sources_file(tmp_path)) as door,
        door.client() as sender,
    ):
        for source, ways in WAYS.items():
            for signing in ways:
                with subtests.test(source=source, encoding=signing.encoding):
                    headers = json | signing.headers(BODY, int(time.time()))
                    taken = await sender.post(HOOK, content=BODY, headers=headers)
                    assert taken.json()["source"] == source
        unsigned = json | Signing().headers(BODY, int(time.time()))
        assert (await sender.post(HOOK, content=BODY, headers=unsigned)).status_code == 401
        late = Signing(mode=Mode.HMAC, name="snow-1", secret=SECRET)
        skewed = json | late.headers(BODY, int(time.time()) - 900)
        assert (await sender.post(HOOK, content=BODY, headers=skewed)).status_code == 401
