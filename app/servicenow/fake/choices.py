"""The choices of a fresh instance: values and labels by table and column."""

from __future__ import annotations

_LEVELS = (("1", "1 - High"), ("2", "2 - Medium"), ("3", "3 - Low"))

CHOICES: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("task", "priority"): (
        ("1", "1 - Critical"),
        ("2", "2 - High"),
        ("3", "3 - Moderate"),
        ("4", "4 - Low"),
        ("5", "5 - Planning"),
    ),
    ("task", "impact"): _LEVELS,
    ("task", "urgency"): _LEVELS,
    ("task", "approval"): (
        ("not requested", "Not Yet Requested"),
        ("requested", "Requested"),
        ("approved", "Approved"),
        ("rejected", "Rejected"),
    ),
    ("incident", "severity"): _LEVELS,
    **dict.fromkeys(
        (("incident", "state"), ("incident", "incident_state")),
        (
            ("1", "New"),
            ("2", "In Progress"),
            ("3", "On Hold"),
            ("6", "Resolved"),
            ("7", "Closed"),
            ("8", "Canceled"),
        ),
    ),
    ("incident", "hold_reason"): (
        ("1", "Awaiting Caller"),
        ("5", "Awaiting Change"),
        ("3", "Awaiting Problem"),
        ("4", "Awaiting Vendor"),
    ),
    ("incident", "category"): (
        ("inquiry", "Inquiry / Help"),
        ("software", "Software"),
        ("hardware", "Hardware"),
        ("network", "Network"),
        ("database", "Database"),
    ),
    ("incident", "close_code"): tuple(
        (code, code)
        for code in (
            "Duplicate",
            "Known error",
            "No resolution provided",
            "Resolved by caller",
            "Resolved by change",
            "Resolved by problem",
            "Resolved by request",
            "Solution provided",
            "Workaround provided",
            "User error",
        )
    ),
    ("change_request", "state"): (
        ("-5", "New"),
        ("-4", "Assess"),
        ("-3", "Authorize"),
        ("-2", "Scheduled"),
        ("-1", "Implement"),
        ("0", "Review"),
        ("3", "Closed"),
        ("4", "Canceled"),
    ),
    ("change_request", "type"): (
        ("standard", "Standard"),
        ("normal", "Normal"),
        ("emergency", "Emergency"),
    ),
    ("change_request", "risk"): (("2", "High"), ("3", "Moderate"), ("4", "Low")),
    ("change_request", "close_code"): (
        ("successful", "Successful"),
        ("successful_issues", "Successful with issues"),
        ("unsuccessful", "Unsuccessful"),
    ),
    ("problem", "state"): (("101", "New"), ("102", "Assess"), ("107", "Closed")),
    ("cmdb_ci", "operational_status"): (("1", "Operational"), ("2", "Non-Operational")),
    ("cmdb_ci", "install_status"): (("1", "Installed"), ("7", "Retired")),
}
