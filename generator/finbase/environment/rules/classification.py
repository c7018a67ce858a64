"""Rules about the protection of data, most of them for restricted and confidential data only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.rules.rule import Finding, rule, whole_number

_STRICT: Final = ("confidential", "restricted")
_DAYS: Final = 30
_YEAR: Final = 365
_ONLY: Final = "a module does not know the class of the data"
_LOWER: Final = "or lower `tags.data_classification` if the data allows it"
_GUIDE: Final = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"


@rule(
    "FB251",
    "important data without protection from deletion",
    "database.deletion_protection",
    "database.skip_final_snapshot",
    "replica.deletion_protection",
    why="One command could delete the database and leave no snapshot. `finbase check` fails B04 "
    "for such an environment.",
    source=f"{_GUIDE}USER_DeleteInstance.html",
    accepted={"tags.data_classification": "internal", "database.deletion_protection": False},
    refused={"tags.data_classification": "confidential", "database.deletion_protection": False},
    yaml_only=_ONLY,
)
def protection(environment: Environment) -> Iterator[Finding]:
    """A database of restricted or confidential data must be protected from deletion."""
    for module, name, wrong in (
        ("database", "deletion_protection", False),
        ("database", "skip_final_snapshot", True),
        ("replica", "deletion_protection", False),
    ):
        yield from _refused(environment, module, name, wrong)


@rule(
    "FB252",
    "important data without a standby",
    "database.multi_az",
    why="When the zone fails, the database fails. `finbase check` fails B06 for such an "
    "environment.",
    source=f"{_GUIDE}Concepts.MultiAZ.html",
    accepted={"tags.data_classification": "internal", "database.multi_az": False},
    refused={"tags.data_classification": "restricted", "database.multi_az": False},
    yaml_only=_ONLY,
)
def standby(environment: Environment) -> Iterator[Finding]:
    """A database of restricted or confidential data must have a standby in another zone."""
    yield from _refused(environment, "database", "multi_az", False)


@rule(
    "FB253",
    "keys of important data deleted too early",
    "kms.deletion_window_in_days",
    why="When a key is gone, the database, its snapshots and its backups are unreadable. `finbase "
    "check` fails B04 for such an environment.",
    source="https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html",
    accepted={"tags.data_classification": "internal", "kms.deletion_window_in_days": 7},
    refused={"tags.data_classification": "restricted", "kms.deletion_window_in_days": 29},
    yaml_only=_ONLY,
)
def key_window(environment: Environment) -> Iterator[Finding]:
    """Keys of restricted or confidential data must wait 30 days before AWS deletes them."""
    for class_, use, instance in _important(environment, "kms"):
        days = whole_number(use, instance, "deletion_window_in_days")
        if days is not None and days < _DAYS:
            message = f"{class_} data requires keys that wait {_DAYS} days, not {days}"
            hint = f"write {_DAYS}, {_LOWER}"
            yield Finding(use.where(instance, "deletion_window_in_days"), message, hint)


@rule(
    "FB254",
    "secret of important data deleted at once",
    "secret.recovery_window_in_days",
    "roles.recovery_window_in_days",
    why="A secret that is deleted by mistake could not be restored. `finbase check` fails B04 for "
    "such an environment.",
    source="https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html",
    accepted={"tags.data_classification": "internal", "secret.recovery_window_in_days": 0},
    refused={"tags.data_classification": "restricted", "secret.recovery_window_in_days": 0},
    yaml_only=_ONLY,
)
def secret_window(environment: Environment) -> Iterator[Finding]:
    """Secrets of restricted or confidential data must be kept for days after they are deleted."""
    for name in ("secret", "roles"):
        for class_, use, instance in _important(environment, name):
            if whole_number(use, instance, "recovery_window_in_days") == 0:
                message = f"{class_} data requires a secret that can be restored"
                hint = f"write a number of days from 7 to 30, {_LOWER}"
                yield Finding(use.where(instance, "recovery_window_in_days"), message, hint)


@rule(
    "FB255",
    "keys that rotate too rarely",
    "kms.rotation_period_in_days",
    why="Less data is at risk if one version of a key is lost. `finbase check` fails B08 for a "
    "longer period.",
    source="https://docs.aws.amazon.com/kms/latest/developerguide/rotating-keys-enable.html",
    accepted={"kms.rotation_period_in_days": _YEAR},
    refused={"kms.rotation_period_in_days": _YEAR + 1},
    yaml_only="the module allows what AWS allows",
)
def key_rotation(environment: Environment) -> Iterator[Finding]:
    """Keys must rotate at least once a year."""
    for use, instance in environment.instances("kms"):
        days = whole_number(use, instance, "rotation_period_in_days")
        if days is not None and days > _YEAR:
            message = f"keys must rotate every {_YEAR} days or more often, not every {days}"
            hint = f"write a number of days from 90 to {_YEAR}, or remove the line"
            yield Finding(use.where(instance, "rotation_period_in_days"), message, hint)


@rule(
    "FB256",
    "logs of important data deleted with the stack",
    "database.keep_logs",
    "secret.keep_logs",
    "roles.keep_logs",
    why="The audit trail would end with the stack, when somebody may ask for it. `finbase check` "
    "fails B07 for such an environment.",
    source="https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html",
    accepted={"tags.data_classification": "internal", "database.keep_logs": False},
    refused={"tags.data_classification": "confidential", "database.keep_logs": False},
    yaml_only=_ONLY,
)
def logs(environment: Environment) -> Iterator[Finding]:
    """The logs of restricted and confidential data must outlive the stack."""
    for module in ("database", "secret", "roles"):
        yield from _refused(environment, module, "keep_logs", False)


def _important(environment: Environment, name: str) -> Iterator[tuple[str, ModuleUse, Instance]]:
    """Yield the class of the data and every instance of a module, if the data is important."""
    class_ = environment.tags.get("data_classification")
    for use, instance in environment.instances(name) if class_ in _STRICT else ():
        yield str(class_), use, instance


def _refused(environment: Environment, module: str, name: str, wrong: bool) -> Iterator[Finding]:
    for class_, use, instance in _important(environment, module):
        if use.value(instance, name) is wrong:
            yield _finding(use, instance, name, wrong, class_)


def _finding(use: ModuleUse, instance: Instance, name: str, wrong: bool, class_: str) -> Finding:
    right = str(not wrong).lower()
    message = f"{class_} data requires `{name}: {right}`"
    return Finding(use.where(instance, name), message, f"write {right}, {_LOWER}")
