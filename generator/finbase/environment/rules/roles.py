"""Rules about the roles inside the database, their secrets, and who may read them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from finbase.aws.schedules import fault, hours_left, longest_gap, weekly_windows
from finbase.aws.windows import business, overlap
from finbase.contract.version import Version
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.rules.alarms import connections_of
from finbase.environment.rules.rule import Finding, note, rule, whole_number
from finbase.source.document import Where

_KEYWORDS: Final = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check
    collate collation column concurrently constraint create cross current_catalog current_date
    current_role current_schema current_time current_timestamp current_user default deferrable desc
    distinct do else end except false fetch for foreign freeze from full grant group having ilike in
    initially inner intersect into is isnull join lateral leading left like limit localtime
    localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
    references returning right select session_user similar some symmetric system_user table
    tablesample then to trailing true union unique user using variadic verbose when where window
    with
    """.split()
)
"""Key words that PostgreSQL 14 to 18 reserve; such a name needs quotes in every statement."""

_RESERVED_ROLE = re.compile(r"pg_.*|rds.*|.*_(1|2|iam)|none|public")
_RESERVED_SCHEMA = re.compile(r"pg_.*|information_schema")
_MOST_DAYS: Final = 90
_APP: Final = {"kind": "read-write", "schemas": ["app"]}
_OWNER: Final = {"kind": "owner", "schemas": ["app"]}
_READER: Final = "arn:aws:iam::{}:role/app"
_ACCOUNT: Final = "111122223333"
_PLAN: Final = f"arn:aws:iam::{_ACCOUNT}:role/plan"
_LONG: Final = [f"arn:aws:iam::{_ACCOUNT}:role/{'team/' * 99}app{n}" for n in range(3)]
_MOST_PATTERN: Final = 2_048
_NAMES: Final = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html"
_SECRETS: Final = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/"
_ONLY: Final = "the function in the module refuses it when it sets up the database"


@rule(
    "FB271",
    "reserved name of a role or schema",
    "roles.roles",
    "database.username",
    why="PostgreSQL and RDS keep some names for themselves, and a key word needs quotes in every "
    "statement. A role `app` has the logins `app_1`, `app_2` and `app_iam`, so no other role may "
    "have such a name.",
    source=f"{_NAMES}#RDS_Limits.Constraints",
    accepted={"roles.roles": {"app": _APP, "migrator": _OWNER}},
    refused={"roles.roles": {"app_1": _APP, "migrator": _OWNER}},
    yaml_only=_ONLY,
)
def names(environment: Environment) -> Iterator[Finding]:
    """The name of a role or schema must not be reserved, or that of another login."""
    masters = {i.key: u.value(i, "username") for u, i in environment.instances("database")}
    roles = [(i.key, *role) for u, i in environment.instances("roles") for role in _of(u, i)]
    for key, where, role, declared in roles:
        master = masters.get(key)
        if role in _KEYWORDS or _RESERVED_ROLE.fullmatch(role):
            yield Finding(where, f"`{role}` is a reserved name", "rename the role", key=True)
        elif master in (role, f"{role}_1", f"{role}_2", f"{role}_iam"):
            message = f"the role `{role}` and the master user {master} would have one name"
            yield Finding(where, message, "rename the role", key=True)
        for at, schema in enumerate(_list(declared.get("schemas"))):
            if schema in _KEYWORDS or _RESERVED_SCHEMA.fullmatch(schema):
                message = f"`{schema}` is a reserved name"
                yield Finding((*where, "schemas", at), message, "rename the schema")


@rule(
    "FB272",
    "schema without exactly one owner",
    "roles.roles",
    why="The owner creates the tables of a schema, and its default privileges open them to the "
    "other roles. Without one, or with two, new tables would be closed to some of them.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
    "Appendix.PostgreSQL.CommonDBATasks.Roles.html",
    accepted={"roles.roles": {"app": _APP, "migrator": _OWNER}},
    refused={"roles.roles": {"app": _APP}},
    yaml_only=_ONLY,
)
def owners(environment: Environment) -> Iterator[Finding]:
    """Each schema must have exactly one role of the kind owner."""
    for use, instance in environment.instances("roles"):
        yield from _owners(list(_of(use, instance)))


