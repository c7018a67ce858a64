"""Requests drawn from botocore's models: what they allow passes, what they forbid is refused.

A drawn request is serialised as boto3 does it, parsed as the local AWS does it, and checked. So
the tests cover each of the protocols, and no check depends on the form of the request.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit

import botocore.session
import pytest
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from moto.core.request import Request
from moto.core.responses import BaseResponse
from moto.core.utils import get_service_model

from finbase.sandbox.refusals import model
from finbase.sandbox.refusals.patterns import compile_pattern
from finbase.sandbox.server import SERVICES

# One protocol each: query, ec2, json and rest-json.
OPERATIONS = (
    ("rds", "CreateDBInstance"),
    ("rds", "CreateDBParameterGroup"),
    ("rds", "ModifyDBInstance"),
    ("elasticache", "CreateServerlessCache"),
    ("elasticache", "CreateUserGroup"),
    ("iam", "CreateRole"),
    ("iam", "PutRolePolicy"),
    ("sns", "CreateTopic"),
    ("cloudwatch", "PutMetricAlarm"),
    ("ec2", "AuthorizeSecurityGroupIngress"),
    ("ec2", "CreateSubnet"),
    ("ec2", "CreateVpcEndpoint"),
    ("kms", "CreateKey"),
    ("kms", "EnableKeyRotation"),
    ("logs", "CreateLogGroup"),
    ("logs", "PutMetricFilter"),
    ("secretsmanager", "CreateSecret"),
    ("secretsmanager", "RotateSecret"),
    ("lambda", "AddPermission"),
    ("lambda", "CreateFunction"),
    ("lambda", "PutFunctionConcurrency"),
)
# The model of EC2 leaves everything in this request open.
UNBOUNDED = ("ec2", "AuthorizeSecurityGroupIngress")
FEW = settings(
    max_examples=10,
    deadline=None,
    # A drawn request is small, and to shrink it takes minutes.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@dataclass(frozen=True)
class Broken:
    """A value that violates its shape, in place of the one that was drawn."""

    value: Any


@cache
def service_model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def protocol(service: str) -> str:
    """Return the protocol that the local AWS and Terraform's provider share."""
    return "query" if service == "cloudwatch" else str(service_model(service).protocol)


