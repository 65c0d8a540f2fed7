"""Drawing the names of a run: plausible ones, never one that is in use or a part of another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from app import strict_yaml
from app.lab.draw import ranked
from app.lab.errors import LabError
from app.lab.naming import Naming, Rename
from app.lab.places import HOSTFILES

NAMES = Path(__file__).with_name("names.yaml")
BESIDE = ("only_preceded", "not_preceded", "only_followed", "not_followed")
#: Texts of the lab that reach a host or a ticket, beside the files of the hosts.
LAB_TEXTS = ("tickets.yaml", "noise.yaml", "injections.yaml")


@cache
def drawn_naming(seed: int, folder: Path) -> Naming:
    """The names of a seed; they are free in all of the estate and of the scenarios in `folder`.

    One naming for all scenarios, so that hosts are baked once a seed.
    """
    taken = "\n".join(path.read_text(encoding="utf-8") for path in _texts(folder)).lower()
    renames: dict[str, list[Rename]] = {}
    chosen = [old.lower() for entry in _shipped().values() for old in entry.get("names", ())]
    for kind, entry in _shipped().items():
        beside = {key: entry[key] for key in BESIDE if key in entry}
        renames[kind] = []
        if "turned" in entry:
            pairs = [(_turned(each.old), _turned(each.new)) for each in renames[entry["turned"]]]
        else:
            pairs = list(_drawn(f"{seed} {kind}", entry, taken, chosen))
        renames[kind] = [Rename(*pair, exact=entry.get("exact", False), **beside) for pair in pairs]
    return Naming(tuple(rename for each in renames.values() for rename in each))


def _drawn(
    seed: str, entry: dict[str, Any], taken: str, chosen: list[str]
) -> Iterator[tuple[str, str]]:
    for old in entry["names"]:
        candidates = ranked(f"{seed} {old}", entry["candidates"])
        new = next((each for each in candidates if _is_free(each.lower(), taken, chosen)), None)
        if new is None:
            raise LabError(f"{NAMES.name}: no candidate is free for {old!r}: add some to its kind")
        chosen.append(new.lower())
        yield old, f"{new}-{old.rpartition('-')[2]}" if entry.get("ending") else new


def _is_free(candidate: str, taken: str, chosen: Iterable[str]) -> bool:
    """Whether nothing is called so, or in part: a search for it or in it finds nothing else."""
    return candidate not in taken and not any(
        candidate in other or other in candidate for other in chosen
    )


def _turned(name: str) -> str:
    return ".".join(reversed(name.split(".")))


def _texts(folder: Path) -> Iterator[Path]:
    scenarios = [*folder.glob("*.yaml"), *folder.glob("*.yml")]
    shipped = [NAMES.with_name(name) for name in LAB_TEXTS]
    hostfiles = [path for path in HOSTFILES.rglob("*") if "__pycache__" not in path.parts]
    yield from (path for path in (*scenarios, *shipped, *hostfiles) if path.is_file())


@cache
def _shipped() -> dict[str, dict[str, Any]]:
    shipped: dict[str, dict[str, Any]] = strict_yaml.read(NAMES.read_text(encoding="utf-8"))
    return shipped