def _owners(roles: list[tuple[Where, str, Mapping[str, Any]]]) -> Iterator[Finding]:
    of_schema: dict[str, list[str]] = {}
    for _, role, declared in roles:
        for schema in _list(declared.get("schemas")) if declared.get("kind") == "owner" else ():
            of_schema.setdefault(schema, []).append(role)
    reported: set[str] = set()
    for where, role, declared in roles:
        for at, schema in enumerate(_list(declared.get("schemas"))):
            owning = of_schema.get(schema, [])
            second = declared.get("kind") == "owner" and role != owning[0]
            if schema in reported or (owning and not second):
                continue
            reported.add(schema)
            if owning:
                message = f"the schema `{schema}` has two owners: {owning[0]} and {role}"
                hint = "keep one owner; other roles can be read-write"
            else:
                message = f"the schema `{schema}` has no owner"
                hint = "add a role with `kind: owner`, with which migrations log in"
            yield Finding((*where, "schemas", at), message, hint)


@rule(
    "FB273",
    "reader in another account",
    "roles.roles",
    "secret.readers",
    why="The keys of the stack let only their own account decrypt a secret, so a reader in another "
    "account gets an error that says nothing about the secret.",
    source=f"{_SECRETS}auth-and-access_examples_cross.html",
    accepted={"secret.readers": [_PLAN]},
    refused={"secret.readers": [_READER.format("999999999999")]},
)
def own_readers(environment: Environment) -> Iterator[Finding]:
    """Readers of secrets must be of the account of the stack."""
    account = environment.account_id
    places: list[tuple[Where, Any]] = [
        ((*where, "readers"), declared.get("readers")) for where, _, declared in _roles(environment)
    ]
    for use, instance in environment.instances("secret"):
        places.append((use.where(instance, "readers"), use.value(instance, "readers")))
    for where, readers in places if account else ():
        for at, arn in enumerate(_list(readers)):
            if arn.count(":") >= 5 and arn.split(":")[4] != account:
                message = f"{arn} is not of the account {account}"
                hint = "name a role of this account; the other account can assume it"
                yield Finding((*where, at), message, hint)


@rule(
    "FB277",
    "application that reads the connection secret",
    "roles.roles",
    "roles.moving_readers",
    "secret.readers",
    why="It can log in as the master user, drop every table and switch its own audit off. While it "
    "moves to its role it needs both secrets, which `moving_readers` says.",
    source=f"{_SECRETS}auth-and-access_resource-policies.html",
    accepted={
        "secret.readers": [_PLAN],
        "roles.roles": {"app": {**_APP, "readers": [_READER.format(_ACCOUNT)]}, "migrator": _OWNER},
    },
    refused={
        "secret.readers": [_READER.format(_ACCOUNT)],
        "roles.roles": {"app": {**_APP, "readers": [_READER.format(_ACCOUNT)]}, "migrator": _OWNER},
    },
    yaml_only="the modules see the readers of the connection secret, not whose they are",
)
def apart(environment: Environment) -> Iterator[Finding]:
    """A reader of a role's secret must not read the connection secret, except while it moves."""
    moving = {i.key: _list(u.value(i, "moving_readers")) for u, i in environment.instances("roles")}
    of_roles = {
        arn: role
        for _, role, declared in _roles(environment)
        for arn in _list(declared.get("readers"))
    }
    for use, instance in environment.instances("secret"):
        for at, arn in enumerate(_list(use.value(instance, "readers"))):
            if arn in of_roles and arn not in moving.get(instance.key, ()):
                message = f"{arn} also reads the secret of the role `{of_roles[arn]}`"
                hint = "remove it here; while it moves, list it in `roles.moving_readers`"
                yield Finding((*use.where(instance, "readers"), at), message, hint)


