"""Read one request, do what it asks, answer in JSON lines."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from . import changes
from .jobs import Interrupted, Job, Loop
from .places import Places
from .refusal import Refused
from .request import LARGEST, MOST_CHECKS, MOST_READS, PROTOCOL, Config, admit, load_config, parse

SECONDS_TO_ASK = 20


def main(places: Places | None = None) -> int:
    """The whole program. 0: every answer was given; 1: nobody listens any more; 2: no request."""
    places = places or Places()
    os.umask(0o077)  # whatever is made here is root's alone, folders on the way to it too
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        config = load_config(places.config)
        text = _read_request()
        if not text.strip():
            say({"gate": PROTOCOL, "digest": config.digest, "host": config.host})
            return 0
        _serve(parse(text, config), config, places)
    except Refused as refused:
        say({"refused": refused.code, "reason": refused.reason})
        return 2
    except (BrokenPipeError, Interrupted):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the last flush would complain
        return 1
    return 0


def say(line: dict[str, Any]) -> None:
    """One line of the answer, sent at once."""
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def _serve(request: dict[str, Any], config: Config, places: Places) -> None:
    mode = request.get("mode")
    if mode == "read":
        _read_all(request, config, places)
    elif mode == "change":
        say(changes.change(request, config, places))
    elif mode == "check":
        _check_all(request, config)
    elif mode == "confirm":
        say(changes.confirm(request, places))
    elif mode == "receipt":
        say(changes.look(request, places))
    else:
        raise Refused(
            "malformed",
            f"mode is {ascii(mode)[:40]}; expected read, change, check, confirm or receipt",
        )


def _read_all(request: dict[str, Any], config: Config, places: Places) -> None:
    """Run every diagnostic that fits; one that does not is refused alone."""
    jobs = []
    for number, one in enumerate(_asked(request, MOST_READS)):
        try:
            jobs.append(Job(number, admit(one, config, changes=False)))
        except Refused as refused:
            say({"id": number, "refused": refused.code, "reason": refused.reason})
        except AttributeError:
            say({"id": number, "refused": "malformed", "reason": "expected an object"})
    Loop(places, lambda job: say(job.answer())).run(jobs)


def _check_all(request: dict[str, Any], config: Config) -> None:
    """Say of each request whether it would be run here. Runs none of them."""
    for number, one in enumerate(_asked(request, MOST_CHECKS)):
        try:
            entry = config.actions.get(str(one.get("action")))
            admit(one, config, changes=bool(entry and entry["changes"]))
            say({"id": number, "fits": True})
        except Refused as refused:
            say({"id": number, "refused": refused.code, "reason": refused.reason})
        except AttributeError:
            say({"id": number, "refused": "malformed", "reason": "expected an object"})


def _asked(request: dict[str, Any], most: int) -> list[Any]:
    asked = request.get("requests")
    if not isinstance(asked, list) or not 0 < len(asked) <= most:
        raise Refused("malformed", f"expected 1 to {most} requests")
    return asked


def _read_request() -> bytes:
    """Standard input to its end; a client that says nothing is not waited for."""
    signal.alarm(SECONDS_TO_ASK)
    signal.signal(signal.SIGALRM, _interrupt)
    try:
        return sys.stdin.buffer.read(LARGEST + 1)
    finally:
        signal.alarm(0)


def _interrupt(*_: object) -> None:
    raise Interrupted
