"""docs/reference/permissions.md, made from the matrix: `python -m app.access.permissions_page`."""

from __future__ import annotations

import sys

from app.domain.permission import LOCAL, MEANING, ROLES, Permission, Role

INTRODUCTION = """\
# Permissions

Made from `app/domain/permission.py` by `python -m app.access.permissions_page`; a test holds the
two together. What has no mark is not allowed. A key and a session have exactly one role, and roles
are no ladder: who administers cannot approve, and who approves cannot administer.

*local* is whoever is on the server's own machine while no key has been made and hosts are
simulated. A decision takes an approver's token even then. Where hosts are real
(`ENABLE_REAL_SSH=true`) there is no *local*: everybody shows a key, a token or a source's proof.
"""


def page() -> str:
    """The page, whole."""
    columns = [role.value for role in Role] + ["local"]
    lines = [
        INTRODUCTION,
        f"| permission | what it lets one do | {' | '.join(columns)} |",
        f"|---|---|{'---|' * len(columns)}",
        *(_line(permission) for permission in Permission),
    ]
    return "\n".join(lines) + "\n"


def _line(permission: Permission) -> str:
    marks = [permission in ROLES[role] for role in Role] + [permission in LOCAL]
    cells = " | ".join("yes" if mark else "" for mark in marks)
    return f"| `{permission.value}` | {MEANING[permission]} | {cells} |"


if __name__ == "__main__":
    sys.stdout.write(page())