@rule(
    "FB278",
    "reader without an alarm that may not read",
    "roles.pipeline_readers",
    "roles.moving_readers",
    "secret.readers",
    why="The policy of the connection secret denies everybody but its readers, so such an ARN is "
    "misspelt, or was removed in one place only.",
    source=f"{_SECRETS}auth-and-access_resource-policies.html",
    accepted={
        "secret.readers": [_PLAN],
        "roles.pipeline_readers": [_PLAN],
    },
    refused={
        "secret.readers": [_PLAN],
        "roles.pipeline_readers": [_READER.format(_ACCOUNT).replace("app", "apply")],
    },
    yaml_only="the modules accept it: it does no harm",
)
def without_alarm(environment: Environment) -> Iterator[Finding]:
    """Readers whose reads raise no alarm must be readers of the connection secret."""
    admitted = {i.key: _list(u.value(i, "readers")) for u, i in environment.instances("secret")}
    for use, instance in environment.instances("roles"):
        for name in ("pipeline_readers", "moving_readers"):
            for at, arn in enumerate(_list(use.value(instance, name))):
                if arn not in admitted.get(instance.key, ()):
                    message = f"{arn} is not in `secret.readers`"
                    hint = "correct the ARN, add it there, or remove it here"
                    yield Finding((*use.where(instance, name), at), message, hint)


@rule(
    "FB279",
    "too many readers without an alarm",
    "roles.pipeline_readers",
    "roles.moving_readers",
    why="They are in the pattern of a rule of EventBridge, which refuses a longer one when it is "
    "applied. AWS doubles this quota on request, but Terraform's provider may not know of it.",
    source="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html",
    accepted={"secret.readers": _LONG, "roles.moving_readers": _LONG[1:]},
    refused={"secret.readers": _LONG, "roles.moving_readers": [*_LONG]},
    yaml_only="the modules limit their number, not the length of their names",
)
def short_pattern(environment: Environment) -> Iterator[Finding]:
    """The pattern with the readers that raise no alarm must have at most 2,048 characters."""
    names_ = ("pipeline_readers", "moving_readers")
    for use, instance in environment.instances("roles"):
        arns = {arn for name in names_ for arn in _list(use.value(instance, name))}
        stack = "-".join(filter(None, (environment.stack_name, instance.key)))
        if len(pattern_of_reads(environment, stack, arns, use.version)) > _MOST_PATTERN:
            set_here = [name for name in names_ if name in instance.inputs][-1:]
            message = f"{len(arns)} ARNs make the pattern longer than {_MOST_PATTERN:,} characters"
            hint = "remove applications that have moved, or use roles with shorter paths"
            yield Finding(use.where(instance, *set_here), message, hint)


def pattern_of_reads(
    environment: Environment, stack: str, arns: Collection[str], version: Version
) -> str:
    """Return the pattern that reports reads of the master user's secrets by others than ``arns``.

    Releases before 1.3.0 watch the connection secret only, and report each user.
    """
    account = f"{environment.account_id}:"
    prefix, watched = f"arn:{environment.partition}", f"{stack}/database/"
    functions = [f"{prefix}:iam::{account}role/{stack}-{name}" for name in ("roles", "rotation")]
    users = sorted(arn for arn in arns if ":user/" in arn)
    no_type: object = ["AssumedRole", "IAMUser"] if users else ["AssumedRole"]
    whole: list[object] = []
    if version < Version.parse("1.3.0"):
        users, no_type, watched = [], "AssumedRole", f"{watched}connection"
        whole = [watched]
    issuer = {"arn": [{"anything-but": [*functions, *sorted({*arns} - {*users})]}]}
    others: list[object] = [
        {"userIdentity": {"type": [{"anything-but": no_type}]}},
        {"userIdentity": {"sessionContext": {"sessionIssuer": issuer}}},
    ]
    if users:
        others.append({"userIdentity": {"arn": [{"anything-but": users}], "type": ["IAMUser"]}})
    secret_arn = f"{prefix}:secretsmanager:{environment.region}:{account}secret:{watched}"
    ids = [*(whole or [{"prefix": watched}]), {"prefix": secret_arn}]
    pattern = {
        "detail": {
            "$or": others,
            "eventName": ["GetSecretValue"],
            "requestParameters": {"secretId": ids},
        },
        "detail-type": ["AWS API Call via CloudTrail"],
        "source": ["aws.secretsmanager"],
    }
    return json.dumps(pattern, separators=(",", ":"))


