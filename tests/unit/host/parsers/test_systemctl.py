from __future__ import annotations

import pytest

from app.host.facts import UnitFacts, UnitFile
from app.host.parsers import ParseError, RawOutput
from app.host.parsers.systemctl_files import parse_unit_files
from app.host.parsers.systemctl_show import parse_unit, parse_units
from tests.unit.host.parsers.recordings import printed, said, text_of


def unit(name: str) -> UnitFacts:
    return parse_unit(printed(f"systemctl/show-{name}.txt"))


def test_a_running_unit_is_read_in_full() -> None:
    found = unit("shop")
    after = ("network.target", "sysinit.target", "basic.target", "-.mount")
    assert found.after[:1] == after[:1]
    assert found.model_copy(update={"after": (), "requires": ()}) == UnitFacts(
        name="shop.service",
        description="Shop; the application {main}",
        load_state="loaded",
        active_state="active",
        sub_state="running",
        unit_file_state="enabled",
        result="success",
        n_restarts=0,
        main_pid=183,
        fragment_path="/etc/systemd/system/shop.service",
        drop_in_paths=("/etc/systemd/system/shop.service.d/10-nice.conf",),
        need_daemon_reload=False,
        type="simple",
        restart="on-failure",
        user="www-data",
        group="www-data",
        working_directory="/srv/shop",
        exec_start=("/usr/bin/python3", "/srv/shop/app.py", "--bind", "127.0.0.1", "8000"),
        exec_start_pre_failed=False,
        environment_files=("/etc/shop/shop.env", "/etc/shop/extra.env"),
        control_group="/system.slice/shop.service",
        active_since="2026-11-23T09:07:01+00:00",
        inactive_since="2026-11-23T09:07:01+00:00",
        wants=("network.target",),
        condition_failed=False,
    )


def test_a_command_before_the_start_that_failed_is_seen_and_the_main_one_never_ran() -> None:
    found = unit("billing")
    assert found.exec_start_pre_failed is True
    assert (found.result, found.n_restarts, found.main_pid) == ("exit-code", 5, None)
    assert (found.exec_main_code, found.exec_main_status) == (None, None)
    assert found.active_since is None


def test_how_the_main_process_ended_is_told_by_code_and_status() -> None:
    assert (unit("ledger").exec_main_code, unit("ledger").exec_main_status) == ("exited", 203)
    assert (unit("killed").exec_main_code, unit("killed").exec_main_status) == ("killed", 9)
    assert (unit("killed").result, unit("crash").result) == ("signal", "exit-code")


def test_masked_and_unknown_units_are_facts() -> None:
    masked, absent = unit("cron"), unit("not-found")
    assert (masked.load_state, masked.unit_file_state) == ("masked", "masked")
    assert (absent.name, absent.load_state) == ("shopp.service", "not-found")
    assert (absent.unit_file_state, absent.fragment_path) == (None, None)


def test_a_condition_that_was_never_looked_at_is_unknown_not_failed() -> None:
    assert unit("conditional").condition_failed is None
    assert unit("nginx").condition_failed is False
    looked_at = "Id=a.service\nConditionResult=no\nConditionTimestamp=Mon 2026-11-23 09:07:02 UTC\n"
    assert parse_unit(said(looked_at)).condition_failed is True


def test_a_changed_unit_file_waits_for_a_reload() -> None:
    assert unit("shop-reload-needed").need_daemon_reload is True


@pytest.mark.parametrize("form", ["shop", "shop-unix"])
def test_times_are_utc(form: str) -> None:
    assert unit(form).active_since == "2026-11-23T09:07:01+00:00"


def test_microseconds_are_kept_and_an_ambiguous_zone_is_not_guessed() -> None:
    assert unit("shop-us-utc").active_since == "2026-11-23T09:07:01.486419+00:00"
    assert unit("shop-tokyo").active_since is None  # JST
    numeric = "Id=a.service\nActiveEnterTimestamp=Mon 2026-11-23 06:07:01 -03\n"
    assert parse_unit(said(numeric)).active_since == "2026-11-23T09:07:01+00:00"


