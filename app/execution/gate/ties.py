"""What hangs on a unit: who is stopped together with it, and by which links it is enabled.

`systemctl stop` stops what requires the unit too, and `systemctl start` does not bring that back.
`systemctl disable` removes every link to the unit, and `systemctl enable` makes only those that the
unit's own file declares.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from .access import SYSTEMCTL
from .answers import Params, answer, read_program, text_at
from .places import Places
from .refusal import Failed

ENABLED = "/etc/systemd/system"
_STOPS_WITH = ("RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo")
_RUNS = ("active", "activating", "reloading")
_FOLDERS = {"WantedBy": ".wants", "RequiredBy": ".requires", "UpheldBy": ".upholds"}
_MOST_UNITS = 200


def unit_ties(params: Params, _: Places) -> int:
    """UnitTiesFacts."""
    unit = str(params["unit"])
    fragment = next(_shown([unit], ["FragmentPath"]), {}).get("FragmentPath", "")
    declared, also = _declared(unit, fragment)
    found = dict(_links(unit, fragment))
    by_hand = sorted(path for path, fits in found.items() if not fits or path not in declared)
    return answer(
        {
            "stopped_with": _running(_stopped_with(unit)),
            "links": sorted(found),
            "by_hand": by_hand,
            "also": also,
            "as_declared": bool(found) and not by_hand and not also and set(found) == declared,
        }
    )


def _stopped_with(unit: str) -> list[str]:
    """Every unit that goes down with this one, and with those, whether it runs or not."""
    known = [unit]
    for one in known:  # it grows while it is walked
        for shown in _shown([one], _STOPS_WITH):
            listed = " ".join(shown.values()).split()
            known += [name for name in dict.fromkeys(listed) if name not in known]
        if len(known) > _MOST_UNITS:
            raise Failed(f"more than {_MOST_UNITS} units hang on {unit}")
    return known[1:]


def _running(units: list[str]) -> list[str]:
    if not units:
        return []
    shown = _shown(units, ["Id", "ActiveState"])
    return sorted({one["Id"] for one in shown if one.get("ActiveState") in _RUNS})


def _shown(units: list[str], properties: list[str] | tuple[str, ...]) -> Iterator[dict[str, str]]:
    """What systemd says of each unit, by property."""
    named = "--property=" + ",".join(properties)
    code, text, error = read_program([SYSTEMCTL, "show", "--no-pager", named, "--", *units])
    if code != 0:
        raise Failed(f"systemctl: {error.strip() or code}")
    for block in text.split("\n\n"):
        pairs = [line.partition("=") for line in block.splitlines()]
        if pairs:
            yield {name: value for name, _, value in pairs}


def _declared(unit: str, fragment: str) -> tuple[set[str], list[str]]:
    """The links that enabling the unit makes, and the units that it enables beside it.

    A specifier is not resolved: what it leads to counts as made by hand.
    """
    links: set[str] = set()
    also: list[str] = []
    for name, value in _installed(fragment):
        for word in value.split():
            if name == "Also":
                also.append(word)
            elif name == "Alias":
                links.add(os.path.join(ENABLED, word))
            elif name in _FOLDERS:
                links.add(os.path.join(ENABLED, word + _FOLDERS[name], unit))
    return links, also


def _installed(fragment: str) -> Iterator[tuple[str, str]]:
    """The assignments of the file's [Install] section, lines that go on put together."""
    section = ""
    for line in map(str.strip, text_at(fragment).replace("\\\n", " ").splitlines()):
        if line.startswith("["):
            section = line
        elif section == "[Install]" and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()


def _links(unit: str, fragment: str) -> Iterator[tuple[str, bool]]:
    """Every link to the unit that disabling it removes, and whether it leads to the unit's file."""
    for folder in (ENABLED, *_made_folders()):
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                continue
            fits = bool(fragment) and os.path.realpath(path) == os.path.realpath(fragment)
            if fits or (folder != ENABLED and name == unit):
                yield path, fits


def _made_folders() -> list[str]:
    endings = tuple(_FOLDERS.values())
    found = (os.path.join(ENABLED, name) for name in os.listdir(ENABLED) if name.endswith(endings))
    return [path for path in sorted(found) if os.path.isdir(path)]