@rule(
    "FB274",
    "rotation during business hours",
    "roles.rotation_schedule",
    "roles.rotation_window_hours",
    why="A client that reads its secret only when it starts loses its connection with the second "
    "rotation after that. Outside business hours, that harms the fewest.",
    source=f"{_SECRETS}rotate-secrets_schedule.html",
    accepted={"roles.rotation_schedule": "cron(0 4 ? * MON *)"},
    refused={"roles.rotation_schedule": "cron(0 5 ? * MON *)"},
    yaml_only="the modules do not contain the business hours of regions",
)
def rotation_window(environment: Environment) -> Iterator[Finding]:
    """Secrets of roles must rotate outside the region's business hours, Monday to Friday."""
    hours = environment.catalogue.business_hours(environment.region)
    busy = business(hours) if hours else ()
    for use, instance, schedule in _schedules(environment):
        length = whole_number(use, instance, "rotation_window_hours")
        windows = weekly_windows(schedule, length) if length else ()
        if any(overlap(window, span) for window in windows for span in busy):
            set_here = [n for n in _TIMES if n in instance.inputs][:1]
            message = (
                f"{schedule} with a window of {length} hours overlaps the business hours of "
                f"{environment.region} ({hours} UTC, Monday to Friday)"
            )
            hint = "choose another hour or another day, such as cron(0 2 ? * SUN *)"
            yield Finding(use.where(instance, *set_here), message, hint)


_TIMES: Final = ("rotation_schedule", "rotation_window_hours")


@rule(
    "FB280",
    "rotation that Secrets Manager refuses",
    "roles.rotation_schedule",
    "roles.rotation_window_hours",
    why="A window must end on the UTC day on which it starts: hour and duration are at most 24 "
    "together. Numbers and steps must be those of their field. A plan accepts other schedules, "
    "and the apply fails.",
    source=f"{_SECRETS}rotate-secrets_schedule.html",
    accepted={"roles.rotation_schedule": "cron(0 22 ? * SUN *)"},
    refused={"roles.rotation_schedule": "cron(0 23 ? * SUN *)"},
    yaml_only="a pattern cannot add the hour of a schedule to another input",
)
def rotation_refused(environment: Environment) -> Iterator[Finding]:
    """A schedule must be valid, and its windows must not extend into the next UTC day."""
    for use, instance, schedule in _schedules(environment):
        if longest_gap(schedule) is None:
            continue  # FB275 reports it.
        if wrong := fault(schedule):
            hint = "write a schedule such as cron(0 2 ? * SUN *) or rate(30 days)"
            at = use.where(instance, "rotation_schedule")
            yield Finding(at, f"{schedule} is not valid: {wrong}", hint)
            continue
        length, left = whole_number(use, instance, "rotation_window_hours"), hours_left(schedule)
        if length is not None and left is not None and length > left:
            set_here = [n for n in reversed(_TIMES) if n in instance.inputs][:1]
            message = f"a window of {length} hours from {24 - left}:00 UTC ends on the next day"
            hint = f"set `rotation_window_hours` to {left} or less, or choose an earlier hour"
            yield Finding(use.where(instance, *set_here), message, hint)


@rule(
    "FB275",
    "secrets of roles that rotate too rarely",
    "roles.rotation_schedule",
    why="PCI DSS 8.6.3 requires that passwords of applications change; finbase allows at most 90 "
    "days between two rotations.",
    source=f"{_SECRETS}rotate-secrets_schedule.html",
    accepted={"roles.rotation_schedule": "rate(90 days)", "roles.rotation_overdue_days": 91},
    refused={"roles.rotation_schedule": "rate(91 days)", "roles.rotation_overdue_days": 91},
    yaml_only="a pattern cannot count the days between two runs of a cron expression",
)
def rotation_often(environment: Environment) -> Iterator[Finding]:
    """Secrets of roles must rotate at least every 90 days."""
    for use, instance, schedule in _schedules(environment):
        gap = longest_gap(schedule)
        if gap is None or gap > _MOST_DAYS:
            every = "never runs" if gap is None else f"runs every {gap} days"
            message = f"{schedule} {every}; a password may be {_MOST_DAYS} days old"
            hint = "write a schedule such as cron(0 2 ? * SUN *) or rate(30 days)"
            yield Finding(use.where(instance, "rotation_schedule"), message, hint)


