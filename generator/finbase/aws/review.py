"""Which changes a reviewer must see: those of access, and those that shorten what is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_ACCESS = re.compile(
    r"iam|kms|polic|permission|security_group|role|user|grant|access|secret|subscription"
    r"|route|acl(_|$)|gateway|peering|endpoint|public|lambda|proxy|provider|password|principal"
    r"|encrypt|subnet_id|invoke"
)
_RETENTION = {
    "backup_retention_period": "backups",
    "deletion_window_in_days": "the time to rescue a deleted key",
    "performance_insights_retention_period": "Performance Insights data",
    "recovery_window_in_days": "the time to rescue a deleted secret",
    "retention_in_days": "log entries",
    "retention_period": "backups",
    "snapshot_retention_limit": "snapshots",
}
"""Arguments that hold a number of days → what is kept for so long."""
_KEPT_FOREVER = ("aws_cloudwatch_log_group", "retention_in_days")
_EXPORTS = ("enabled_cloudwatch_logs_exports", "enabled_log_types")
_SWITCHES = {
    "copy_tags_to_snapshot": (True, "the tags of future snapshots"),
    "delete_automated_backups": (False, "the automated backups of a deleted instance"),
    "deletion_protection": (True, "the protection against deletion"),
    "enable_log_file_validation": (True, "the proof that log files were not edited"),
    "enable_logging": (True, "the log"),
    "performance_insights_enabled": (True, "future Performance Insights data"),
    "skip_destroy": (True, "the log of a destroyed stack"),
    "skip_final_snapshot": (False, "the final snapshot of a deleted instance"),
}
"""Arguments → the value that preserves something, and what the other value loses."""


def controls_access(name: str) -> bool:
    """Return whether a resource type or an argument decides who can reach or read something.

    >>> controls_access("aws_vpc_security_group_ingress_rule")
    True
    >>> controls_access("publicly_accessible"), controls_access("instance_class")
    (True, False)
    """
    return bool(_ACCESS.search(name))


def shortened(
    kind: str, before: Mapping[str, Any], after: Mapping[str, Any], unknown: Mapping[str, Any]
) -> str:
    """Return which evidence the update of a resource of type ``kind`` loses, or an empty string.

    ``before``, ``after`` and ``unknown`` are those of a change in a plan's JSON.

    >>> group, forever, year = "aws_cloudwatch_log_group", 0, 365
    >>> shortened(group, {"retention_in_days": 3653}, {"retention_in_days": year}, {})
    'log entries older than 365 days (kept for 3653 days so far)'
    >>> shortened(group, {"retention_in_days": forever}, {"retention_in_days": year}, {})
    'log entries older than 365 days (kept forever so far)'
    >>> shortened("aws_db_instance", {"deletion_protection": True}, {}, {})
    'the protection against deletion'
    """
    losses = []
    for name, what in _RETENTION.items():
        old, new = _days(kind, name, before.get(name)), _days(kind, name, after.get(name))
        if unknown.get(name) is True and old:
            losses.append(f"perhaps {what}: the plan does not show the new {name}")
        elif old is not None and (new or 0) < old:
            so_far = "forever" if old == float("inf") else f"for {old:g} days"
            losses.append(
                f"{what} older than {new:g} days (kept {so_far} so far)"
                if new
                else f"all {what} (kept {so_far} so far)"
            )
    for name in _EXPORTS:
        if gone := sorted({*(before.get(name) or ())} - {*(after.get(name) or ())}):
            losses.append(f"future logs that are no longer exported: {', '.join(map(str, gone))}")
    for name, (safe, what) in _SWITCHES.items():
        if name in before and before[name] is safe and after.get(name) is not safe:
            losses.append(what)
    return "; ".join(losses)


def _days(kind: str, name: str, value: Any) -> float | None:
    """Return a retention in days; infinity for a log group that is kept forever."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return float("inf") if value == 0 and (kind, name) == _KEPT_FOREVER else float(value)
