"""Steps about log groups, and about the audit parameters of PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from findings import Finding, check
from kinds import are_named, listed, unproved
from stack_graph import UNKNOWN, Resource, Stack, shown
from stores import STRICT, data_class

_WITH_LIBRARY = re.compile(r"with (\w+) from ([0-9]+)")
_LOG = "aws_cloudwatch_log_group"
_HIDDEN = "its parameters are not all shown by this plan; write their names as literals"
_GROUPS = ("aws_db_parameter_group", "aws_rds_cluster_parameter_group")
_USERS = {
    "aws_db_instance": ("parameter_group_name", _GROUPS[0]),
    "aws_rds_cluster": ("db_cluster_parameter_group_name", _GROUPS[1]),
}


@check(
    "every exported log and every function has a log group of the stack", "exported log or function"
)
def log_groups(stack: Stack) -> Iterator[Finding]:
    """Compare names: AWS creates a missing group itself, without a key and without an end."""
    names = {group.planned("name"): group.address for group in stack.all(_LOG)}
    hidden = [
        group.address
        for group in stack.all(_LOG)
        if group.planned("name") is UNKNOWN and stack.is_set(group, "name")
    ]
    for owner, name in _expected(stack):
        if name is None:
            text = "its log groups are not shown by this plan; write its name as a literal"
            yield Finding(False, f"{owner.address}: {text}")
        else:
            group = names.get(name)
            fix = f"no {_LOG} is named {name}; create one before it"
            if hidden:
                now = f"this plan does not show whether {listed(hidden)} has the name {name}"
                fix = f"{now}; write its name as a literal, or create the group"
            yield Finding(group is not None, f"{owner.address}: {group or fix}")


def _expected(stack: Stack) -> Iterator[tuple[Resource, str | None]]:
    sources = (
        ("instance", "aws_db_instance", "identifier"),
        ("cluster", "aws_rds_cluster", "cluster_identifier"),
    )
    for label, type_, argument in sources:
        for owner in stack.all(type_):
            logs = owner.planned("enabled_cloudwatch_logs_exports")
            identifier = owner.planned(argument)
            for log in logs if isinstance(logs, list) else ():
                known = isinstance(identifier, str) and isinstance(log, str)
                yield owner, f"/aws/rds/{label}/{identifier}/{log}" if known else None
    for function in stack.all("aws_lambda_function"):
        name = function.planned("function_name")
        custom = function.planned("logging_config.0.log_group")
        chosen = custom if isinstance(custom, str) and custom else f"/aws/lambda/{name}"
        yield function, chosen if isinstance(name, str) else None


@check("every log group keeps its logs as long as the class of the data requires", "log group")
def retention(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """Require an explicit end, and the days of the table until then."""
    class_ = data_class(stack)
    least = next(int(row["days"]) for row in table if row["class"] == class_)
    for group in stack.all(_LOG):
        days = group.planned("retention_in_days")
        fine = isinstance(days, int | float) and days >= least
        now = "without an end" if days in (0, None) else shown(days)
        text = f"{group.address}: retention_in_days = {now}"
        yield Finding(fine, text if fine else f"{text}; {class_} data requires {least} or more")


@check("the logs of restricted and confidential data outlive the stack", "log group")
def outlives(stack: Stack) -> Iterator[Finding]:
    """Require ``skip_destroy``: Terraform then forgets the log group, and AWS keeps its logs."""
    class_ = data_class(stack)
    for group in stack.all(_LOG):
        if class_ not in STRICT:
            yield Finding(True, f"{group.address}: not required for {class_} data")
            continue
        value = group.planned("skip_destroy")
        text = f"{group.address}: skip_destroy = {shown(value)}"
        fix = f"; {class_} data requires true"
        yield Finding(value is True, text if value is True else text + fix)


@check("every parameter group of PostgreSQL lists these words", "parameter group of PostgreSQL")
def words(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """Require each word of the table in the list that a parameter holds, and others if allowed.

    Other classes of pgaudit write the text of statements, which may hold card numbers.
    """
    for group in _postgres(stack):
        are_shown = are_named(group.planned("parameter"))
        if not are_shown:
            yield Finding(False, f"{group.address}: {_HIDDEN}")
        for row in table:
            # A parameter that seems to be missing may be one whose name the plan does not show.
            unset = [None] * (are_shown and not _only_overrides(group))
            for value in _values(group, row["parameter"]) or unset:
                listed_words = [] if not isinstance(value, str) else value.lower().split(",")
                has = {word.strip() for word in listed_words}
                needed = {word.strip() for word in row["words"].split(",")}
                only = row["others"] == "none"
                fine = has == needed if only else needed <= has
                text = f"{group.address}: {row['parameter']} = {shown(value)}"
                fix = f"; it must list {row['words']}{' and nothing else' * only}"
                yield Finding(fine, text if fine else text + fix)


@check("every parameter group of PostgreSQL has these values", "parameter group of PostgreSQL")
def values(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """Require one of the values wherever a parameter is set; ``required`` ones must be set.

    ``with LIBRARY from N`` requires a parameter from PostgreSQL N on, if the group loads the
    library. ``N or more`` allows every number from N on.
    """
    for group in _postgres(stack):
        are_shown = are_named(group.planned("parameter"))
        if not are_shown:
            yield Finding(False, f"{group.address}: {_HIDDEN}")
        for row in table:
            allowed = [value.strip() for value in row["values"].split(",")]
            planned = _values(group, row["parameter"])
            if not planned and not _is_required(group, row["required"]):
                continue
            for value in planned or [None] * are_shown:
                fine = isinstance(value, str) and any(_is_allowed(value, a) for a in allowed)
                text = f"{group.address}: {row['parameter']} = {shown(value)}"
                yield Finding(fine, text if fine else f"{text}; set it to {allowed[0]}")


@check("every database of PostgreSQL uses a parameter group of the stack", "database of PostgreSQL")
def groups_used(stack: Stack) -> Iterator[Finding]:
    """Require a group that the other steps judge; the default group of AWS has none of it."""
    for type_, (argument, wanted) in _USERS.items():
        for database in stack.all(type_):
            group = stack.one(database, argument, wanted)
            if _is_postgres(stack, database, group):
                expected = f"an {wanted} of the stack"
                text = group.address if group else unproved(stack, database, argument, expected)
                yield Finding(group is not None, f"{database.address}: {text}")


def _is_postgres(stack: Stack, database: Resource, group: Resource | None) -> bool:
    """Return whether a database is PostgreSQL; one whose engine is not shown may be."""
    source = stack.one(database, "replicate_source_db", "aws_db_instance")
    for owner, argument in ((database, "engine"), (source, "engine"), (group, "family")):
        if owner and isinstance(name := owner.planned(argument), str):
            return "postgres" in name
    return True


def _is_allowed(value: str, allowed: str) -> bool:
    """Return whether a value is the allowed one, or a number that is not less.

    >>> _is_allowed(" ON", "on"), _is_allowed("2000", "10 or more"), _is_allowed("2s", "1 or more")
    (True, True, False)
    """
    plain, least = value.strip().lower(), allowed.removesuffix(" or more")
    if least == allowed:
        return plain == allowed
    return plain.isdecimal() and int(plain) >= int(least)


def _is_required(group: Resource, rule: str) -> bool:
    """Return whether a group must set a parameter; what the plan does not show counts as yes."""
    match = _WITH_LIBRARY.fullmatch(rule)
    if not match:
        return rule == "yes" and not _only_overrides(group)
    loaded = [
        library.strip().lower()
        for value in _values(group, "shared_preload_libraries")
        for library in (value.split(",") if isinstance(value, str) else [match[1]])
    ]
    major = str(group.planned("family")).removeprefix("aurora-").removeprefix("postgresql")
    major = major.removeprefix("postgres")
    return match[1] in loaded and not (major.isdecimal() and int(major) < int(match[2]))


def _only_overrides(group: Resource) -> bool:
    """Return whether a group is of an instance of Aurora: its cluster's group must set all."""
    return group.type == _GROUPS[0] and str(group.planned("family")).startswith("aurora")


def _postgres(stack: Stack) -> list[Resource]:
    """Return the parameter groups of PostgreSQL; a family that is not shown may be one."""
    return [
        group
        for type_ in _GROUPS
        for group in stack.all(type_)
        if group.planned("family") is UNKNOWN or "postgres" in str(group.planned("family"))
    ]


def _values(group: Resource, name: str) -> list[Any]:
    settings = group.planned("parameter")
    return [
        group.planned(f"parameter.{n}.value")
        for n, setting in enumerate(settings if isinstance(settings, list) else ())
        if isinstance(setting, dict) and str(setting.get("name")).lower() == name
    ]
