"""Rules about the protection of data, most of them for restricted and confidential data only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

from finbase.environment.model import Environment
from finbase.environment.rules.inputs import values
from finbase.environment.rules.rule import AWS, RDS, Finding, Findings, rule
from finbase.source.document import Where

_STRICT: Final = ("confidential", "restricted")
_DAYS: Final = 30
_YEAR: Final = 365
_ONLY: Final = "a module does not know the class of the data"
_LOWER: Final = "or lower `tags.data_classification` if the data allows it"
_Value = TypeVar("_Value")


@rule(
    "FB251",
    "important data without protection from deletion",
    "database.deletion_protection",
    "database.skip_final_snapshot",
    "replica.deletion_protection",
    why="One command could delete the database and leave no snapshot. `finbase check` fails B04 "
    "for such an environment.",
    source=f"{RDS}USER_DeleteInstance.html",
    accepted={"tags.data_classification": "internal", "database.deletion_protection": False},
    refused={"tags.data_classification": "confidential", "database.deletion_protection": False},
    yaml_only=_ONLY,
)
def protection(environment: Environment) -> Findings:
    """A database of restricted or confidential data must be protected from deletion."""
    names = ("database.deletion_protection", "replica.deletion_protection")
    yield from _refused(environment, False, *names)
    yield from _refused(environment, True, "database.skip_final_snapshot")


@rule(
    "FB252",
    "important data without a standby",
    "database.multi_az",
    why="When the zone fails, the database fails. `finbase check` fails B06 for such an "
    "environment.",
    source=f"{RDS}Concepts.MultiAZ.html",
    accepted={"tags.data_classification": "internal", "database.multi_az": False},
    refused={"tags.data_classification": "restricted", "database.multi_az": False},
    yaml_only=_ONLY,
)
def standby(environment: Environment) -> Findings:
    """A database of restricted or confidential data must have a standby in another zone."""
    yield from _refused(environment, False, "database.multi_az")


@rule(
    "FB253",
    "keys of important data deleted too early",
    "kms.deletion_window_in_days",
    why="When a key is gone, the database, its snapshots and its backups are unreadable. `finbase "
    "check` fails B04 for such an environment.",
    source=f"{AWS}kms/latest/developerguide/deleting-keys.html",
    accepted={"tags.data_classification": "internal", "kms.deletion_window_in_days": 7},
    refused={"tags.data_classification": "restricted", "kms.deletion_window_in_days": 29},
    yaml_only=_ONLY,
)
def key_window(environment: Environment) -> Findings:
    """Keys of restricted or confidential data must wait 30 days before AWS deletes them."""
    for class_, where, days in _important(environment, int, "kms.deletion_window_in_days"):
        if days < _DAYS:
            message = f"{class_} data requires keys that wait {_DAYS} days, not {days}"
            yield Finding(where, message, f"write {_DAYS}, {_LOWER}")


@rule(
    "FB254",
    "secret of important data deleted at once",
    "secret.recovery_window_in_days",
    "roles.recovery_window_in_days",
    why="A secret that is deleted by mistake could not be restored. `finbase check` fails B04 for "
    "such an environment.",
    source=f"{AWS}secretsmanager/latest/apireference/API_DeleteSecret.html",
    accepted={"tags.data_classification": "internal", "secret.recovery_window_in_days": 0},
    refused={"tags.data_classification": "restricted", "secret.recovery_window_in_days": 0},
    yaml_only=_ONLY,
)
def secret_window(environment: Environment) -> Findings:
    """Secrets of restricted or confidential data must be kept for days after they are deleted."""
    names = ("secret.recovery_window_in_days", "roles.recovery_window_in_days")
    for class_, where, days in _important(environment, int, *names):
        if days == 0:
            message = f"{class_} data requires a secret that can be restored"
            yield Finding(where, message, f"write a number of days from 7 to 30, {_LOWER}")


@rule(
    "FB255",
    "keys that rotate too rarely",
    "kms.rotation_period_in_days",
    why="Less data is at risk if one version of a key is lost. `finbase check` fails B08 for a "
    "longer period.",
    source=f"{AWS}kms/latest/developerguide/rotating-keys-enable.html",
    accepted={"kms.rotation_period_in_days": _YEAR},
    refused={"kms.rotation_period_in_days": _YEAR + 1},
    yaml_only="the module allows what AWS allows",
)
def key_rotation(environment: Environment) -> Findings:
    """Keys must rotate at least once a year."""
    for where, days in values(environment, int, "kms.rotation_period_in_days"):
        if days > _YEAR:
            message = f"keys must rotate every {_YEAR} days or more often, not every {days}"
            hint = f"write a number of days from 90 to {_YEAR}, or remove the line"
            yield Finding(where, message, hint)


@rule(
    "FB256",
    "logs of important data deleted with the stack",
    "database.keep_logs",
    "secret.keep_logs",
    "roles.keep_logs",
    why="The audit trail would end with the stack, when somebody may ask for it. `finbase check` "
    "fails B07 for such an environment.",
    source=f"{AWS}AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html",
    accepted={"tags.data_classification": "internal", "database.keep_logs": False},
    refused={"tags.data_classification": "confidential", "database.keep_logs": False},
    yaml_only=_ONLY,
)
def logs(environment: Environment) -> Findings:
    """The logs of restricted and confidential data must outlive the stack."""
    names = (f"{module}.keep_logs" for module in ("database", "secret", "roles"))
    yield from _refused(environment, False, *names)


def _important(
    environment: Environment, type_: type[_Value], *names: str
) -> Iterator[tuple[str, Where, _Value]]:
    """Yield the class of the data, with the place and value of inputs, if the data is important."""
    class_ = environment.tags.get("data_classification", "")
    for where, value in values(environment, type_, *names) if class_ in _STRICT else ():
        yield class_, where, value


def _refused(environment: Environment, wrong: bool, *names: str) -> Findings:
    """Yield the inputs of important data that have the wrong one of two values."""
    right = str(not wrong).lower()
    for class_, where, value in _important(environment, bool, *names):
        if value is wrong:
            message = f"{class_} data requires `{where[-1]}: {right}`"
            yield Finding(where, message, f"write {right}, {_LOWER}")
