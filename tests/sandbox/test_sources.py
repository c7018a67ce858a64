"""What the tests of this folder quote from AWS's API References stands there, word for word.

botocore's models of the services are where those references come from: the text is the same. A
docstring names the operation or data type after "API,", and perhaps one of its fields or errors;
what it quotes is looked for in them. Titles and sentences of the User Guides are not.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader

FOLDER = Path(__file__).parent
SERVICES = {
    "test_awslambda": "lambda",
    "test_ec2": "ec2",
    "test_elasticache": "elasticache",
    "test_kms": "kms",
    "test_logs": "logs",
    "test_rds": "rds",
    "test_rotation": "secretsmanager",
    "test_secretsmanager": "secretsmanager",
}
REFERENCE = re.compile(r"API, ([A-Z]\w+)(?:, ([A-Z]\w+)|, errors: (\w+))?")
QUOTE = re.compile(r'"([^"]+)"')
# Quoted, and no text of a reference.
TITLE = re.compile(r'Guide,? "[^"]+"')
OF_THE_GUIDE = {
    "If any rotation step fails, Secrets Manager retries the entire rotation process multiple times"
}
VALUES = {"Tail", "Unhandled"}


def docstrings() -> Iterator[tuple[str, str, str]]:
    """Yield, of each test that names a reference: its service, its name, its docstring."""
    for module, service in SERVICES.items():
        for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())):
            text = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else None
            if isinstance(node, ast.FunctionDef) and text and "API, " in text:
                yield service, node.name, " ".join(text.split())


@pytest.mark.parametrize(
    ("service", "text"),
    [pytest.param(service, text, id=name) for service, name, text in docstrings()],
)
def test_quotation_is_in_reference(service: str, text: str) -> None:
    references = REFERENCE.findall(text)
    assert references
    said = ""
    for thing, member, error in references:
        described, members, errors = reference(service, thing)
        assert not member or member in members, f"{thing} has no {member}"
        assert not error or error in errors, f"{thing} has no {error}"
        said += described
    for quote in QUOTE.findall(TITLE.sub("", text)):
        if quote not in OF_THE_GUIDE | VALUES:
            for part in quote.split(" … "):
                assert part in said


def test_reference_lacks_invented_text() -> None:
    said, members, errors = reference("rds", "DeleteDBInstance")
    assert "FinalDBSnapshotIdentifier" in members
    assert "InvalidDBInstanceStateFault" in errors
    assert "You must specify a final snapshot" not in said


@cache
def reference(service: str, thing: str) -> tuple[str, frozenset[str], frozenset[str]]:
    """Give what is said of an operation or a data type and its fields; those; its errors."""
    model = load(service)
    operation = model["operations"].get(thing, {})
    roots = [operation[k]["shape"] for k in ("input", "output") if k in operation] or [thing]
    shapes = [model["shapes"][name] for name in roots]
    if operation:  # The answer of many is one data type.
        fields = [each for shape in shapes for each in shape.get("members", {}).values()]
        inner = [model["shapes"][each["shape"]] for each in fields]
        shapes += [each for each in inner if each["type"] == "structure"]
    members = {name: each for shape in shapes for name, each in shape.get("members", {}).items()}
    parts = [operation, *shapes, *(m for s in shapes for m in s.get("members", {}).values())]
    text = " ".join(plain(part.get("documentation", "")) for part in parts)
    errors = frozenset(each["shape"] for each in operation.get("errors", ()))
    return text, frozenset(members), errors


@cache
def load(service: str) -> Any:
    return Loader().load_service_model(service, "service-2")


def plain(text: str) -> str:
    """Give the words of a piece of HTML."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", text.replace("</p>", " "))).split())