@rule(
    "FB276",
    "alarm for a rotation that is not late",
    "roles.rotation_overdue_days",
    "roles.rotation_schedule",
    why="The alarm would be raised before each rotation, and nobody would listen to it.",
    source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/"
    "AlarmThatSendsEmail.html",
    accepted={"roles.rotation_overdue_days": 8},
    refused={"roles.rotation_overdue_days": 7},
    yaml_only="a pattern cannot count the days between two runs of a cron expression",
)
def overdue(environment: Environment) -> Iterator[Finding]:
    """An alarm for a late rotation must be later than the next rotation of the schedule."""
    for use, instance, schedule in _schedules(environment):
        days, gap = whole_number(use, instance, "rotation_overdue_days"), longest_gap(schedule)
        if days is not None and gap is not None and gap <= _MOST_DAYS and days <= gap:
            names_ = ("rotation_overdue_days", "rotation_schedule")
            set_here = [name for name in names_ if name in instance.inputs][:1]
            message = f"the alarm after {days} days precedes a rotation every {gap} days"
            hint = f"set `rotation_overdue_days` to {gap + 1} or more"
            yield Finding(use.where(instance, *set_here), message, hint)


@note(
    "FB314",
    "more connections than the instance allows",
    "roles.roles",
    "database.instance_class",
    why="The limits of roles are there so that one application cannot take all connections. Each "
    "role has two logins with the limit, and a third for tokens of IAM. If their sum is more than "
    "`max_connections`, which RDS computes from the memory, it still can.",
    source=_NAMES,
    accepted={
        "database.instance_class": "db.m7g.large",
        "roles.roles": {"app": {**_APP, "connection_limit": 380}, "migrator": _OWNER},
    },
    refused={
        "database.instance_class": "db.m7g.large",
        "roles.roles": {"app": {**_APP, "connection_limit": 420}, "migrator": _OWNER},
    },
)
def connections(environment: Environment) -> Iterator[Finding]:
    """The connection limits of the logins of all roles should fit on the instance together."""
    for database, primary in environment.instances("database"):
        most = connections_of(database, primary)
        for use, instance in environment.instances("roles") if most else ():
            if instance.key != primary.key:
                continue
            limits = {
                where: declared.get("connection_limit", 50)
                * (3 if declared.get("iam_login") else 2)
                for where, _, declared in _of(use, instance)
                if isinstance(declared.get("connection_limit", 50), int)
            }
            total = sum(limits.values())
            if total > (most or 0):
                message = f"logins of roles may have {total} connections, the instance about {most}"
                hint = "lower a `connection_limit`, or choose a class with more memory"
                largest = max(limits, key=lambda where: limits[where])
                yield Finding(largest, message, hint, key=True)


@note(
    "FB315",
    "role without readers",
    "roles.roles",
    why="The policy of a secret denies everybody but the function and the readers, so nobody can "
    "log in as this role yet.",
    source=f"{_SECRETS}auth-and-access_resource-policies.html",
    accepted={
        "roles.roles": {"migrator": {**_OWNER, "readers": [_READER.format(_ACCOUNT)]}},
    },
    refused={"roles.roles": {"migrator": _OWNER}},
)
def readers(environment: Environment) -> Iterator[Finding]:
    """Each role should have readers, or a login for tokens of IAM."""
    for where, role, declared in _roles(environment):
        if not declared.get("readers") and not declared.get("iam_login"):
            message = f"nobody may read the secret of the role `{role}`"
            hint = f"list the IAM roles of its applications in `roles.{role}.readers`"
            yield Finding(where, message, hint, key=True)


