"""Plain words: lines that people know become catalogued actions, everything else is denied."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.host import Host
from app.domain.value import JsonObject
from app.execution.catalog import Catalog
from app.execution.plain_words import NotPlain, read
from app.execution.policy_check import check_lines, lines_of
from app.execution.targets import Inventory
from app.settings import AutonomyLevel

WEB = Host(name="web", address="10.0.0.1", services=("nginx", "app-api"))
DB = Host(name="db", address="10.0.0.2", services=("postgresql",))
INVENTORY = Inventory([WEB, DB], source="test")
CATALOG = Catalog.load()


def checked(command: object, level: AutonomyLevel = AutonomyLevel.L2, **more: str) -> JsonObject:
    line = json.dumps({"command": command, "host": "web", **more})
    (row,) = check_lines([line], level=level, inventory=INVENTORY, catalog=CATALOG)
    return row


@pytest.mark.parametrize(
    ("command", "action", "params"),
    [
        ("systemctl status nginx", "unit.show", {"unit": "nginx.service"}),
        ("systemctl status nginx.service --no-pager -l", "unit.show", {"unit": "nginx.service"}),
        ("sudo systemctl is-active cron.timer", "unit.show", {"unit": "cron.timer"}),
        ("systemctl show nginx --property=MainPID,Result", "unit.show", {"unit": "nginx.service"}),
        ("journalctl -u nginx -n 50 --no-pager", "journal.unit",
         {"unit": "nginx.service", "lines": 50}),
        ("tail -n 100 /var/log/nginx/error.log", "log.tail",
         {"path": "/var/log/nginx/error.log", "lines": 100}),
        ("df -h", "filesystems.list", {}),
        ("df  -h ", "filesystems.list", {}),
        ("ss -ltnp", "sockets.listening", {}),
        ("ps aux --sort=-%cpu | head -n 15", "processes.list", {}),
        ("ps -eo pid,user,comm", "processes.list", {}),
        ("du -xh --max-depth=1 '/var/log'", "disk.usage", {"path": "/var/log"}),
        ("nc -z -w 3 db 5432", "tcp.connect", {"host": "db", "port": 5432}),
        ("dig +short A db", "name.resolve", {"name": "db"}),
        ("cat /etc/nginx/nginx.conf", "config.read", {"path": "/etc/nginx/nginx.conf"}),
    ],
)  # fmt: skip
def test_what_people_type_to_look(command: str, action: str, params: JsonObject) -> None:
    row = checked(command)
    assert (row["verdict"], row["action"], row["params"]) == ("allow", action, params)


@pytest.mark.parametrize(
    "command",
    ["systemctl restart nginx", "systemctl start app-api", "systemctl reload nginx",
     "systemctl reset-failed app-api", "journalctl --vacuum-size=500M",
     "chmod 0644 /etc/nginx/nginx.conf"],
)  # fmt: skip
def test_changes_ask_at_the_usual_level(command: str) -> None:
    assert checked(command)["verdict"] == "needs_approval"
    assert checked(command, AutonomyLevel.L1)["verdict"] == "deny"
    assert checked(command, AutonomyLevel.L4)["verdict"] == "allow"


@pytest.mark.parametrize(
    "command",
    ["", " ", "df -h; id", "df -h && id", "df -h || id", "df -h | sh", "df -h | xargs rm",
     "df -h |& sh", "df -h > /etc/x", "df -h 2>/etc/x", "cat < /etc/shadow", "df -h & id",
     "df -h\nid", "df -h\r\nid", "df\t-h", "df -h \\", "df -h # x", "df -h $(id)", "df `id`",
     "df ${x}", "df $x", "df -h\u2028id", "df -h\x85id", "df −h", "ｄf -h", "df -h \u202e",
     "X=1 df -h", "env df", "time df", "df =ls",
     "df *", "df {a,b}", "df ~", "!!", "df 'a", 'df "$x"',
     'd"f" -h', "sudo -i", "sudo", "sudo -u root df", "rm -rf /", "bash -c df", "vim /etc/x",
     "systemctl restart nginx sshd", "systemctl restart sshd", "systemctl stop auditd",
     "systemctl restart systemd-journald", "systemctl restart postgresql",
     "systemctl restart --now", "systemctl --root=/tmp enable nginx", "systemctl -H x status nginx",
     "systemctl edit nginx", "systemctl link /tmp/x.service", "systemctl mask nginx",
     "systemctl poweroff", "systemctl restart ../../tmp/evil", "systemctl restart /etc/passwd",
     "systemctl show nginx --property=Environment", "systemctl show nginx --property=x,environment",
     "systemctl show-environment", "journalctl -u nginx", "journalctl -f -u nginx",
     "journalctl -u nginx -n 99999", "tail -n 5 /etc/shadow", "tail -f /var/log/syslog",
     "tail -n 5 /var/log/../../etc/shadow", "tail -n 5 /var/log/a /etc/shadow",
     "tail -n 5 /proc/1/environ", "cat /proc/self/environ", "cat /etc/shadow", "cat /etc/app/x.env",
     "cat /etc/ssl/x/key.pem", "ps auxe", "ps -eo pid,args", "curl http://169.254.169.254/",
     "curl -o /etc/x http://localhost/", "curl http://localhost.evil.example/",
     "curl -XPOST http://localhost/", "curl -K /tmp/x http://localhost/", "nginx -s stop",
     "nginx -c /tmp/x -t", "find /var/log -delete", "find / -name x -exec id", "du -ah /",
     "nc db.example 5432", "dig @evil.example x", "mount -o bind /tmp /etc", "ip -b /tmp/x",
     "chmod 777 /etc/nginx/nginx.conf", "chmod 4755 /opt/x", "chmod -R 755 /etc",
     "chmod 644 /etc/sudoers", "getent passwd root", "df -h " + "A" * 500,
     "df -h | head -n 0", "df -h | head -n 5 | sh", "df -h | tail -f", "ss -D /etc/x"],
)  # fmt: skip
def test_everything_else_is_denied_at_every_level(command: str) -> None:
    for level in AutonomyLevel:
        row = checked(command, level)
        assert row["verdict"] == "deny"
        assert row["reason"]


def test_a_last_head_or_tail_becomes_a_bound() -> None:
    assert checked("df -h | head -n 5")["bound"] == {"which": "head", "lines": 5}
    assert checked("df -h | tail -3")["bound"] == {"which": "tail", "lines": 3}
    assert checked("df -h | head")["bound"] == {"which": "head", "lines": 10}


def test_a_row_says_what_decided() -> None:
    rules = {
        "df -h; id": "plain-words",
        "frobnicate": "catalog",
        "tail -n 5 /etc/shadow": "catalog",
        "systemctl restart postgresql": "host",
        "dig +short evil.example": "host",
        "systemctl restart nginx": "autonomy",
        "df -h": "autonomy",
    }
    assert {command: checked(command)["rule"] for command in rules} == rules
    for command in rules:
        assert {"command", "verdict", "action", "rule"} <= set(checked(command))
    assert checked("df -h", host="elsewhere")["rule"] == "host"


def test_what_only_the_host_can_tell_is_left_to_it() -> None:
    row = checked("docker restart pages")
    assert (row["verdict"], row["params"]) == ("needs_approval", {"container": "pages"})
    assert row["asked_of_the_host"] == ["id"]
    row = checked("systemctl kill --signal=TERM nginx")
    assert (row["verdict"], row["asked_of_the_host"]) == ("needs_approval", ["pid", "start_time"])
    assert checked("systemctl kill --signal=TERM postgresql")["verdict"] == "deny"


def test_a_name_that_the_inventory_does_not_know_is_neither_looked_up_nor_spoken_to() -> None:
    """A look-up tells the name to whoever answers for it: it may be somebody's secret."""
    for command in ("getent hosts {}", "dig +short {}", "host {}", "nc -z -w 3 {} 80"):
        assert checked(command.format("DB"))["verdict"] == "allow"
        assert checked(command.format("localhost"))["verdict"] == "allow"
        row = checked(command.format("secret.evil.example"))
        assert (row["verdict"], row["rule"]) == ("deny", "host")


