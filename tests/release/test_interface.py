"""What is read of a module: its interface as text that does not depend on how it is laid out."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from finbase.release.compatibility import what_changed
from finbase.release.interface import Interface, Output, Place, Variable, read_interface
from tests.support.commands import ROOT

HOME = PurePosixPath("modules/x/1.0.0")
RELEASES = sorted(path.parent for path in (ROOT / "modules").glob("*/*/main.tf"))


def read(text: str, **files: str) -> Interface:
    tree = {"main": text, **files}
    return read_interface({HOME / f"{name}.tf": each.encode() for name, each in tree.items()})


def shipped(folder: Path) -> dict[PurePosixPath, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {PurePosixPath(path.relative_to(ROOT).as_posix()): path.read_bytes() for path in files}


@pytest.mark.parametrize("folder", RELEASES, ids=lambda p: f"{p.parent.name} {p.name}")
def test_every_module_is_read_and_compared_with_itself(folder: Path) -> None:
    interface = read_interface(shipped(folder))
    texts = [path.read_text().splitlines() for path in folder.glob("*.tf")]
    lines = [line for text in texts for line in text]
    assert len(interface.variables) == sum(line.startswith("variable ") for line in lines)
    assert len(interface.outputs) == sum(line.startswith("output ") for line in lines)
    assert len(interface.resources) == sum(line.startswith("resource ") for line in lines)
    assert {*interface.requirements} >= {"terraform", "hashicorp/aws"}
    named: list[Variable | Output] = [*interface.variables.values(), *interface.outputs.values()]
    for each in named:
        line = (ROOT / each.place.path).read_text().splitlines()[each.place.line - 1]
        assert f'"{each.name}" {{' in line
    for resource in interface.resources.values():
        for name, place in resource.places.items():
            line = (ROOT / place.path).read_text().splitlines()[place.line - 1]
            assert name.rpartition(".")[2] in line
        assert not any("local." in text for text in resource.arguments.values())
    assert what_changed(interface, interface) == ()


def test_a_variable() -> None:
    found = read(
        """
        variable "x" {
          type = object({
            b = optional(list(object({ x = number })), [])
            "a" = string  # quoted
            c   = optional(string)
          })
          default   = { b = [], "a" = "}" }
          sensitive = true
          nullable  = false
          validation {
            condition = alltrue([
              for key in keys(var.x) : # why
              can(regex("^[{]", key))
            ])
            error_message = "m"
          }
        }
        """
    ).variables["x"]
    assert (found.type.name, [*found.type.parts]) == ("object", ["b", "a", "c"])
    assert found.type.optional == {"b": "[]", "c": "null"}
    assert found.type.parts["b"].parts[""].parts["x"].name == "number"
    assert found.default == '{a = "}", b = []}'
    assert (found.sensitive, found.nullable, found.ephemeral) == (True, False, False)
    assert found.conditions == ('alltrue([for key in keys(var.x) : can(regex("^[{]", key))])',)
    assert found.place == Place(HOME / "main.tf", 2)


@pytest.mark.parametrize(
    ("written", "default"),
    [
        ("", None),
        ("default = null", "null"),
        ('default = "null"', '"null"'),
        ("default = true", "true"),
        ("default = []", "[]"),
        ("default = -1.5", "-1.5"),
        ('default = ["a", { b = 1 }]', '["a", {b = 1}]'),
    ],
)
def test_defaults_are_told_apart(written: str, default: str | None) -> None:
    assert read(f'variable "x" {{\n{written}\n}}').variables["x"].default == default


def test_a_heredoc_is_one_line() -> None:
    found = read('variable "x" {\n  default = <<-EOT\n    a\n    ## From b\n  EOT\n}\n')
    assert "\n" not in str(found.variables["x"].default)


def test_the_arguments_of_blocks_have_a_way_and_a_line() -> None:
    found = read(
        """
        resource "aws_db_instance" "x" {
          engine = "postgres"
          rule { days = 1 }
          rule { days = 2 }
          dynamic "restore" {
            for_each = var.y
            content { source = restore.value }
          }
          lifecycle {
            ignore_changes       = [engine]
            replace_triggered_by = [aws_x.y]
            prevent_destroy      = true
            precondition {
              condition     = var.z
              error_message = "m"
            }
          }
        }
        """
    )
    resource = found.resources["aws_db_instance.x"]
    assert resource.arguments == {
        "engine": '"postgres"',
        "rule.days": "1",
        "rule[1].days": "2",
        "restore.for_each": "var.y",
        "restore.content.source": "restore.value",
        "lifecycle.ignore_changes": "[engine]",
        "lifecycle.replace_triggered_by": "[aws_x.y]",
    }
    assert resource.places["rule[1].days"].line == 5
    assert resource.keys == ""
    assert found.preconditions == (("var.z", Place(HOME / "main.tf", 14)),)


def test_locals_and_arguments_stand_for_what_they_mean() -> None:
    found = read(
        """
        resource "aws_x" "y" {
          name   = local.name
          path   = "/logs/${local.name}"
          other  = aws_x.z.name
          plan   = local.a + local.b
          circle = local.round
          far    = data.aws_x.z.name
          text   = "see local.name"
          many   = aws_x.many.name
        }
        resource "aws_x" "z" { name = "z-${local.name}" }
        resource "aws_x" "many" {
          count = 2
          name  = "m"
        }
        """,
        locals="""
        locals {
          name  = "${var.p}-db"
          a     = 1
          b     = local.a * 2
          round = local.round
        }
        """,
    )
    assert {**found.resources["aws_x.y"].arguments, "text": ""} == {
        "name": '"${var.p}-db"',
        "path": '"/logs/${var.p}-db"',
        "other": '"z-${var.p}-db"',
        "plan": "1 + (1 * 2)",
        "circle": "local.round",
        "far": "data.aws_x.z.name",
        "text": "",
        "many": "aws_x.many.name",
    }


def test_only_the_files_of_the_module_itself_are_read() -> None:
    tree = {
        HOME / "main.tf": b'variable "x" {}',
        HOME / "tests/more.tf": b'variable "y" {}',
        HOME / "README.md": b"variable",
        HOME / "x.tftest.hcl": b'variable "z" {}',
    }
    assert [*read_interface(tree).variables] == ["x"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('variable "x" {', "main.tf is not HCL"),
        ("moved {\n  from = a.b\n}", "main.tf:1: this moved lacks 'to'"),
        ('\noutput "x" {}', "main.tf:2: this output lacks 'value'"),
        ('variable "x" {\n  validation {}\n}', "main.tf:1: this variable lacks 'condition'"),
        ("variable {}", "main.tf:1: this variable lacks"),
    ],
)
def test_what_terraform_would_refuse_is_named(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        read(text)