def test_other_unit_types_lack_what_services_have() -> None:
    timer, mount = unit("timer"), unit("mount")
    assert (timer.name, timer.sub_state, timer.n_restarts) == ("sweep.timer", "waiting", None)
    assert (mount.sub_state, mount.type, mount.main_pid) == ("mounted", "tmpfs", None)


@pytest.mark.parametrize(
    ("kind", "count"), [("services", 18), ("mounts", 13), ("timers", 7), ("sockets", 5)]
)
def test_a_pattern_gives_every_unit(kind: str, count: int) -> None:
    found = parse_units(printed(f"systemctl/show-{kind}.txt")).units
    assert len(found) == count
    assert len({one.name for one in found}) == count


def test_a_socket_tells_the_ports_on_which_process_1_listens_for_it() -> None:
    text = (
        "Id=hatch.socket\nListen=[::]:9100 (Stream)\nListen=0.0.0.0:9100 (Stream)\n"
        "Listen=127.0.0.1:53 (Datagram)\nListen=/run/hatch 7 (Stream)\nResult=trigger-limit-hit\n"
    )
    found = parse_unit(RawOutput(stdout=text, exit_code=0))
    assert [(one.protocol, one.port) for one in found.listens] == [("tcp", 9100), ("udp", 53)]
    assert found.result == "trigger-limit-hit"


def test_a_pattern_that_matches_nothing_gives_no_units() -> None:
    assert parse_units(said("")).units == ()


def test_cut_output_gives_the_units_that_are_told() -> None:
    text = text_of("systemctl/show-services.txt")
    whole = parse_units(said(text)).units
    cut = RawOutput(stdout=text[: len(text) // 2], exit_code=0, truncated=True)
    found = parse_units(cut).units
    assert 0 < len(found) < len(whole)
    assert found[:-1] == whole[: len(found) - 1]
    assert found[-1].name == whole[len(found) - 1].name


def test_an_older_systemd_is_understood() -> None:
    found = parse_unit(printed("by-knowledge/systemctl-show-239.txt"))
    assert (found.memory_bytes, found.tasks) == (None, 213)
    assert found.environment_files == ("/etc/sysconfig/httpd",)
    assert found.exec_start == ("/usr/sbin/httpd", "$OPTIONS", "-DFOREGROUND")
    assert found.triggered_by == ()


def test_a_folder_that_may_be_missing_is_told_without_its_mark() -> None:
    assert (
        parse_unit(said("Id=a.service\nWorkingDirectory=!/srv/a\n")).working_directory == "/srv/a"
    )


@pytest.mark.parametrize("text", ["", "no such thing", "Description=only\n"])
def test_what_is_no_unit_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_unit(said(text))


def test_a_failed_systemctl_says_why() -> None:
    raw = RawOutput(exit_code=1, stderr="Failed to connect to bus: No such file or directory\n")
    with pytest.raises(ParseError, match="Failed to connect to bus"):
        parse_units(raw)


@pytest.mark.parametrize("form", ["unit-files.json", "unit-files.txt", "unit-files-head.txt"])
def test_unit_files_are_read_from_each_form(form: str) -> None:
    files = parse_unit_files(printed(f"systemctl/{form}")).files
    assert len(files) == 223
    assert UnitFile(name="nginx.service", state="enabled") in files
    assert UnitFile(name="apache2.service", state="disabled") in files


def test_unit_files_of_an_older_systemd_come_as_a_table() -> None:
    files = parse_unit_files(printed("by-knowledge/list-unit-files-239.txt")).files
    assert [file.state for file in files] == ["static", "enabled", "disabled", "masked", "enabled"]


def test_cut_unit_files_are_those_that_are_whole() -> None:
    text = text_of("systemctl/unit-files.json")[:5000]
    assert 0 < len(parse_unit_files(said(text)).files) < 223


@pytest.mark.parametrize("text", ["[1, 2]", "hello there", '[{"unit": "a"}]'])
def test_what_lists_no_unit_files_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_unit_files(said(text))
