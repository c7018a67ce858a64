"""Rules about tags: the same ones for all services, but each service has its own errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from finbase.sandbox.refusals.patterns import compile_pattern
from finbase.sandbox.refusals.rule import API, VALUE, Check, Request, Rule, page, rule

_SOURCE = page("tag-editor/latest/userguide/best-practices-and-strats.html")
_RESERVED = {
    "cloudwatch": VALUE,
    "ec2": VALUE,
    "elasticache": VALUE,
    "events": "ValidationException",
    "iam": "InvalidInput",
    "kms": "TagException",
    "lambda": "InvalidParameterValueException",
    "logs": "InvalidParameterException",
    "rds": VALUE,
    "secretsmanager": "InvalidParameterException",
    "sns": "InvalidParameter",
}
"""The error for a reserved key, by service."""

_TOO_MANY = {
    "elasticache": "TagQuotaPerResourceExceeded",
    "events": "LimitExceededException",
    "kms": "LimitExceededException",
    "rds": VALUE,
    "secretsmanager": "LimitExceededException",
    "sns": "TagLimitExceeded",
}
"""The error for more tags than a resource can have, where neither the model nor moto has one."""

_MOST = 50
_CHARACTERS = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*"


def rules() -> tuple[Rule, ...]:
    """Return two rules for each service: about the keys of tags, and about their number."""
    kinds: tuple[tuple[Mapping[str, str], str, Check, str], ...] = (
        (_RESERVED, "reserved-tag", _reserved, "The key of a tag does not start with `aws:`"),
        (_TOO_MANY, "too-many-tags", _too_many, f"A resource has at most {_MOST} tags"),
    )
    return tuple(
        Rule(f"{service}-{name}", service, ("*",), code, check, _SOURCE, says)
        for codes, name, check, says in kinds
        for service, code in codes.items()
    )


@rule("rds *", VALUE, f"{API}Tag.html")
def invalid_tag(request: Request) -> str | None:
    """Tags have 1 to 128 characters in the key, 0 to 256 in the value, and not the prefix rds."""
    for key, value in _tags(request):
        if key.startswith("rds:"):
            return f"Tag keys starting with 'rds:' are reserved for system use: {key}"
        for text, lengths in ((key, range(1, 129)), (value, range(257))):
            if len(text) not in lengths or not compile_pattern(_CHARACTERS).fullmatch(text):
                return (
                    f"Invalid tag {key}: keys have 1 to 128 characters and values at most 256; "
                    "both take Unicode letters, digits, white space and _ . : / = + - @"
                )
    return None


def _reserved(request: Request) -> str | None:
    for key, _ in _tags(request):
        if key.lower().startswith("aws:"):
            return f"Tag keys starting with 'aws:' are reserved for system use: {key}"
    return None


def _too_many(request: Request) -> str | None:
    count = len({key for key, _ in _tags(request)})
    return f"A resource has at most {_MOST} tags, not {count}." if count > _MOST else None


def _tags(request: Request) -> Iterator[tuple[str, str]]:
    """Yield the key and value of each tag that a request adds."""
    if request.operation.startswith(("Delete", "Untag")):
        return
    found: Any = request.params.get("Tags") or request.params.get("tags") or []
    if isinstance(found, Mapping):
        found = [{"Key": key, "Value": value} for key, value in found.items()]
    specified = (each.get("Tags") or () for each in request.params.get("TagSpecifications") or ())
    for tag in (*found, *(tag for tags in specified for tag in tags)):
        key, value = (tag.get(name) or tag.get(f"Tag{name}") for name in ("Key", "Value"))
        yield str(key or ""), str(value or "")