@note(
    "FB318",
    "application that has not moved",
    "roles.moving_readers",
    why="It may still log in as the master user. Remove it here and from `secret.readers` once it "
    "uses its role.",
    source=f"{_SECRETS}auth-and-access_resource-policies.html",
    accepted={"secret.readers": [_PLAN], "roles.moving_readers": []},
    refused={
        "secret.readers": [_PLAN],
        "roles.moving_readers": [_PLAN],
    },
)
def unfinished(environment: Environment) -> Iterator[Finding]:
    """A move to roles should end, so that no application can log in as the master user."""
    for use, instance in environment.instances("roles"):
        for at, arn in enumerate(_list(use.value(instance, "moving_readers"))):
            message = f"{arn} may still log in as the master user"
            hint = "once it uses its role, remove it here and from `secret.readers`"
            yield Finding((*use.where(instance, "moving_readers"), at), message, hint)


@note(
    "FB319",
    "every read of the connection secret raises an alarm",
    "roles.pipeline_readers",
    "secret.readers",
    why="Terraform reads the connection secret in each plan. Without `pipeline_readers`, each plan "
    "raises the alarm, and nobody will listen to it.",
    source=f"{_SECRETS}monitoring-cloudtrail.html",
    accepted={
        "secret.readers": [_PLAN],
        "roles.pipeline_readers": [_PLAN],
    },
    refused={"secret.readers": [_PLAN], "roles.pipeline_readers": []},
)
def noisy(environment: Environment) -> Iterator[Finding]:
    """The roles that plan and apply should be listed, so that their reads raise no alarm."""
    listed_ = {i.key for u, i in environment.instances("secret") if u.value(i, "readers")}
    for use, instance in environment.instances("roles"):
        # None without the input, as in older releases, whose alarm leaves all readers out.
        if instance.key in listed_ and use.value(instance, "pipeline_readers") == []:
            message = "no reader of the connection secret is known to plan or apply"
            hint = "list the IAM roles that plan and apply in `roles.pipeline_readers`"
            yield Finding(use.where(instance), message, hint, key=True)


@note(
    "FB320",
    "alarm about the connection secret that nobody gets",
    "roles.roles",
    why="The rule of EventBridge that reports who reads the connection secret sends to the topic. "
    "Before monitoring 3.0.0 and kms 2.0.0, the policies of topic and key do not let it.",
    source="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html",
    accepted={"monitoring.version": "3.0.0"},
    refused={"monitoring.version": "2.0.1"},
)
def reported(environment: Environment) -> Iterator[Finding]:
    """With roles, the topic and its key should let EventBridge send."""
    for roles, instance in environment.instances("roles"):
        for name, least in _LETTING_RULES.items():
            use = environment.module(name)
            if use and use.version < Version.parse(least):
                message = f"EventBridge may not send to the topic of {name} {use.version}"
                yield Finding(
                    roles.where(instance), message, f"pin {name} {least} or newer", key=True
                )


_LETTING_RULES: Final = {"kms": "2.0.0", "monitoring": "3.0.0"}


def _roles(environment: Environment) -> Iterator[tuple[Where, str, Mapping[str, Any]]]:
    for use, instance in environment.instances("roles"):
        yield from _of(use, instance)


def _of(use: ModuleUse, instance: Instance) -> Iterator[tuple[Where, str, Mapping[str, Any]]]:
    """Yield the place, the name and the declaration of each role; defaults are at the module."""
    value: Any = use.value(instance, "roles")
    in_file = "roles" in instance.inputs
    for role, declared in value.items() if isinstance(value, Mapping) else ():
        if isinstance(declared, Mapping):
            where = use.where(instance, *(("roles", role) if in_file else ()))
            yield where, str(role), declared


def _schedules(environment: Environment) -> Iterator[tuple[ModuleUse, Instance, str]]:
    for use, instance in environment.instances("roles"):
        schedule: Any = use.value(instance, "rotation_schedule")
        if isinstance(schedule, str):
            yield use, instance, schedule


def _list(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
