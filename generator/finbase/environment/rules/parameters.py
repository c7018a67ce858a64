"""Rules about the parameters of the database: they may tune it, and hide nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from finbase.aws.parameters import is_guarded, wrong
from finbase.environment.model import Environment
from finbase.environment.rules.inputs import text_of
from finbase.environment.rules.rule import RDS, Finding, Findings, rule
from finbase.source.document import Where
from finbase.source.scalars import with_closest

_LIBRARIES: Final = ("auto_explain", "cron")
_SOURCE: Final = f"{RDS}Appendix.PostgreSQL.CommonDBATasks.Parameters.html"
_YAML_ONLY: Final = "the list grows with each version of PostgreSQL; a released module does not"


@rule(
    "FB261",
    "not a tuning parameter",
    "database.parameters",
    why="Parameters of logs, audit, TLS, passwords and libraries can hide what happened in the "
    "database or weaken its logins, and RDS rejects an unknown parameter at apply.",
    source=_SOURCE,
    accepted={"database.parameters": {"work_mem": "65536"}},
    refused={"database.parameters": {"log_lock_waits": "0"}},
    yaml_only=_YAML_ONLY,
)
def tuning(environment: Environment) -> Findings:
    """Database parameters must be in the list of tuning parameters."""
    known = environment.catalogue.parameters()
    for where, name, _, _ in _parameters(environment):
        if name in known:
            continue
        message = f"{name} is not in the list of tuning parameters"
        if name.partition(".")[0] in _LIBRARIES or name == "shared_preload_libraries":
            hint = "remove it: `preload_libraries` loads a library, with the parameters it needs"
        elif is_guarded(name):
            hint = "remove it: the module sets the parameters of logs, audit, TLS and passwords"
        else:
            add = "if PostgreSQL has it, add it with its type to known.yaml under `parameters`"
            hint = with_closest(name, known, add)
        yield Finding(where, message, hint, key=True)


@rule(
    "FB262",
    "value that a parameter does not take",
    "database.parameters",
    "database.engine_version",
    why="RDS rejects a value of another type or outside the limits at apply; a plan accepts it.",
    source=_SOURCE,
    accepted={"database.parameters": {"work_mem": "64"}},
    refused={"database.parameters": {"work_mem": "63"}},
    yaml_only=_YAML_ONLY,
)
def value(environment: Environment) -> Findings:
    """The value of a database parameter must have its type, and be within its limits."""
    known = environment.catalogue.parameters()
    for where, name, text, major in _parameters(environment):
        if name in known and (needed := wrong(known[name], text, major)):
            message = f"`{name}` must be {needed}, not {text}"
            yield Finding(where, message, f"write {needed}, without a unit, or remove it")


def _parameters(environment: Environment) -> Iterator[tuple[Where, str, str, int | None]]:
    """Yield the path, name and value of each parameter, with the major version if it is known."""
    for use, instance in environment.instances("database"):
        parameters = use.value(instance, "parameters")
        version = text_of(use, instance, "engine_version").partition(".")[0]
        major = int(version) if version.isdecimal() else None
        for name, text in parameters.items() if isinstance(parameters, dict) else ():
            if isinstance(text, str):
                yield use.where(instance, "parameters", name), name, text, major
