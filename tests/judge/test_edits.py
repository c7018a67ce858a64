"""Edits of HCL: by text, by block and by file."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from finbase.errors import ComplianceError
from finbase.judge.edits import read_edit
from finbase.judge.mutations import Mutation, mutate

MAIN = PurePosixPath("modules/keys/1.1.0/main.tf")
FILES = {
    PurePosixPath("environments/production/main.tf"): (
        b'module "keys" {\n  source = "../../modules/keys/1.1.0"\n}\n'
    ),
    PurePosixPath("modules/keys/1.0.0/main.tf"): b"\n",
    MAIN: b"""resource "aws_kms_key" "a" {
  rotation = true  # resource "aws_kms_key" "b" {
  policy = <<-EOT
    rotation = false }
  EOT
  tags = {
    rotation = "x"
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_key" "b" { rotation = true }
""",
}


def mutated(**fields: Any) -> str:
    """Return the module's file after one edit."""
    edit = read_edit({"file": "modules/keys/*/main.tf", **fields})
    mutation = Mutation("own", "F08", "what", "why", (edit,), "production")
    return mutate(FILES, mutation)[MAIN].decode()


BEFORE = FILES[MAIN].decode()
TAGS = 'tags = {\n    rotation = "x"\n  }'
LAST = '\nresource "aws_kms_key" "b" {'
LIFECYCLE = "lifecycle {\n    prevent_destroy = true\n  }"
A, B = 'resource "aws_kms_key" "a"', 'resource "aws_kms_key"   "b"'


@pytest.mark.parametrize(
    ("fields", "old", "new"),
    [
        ({"find": "rotation = true }", "replace": "}"}, "{ rotation = true }", "{ }"),
        ({"find": "true\n}\n}", "replace": "false }}"}, "true\n  }\n}", "false }}"),
        ({"find": "  lifecycle   {\n", "replace": "x {"}, "lifecycle {", "x {"),
        ({"block": A, "insert": "a = 1\nb = 2"}, '"a" {', '"a" {\n  a = 1\n  b = 2\n'),
        ({"block": A, "argument": "rotation", "value": "null"}, "= true  #", "= null  #"),
        ({"block": A, "argument": "rotation", "value": ""}, "rotation = true  #", "  #"),
        ({"block": A, "argument": "tags", "value": ""}, TAGS, ""),
        (
            {"block": B, "argument": "rotation", "value": "1"},
            "{ rotation = true }",
            "{ rotation = 1 }",
        ),
        (
            {"block": B, "argument": "x", "value": "1"},
            '\nresource "aws_kms_key" "b" {',
            '\nresource "aws_kms_key" "b" {\n  x = 1\n',
        ),
        ({"block": "lifecycle", "delete": True}, LIFECYCLE, ""),
        ({"block": f"{A} > lifecycle", "insert": "x = 1"}, "cycle {", "cycle {\n  x = 1\n"),
        ({"block": B, "delete": True}, 'resource "aws_kms_key" "b" { rotation = true }', ""),
        ({"append": "locals {}"}, "true }\n", "true }\n\nlocals {}\n"),
    ],
)
def test_edit_changes_one_place(fields: dict[str, Any], old: str, new: str) -> None:
    assert BEFORE.count(old) == 1
    assert mutated(**fields) == BEFORE.replace(old, new)


def test_create_writes_into_used_folders_only() -> None:
    edit = read_edit({"file": "modules/keys/*/zz.tf", "create": "locals {}"})
    changed = mutate(FILES, Mutation("own", "F08", "what", "why", (edit,), "production"))
    assert changed == {**FILES, MAIN.with_name("zz.tf"): b"locals {}\n"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"block": "resource", "delete": True}, "the block resource occurs 0 times"),
        ({"block": f"{B} > lifecycle", "delete": True}, "lifecycle occurs 0 times"),
        ({"block": A, "argument": "x", "value": ""}, "x of the block .* occurs 0 times"),
        ({"block": A, "delete": True, "count": 2}, "occurs 1 times .*, not 2"),
        ({"file": "modules/other/*/a.tf", "append": "x"}, "the file occurs 0 times in no file"),
        ({"file": "modules/other/*/a.tf", "create": "x"}, "names no folder"),
        ({"create": "x"}, "names no folder, or a file that exists"),
    ],
)
def test_mutate_refuses_an_edit_that_fits_nowhere(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ComplianceError, match=message):
        mutated(**fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"block": A, "dleete": True}, "unknown fields: dleete"),
        ({"block": A, "argument": "x", "value": 0}, "value must be a text; put 0 in quotes"),
        ({"find": " \n", "replace": "x"}, "changes nothing"),
    ],
)
def test_read_edit_refuses_invalid_fields(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mutated(**fields)


def test_read_edit_refuses_a_missing_value() -> None:
    with pytest.raises(KeyError, match="value"):
        mutated(block=A, argument="x")