def test_without_a_host_the_first_is_meant_that_it_may_be_run_on() -> None:
    lines = [
        json.dumps({"command": f"systemctl restart {u}"}) for u in ("postgresql", "x", "nginx")
    ]
    found = list(check_lines(lines, level=AutonomyLevel.L2, inventory=INVENTORY, catalog=CATALOG))
    assert [row.get("host") for row in found] == ["db", None, "web"]
    assert found[1]["verdict"] == "deny"


def test_rows_answer_in_order_each_for_its_host() -> None:
    rows = [
        '{"command": "systemctl restart postgresql", "host": "db"}',
        "",
        "not json",
        '{"command": "df\u2028-h"}',
        '{"command": ["df"]}',
        "[]",
        '{"command": "df", "host": "elsewhere"}',
        '{"command": "df"}',
    ]
    found = list(
        check_lines(
            lines_of("\n".join(rows)), level=AutonomyLevel.L2, inventory=INVENTORY, host="db"
        )
    )
    verdicts = [row["verdict"] for row in found]
    assert verdicts == ["needs_approval", "deny", "deny", "deny", "deny", "deny", "allow"]
    assert found[-1]["host"] == "db"


@given(st.text(max_size=60))
def test_any_text_gets_a_verdict(text: str) -> None:
    assert checked(text)["verdict"] in ("allow", "deny", "needs_approval")


SHELLS = [shell for shell in ("bash", "dash", "zsh") if shutil.which(shell)]
PLAIN = st.text(alphabet="ab/.-_=@%+:,'\" *?$~\\;&|<>(){}[]#!\t", min_size=1, max_size=16)


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=40)
@given(PLAIN)
def test_words_are_what_a_shell_would_make_of_them(shell: str, text: str) -> None:
    """What is accepted as plain reads the same in every shell, though none ever gets it."""
    line = f"printf {text}"
    try:
        plain = read(line)
    except NotPlain:
        return
    if plain.bound is not None or len(plain.words) < 2:
        return
    script = f'show() {{ for word; do printf "%s\\n" "$word"; done; }}; show {text}'
    done = subprocess.run([shell, "-fc", script], capture_output=True, text=True, check=False)
    assert done.stdout == "".join(word + "\n" for word in plain.words[1:])
