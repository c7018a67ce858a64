"""Check a request against AWS's own model of the service, as botocore ships it.

boto3 checks required members and lower bounds only; the Go SDK of Terraform's provider checks
required members. AWS checks lengths, ranges, patterns and enumerations too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from finbase.sandbox.refusals.patterns import compile_pattern
from finbase.sandbox.refusals.rule import Refusal

_SIZED = frozenset({"string", "list", "map", "blob"})
_NUMBERS = frozenset({"integer", "long", "float", "double"})


@dataclass(frozen=True)
class Violation:
    """A member that breaks its model; ``value`` is AWS's spelling of it, ``null`` if missing."""

    path: str
    value: str
    constraint: str

    @property
    def missing(self) -> bool:
        """Whether a required member is missing."""
        return self.value == "null"


def violations(params: Any, shape: Any) -> list[Violation]:
    """Return all violations of an operation's input, in the order of the model's members."""
    return list(_check(params, shape, ""))


def refusal(service: str, found: list[Violation]) -> Refusal:
    """Return the error of AWS's service for one or more violations.

    The codes are those of "Common Errors" in the API Reference of each service.
    """
    first = found[0]
    name = first.path.rpartition(".")[2]
    if service == "ec2":
        if first.missing:
            return Refusal("MissingParameter", f"The request must contain the parameter {name}")
        return Refusal(
            "InvalidParameterValue",
            f"Value ({first.value.strip(chr(39))}) for parameter {name} is invalid. "
            f"{first.constraint}",
        )
    if service in ("rds", "elasticache") and first.missing:
        name = name[:1].upper() + name[1:]
        return Refusal("MissingParameter", f"The request must contain the parameter {name}.")
    return Refusal(_code(service), _message(found))


def _code(service: str) -> str:
    match service:
        case "rds" | "elasticache":
            return "InvalidParameterValue"
        case "iam" | "sns" | "sts" | "cloudwatch":
            return "ValidationError"
        case "logs":
            return "InvalidParameterException"
        case _:
            return "ValidationException"


def _message(found: list[Violation]) -> str:
    plural = "s" if len(found) > 1 else ""
    problems = "; ".join(
        f"Value{f' {item.value}' if item.value else ''} at '{item.path}' failed to satisfy "
        f"constraint: {item.constraint}"
        for item in found
    )
    return f"{len(found)} validation error{plural} detected: {problems}"


def _check(value: Any, shape: Any, path: str) -> Iterator[Violation]:
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        yield from _check_structure(value, shape, path)
        return
    # AWS does not repeat the value of a sensitive member.
    spelling = "" if shape.metadata.get("sensitive") else f"'{value}'"
    for constraint in _broken(value, kind, shape.metadata):
        yield Violation(path, spelling, constraint)
    if kind == "list" and isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield from _check(item, shape.member, f"{path}.{number}.member")
    elif kind == "map" and isinstance(value, Mapping):
        for key, item in value.items():
            yield from _check(key, shape.key, path)
            yield from _check(item, shape.value, f"{path}.{key}.member")


def _check_structure(value: Mapping[str, Any], shape: Any, path: str) -> Iterator[Violation]:
    required = shape.metadata.get("required", ())
    for name, member in shape.members.items():
        inner = ".".join(filter(None, (path, name[:1].lower() + name[1:])))
        if value.get(name) is not None:
            yield from _check(value[name], member, inner)
        elif name in required and not member.metadata.get("idempotencyToken"):
            yield Violation(inner, "null", "Member must not be null")


def _broken(value: Any, kind: str, metadata: Mapping[str, Any]) -> Iterator[str]:
    """Yield each constraint of a value's shape that the value does not satisfy."""
    size: float | None = None
    phrase = ""
    if kind in _SIZED and hasattr(value, "__len__"):
        size, phrase = len(value), "have length"
    elif kind in _NUMBERS and isinstance(value, int | float):
        size, phrase = value, "have value"
    if size is not None:
        if "min" in metadata and size < metadata["min"]:
            yield f"Member must {phrase} greater than or equal to {metadata['min']}"
        if "max" in metadata and size > metadata["max"]:
            yield f"Member must {phrase} less than or equal to {metadata['max']}"
    if kind != "string" or not isinstance(value, str):
        return
    pattern = metadata.get("pattern")
    if pattern and not compile_pattern(pattern).fullmatch(value):
        yield f"Member must satisfy regular expression pattern: {pattern}"
    if metadata.get("enum") and value not in metadata["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(metadata['enum'])}]"