@cache
def values(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Draw values that a shape allows."""
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max")
    match shape.type_name:
        case "structure":
            return structures(shape, depth)
        case "list":
            size = max(int(low), 1)
            most = min(size + 1, int(high or size + 1))
            return st.lists(values(shape.member, depth + 1), min_size=size, max_size=most)
        case "map":
            keys, items = values(shape.key, depth + 1), values(shape.value, depth + 1)
            size = max(int(low), 1)
            return st.dictionaries(keys, items, min_size=size, max_size=size)
        case "string":
            return strings(shape, int(low), high)
        case "integer" | "long":
            return st.integers(int(low), min(int(high or 1_000), int(low) + 1_000))
        case "float" | "double":
            return st.integers(int(low), int(high or low + 1_000)).map(float)
        case "boolean":
            return st.booleans()
        case "blob":
            return st.binary(min_size=max(int(low), 1), max_size=max(int(low), 1) + 8)
        case other:
            pytest.fail(f"no values for {other}")


def strings(shape: Any, low: int, high: int | None) -> st.SearchStrategy[str]:
    if shape.metadata.get("enum"):
        return st.sampled_from(shape.metadata["enum"])
    pattern = shape.metadata.get("pattern")
    longest = high if high is not None else low + 40
    # Hypothesis takes minutes for Unicode categories; those of AWS's models include letters.
    if not pattern or r"\p{" in pattern:
        return st.text("abcXYZ019", min_size=max(low, 1), max_size=max(low, 1, min(longest, 40)))
    # Control characters do not survive HTTP unchanged, so the alphabet has none.
    texts = st.from_regex(
        compile_pattern(pattern),
        fullmatch=True,
        alphabet=st.characters(min_codepoint=32, max_codepoint=126),
    )
    return texts.filter(lambda text: max(low, 1) <= len(text) <= longest and text == text.strip())


@st.composite
def structures(draw: st.DrawFn, shape: Any, depth: int) -> dict[str, Any]:
    required = shape.metadata.get("required", ())
    optional = [
        name
        for name, member in shape.members.items()
        if member.type_name != "timestamp" and name not in required
    ]
    names = {*required, *(name for name in optional if depth < 3 and not draw(st.integers(0, 3)))}
    # The query protocol does not tell an empty structure from a missing one.
    names |= {*optional[:1]} if not names else set()
    return {name: draw(values(shape.members[name], depth + 1)) for name in sorted(names)}


@st.composite
def requests(draw: st.DrawFn, service: str, operation: str) -> dict[str, Any]:
    return draw(structures(service_model(service).operation_model(operation).input_shape, 0))


def broken_values(shape: Any) -> list[Broken]:
    """Return a value for each constraint of a shape, which that constraint forbids."""
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    found = []
    if shape.type_name == "string":
        found += [Broken("a" * (high + 1))] if high is not None and high < 100_000 else []
        found += [Broken("no such value")] if shape.metadata.get("enum") else []
        # A pattern such as .* allows any text on one line.
        pattern = shape.metadata.get("pattern")
        candidates = ("~ \t~", "~é~ ~")
        forbidden = [text for text in candidates if pattern and not match(pattern, text)]
        found += [Broken(forbidden[0])] if forbidden else []
    if shape.type_name in ("integer", "long", "float", "double"):
        found += [Broken(int(low) - 1)] if low is not None else []
        found += [Broken(int(high) + 1)] if high is not None else []
    return found


def match(pattern: str, text: str) -> bool:
    return bool(compile_pattern(pattern).fullmatch(text))


def parsed(service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
    """Serialise a request as boto3 does, and parse it as the local AWS does."""
    operation_model = service_model(service).operation_model(operation)
    serializer = create_serializer(protocol(service), include_validation=False)
    http = serializer.serialize_to_request(params, operation_model)
    body = http["body"]
    if isinstance(body, dict):
        body = urlencode(body).encode()
    path = urlsplit(http["url_path"])
    environ = {
        "REQUEST_METHOD": http["method"],
        "PATH_INFO": path.path.encode().decode("latin-1"),
        "QUERY_STRING": path.query or urlencode(http.get("query_string") or {}, doseq=True),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_HOST": "localhost",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body if isinstance(body, bytes) else body.encode()),
        "CONTENT_LENGTH": str(len(body)),
        **{
            f"HTTP_{key.upper().replace('-', '_')}": value for key, value in http["headers"].items()
        },
    }
    environ["CONTENT_TYPE"] = http["headers"].get("Content-Type", "")
    from finbase.sandbox.refusals import refuse  # It imports moto's models.

    response = BaseResponse(service)
    response.setup_class(Request(environ))
    assert response._get_action() == operation
    moto_model: Any = get_service_model(service)
    found = refuse.parse(response, moto_model.operation_model(operation), protocol(service))
    return dict(found)


def check(service: str, operation: str, params: dict[str, Any]) -> list[model.Violation]:
    shape = service_model(service).operation_model(operation).input_shape
    return model.violations(parsed(service, operation, params), shape)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_valid_requests_pass(service: str, operation: str) -> None:
    @FEW
    @given(requests(service, operation))
    def passes(params: dict[str, Any]) -> None:
        assert check(service, operation, params) == []

    passes()


@pytest.mark.parametrize(("service", "operation"), [o for o in OPERATIONS if o != UNBOUNDED])
def test_forbidden_requests_are_refused(service: str, operation: str) -> None:
    shape = service_model(service).operation_model(operation).input_shape
    required = [
        name
        for name in shape.metadata.get("required", ())
        if shape.members[name].serialization.get("location") != "uri"
    ]
    breaks: list[tuple[str, Broken | None]] = [(name, None) for name in required]
    for name, member in shape.members.items():
        if member.serialization.get("location") != "uri":
            breaks += [(name, broken) for broken in broken_values(member)]
    assert breaks

    @FEW
    @given(requests(service, operation), st.sampled_from(breaks))
    def refused(params: dict[str, Any], broken: tuple[str, Broken | None]) -> None:
        name, replacement = broken
        assume(replacement is None or replacement.value not in (None, ""))
        rest = {key: value for key, value in params.items() if key != name}
        found = check(
            service, operation, rest if replacement is None else rest | {name: replacement.value}
        )
        assert [item.path for item in found] == [name[:1].lower() + name[1:]] * len(found)
        assert found
        assert found[0].missing is (replacement is None)

    refused()


@pytest.mark.parametrize("service", sorted({*SERVICES} - {"s3"}))
def test_all_patterns_of_models_compile(service: str) -> None:
    patterns = set[str]()
    walk_operations(service, lambda shape: patterns.add(shape.metadata.get("pattern") or ""))
    for pattern in patterns:
        compile_pattern(pattern)


def walk_operations(service: str, visit: Callable[[Any], Any]) -> None:
    """Visit each shape of the inputs of a service once."""
    seen = set[str]()

    def walk(shape: Any) -> None:
        if shape.name in seen:
            return
        seen.add(shape.name)
        visit(shape)
        match shape.type_name:
            case "structure":
                inner = [*shape.members.values()]
            case "list":
                inner = [shape.member]
            case "map":
                inner = [shape.key, shape.value]
            case _:
                inner = []
        for member in inner:
            walk(member)

    for name in service_model(service).operation_names:
        if shape := service_model(service).operation_model(name).input_shape:
            walk(shape)
