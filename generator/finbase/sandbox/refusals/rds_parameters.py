"""Rules about parameter groups: the parameters of RDS for PostgreSQL, and their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from moto.rds.models import rds_backends

from finbase.aws.parameters import is_static, wrong
from finbase.sandbox.refusals.rule import API, COMBINATION, VALUE, Request, rule
from finbase.source.cache import load_yaml

_ENGINE = "postgres"
_LISTED = frozenset({"auto_explain", "cron", "pg_prewarm", "pg_stat_statements", "pgaudit", "rds"})
"""Extensions whose parameters are all known here; RDS has more extensions than these."""


@rule("rds CreateDBParameterGroup", VALUE, "terraform-aws-modules/terraform-aws-rds/issues/173")
def unknown_family(request: Request) -> str | None:
    """A parameter group is of a family that RDS offers."""
    family = request.params["DBParameterGroupFamily"]
    versions = request.catalogue.versions(_ENGINE)
    if not family.startswith(_ENGINE) or family.removeprefix(_ENGINE) in versions:
        return None
    return f"ParameterGroupFamily {family} is not a valid parameter group family"


@rule("rds ModifyDBParameterGroup", VALUE, "hashicorp/terraform-provider-aws/issues/522")
def unknown_parameter(request: Request) -> str | None:
    """A group has the parameters of its version."""
    for name, _, kind in _parameters(request):
        extension = name.partition(".")[0] if "." in name else None
        later = kind is not None and _since(kind) > (_major(request) or 0)
        if later or (kind is None and (extension is None or extension in _LISTED)):
            return f"Could not find parameter with name: {name}"
    return None


@rule("rds ModifyDBParameterGroup", VALUE, f"{API}Parameter.html")
def invalid_value(request: Request) -> str | None:
    """A parameter has a value within its limits."""
    for name, parameter, kind in _parameters(request):
        value = parameter.get("ParameterValue")
        if kind and value and (allowed := _allowed(kind, value)):
            return f"Invalid parameter value: {value} for: {name} allowed values are: {allowed}"
    return None


@rule("rds ModifyDBParameterGroup", COMBINATION, "hashicorp/terraform/issues/8018")
def static_applied_at_once(request: Request) -> str | None:
    """A static parameter changes at a reboot only."""
    for _, parameter, kind in _parameters(request):
        if kind and is_static(kind) and parameter.get("ApplyMethod") == "immediate":
            return "cannot use immediate apply method for static parameter"
    return None


@rule("rds ModifyDBParameterGroup", VALUE, f"{API}ModifyDBParameterGroup.html")
def too_many_parameters(request: Request) -> str | None:
    """One request changes at most 20 parameters."""
    count = len(request.params.get("Parameters", ()))
    return f"A maximum of 20 parameters can be modified, not {count}." if count > 20 else None


def _parameters(request: Request) -> Iterator[tuple[str, Mapping[str, Any], Sequence[str] | None]]:
    """Yield the name, settings and type of each parameter of a group of PostgreSQL."""
    if _major(request) is None:
        return
    types = {**other_types(), **request.catalogue.parameters()}
    for parameter in request.params.get("Parameters", ()):
        name = str(parameter.get("ParameterName") or "").lower()
        yield name, parameter, types.get(name)


def _major(request: Request) -> int | None:
    backend = request.of(rds_backends)
    group = backend.db_parameter_groups.get(request.params.get("DBParameterGroupName"))
    family = str(group.family) if group else ""
    version = family.removeprefix(_ENGINE)
    return int(version) if version != family and version.isdigit() else None


def _allowed(kind: Sequence[str], value: str) -> str:
    """Return the values of a type, or an empty string if the value is one of them.

    >>> _allowed(("set", "ddl", "role"), "ddl, role"), _allowed(("set", "ddl"), "all")
    ('', 'ddl')
    >>> _allowed(("integer", "0", "9"), "10"), _allowed(("text",), "10")
    ('0-9', '')
    """
    words = [*takewhile(lambda word: word not in ("since", "static"), kind[1:])]
    match kind[0]:
        case "text":
            return ""
        case "set":
            fits = {item.strip() for item in value.split(",")} <= {*words}
        case "enum":
            fits = value.lower() in words
        case _:
            fits = not wrong(kind, value, None)
    if fits:
        return ""
    return "-".join(words) if kind[0] in ("integer", "real") else ",".join(words) or "0,1"


def _since(kind: Sequence[str]) -> int:
    """Return the version that introduced a parameter, or 0."""
    return int(kind[kind.index("since") + 1]) if "since" in kind else 0


@cache
def other_types() -> Mapping[str, tuple[str, ...]]:
    """Return the type of each parameter that an environment cannot set, as words."""
    types = load_yaml(Path(__file__).with_name("parameters.yaml").read_bytes())
    return {name: tuple(kind.split()) for kind, names in types.items() for name in names.split()}
