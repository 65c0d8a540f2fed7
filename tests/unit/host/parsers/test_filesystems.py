from __future__ import annotations

import pytest

from app.host.facts import Filesystem
from app.host.parsers import ParseError, RawOutput
from app.host.parsers.filesystems import parse_df, parse_findmnt
from tests.unit.host.parsers.recordings import printed, said, text_of


def by_mount(found: tuple[Filesystem, ...]) -> dict[str, Filesystem]:
    assert len({one.mount for one in found}) == len(found)
    return {one.mount: one for one in found}


@pytest.mark.parametrize("form", ["tree-all", "list", "df"])
def test_a_full_and_a_read_only_file_system_are_seen_in_each_form(form: str) -> None:
    found = by_mount(parse_findmnt(printed(f"findmnt/{form}.json")).filesystems)
    full, read_only = found["/var/log/shop"], found["/mnt"]
    assert (full.used_percent, full.available_bytes, full.read_only) == (100.0, 0, False)
    assert (read_only.read_only, read_only.size_bytes) == (True, 1048576)
    assert (found["/"].source, found["/"].fstype) == ("/dev/vda1", "ext4")
    assert not [mount for mount in found if mount.startswith(("/proc", "/sys"))]


def test_percentages_are_those_of_df() -> None:
    found = by_mount(parse_df(printed("findmnt/df-output.txt")).filesystems)
    assert found["/"].used_percent == 24.2  # df rounds up to 25
    assert found["/run/lock"].inodes_used_percent == 0.0
    assert found["/sys/fs/cgroup"].inodes_used_percent == 1.1
    assert found["/"].read_only is None


def test_df_of_inodes_alone() -> None:
    found = by_mount(parse_df(printed("findmnt/df-i.txt")).filesystems)
    assert (found["/"].inodes_used_percent, found["/"].size_bytes) == (3.0, None)


def test_df_with_blanks_in_names() -> None:
    table = (
        "Filesystem     1024-blocks  Used Available Capacity Mounted on\n"
        "//nas/my share        1000   250       750      25% /mnt/my share\n"
        "overlay                  -     -         -        - /merged\n"
    )
    found = by_mount(parse_df(said(table)).filesystems)
    assert found["/mnt/my share"].source == "//nas/my share"
    assert found["/mnt/my share"].used_percent == 25.0
    assert found["/merged"].size_bytes is None


def test_an_older_findmnt_quotes_its_numbers() -> None:
    found = by_mount(parse_findmnt(printed("by-knowledge/findmnt-2.32.json")).filesystems)
    assert (found["/"].used_percent, found["/"].size_bytes) == (94.5, 18238930944)
    assert (found["/boot"].used_percent, found["/boot"].read_only) == (None, True)


def test_cut_or_other_output_is_refused() -> None:
    for text in (
        text_of("findmnt/list.json")[:900],
        "",
        "[]",
        '{"filesystems": [{"target": "/"}]}',
    ):
        with pytest.raises(ParseError):
            parse_findmnt(said(text))
    for text in ("", "df: /x: Stale file handle\n", "Filesystem Mounted\n"):
        with pytest.raises(ParseError):
            parse_df(said(text))


def test_a_cut_table_gives_its_whole_rows() -> None:
    text = text_of("findmnt/df-output.txt")
    raw = RawOutput(stdout=text[: text.index("/var/log/shop") - 3], exit_code=0, truncated=True)
    assert len(parse_df(raw).filesystems) == 5
